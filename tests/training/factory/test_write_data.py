"""The factory's material as a data set: whose picture it is, what it shows, and going on."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.training.factory.drawn_bscans import kermany_groups, write_bscans, write_rows
from training.data.read_picture import read_picture
from training.errors import TrainingError
from training.events import Silent
from training.factory.data_plan import Amounts
from training.factory.write_data import Written, write_factory_data

ROOT = Path(__file__).resolve().parents[3]
AMOUNTS = Amounts(seed=3, painted=24, phantoms=8, bscans=3, views=8)
WORDS = ("--seed", "3", "--painted", "24", "--phantoms", "8", "--bscans", "3", "--views", "8")


@dataclass(frozen=True)
class Place:
    bscans: Path
    rows: list[dict[str, str]]
    out: Path
    written: Written

    @property
    def lines(self) -> list[dict[str, str]]:
        with self.written.table.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("factory-data")
    rows = write_bscans(folder / "bscans")
    out = folder / "out"
    made = write_factory_data(out, folder / "bscans", AMOUNTS, events=Silent(), workers=1)
    return Place(folder / "bscans", rows, out, made)


def refused(place: Place, out: Path, amounts: Amounts, bscans: Path | None = None) -> TrainingError:
    with pytest.raises(TrainingError) as raised:
        write_factory_data(out, bscans or place.bscans, amounts, events=Silent(), workers=1)
    return raised.value


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".part")
    }


def test_every_kind_is_there_in_the_amount_that_was_asked_for(place: Place) -> None:
    assert place.written.pictures == {"painted": 24, "phantom": 24, "real": 20, "view": 8}
    assert set(place.written.labels) == {"NORMAL", "DRUSEN", "CNV", "DME"}
    assert place.written.patients == 6 + 8 + 8
    for line in place.lines:
        assert read_picture(place.out, line["path"], None).ndim == 2


def test_whatever_is_made_of_a_real_picture_belongs_to_its_patient(place: Place) -> None:
    group = {Path(row["path"]).name: row["group"] for row in place.rows}
    made = [line for line in place.lines if line["kind"] != "phantom"]
    assert {line["kind"] for line in made} == {"real", "painted", "view"}
    assert all(line["patient"] == group[line["origin"]] for line in made)
    parts: dict[str, set[str]] = {}
    for line in place.lines:
        parts.setdefault(line["patient"], set()).add(line["part"])
    assert all(len(part) == 1 for part in parts.values())
    tested = {patient for patient, part in parts.items() if part == {"test"}}
    assert {name.partition("-")[0] for name in tested} == {"octdl", "phantom"}


def test_only_what_may_ship_is_learned_from_and_each_line_states_its_licence(place: Place) -> None:
    assert {line["dataset"] for line in place.lines} == {"octdl", "kermany", "phantoms"}
    held = kermany_groups(1, held=True)[0]
    assert held not in {line["patient"] for line in place.lines}
    for line in place.lines:
        expected = "generated" if line["dataset"] == "phantoms" else "CC BY 4.0"
        assert line["licence"] == expected


def test_an_outline_shows_where_a_lesion_was_drawn(place: Place) -> None:
    for line in place.lines:
        if line["outline"] in ("", "empty"):
            assert line["label"] == "NORMAL" or line["kind"] in ("real", "view")
            continue
        mask = read_picture(place.out, line["outline"])
        assert mask.shape == read_picture(place.out, line["path"]).shape
        assert set(mask.ravel().tolist()) == {0, 255}
    drawn = [line for line in place.lines if line["kind"] == "painted"]
    assert any(line["outline"].startswith("outlines/") for line in drawn)
    assert all(line["outline"] == "empty" for line in drawn if line["label"] == "NORMAL")


def test_an_eye_has_the_class_of_its_volume_and_labels_of_its_own_bscans(place: Place) -> None:
    eyes = [line for line in place.lines if line["kind"] == "phantom"]
    assert {line["volume_label"] for line in eyes} == {"NORMAL", "DRUSEN", "CNV", "DME"}
    assert all(line["eye"] in ("OD", "OS") and line["bscan"].isdigit() for line in eyes)
    healthy = [line["label"] for line in eyes if line["volume_label"] == "NORMAL"]
    assert set(healthy) == {"NORMAL"}
    assert any(line["label"] != "NORMAL" for line in eyes)


def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_bits(
    place: Place, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "training", "factory-data", str(out), "--data",
               str(place.bscans), *WORDS]  # fmt: skip
    with subprocess.Popen([*command, "--workers", "2"], cwd=ROOT, stderr=subprocess.DEVNULL) as one:
        deadline = time.monotonic() + 60.0
        while len(list(out.glob(".units/**/*.json"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(one.pid, signal.SIGKILL)
    time.sleep(1.0)  # the workers end with their parent
    before = {path: path.stat().st_mtime_ns for path in out.glob(".units/**/*.json")}
    time.sleep(0.5)
    assert before == {path: path.stat().st_mtime_ns for path in out.glob(".units/**/*.json")}
    assert not (out / "labels.csv").exists()
    assert (
        subprocess.run([*command, "--workers", "1"], cwd=ROOT, capture_output=True).returncode == 0
    )
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert content(out) == content(place.out)


def test_another_seed_gives_other_pictures_and_no_folder_holds_two(
    place: Place, tmp_path: Path
) -> None:
    other = Amounts(seed=4, painted=24, phantoms=0, views=0)
    assert refused(place, place.out, other).code == "other-settings"
    (tmp_path / "mine.txt").write_text("mine")
    assert refused(place, tmp_path, other).code == "not-empty"
    made = write_factory_data(tmp_path / "a", place.bscans, other, events=Silent(), workers=1)
    assert made.pictures["painted"] == 24
    same = set(content(tmp_path / "a")) & set(content(place.out))
    painted = [name for name in same if "/painted-" in name and not name.startswith("outlines/")]
    assert painted
    for name in painted:
        assert (tmp_path / "a" / name).read_bytes() != (place.out / name).read_bytes()


def test_a_lost_picture_is_drawn_again(place: Place, tmp_path: Path) -> None:
    few = Amounts(seed=3, painted=0, phantoms=2, bscans=1, views=0, datasets=("kermany",))
    write_factory_data(tmp_path / "a", place.bscans, few, events=Silent(), workers=1)
    before = content(tmp_path / "a")
    (tmp_path / "a" / "phantoms" / "00001" / "000.png").unlink()
    write_factory_data(tmp_path / "a", place.bscans, few, events=Silent(), workers=1)
    assert content(tmp_path / "a") == before


@pytest.mark.parametrize("name", ["clinic_a", "duke_dme", "elsewhere"])
def test_a_data_set_without_a_licence_is_refused_by_name(
    place: Place, tmp_path: Path, name: str
) -> None:
    error = refused(place, tmp_path / "a", Amounts(datasets=("octdl", name)))
    assert (error.code, error.details) == ("not-licensed", (name,))
    assert not (tmp_path / "a").exists()


def test_a_row_under_another_licence_or_with_a_clinic_s_picture_is_refused(
    place: Place, tmp_path: Path
) -> None:
    clinic = next(row for row in place.rows if row["dataset"] == "clinic_a")
    for change in ({"licence": "none stated"}, {"sha256": clinic["sha256"]}):
        bscans = tmp_path / next(iter(change))
        bscans.mkdir()
        write_rows(bscans, [place.rows[0] | change, *place.rows[1:]])
        error = refused(place, tmp_path / "a", AMOUNTS, bscans)
        assert error.code == "not-licensed"
        assert error.details == (Path(place.rows[0]["path"]).name,)


def test_a_real_picture_that_is_not_the_one_of_the_manifest_is_refused(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "bscans").mkdir()
    write_rows(tmp_path / "bscans", place.rows)
    assert refused(place, tmp_path / "a", AMOUNTS, tmp_path / "bscans").code == "changed-file"
    assert refused(place, tmp_path / "b", AMOUNTS, tmp_path).code == "bad-manifest"


def test_a_disk_that_is_too_small_is_said_before_anything_is_drawn(
    place: Place, tmp_path: Path
) -> None:
    error = refused(place, tmp_path / "a", Amounts(painted=10**11, phantoms=0, views=0))
    assert error.code == "disk-full"
    assert not list((tmp_path / "a").rglob("*.png"))
