"""The site scenario in small: a drawn clinic, tiny networks, the shipped model as it is."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.training.studies.tiny_sweep import Trained, write_sweep
from tests.training.tiny_run import draw
from training.events import Silent
from training.measure.metrics import Units, bscan_units
from training.studies import site_scenario
from training.studies.site_scenario import (
    ALONE,
    AS_IT_IS,
    FACTORY,
    RESTRICTED,
    TUNED,
    goals_of,
    run_site_scenario,
)
from training.studies.sweep_plan import read_plan
from training.studies.sweep_table import Arm

CLASSES = {
    "codes": ["NORMAL", "CNV", "DME"],
    "labels": {"CONTROL": "NORMAL", "AMD_EXUDATIVE": "CNV", "RVO": "-"},
}
DRAWN = {"CONTROL": "NORMAL", "AMD_EXUDATIVE": "CNV", "DME": "DRUSEN", "RVO": "CNV"}
RANDOM = {"teacher": {"weights": "none"}, "student": {"weights": "none"}}
TABLES = {
    "reference": TUNED, "seeds": [5], "folds": [0],
    "set": {"classes": CLASSES, "split": {"folds": 2, "validation": 0.4, "near_duplicate_bits": 0}},
    "cells": {TUNED: RANDOM, ALONE: {**RANDOM, "distill": {"soft_weight": 0.0,
                                                            "hard_weight": 1.0}}},
}  # fmt: skip


def write_clinic(root: Path, *, volume_labels: bool = False) -> None:
    """Six groups of each label with two pictures, and a group of another data set.

    With the labels of volumes, each diseased eye of one class has a normal B-scan.
    """
    lines = ["path,dataset,label,group,eye" + (",volume_label" if volume_labels else "")]
    for k, (label, drawn) in enumerate(DRAWN.items()):
        for number in range(6):
            for index in range(2):
                path = f"clinic_a/{label}/{number}-{index}.png"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / path), draw(drawn, seed=1000 * k + 10 * number + index))
                line = f"{path},clinic_a,{label},clinic_a-{label}{number},OD"
                if volume_labels:
                    own = "CONTROL" if label == "AMD_EXUDATIVE" and index else label
                    line = f"{path},clinic_a,{own},clinic_a-{label}{number},OD,{label}"
                lines.append(line)
    lines.append("clinic_a/DME/0-0.png,other,ERM,other-1,OD" + (",ERM" if volume_labels else ""))
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    folder = tmp_path_factory.mktemp("site")
    write_clinic(folder / "data")
    train, sweep = Trained(), write_sweep(folder, TABLES)
    asked: dict[str, Any] = {
        "data": folder / "data",
        "out": folder / "out",
        "sweep": sweep,
        "events": Silent(),
    }
    table = run_site_scenario(**asked, train=train)
    return {"asked": asked, "steps": train.steps, "table": table}


def test_the_table_holds_the_shipped_model_and_every_network(done: dict[str, Any]) -> None:
    lines = {line["name"]: line for line in done["table"]["sets"]["unfiltered"]}
    assert list(lines) == [AS_IT_IS, RESTRICTED, TUNED, f"{TUNED}: teacher", ALONE]
    assert done["table"]["reference"] == AS_IT_IS
    assert lines[AS_IT_IS]["difference"] is None
    bscans = {line["paired"]["bscans"] for name, line in lines.items() if name != AS_IT_IS}
    assert bscans == {18}  # nine groups of three classes; RVO and the other data set stay out
    assert done["steps"] == [
        f"{TUNED} teacher 5 0", f"{TUNED} distill 5 0", f"{ALONE} distill 5 0",
    ]  # fmt: skip
    assert lines[AS_IT_IS]["package_sha256"] == done["table"]["package_sha256"]


def test_goals_and_waiver_stand_under_the_table(done: dict[str, Any]) -> None:
    text = (done["asked"]["out"] / "table.md").read_text("utf-8")
    for goal in done["table"]["goals"]:
        assert goal["met"] in (True, False)
        assert f"- {goal['goal']}: {goal['sentence']}" in text
    role = done["asked"]["out"] / TUNED / "seed-5" / "fold-0" / "teacher"
    best = json.loads((role / "finished.json").read_text())["best"]
    accuracy = best["validation"][best["chosen"]]["accuracy"]
    assert (f"{TUNED}, seed 5, fold 0 ({accuracy:.2f})" in text) == (accuracy < 0.90)


def test_the_same_command_finds_everything_done(
    done: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **more: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(site_scenario, "ask_package", fails)
    assert run_site_scenario(**done["asked"], train=fails) == done["table"]


def test_with_the_filter_every_line_stands_on_both_sets(
    done: dict[str, Any], tmp_path: Path
) -> None:
    write_clinic(tmp_path / "data", volume_labels=True)
    table = run_site_scenario(
        data=tmp_path / "data", out=tmp_path / "out", sweep=write_sweep(tmp_path, TABLES),
        events=Silent(), train=Trained(), words=["data.worst_case=true"],
    )  # fmt: skip
    names = [[line["name"] for line in lines] for lines in table["sets"].values()]
    assert list(table["sets"]) == ["filtered", "unfiltered"]
    assert names[0] == names[1] == [AS_IT_IS, RESTRICTED, TUNED, f"{TUNED}: teacher", ALONE]
    counts = [{line["paired"]["bscans"] for line in lines[1:]} for lines in table["sets"].values()]
    assert counts == [{15}, {18}]


def answers(*called: int, classes: int = 3) -> Units:
    truth = np.array([0, 0, 1, 1, 2, 2], dtype=np.int64)
    scores = np.full((6, classes), 0.1)
    scores[np.arange(6), list(called)] = 0.8
    return bscan_units(truth, scores, [f"p{k}" for k in range(6)])


def test_goals_are_judged_in_balanced_accuracy() -> None:
    codes = ("NORMAL", "CNV", "DME")
    right, one_wrong, two_wrong = (0, 0, 1, 1, 2, 2), (0, 0, 1, 1, 2, 0), (0, 1, 1, 1, 2, 0)

    def verdicts(shipped: Any, ours: Any, teacher: Any, alone: Any) -> list[Any]:
        named = {AS_IT_IS: shipped, TUNED: ours, f"{TUNED}: teacher": teacher, ALONE: alone}
        arms = [Arm(name, codes, {(0, 0): answers(*one)}) for name, one in named.items() if one]
        return [goal["met"] for goal in goals_of(arms, resamples=20)]

    # one of six is 1/6 of the balanced accuracy: 1.00, 0.83, 0.67
    assert verdicts(one_wrong, right, right, right) == [True, True, True]
    assert verdicts(right, right, right, right) == [True, True, True]  # no gain, but above 0.95
    assert verdicts(one_wrong, one_wrong, right, right) == [False, False, False]
    assert verdicts(two_wrong, one_wrong, two_wrong, one_wrong) == [True, True, True]
    assert verdicts(two_wrong, right, None, None) == [True, None, None]


def test_the_committed_scenario_starts_from_the_shipped_model_or_from_nothing() -> None:
    words = [f'{role}.weights="{FACTORY.as_posix()}"' for role in ("teacher", "student")]
    plan = read_plan("site", words=words)
    starts = {
        cell.name: {cell.config(0).teacher.weights, cell.config(0).student.weights}
        for cell in plan.cells
    }
    assert starts == {
        TUNED: {FACTORY.as_posix()}, ALONE: {FACTORY.as_posix()},
        "from-nothing": {"none"}, "from-nothing-alone": {"none"},
    }  # fmt: skip
    assert FACTORY.is_file()
    assert plan.config.classes.labels["RVO"] == "-"
