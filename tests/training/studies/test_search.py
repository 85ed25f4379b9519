"""The search: chosen on validation, shared by jobs, taken up again after a kill."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.studies.tiny_sweep import opened, write_sweep
from training.config import load_config
from training.errors import TrainingError
from training.events import Silent
from training.splits.split import Fold, Split
from training.studies.search import check_folds, run_search
from training.studies.search_space import folder_name
from training.studies.sweep_plan import read_plan

SEARCH: dict[str, Any] = {
    "seeds": [0],
    "folds": [0, 1],
    "search": {
        "trials": 6,
        "startup": 3,
        "space": {
            "distill.temperature": {"choices": [2.0, 4.0, 6.0]},
            "student.head_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "student.patience": {"low": 2, "high": 9},
        },
    },
}


def accuracy(config: Any, fold: int) -> float:
    """Best at 4; fold 1 is harder."""
    return 0.9 - 0.05 * abs(float(config.distill.temperature) - 4.0) - 0.1 * fold


class Stub:
    """Writes what a training would leave, after `before` was asked."""

    def __init__(self, before: Callable[[str, Any, int], None] | None = None) -> None:
        self.done: list[str] = []
        self._before = before

    def __call__(self, run: Any, step: str, fold: int, events: Any) -> None:
        if self._before is not None:
            self._before(step, run, fold)
        role = "teacher" if step == "teacher" else "student"
        place = run.folder.role(fold, role)
        if (place / "finished.json").is_file():
            return
        self.done.append(f"{run.folder.root.parent.name} {step} {fold}")
        (place / "best").mkdir(parents=True, exist_ok=True)
        best = {"chosen": "ema", "validation": {"ema": {"accuracy": accuracy(run.config, fold)}}}
        (place / "finished.json").write_text(json.dumps({"identity": step, "best": best}))


def searched(folder: Path, train: Any, **over: Any) -> dict[str, Any]:
    sweep = write_sweep(folder, {**SEARCH, "search": {**SEARCH["search"], **over}})
    if (folder / "out" / "splits.json").is_file():
        from training.studies.sweep import open_room

        plan = read_plan(sweep)
        places = {"data": folder / "data", "manifest": folder / "manifest.csv"}
        room = open_room(plan, **places, out=folder / "out", train=train, events=Silent())
    else:
        plan, room = opened(folder, sweep, train)
    return run_search(plan, room, events=Silent())


def test_the_best_on_validation_becomes_a_configuration(tmp_path: Path) -> None:
    stub = Stub()
    result = searched(tmp_path, stub)
    assert len(result["trials"]) == 6
    assert result["best"]["accuracy"] == pytest.approx(max(t["accuracy"] for t in result["trials"]))
    for trial in result["trials"]:
        off = abs(trial["values"]["distill.temperature"] - 4.0)
        assert trial["accuracy"] == pytest.approx(0.85 - 0.05 * off)  # mean of both folds
        assert 1e-4 <= trial["values"]["student.head_rate"] <= 1e-2
        assert trial["values"]["student.patience"] in range(2, 10)
    best = load_config(tmp_path / "out" / "best.toml")
    assert best.distill.temperature == result["best"]["values"]["distill.temperature"]
    assert best.student.head_rate == result["best"]["values"]["student.head_rate"]
    assert best.student.patience == result["best"]["values"]["student.patience"]
    assert best.teacher.model == "test_convnext"
    assert json.loads((tmp_path / "out" / "search.json").read_text()) == result


def test_the_file_says_whose_figures_are_fair(tmp_path: Path) -> None:
    searched(tmp_path, Stub(), trials=1)
    text = (tmp_path / "out" / "best.toml").read_text("utf-8")
    assert "only the held-out patients of the folds 0, 1 are fair" in text
    assert all(len(line) <= 100 for line in text.splitlines() if line.startswith("#"))


def test_folds_that_hold_out_whom_they_choose_on_are_refused() -> None:
    own = Fold(("a", "b"), ("c",), ("d",))
    turned = Fold(("a", "b"), ("d",), ("c",))
    apart = Fold(("a", "c"), ("b",), ("d",))  # the same held-out patients, as of an official test
    split = Split("m", ("NORMAL", "CNV"), (own, turned, apart), {})
    for folds in ((0,), (1,), (0, 2)):
        check_folds(folds, split)
    with pytest.raises(TrainingError, match="2 patients validate") as caught:
        check_folds((0, 1), split)
    assert caught.value.code == "bad-sweep"
    assert "folds = [0]" in caught.value.message


def test_a_search_over_such_folds_trains_nothing(tmp_path: Path) -> None:
    plan, room = opened(tmp_path, write_sweep(tmp_path, SEARCH), Stub())
    first, second = room.split.folds
    turned = Fold(second.train, first.test, second.test)
    other = Split(room.split.manifest_sha256, room.split.classes, (first, turned), {})
    with pytest.raises(TrainingError) as caught:
        run_search(plan, dataclasses.replace(room, split=other), events=Silent())
    assert caught.value.code == "bad-sweep"
    assert not list((tmp_path / "out").glob("trial-*"))


def test_the_committed_search_chooses_on_one_fold() -> None:
    assert len(read_plan("search").file.folds) == 1


def test_nothing_is_asked_about_held_out_patients(tmp_path: Path) -> None:
    searched(tmp_path, Stub(), trials=2)
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not {name for name in names if "predictions" in name or "evaluation" in name}


def test_a_killed_search_goes_on_with_the_trial_that_was_under_way(tmp_path: Path) -> None:
    def killed(step: str, run: Any, fold: int) -> None:
        if len(stub.done) == 7 and step == "distill":
            raise KeyboardInterrupt

    stub = Stub(killed)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, stub)
    again = Stub()
    result = searched(tmp_path, again)
    assert len(result["trials"]) == 6
    cut = stub.done[-1].split()[0]
    assert again.done[0].split()[0] == cut  # the same values, so the same folder
    assert not set(stub.done) & set(again.done)
    assert {t["state"] for t in result["trials"]} == {"complete"}


def test_finished_trials_are_not_repeated_and_more_can_be_asked_for(tmp_path: Path) -> None:
    first = searched(tmp_path, Stub(), trials=2)
    stub = Stub()
    assert searched(tmp_path, stub, trials=2) == first
    assert stub.done == []
    more = searched(tmp_path, stub, trials=3)
    assert len(more["trials"]) == 3
    assert more["trials"][:2] == first["trials"]


def test_a_second_job_takes_other_trials(tmp_path: Path) -> None:
    other = Stub()
    results: list[Any] = []

    def meanwhile(step: str, run: Any, fold: int) -> None:
        if not results and step == "distill":
            results.append(None)
            results[0] = searched(tmp_path, other, trials=4)

    stub = Stub(meanwhile)
    mine = searched(tmp_path, stub, trials=4)
    theirs = results[0]
    states = [trial["state"] for trial in theirs["trials"]]
    assert states == ["running", "complete", "complete", "complete"]
    assert [trial["state"] for trial in mine["trials"]] == ["complete"] * 4
    assert {line.split()[0] for line in stub.done} == {folder_name(mine["trials"][0]["values"])}


def test_a_trial_that_fails_is_said_and_the_search_goes_on(tmp_path: Path) -> None:
    def hot(step: str, run: Any, fold: int) -> None:
        if run.config.distill.temperature == 6.0:
            raise TrainingError("diverged", "no numbers")

    result = searched(tmp_path, Stub(hot), trials=8)
    failed = [t for t in result["trials"] if t["state"] == "fail"]
    assert failed
    assert all(t["failed"] == "diverged" for t in failed)
    assert all(t["values"]["distill.temperature"] == 6.0 for t in failed)
    assert result["best"]["values"]["distill.temperature"] != 6.0


def test_a_search_without_any_figure_is_an_error(tmp_path: Path) -> None:
    def fails(step: str, run: Any, fold: int) -> None:
        raise TrainingError("diverged", "no numbers")

    with pytest.raises(TrainingError) as caught:
        searched(tmp_path, Stub(fails), trials=1)
    assert caught.value.code == "search-failed"


@pytest.mark.parametrize(
    ("path", "dimension", "said"),
    [
        ("student.speed", {"low": 1, "high": 2}, "unknown key student.speed"),
        ("student.head_rate", {"low": 1e-3}, "numbers low and high"),
        ("student.head_rate", {"low": 2e-3, "high": 1e-3}, "low below high"),
        ("student.head_rate", {"low": 0, "high": 1, "log": True}, "above 0 with log"),
        ("student.head_rate", {"choices": []}, "either choices or low and high"),
        ("student.head_rate", {"low": 1, "high": 2, "step": 1}, "unknown key step"),
        ("split.folds", {"low": 2, "high": 5}, "changes what is measured"),
        ("compute.seed", {"low": 0, "high": 5}, "a seed is no setting"),
        ("student.batch", {"low": 0, "high": 8}, "student.batch must be 1 or more"),
        ("student.head_rate", 3, "needs a table"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(
    tmp_path: Path, path: str, dimension: Any, said: str
) -> None:
    from training.studies.search_space import read_space

    sweep = write_sweep(tmp_path, {"search": {"space": {path: dimension}}})
    with pytest.raises(TrainingError) as caught:
        read_space(read_plan(sweep))
    assert caught.value.code == "bad-sweep"
    assert said in caught.value.message
