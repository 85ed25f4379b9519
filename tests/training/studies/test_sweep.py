"""Sweeps: cells share split and teachers, resume, say what is missing."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

from tests.training.studies.tiny_sweep import Trained, prepared, write_sweep
from training import open_run
from training.errors import TrainingError
from training.events import Silent
from training.networks.checkpoint import read_best
from training.studies import sweep, sweep_answers
from training.studies.sweep import markdown, open_room, run_sweep, units_of, write_table
from training.studies.sweep_answers import Shelf, arms_of
from training.studies.sweep_plan import read_plan
from training.studies.sweep_table import Arm

CELLS: dict[str, Any] = {
    "online": {},
    "offline": {"distill": {"soft_targets": "offline"}},
    "alone": {"distill": {"soft_weight": 0.0, "hard_weight": 1.0}},
}
TABLES = {"reference": "online", "folds": [0], "seeds": [5], "cells": CELLS}


def swept(place: dict[str, Any], file: Path, train: Any, **more: Any) -> dict[str, Any]:
    return run_sweep(file, **place, events=Silent(), train=train, **more)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    folder = tmp_path_factory.mktemp("sweep")
    place, sweep, train = prepared(folder), write_sweep(folder, TABLES), Trained()
    table = swept(place, sweep, train)
    return {"place": place, "sweep": sweep, "steps": train.steps, "table": table}


def test_a_teacher_that_two_cells_share_is_trained_once(done: dict[str, Any]) -> None:
    assert done["steps"] == [
        "online teacher 5 0", "online distill 5 0", "offline distill 5 0", "alone distill 5 0",
    ]  # fmt: skip


def test_the_copied_teacher_is_the_one_that_was_trained(done: dict[str, Any]) -> None:
    out = done["place"]["out"]
    both = [
        read_best(out / name / "seed-5" / "fold-0" / "teacher" / "best")[1]["weights_sha256"]
        for name in ("online", "offline")
    ]
    assert both[0] == both[1]
    assert not (out / "alone" / "seed-5" / "fold-0" / "teacher").exists()
    copied = json.loads((out / "offline/seed-5/fold-0/teacher/copied.json").read_text())
    assert copied == {"copied_from": "online/seed-5/fold-0/teacher"}


def test_every_line_has_figures_hashes_and_a_paired_difference(done: dict[str, Any]) -> None:
    lines = {line["name"]: line for line in done["table"]["sets"]["unfiltered"]}
    assert list(lines) == ["online", "online: teacher", "offline", "alone"]
    for name, line in lines.items():
        assert line["finished"] == [[5, 0]]
        assert line["missing"] == []
        assert 0.0 <= line["figures"]["balanced_accuracy"]["mean"] <= 1.0
        assert len(line["config_sha256"]) == 64
        if name != "online":
            assert line["paired"] == {"seeds": [5], "folds": [0], "patients": 3, "bscans": 9}
    assert lines["online"]["difference"] is None
    assert len({lines[name]["config_sha256"] for name in CELLS}) == 3


def test_the_table_is_written_for_programs_spreadsheets_and_people(done: dict[str, Any]) -> None:
    out = done["place"]["out"]
    assert json.loads((out / "table.json").read_text()) == done["table"]
    head, *rows = (out / "table.csv").read_text().splitlines()
    assert head.startswith("name,finished,missing,balanced_accuracy_mean")
    assert [row.split(",")[0] for row in rows] == ["online", "online: teacher", "offline", "alone"]
    text = (out / "table.md").read_text()
    assert "| online | 1 |" in text
    assert "| reference |" in text
    assert "# a test" in text


def test_what_is_finished_is_found_finished(done: dict[str, Any]) -> None:
    train = Trained()
    again = swept(done["place"], done["sweep"], train)
    assert train.steps == []
    assert again == done["table"]


def test_a_table_reads_manifest_split_rows_and_answers_once(
    done: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(module: Any, name: str) -> None:
        real = getattr(module, name)

        def reading(*args: Any, **more: Any) -> Any:
            read.append(name)
            return real(*args, **more)

        monkeypatch.setattr(module, name, reading)

    counted(sweep, "read_manifest")
    counted(open_run, "read_manifest")
    counted(sweep, "load_split")
    counted(open_run, "load_split")
    counted(sweep_answers, "held_rows")
    counted(sweep_answers, "load_predictions")
    swept(done["place"], done["sweep"], Trained())
    assert Counter(read) == {  # one fold; three students and the two teachers that two have
        "read_manifest": 1, "load_split": 1, "held_rows": 1, "load_predictions": 5,
    }  # fmt: skip


def test_answers_to_other_bscans_make_no_line(done: dict[str, Any]) -> None:
    path = done["place"]["out"] / "alone" / "seed-5" / "fold-0" / "predictions-student-test.npz"
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    try:
        np.savez(path, **{**arrays, "rows": arrays["rows"][::-1]})
        with pytest.raises(TrainingError, match="other B-scans"):
            swept(done["place"], done["sweep"], Trained())
    finally:
        path.write_bytes(whole)


def test_a_reference_that_has_no_line_is_said(done: dict[str, Any]) -> None:
    place = done["place"]
    plan = read_plan(done["sweep"])
    room = open_room(plan, **place, train=Trained(), events=Silent())
    shelf, units = Shelf(plan, room), units_of(plan, room.split)
    with pytest.raises(TrainingError) as caught:
        write_table(plan, room, lambda name: arms_of(shelf, units, name=name), events=Silent(),
                    reference="shipped")  # fmt: skip
    assert caught.value.code == "no-reference"


def test_folds_with_the_same_held_out_patients_are_told(
    done: dict[str, Any], tmp_path: Path
) -> None:
    text = "Every fold holds out the same patients"
    assert text not in markdown(done["table"])
    room = open_room(read_plan(done["sweep"]), **done["place"], train=Trained(), events=Silent())
    first = room.split.folds[0]
    split = dataclasses.replace(room.split, folds=(first, first))
    room = dataclasses.replace(room, split=split, out=tmp_path)
    for folds, again in (((0,), False), ((0, 1), True)):
        plan = read_plan(done["sweep"], folds=folds)
        write_table(plan, room, lambda _: [Arm("online", split.classes, {})], events=Silent())
        assert (text in (tmp_path / "table.md").read_text("utf-8")) is again


def test_a_part_of_the_cells_gives_a_table_that_says_what_is_missing(
    done: dict[str, Any], tmp_path: Path
) -> None:
    hotter: dict[str, Any] = {"hot": {"distill": {"temperature": 8.0}}}
    wider = {**TABLES, "cells": CELLS | hotter}
    sweep = write_sweep(tmp_path, wider)
    train = Trained()
    table = swept(done["place"], sweep, train, cells=["alone"])
    assert train.steps == []
    hot = table["sets"]["unfiltered"][-1]
    assert hot["name"] == "hot"
    assert hot["finished"] == []
    assert hot["missing"] == [[5, 0, "not finished"]]
    assert hot["figures"]["accuracy"]["mean"] is None
    assert hot["difference"] is None
    text = (done["place"]["out"] / "table.md").read_text()
    assert "hot: seed 5, fold 0: not finished" in text
    assert "| hot | 0 of 1 | missing" in text


def test_another_base_in_the_same_folder_is_refused(done: dict[str, Any]) -> None:
    with pytest.raises(TrainingError) as caught:
        swept(done["place"], done["sweep"], Trained(), words=["student.epochs=2"])
    assert caught.value.code == "other-sweep"
    assert "base" in caught.value.message


def test_a_failed_cell_is_said_and_the_others_go_on(tmp_path: Path) -> None:
    place, sweep = prepared(tmp_path), write_sweep(tmp_path, TABLES)

    def fails(run: Any, step: str, fold: int, events: Any) -> None:
        name = run.folder.root.parent.name
        tried.append(f"{name} {step}")
        raise TrainingError("diverged", "no numbers")

    tried: list[str] = []
    with pytest.raises(TrainingError) as caught:
        swept(place, sweep, fails)
    assert caught.value.code == "cells-failed"
    assert tried == ["online teacher", "offline teacher", "alone distill"]
    lines = json.loads((place["out"] / "table.json").read_text())["sets"]["unfiltered"]
    assert [line["missing"] for line in lines] == [[[5, 0, "diverged"]]] * 3


def test_what_another_job_works_on_is_left_to_it(tmp_path: Path) -> None:
    place, sweep = prepared(tmp_path), write_sweep(tmp_path, TABLES)
    tried: list[str] = []

    def never(run: Any, step: str, fold: int, events: Any) -> None:
        tried.append(f"{run.folder.root.parent.name} {step}")
        raise TrainingError("diverged", "no numbers")

    folder = place["out"] / "online" / "seed-5" / "fold-0"
    folder.mkdir(parents=True)
    with FileLock(folder / ".unit.lock"), pytest.raises(TrainingError):
        swept(place, sweep, never)
    assert tried == ["offline teacher", "alone distill"]


def test_a_second_modality_needs_pictures_of_it_before_any_epoch(tmp_path: Path) -> None:
    cells = {"oct": {}, "both": {"teacher": {"fundus_model": "test_convnext"}}}
    sweep = write_sweep(tmp_path, {"reference": "oct", "cells": cells})
    with pytest.raises(TrainingError) as caught:
        swept(prepared(tmp_path), sweep, Trained())
    assert caught.value.code == "no-fundus"
