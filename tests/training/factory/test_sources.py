"""Which real pictures may be learned from, and how they are read."""

from pathlib import Path

import pytest

from training.factory.sources import Row, held_out, labelled, normals, read_grey, read_manifest
from training.painted.painting import CLASSES

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


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


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(OSError, match=r"not a picture: text\.png"):
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
