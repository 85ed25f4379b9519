"""Manifest and split as files: what comes back, and what is refused."""

import json
from pathlib import Path

import pytest

from training.data.manifest import Manifest, Row, read_manifest, write_manifest
from training.errors import TrainingError
from training.splits.split import Fold, Split, load_split, save_split


def row(number: int, *, label: str = "", eye: str = "", device: str = "") -> Row:
    return Row(
        f"a/{number}.png", 0, f"{number:064d}", "0" * 64, "site", f"site:p{number}",
        eye=eye, label=label, device=device,
    )  # fmt: skip


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rows = [row(2, label="CNV"), row(1, label='quoted, "label"'), row(3, eye="OD", device="ä")]
    return write_manifest(tmp_path / "manifest.csv", rows)


def split_of(manifest: Manifest, *folds: Fold) -> Split:
    return Split(manifest.sha256, ("NORMAL", "CNV"), folds, {"seed": 43})


def test_a_manifest_comes_back_sorted_and_whole(manifest: Manifest, tmp_path: Path) -> None:
    again = read_manifest(tmp_path / "manifest.csv")
    assert again == manifest
    assert [one.path for one in again.rows] == ["a/1.png", "a/2.png", "a/3.png"]
    assert again.rows[0].label == 'quoted, "label"'


def test_the_order_of_import_does_not_change_the_hash(tmp_path: Path) -> None:
    rows = [row(k) for k in range(5)]
    one = write_manifest(tmp_path / "one.csv", rows)
    other = write_manifest(tmp_path / "other.csv", rows[::-1])
    assert one.sha256 == other.sha256


@pytest.mark.parametrize(
    "text", ["", "path,frame\n", "# kdoct-manifest 1\n", "# kdoct-manifest 2\nx\n"]
)
def test_another_file_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_text(text, "utf-8")
    with pytest.raises(TrainingError) as raised:
        read_manifest(tmp_path / "m.csv")
    assert raised.value.code == "bad-manifest"


def test_a_damaged_row_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    for bad in ("a/1.png,zero,", "a,b"):
        path.write_text(path.read_text("utf-8") + bad + "\n", "utf-8")
        with pytest.raises(TrainingError, match="damaged row"):
            read_manifest(path)


def test_a_split_comes_back_with_its_hash(manifest: Manifest, tmp_path: Path) -> None:
    split = split_of(manifest, Fold(("p1",), ("p2",), ("p3",)))
    save_split(tmp_path / "splits.json", split)
    again = load_split(tmp_path / "splits.json", manifest_sha256=manifest.sha256)
    assert again == split
    assert again.sha256 == split.sha256


def test_a_fold_is_had_by_its_number_or_refused(manifest: Manifest) -> None:
    split = split_of(manifest, Fold(("p1",), ("p2",), ("p3",)), Fold(("p2",), ("p3",), ("p1",)))
    assert split.fold(1).test == ("p1",)
    for number in (-1, 2):
        with pytest.raises(TrainingError, match="folds 0 to 1") as raised:
            split.fold(number)
        assert raised.value.code == "no-such-fold"


def test_a_split_that_was_edited_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    save_split(path, split_of(manifest, Fold(("p1",), ("p2",), ("p3",))))
    values = json.loads(path.read_text("utf-8"))
    values["folds"][0]["train"].append("p4")
    path.write_text(json.dumps(values), "utf-8")
    with pytest.raises(TrainingError) as raised:
        load_split(path)
    assert raised.value.code == "bad-split"


def test_a_split_of_another_manifest_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    save_split(path, split_of(manifest, Fold(("p1",), ("p2",), ("p3",))))
    with pytest.raises(TrainingError) as raised:
        load_split(path, manifest_sha256="0" * 64)
    assert raised.value.code == "wrong-manifest"


def test_a_patient_in_two_parts_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    save_split(path, split_of(manifest, Fold(("p1", "p2"), ("p2",), ("p3", "p1"))))
    with pytest.raises(TrainingError) as raised:
        load_split(path)
    assert raised.value.code == "patient-overlap"
    assert raised.value.details == (
        "fold 0, train and validation: 1 patients",
        "fold 0, train and test: 1 patients",
    )
    assert "p1" not in raised.value.message  # a refusal may end in a log: no names
