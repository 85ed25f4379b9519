"""Figures are drawn from what is there, with hostile names, and never with a guessed point."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from training.measure import figures
from training.measure.metrics import Units
from training.measure.probability_metrics import roc_points
from training.measure.training_log import read_logs
from training.run_folder import RunFolder

HOSTILE = ("$\\frac{1}{", "<script>", "视网膜\n\x07", "a" * 200)


def test_roc_points_by_hand_with_a_tie() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    case = np.array([True, True, False, False])
    assert roc_points(scores, case).tolist() == [[0, 0], [0, 0.5], [0.5, 1], [1, 1]]


def test_the_area_under_the_drawn_curve_is_the_auroc() -> None:
    rng = np.random.default_rng(0)
    case = rng.random(200) < 0.4
    scores = np.round(rng.random(200) + 0.3 * case.astype(np.float64), 1)
    points = roc_points(scores, case)
    area = float(np.trapezoid(points[:, 1], points[:, 0]))
    pairs = scores[case][:, None] - scores[~case]
    assert area == pytest.approx((pairs > 0).mean() + 0.5 * (pairs == 0).mean())


def test_names_are_drawn_as_text_cut_and_without_unknown_letters() -> None:
    assert figures.shown("CNV") == "CNV"
    assert figures.shown("a" * 200) == "a" * 21 + "…"
    assert figures.shown("视网膜") == "视网膜"
    assert "\n" not in figures.shown("a\nb")
    assert figures.shown("\U00012000") == "□"


def matrix(*rows: list[int]) -> dict[str, Any]:
    return {"n": 20, "patients": 9, "no_call": 1, "confusion": [list(row) for row in rows]}


def test_hostile_class_names_are_drawn_in_every_figure() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 40)
    units = Units(truth, rng.dirichlet(np.ones(4), 40), truth, tuple("p" * 40))
    table = {"bscan": matrix([5, 0, 0, 0, 1], [0, 5, 0, 0, 0], [0, 1, 4, 0, 0], [0, 0, 0, 4, 0])}
    with figures.style():
        for made in (
            figures.confusion_figure({"teacher": table, "student": table}, HOSTILE, "bscan"),
            figures.roc_figure({"student": units}, HOSTILE),
        ):
            assert made is not None
            assert figures.png(made).startswith(b"\x89PNG")


def test_figures_without_data_are_left_out() -> None:
    with figures.style():
        empty = {"student": {"eye": {"n": 0}, "bscan": {"n": 0}}}
        assert figures.confusion_figure(empty, ["NORMAL"], "eye") is None
        assert figures.reliability_figure(empty) is None
        assert figures.roc_figure({}, ["NORMAL"]) is None
        assert figures.curves_figure({}) is None


def test_the_look_is_taken_back_and_the_bytes_are_the_same_each_time() -> None:
    before = dict(matplotlib.rcParams)

    def drawn() -> bytes:
        with figures.style():
            figure = figures.curves_figure({
                0: [{"epoch": k, "loss": 1.0 / (k + 1), "chosen": "raw",
                     "validation": {"raw": {"accuracy": 0.1 * k}}} for k in range(4)],
            })  # fmt: skip
            assert isinstance(figure, Figure)
            return figures.png(figure)

    assert drawn() == drawn()
    assert dict(matplotlib.rcParams) == before


def test_a_log_is_read_up_to_the_line_that_a_kill_cut_off(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.role(1, "teacher").mkdir(parents=True)
    folder.log(1, "teacher").write_text('{"epoch": 0}\n{"epoch": 1}\n{"epo')
    assert read_logs(folder, "teacher", 3) == {1: [{"epoch": 0}, {"epoch": 1}]}


def test_a_fold_without_a_figure_has_no_dot() -> None:
    none = {"value": None, "low": None, "high": None}
    some = {"value": 0.9, "low": 0.8, "high": 0.95}

    def fold(number: int, one: dict[str, Any]) -> dict[str, Any]:
        names = ("accuracy", "macro_sensitivity", "disease_sensitivity")
        bscan = {"n": 5, "figures": dict.fromkeys(names, one)}
        return {"fold": number, "roles": {"student": {"test": {"unfiltered": {"bscan": bscan}}}}}

    report = {
        "folds_of_the_split": 3, "primary": "unfiltered", "folds": [fold(0, some), fold(2, none)],
    }  # fmt: skip
    with figures.style():
        figure = figures.fold_figure(report)
        assert figure is not None
        dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
        assert [np.asarray(line.get_xdata()).tolist() for line in dots] == [[0.13]]
        assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "1", "2"]
        report["folds"] = [fold(0, none)]
        assert figures.fold_figure(report) is None
