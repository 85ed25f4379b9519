"""Which pictures may be learned from, and how training pictures are made."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kdoct_desktop.inference.preprocess import InputSpec
from tests.training.drawn import normal_bscan, surfaces
from training.factory.config import FACTORY, load_config
from training.factory.samples import Normal, Pool, load_pool, make_sample, to_sample
from training.factory.shards import load_shard, make_shard, save_shard, shard_folder
from training.factory.sources import (
    Row,
    held_out,
    labelled,
    normals,
    read_grey,
    read_manifest,
    split_hash,
)
from training.painted.painting import CLASSES

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
SPEC = InputSpec(64, 96)
CONFIG = replace(load_config(FACTORY).data, painted=0.9, phantom=0.0, real=0.1, shard=6)


def pool() -> Pool:
    picture, _, _ = normal_bscan()
    real = tuple((picture, label) for label in range(4))
    return Pool((Normal(picture, surfaces(), 6000.0),), real)


def row(dataset: str, label: str, group: str) -> Row:
    return Row(Path(f"{group}.png"), dataset, label, group, {})


def test_only_licensed_data_sets_reach_the_training() -> None:
    rows = [
        row("octdl", "NORMAL", "octdl-g1"),
        row("octdl", "ERM", "octdl-g2"),
        row("clinic_a", "CONTROL", "clinic_a-g1"),
        row("duke_dme", "DME", "duke_dme-g1"),
        *(row("kermany", "NORMAL", f"kermany-g{k:03d}") for k in range(20)),
        *(row("kermany", "CNV", f"kermany-g{k:03d}") for k in range(20)),
    ]
    used = normals(rows) + labelled(rows)
    assert {one.dataset for one in used} == {"octdl", "kermany"}
    assert {one.label for one in used if one.dataset == "octdl"} == {"NORMAL"}
    assert not any(held_out(one.group) for one in used if one.dataset == "kermany")
    assert 4 < sum(held_out(f"kermany-g{k:03d}") for k in range(20)) < 16


def test_no_group_stands_on_both_sides_of_the_split() -> None:
    assert held_out("kermany-g012") == held_out("kermany-g012")
    rows = [row("kermany", "DME", "kermany-g012"), row("kermany", "NORMAL", "kermany-g012")]
    assert len(labelled(rows)) in (0, 2)


def test_the_split_has_a_hash_that_depends_on_its_members_only() -> None:
    rows = [row("octdl", "NORMAL", "a"), row("octdl", "NORMAL", "b")]
    assert split_hash(rows) == split_hash(rows[::-1])
    assert split_hash(rows) != split_hash(rows[:1])


def test_one_number_gives_one_picture() -> None:
    kinds = set()
    for index in range(12):
        one = make_sample(pool(), CONFIG, SPEC, seed=(1, index))
        two = make_sample(pool(), CONFIG, SPEC, seed=(1, index))
        assert np.array_equal(one.unit, two.unit)
        assert one.unit.shape == (64, 96)
        assert one.cells.shape == (2, 3)
        assert 0 <= one.label < len(CLASSES)
        kinds.add(one.kind)
        if one.kind == "painted":
            assert (one.cells.max() > 0) == (one.label != 0)
    assert "painted" in kinds


def test_the_cells_of_a_lesion_lie_where_the_network_sees_it() -> None:
    picture, _, _ = normal_bscan()
    mask = np.zeros(picture.shape, bool)
    mask[140:150, 300:315] = True
    sample = to_sample(picture, mask, 3, kind="painted", spec=SPEC)
    hit = np.argwhere(sample.cells > 0)
    assert len(hit) >= 1
    assert set(hit[:, 1]) == {2}


def test_a_shard_is_written_whole_and_read_back(tmp_path: Path) -> None:
    shard = make_shard(pool(), CONFIG, SPEC, index=0, count=4)
    save_shard(shard, tmp_path / "0000")
    again = load_shard(tmp_path / "0000")
    assert np.array_equal(again.units, shard.units)
    assert np.array_equal(again.labels, shard.labels)
    assert np.array_equal(again.cells, shard.cells)
    assert [one.name for one in tmp_path.iterdir()] == ["0000"]


def test_another_configuration_gets_another_folder(tmp_path: Path) -> None:
    one = shard_folder(tmp_path, CONFIG, SPEC)
    assert one == shard_folder(tmp_path, CONFIG, SPEC)
    assert one != shard_folder(tmp_path, replace(CONFIG, balance=(0.1, 0.2, 0.3, 0.4)), SPEC)
    assert one != shard_folder(tmp_path, CONFIG, InputSpec(64, 128))


def test_a_normal_picture_whose_surfaces_cannot_be_found_is_left_out(tmp_path: Path) -> None:
    picture, _, _ = normal_bscan()
    noise = np.random.default_rng(0).integers(0, 255, (200, 300)).astype(np.uint8)
    rows = []
    for name, pixels in (("good", picture), ("bad", noise)):
        path = tmp_path / f"{name}.png"
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        rows.append(Row(path, "octdl", "NORMAL", name, {}))
    assert len(load_pool(rows, []).normals) == 1
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(OSError, match="not a picture"):
        read_grey(tmp_path / "text.png")


def test_the_real_manifest_gives_normals_of_two_devices_and_four_classes() -> None:
    if not (REAL / "bscans" / "manifest.csv").is_file():
        pytest.skip("the development data is not beside the repository")
    rows = read_manifest(REAL)
    assert len(normals(rows)) > 300
    assert {one.label for one in labelled(rows)} == set(CLASSES)
    shared = {one.group for one in labelled(rows)} & {
        one.group for one in rows if one.dataset == "kermany" and held_out(one.group)
    }
    assert not shared
