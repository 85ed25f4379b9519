"""What is measured once is not measured again: answers, folds, draws."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.measure.scored_run import add_network, untrained_run
from tests.training.measure.test_evaluate import evaluated
from tests.training.tiny_run import tiny_config
from training.data.predictions import load_predictions
from training.measure.evaluate_fold import evaluate_fold
from training.measure.evaluate_run import evaluate_run
from training.measure.metrics import Draws, Units, draws_of
from training.measure.resample import Bootstrap
from training.networks.checkpoint import load_best, save_best
from training.open_run import Run


def test_answers_of_the_same_weights_are_not_asked_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tmp_path)
    first = evaluated(run)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("training.measure.evaluate_fold.ask", refuse)
    assert evaluated(run) == first
    run.folder.predictions(0, "student", "test").write_bytes(b"half a file")
    with pytest.raises(AssertionError, match="asked again"):
        evaluated(run)


def test_other_weights_are_asked_anew(tmp_path: Path) -> None:
    run = untrained_run(tmp_path)
    first = evaluated(run)
    weights = load_best(run.folder.best(0, "student"))
    torch.nn.init.ones_(weights.network.head.bias[:1])  # type: ignore[index,union-attr]
    facts = {k: v for k, v in weights.facts.items() if not k.startswith("weights")}
    save_best(run.folder.best(0, "student"), weights.network.state_dict(), facts)
    second = evaluated(run)
    one, two = (r["roles"]["student"]["model"]["weights_sha256"] for r in (first, second))
    assert one != two
    path = run.folder.predictions(0, "student", "test")
    assert load_predictions(path, split_sha256=run.split.sha256).facts["weights_sha256"] == two


def test_a_fold_that_was_just_evaluated_is_not_evaluated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tmp_path)
    evaluated(run)
    seen: list[int] = []

    def counted(root: Path, folder: object, fold: int, *rest: object, **more: object) -> object:
        seen.append(fold)
        return evaluate_fold(root, folder, fold, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("training.measure.evaluate_run.evaluate_fold", counted)

    def report(run: Run, faithful: int = 0) -> dict:  # type: ignore[type-arg]
        return evaluate_run(
            run.root, run.folder, run.manifest, run.split, run.config, faithful=faithful
        )

    first = report(run)
    assert seen == []
    assert first["pooled"]["student"]["unfiltered"]["bscan"]["n"] == 9
    run.folder.predictions(0, "student", "validation").write_bytes(b"half a file")
    assert report(run) == first
    assert seen == [0]
    add_network(run, 0, "teacher", facts={"epoch": 3})
    (run.folder.role(0, "teacher") / "finished.json").unlink()
    report(run)
    assert seen == [0, 0]
    report(run, faithful=1)
    assert seen == [0, 0, 0]
    report(replace(run, config=tiny_config(evaluate={"resamples": 20})), faithful=1)
    assert seen == [0, 0, 0, 0]
    report(replace(run, config=tiny_config(evaluate={"resamples": 20})), faithful=1)
    assert seen == [0, 0, 0, 0]


def test_figures_are_drawn_once_for_tables_and_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tmp_path)
    drawn: list[int] = []

    def counted(units: Units, bootstrap: Bootstrap, classes: Sequence[str]) -> Draws:
        drawn.append(len(units))
        return draws_of(units, bootstrap, classes)

    monkeypatch.setattr("training.measure.scoring.draws_of", counted)
    evaluated(run)
    assert drawn == [9, 3, 9, 3]  # B-scans and patients of two networks; no eye is large enough
