"""A student on data sets that its run does not know."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.training.measure.scored_run import untrained_run
from tests.training.tiny_run import draw, write_data
from training.data.manifest import Manifest, Row, write_manifest
from training.data.read_picture import picture_sha256, read_picture
from training.errors import TrainingError
from training.events import Silent
from training.measure.outside import ALL, evaluate_outside, outside_of, sorted_out
from training.open_run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return untrained_run(tmp_path / "own")


def strangers(place: Path) -> list[Row]:
    """Two data sets with names of their own for the classes, and one B-scan of another disease.

    Drawn B-scans are near-duplicates of each other, so their perceptual hashes are made up.
    """
    names = {"NORMAL": "CONTROL", "DRUSEN": "DRUSEN", "CNV": "AMD"}
    rows = []
    for number, row in enumerate(write_data(place / "other", patients=2, bscans=1).rows):
        name = f"{number}.png"
        cv2.imwrite(str(place / "other" / name), draw(row.label, seed=77_000 + number))
        picture = read_picture(place / "other", name)
        dataset = "north" if number % 2 else "south"
        rows.append(replace(
            row, path=name, sha256=picture_sha256(picture), phash=picture_sha256(picture),
            dataset=dataset, patient=f"{dataset}:{number}", volume="", volume_label="",
            label=names[row.label],
        ))  # fmt: skip
    rows.append(replace(rows[0], path="0.png", frame=0, patient="south:ill", label="ERM",
                        sha256="e" * 64, phash="0123456789abcdef" * 4))  # fmt: skip
    return rows


LABELS = {"CONTROL": "NORMAL", "AMD": "CNV", "ERM": "-"}


def measured(run: Run, place: Path, rows: list[Row], **labels: str) -> dict[str, Any]:
    manifest = write_manifest(place / "other.csv", rows)
    return evaluate_outside(
        run, place / "other", manifest, {**LABELS, **labels}, fold=0, events=Silent()
    )


def test_each_data_set_has_its_tables_and_all_of_them_together(run: Run, tmp_path: Path) -> None:
    report = measured(run, tmp_path, strangers(tmp_path))
    assert list(report["sets"]) == ["north", "south", ALL]
    assert [one["bscan"]["n"] for one in report["sets"].values()] == [3, 3, 6]
    assert report["unlike"]["south"]["ERM"]["n"] == 1
    assert sum(report["unlike"]["south"]["ERM"]["called"].values()) == 1
    assert not any(report["left_out"].values())
    assert json.loads(run.folder.outside.read_text("utf-8")) == json.loads(json.dumps(report))


def test_what_the_run_knows_is_left_out_and_counted(run: Run, tmp_path: Path) -> None:
    rows = strangers(tmp_path)
    own = run.manifest.rows[0]
    rows[0] = replace(rows[0], patient=own.patient)
    rows[1] = replace(rows[1], sha256=own.sha256)
    near = f"{int(own.phash, 16) ^ 0b1011:064x}"
    rows[2] = replace(rows[2], phash=near)
    rows[3] = replace(rows[3], label="")
    other = sorted_out(run, Manifest(tuple(rows), "m"), classes_of(run))
    assert other.left_out == {"of a patient that the run knows": 1,
                              "copies of what the run knows": 2, "without a label": 1}  # fmt: skip
    assert sorted(row.path for some in other.rows.values() for row in some) == ["4.png", "5.png"]


def classes_of(run: Run) -> Any:
    return replace(run.config, classes=replace(run.config.classes, labels=LABELS))


def test_a_manifest_that_the_run_knows_whole_is_refused(run: Run) -> None:
    with pytest.raises(TrainingError) as raised:
        sorted_out(run, run.manifest, classes_of(run))
    assert raised.value.code == "nothing-to-evaluate"


def test_every_label_needs_a_class(run: Run, tmp_path: Path) -> None:
    rows = strangers(tmp_path)
    rows[0], rows[1] = replace(rows[0], label="RVO"), replace(rows[1], label="VID")
    with pytest.raises(TrainingError) as raised:
        measured(run, tmp_path, rows)
    assert (raised.value.code, raised.value.details) == ("unknown-label", ("RVO", "VID"))
    with pytest.raises(TrainingError) as raised:
        measured(run, tmp_path, rows, RVO="OEDEMA")
    assert raised.value.code == "usage"
    assert not run.folder.outside.exists()


def test_figures_of_other_weights_are_not_taken(run: Run, tmp_path: Path) -> None:
    report = measured(run, tmp_path, strangers(tmp_path))
    weights = report["weights_sha256"]
    assert outside_of(run.folder, run.split, weights)["fold"] == 0
    assert outside_of(run.folder, run.split, "0" * 64) == {}
    run.folder.outside.write_text("{")
    assert outside_of(run.folder, run.split, weights) == {}


def test_the_answers_are_the_students(run: Run, tmp_path: Path) -> None:
    rows = strangers(tmp_path)
    report = measured(run, tmp_path, rows)
    confusion = np.array(report["sets"][ALL]["bscan"]["confusion"])
    assert confusion.sum() == 6
    assert confusion.sum(axis=1).tolist() == [2, 2, 2]
