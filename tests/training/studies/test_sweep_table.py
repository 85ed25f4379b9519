"""The table of a sweep, against numbers worked by hand."""

import csv
import io
from typing import Any

import numpy as np
import pytest

from training.measure.metrics import Units, bscan_units
from training.studies.sweep_table import Arm, as_csv, as_markdown, common, line_of

CODES = ("NORMAL", "CNV")
NAMES = ("p1", "p1", "p2", "p3")
TRUTH = np.array([0, 0, 1, 1], dtype=np.int64)


def units(*called: int, names: tuple[str, ...] = NAMES, sure: float = 0.8) -> Units:
    """Four B-scans of three patients, called as given with the same confidence."""
    scores = np.full((4, 2), 1.0 - sure)
    scores[np.arange(4), list(called)] = sure
    return bscan_units(TRUTH, scores, names)


def arm(name: str, answers: dict[tuple[int, int], Units], **more: Any) -> Arm:
    return Arm(name, CODES, answers, **more)


def test_mean_and_deviation_are_taken_over_seeds_and_folds() -> None:
    # recalls: (1, 1), (1/2, 1), (1, 1/2), (1, 1)
    answers = {
        (0, 0): units(0, 0, 1, 1), (0, 1): units(0, 1, 1, 1), (1, 0): units(0, 0, 1, 0),
        (1, 1): units(0, 0, 1, 1),
    }  # fmt: skip
    line = line_of(arm("a", answers), arm("b", answers), resamples=20)
    figure = line["figures"]["balanced_accuracy"]
    assert figure["values"] == [1.0, 0.75, 0.75, 1.0]
    assert figure["mean"] == pytest.approx(0.875)
    assert figure["sd"] == pytest.approx((4 * 0.125**2 / 3) ** 0.5, abs=1e-6)
    assert line["figures"]["disease_sensitivity"]["mean"] == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert line["figures"]["accuracy"]["mean"] == pytest.approx(0.875)
    # all called with confidence 0.8: |accuracy - 0.8| in one bin
    assert line["figures"]["ece"]["values"] == pytest.approx([0.2, 0.05, 0.05, 0.2])


def test_the_difference_pools_the_folds_and_averages_the_seeds() -> None:
    other = ("q1", "q1", "q2", "q3")
    ours = {
        (0, 0): units(0, 0, 1, 1), (0, 1): units(0, 0, 1, 1, names=other),
        (1, 0): units(0, 0, 1, 1), (1, 1): units(0, 0, 0, 1, names=other),
    }  # fmt: skip
    theirs = {
        (0, 0): units(0, 1, 1, 1), (0, 1): units(0, 0, 1, 1, names=other),
        (1, 0): units(0, 0, 1, 1), (1, 1): units(0, 0, 1, 0, names=other),
    }  # fmt: skip
    line = line_of(arm("ours", ours), arm("theirs", theirs), resamples=200)
    # pooled recalls, seed 0: 1, 1 against 3/4, 1; seed 1: 1, 3/4 against 1, 3/4
    change = line["difference"]["balanced_accuracy"]
    assert change["value"] == pytest.approx((0.125 + 0.0) / 2)
    assert change["low"] <= change["value"] <= change["high"]
    assert line["paired"] == {"seeds": [0, 1], "folds": [0, 1], "patients": 6, "bscans": 8}


def test_the_same_answers_differ_by_nothing_in_every_draw() -> None:
    answers = {(0, 0): units(0, 1, 1, 1)}
    change = line_of(arm("a", answers), arm("b", answers), resamples=50)["difference"]
    for one in change.values():
        assert (one["value"], one["low"], one["high"], one["p"]) == (0.0, 0.0, 0.0, 1.0)


def test_only_what_both_have_finished_is_paired() -> None:
    one, two = units(0, 0, 1, 1), units(0, 1, 1, 1)
    ours = arm("ours", {(0, 0): one, (0, 1): one, (1, 0): one, (1, 1): one})
    theirs = arm("theirs", {(0, 0): two, (0, 1): two, (1, 1): two})
    assert common(ours, theirs) == ((0,), (0, 1))
    assert common(ours, arm("theirs", {(0, 1): two, (1, 1): two})) == ((0, 1), (1,))
    assert common(ours, arm("theirs", {})) == ((), ())
    line = line_of(ours, arm("theirs", {}), resamples=10)
    assert line["difference"] is None
    assert line["paired"] is None


def test_arms_with_more_classes_than_the_data_are_compared_by_what_the_classes_mean() -> None:
    wide = ("NORMAL", "DRUSEN", "CNV")
    scores = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    truth = np.array([0, 0, 2, 2], dtype=np.int64)
    shipped = Arm("shipped", wide, {(0, 0): bscan_units(truth, scores, NAMES)})
    line = line_of(shipped, arm("ours", {(0, 0): units(0, 0, 1, 1)}), resamples=10)
    # a call of the third class is wrong, but a disease all the same
    assert line["figures"]["balanced_accuracy"]["mean"] == pytest.approx(0.5)
    assert line["figures"]["disease_sensitivity"]["mean"] == pytest.approx(1.0)
    assert line["difference"]["balanced_accuracy"]["value"] == pytest.approx(-0.5)


def test_other_b_scans_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="same B-scans"):
        line_of(
            arm("a", {(0, 0): units(0, 0, 1, 1)}),
            arm("b", {(0, 0): units(0, 0, 1, 1, names=("x", "x", "y", "z"))}),
            resamples=10,
        )


def test_a_line_without_figures_says_so_everywhere() -> None:
    whole = arm("a", {(0, 0): units(0, 0, 1, 1)})
    none = arm("with, comma", {}, missing={(0, 0): "not finished"})
    lines = [line_of(one, whole, resamples=10) for one in (whole, none)]
    text = as_markdown(lines, "a")
    assert text.splitlines()[2].startswith("| a | 1 | 100.0 | 100.0 | 100.0 | 100.0 | 0.200 |")
    assert text.splitlines()[3] == (
        "| with, comma | 0 of 1 | missing | missing | missing | missing | missing | missing |"
    )
    rows = list(csv.DictReader(io.StringIO(as_csv(lines, {"split_sha256": "s"}))))
    assert [row["name"] for row in rows] == ["a", "with, comma"]
    assert rows[1]["accuracy_mean"] == ""
    assert rows[1]["missing"] == "1"
    assert {row["split_sha256"] for row in rows} == {"s"}
