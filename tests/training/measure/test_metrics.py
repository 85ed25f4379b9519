"""Figures against numbers worked by hand, published matrices and brute force."""

import time
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from training.measure.metrics import (
    NO_CALL,
    Units,
    auroc_draws,
    bscan_units,
    compared,
    confusion_draws,
    confusion_figures,
    figures_of,
    table,
)
from training.measure.probability_metrics import (
    bins_of,
    calibration_table,
    divergence,
    ece_draws,
    log_losses,
    reliability,
)
from training.measure.resample import Bootstrap, difference, interval

CODES = ("NORMAL", "DRUSEN", "CNV")

# Published test matrices of the reference implementation, and what they must give (per cent).
PUBLISHED = (
    (((986, 75, 1), (36, 749, 11), (0, 17, 628)), 94.41, 94.77, 97.16, 94.63, 0.9145),
    (((1107, 24, 0), (103, 651, 54), (1, 32, 632)), 91.78, 91.16, 95.68, 91.35, 0.8729),
    (((1087, 142, 0), (77, 553, 11), (2, 32, 615)), 89.52, 89.83, 94.67, 89.36, 0.8354),
    (((1127, 61, 0), (115, 676, 5), (7, 38, 599)), 91.40, 90.93, 95.29, 91.51, 0.8655),
)


def no_draws(count: int) -> Bootstrap:
    return Bootstrap([str(k) for k in range(count)], resamples=0)


def units_of(matrix: NDArray[np.int64]) -> Units:
    """Units whose confusion matrix is the given one; each its own patient."""
    pairs = [
        (t, c)
        for t, row in enumerate(matrix.tolist())
        for c, count in enumerate(row)
        for _ in range(count)
    ]
    truth = np.array([t for t, _ in pairs])
    called = np.array([c for _, c in pairs])
    names = tuple(str(k) for k in range(len(pairs)))
    return Units(truth, np.eye(len(matrix))[called], called, names)


@pytest.mark.parametrize(
    ("matrix", "accuracy", "sensitivity", "specificity", "f1", "kappa"), PUBLISHED
)
def test_published_matrices_give_the_published_figures(
    matrix: tuple[tuple[int, ...], ...],
    accuracy: float,
    sensitivity: float,
    specificity: float,
    f1: float,
    kappa: float,
) -> None:
    wide = np.zeros((1, 3, 4))
    wide[0, :, :3] = matrix
    figures = confusion_figures(wide, CODES)
    assert 100 * figures["accuracy"][0] == pytest.approx(accuracy, abs=0.006)
    assert 100 * figures["macro_sensitivity"][0] == pytest.approx(sensitivity, abs=0.006)
    assert 100 * figures["macro_specificity"][0] == pytest.approx(specificity, abs=0.006)
    assert 100 * figures["macro_f1"][0] == pytest.approx(f1, abs=0.006)
    assert figures["kappa"][0] == pytest.approx(kappa, abs=0.00006)


def test_disease_sensitivity_counts_any_disease_as_found() -> None:
    # 10 DRUSEN: 6 right, 3 called CNV, 1 NORMAL; 5 CNV: 4 right, 1 called NORMAL; 8 of 10 NORMAL.
    matrix = np.array([[8, 2, 0], [1, 6, 3], [1, 0, 4]])
    made = table(units_of(matrix), no_draws(25), CODES)
    assert made["figures"]["disease_sensitivity"]["value"] == pytest.approx(13 / 15, abs=1e-6)
    assert made["figures"]["disease_specificity"]["value"] == pytest.approx(0.8)
    assert made["figures"]["disease_called_normal"]["value"] == pytest.approx(2 / 15, abs=1e-6)
    assert made["classes"]["CNV"]["recall"]["value"] == pytest.approx(0.8)
    assert made["classes"]["CNV"]["precision"]["value"] == pytest.approx(4 / 7, abs=1e-6)
    assert made["classes"]["CNV"]["specificity"]["value"] == pytest.approx(17 / 20)
    assert made["classes"]["CNV"]["f1"]["value"] == pytest.approx(8 / 12, abs=1e-6)
    assert made["figures"]["accuracy"]["value"] == pytest.approx(18 / 25)
    assert made["figures"]["balanced_accuracy"] == made["figures"]["macro_sensitivity"]
    assert made["confusion"] == [[8, 2, 0, 0], [1, 6, 3, 0], [1, 0, 4, 0]]


def test_an_absent_class_has_no_figure_instead_of_nought() -> None:
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.3, 0.7, 0.0]])
    units = bscan_units(truth, probabilities, ["a", "b", "c", "d"])
    made = table(units, Bootstrap(units.patients, resamples=50), CODES)
    absent = made["classes"]["CNV"]
    assert absent["n"] == 0
    for name in ("recall", "precision", "f1", "auroc"):
        assert absent[name] == {"value": None, "low": None, "high": None}
    assert made["figures"]["macro_sensitivity"]["value"] == pytest.approx(0.75)  # (1/2 + 1) / 2


def test_no_call_counts_as_wrong_on_both_sides() -> None:
    truth, called = np.array([0, 0, 1, 2]), np.array([0, NO_CALL, NO_CALL, 2])
    units = Units(truth, np.full((4, 3), 1 / 3), called, ("a", "b", "c", "d"))
    made = table(units, no_draws(4), CODES)
    assert made["no_call"] == 2
    assert made["figures"]["disease_sensitivity"]["value"] == pytest.approx(0.5)
    assert made["figures"]["disease_specificity"]["value"] == pytest.approx(0.5)
    assert made["figures"]["disease_called_normal"]["value"] == 0.0
    assert made["confusion"] == [[1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0]]


def test_auroc_by_hand_with_a_tie() -> None:
    # Cases .9 .5 .4, others .5 .3: pairs won 2 + (half + 1) + (0 + 1) = 4.5 of 6.
    scores = np.array([0.9, 0.5, 0.4, 0.5, 0.3])
    positive = np.array([True, True, True, False, False])
    assert auroc_draws(scores, positive, no_draws(5))[0] == pytest.approx(4.5 / 6)


def test_auroc_equals_counting_all_pairs_in_every_draw() -> None:
    rng = np.random.default_rng(3)
    scores = np.round(rng.random(60), 1)  # many ties
    positive = rng.random(60) < 0.4
    names = [str(k) for k in rng.integers(0, 12, 60)]
    bootstrap = Bootstrap(names, resamples=20, seed=1)
    fast = auroc_draws(scores, positive, bootstrap)
    for draw, counts in zip(fast, bootstrap.counts, strict=True):
        at = np.repeat(np.arange(60), counts[bootstrap.member].astype(int))
        mine, other = scores[at][positive[at]], scores[at][~positive[at]]
        won = (mine[:, None] > other).sum() + 0.5 * (mine[:, None] == other).sum()
        assert draw == pytest.approx(won / (len(mine) * len(other)))


def test_auroc_without_cases_is_not_a_number() -> None:
    assert np.isnan(auroc_draws(np.array([0.1, 0.2]), np.array([True, True]), no_draws(2))[0])


def test_every_figure_of_every_draw_equals_the_figure_of_the_resampled_pictures() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 90)
    probabilities = rng.dirichlet([1, 1, 1], 90)
    probabilities[np.arange(90), truth] += 0.4
    names = [f"p{k}" for k in rng.integers(0, 15, 90)]
    units = bscan_units(truth, probabilities, names)
    bootstrap = Bootstrap(names, resamples=12, seed=2)
    draws = figures_of(units, bootstrap, CODES)
    for row in range(13):
        at = np.repeat(np.arange(90), bootstrap.counts[row][bootstrap.member].astype(int))
        again = bscan_units(truth[at], probabilities[at], ["x"] * len(at))
        slow = figures_of(again, Bootstrap(again.patients, resamples=0), CODES)
        for name, values in draws.items():
            assert values[row] == pytest.approx(slow[name][0], nan_ok=True), name


def test_patients_are_drawn_whole() -> None:
    bootstrap = Bootstrap(["a"] * 99 + ["b"], resamples=400, seed=0)
    totals = set(bootstrap.sums(np.ones(100)).tolist())
    assert totals == {100.0, 198.0, 2.0}


def test_the_interval_covers_what_it_should() -> None:
    # A share of one half over 100 patients with one picture each: 0.5 +- 1.96 * 0.05.
    right = np.array([0.0, 1.0] * 50)
    draws = Bootstrap([str(k) for k in range(100)], resamples=4000, seed=0).mean(right)
    found = interval(draws)
    assert found["value"] == 0.5
    assert found["low"] == pytest.approx(0.402, abs=0.015)
    assert found["high"] == pytest.approx(0.598, abs=0.015)


def test_one_patient_has_a_figure_but_no_interval() -> None:
    draws = Bootstrap(["a", "a"], resamples=100).mean(np.array([0.0, 1.0]))
    assert interval(draws) == {"value": 0.5, "low": None, "high": None}


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros(300, dtype=np.int64)
    good = (rng.random(300) < 0.8).astype(np.int64)
    called = 1 - good  # class 0 where right
    worse = called.copy()
    worse[np.flatnonzero(called == 0)[:15]] = 1  # the same answers, and 15 more wrong
    names = tuple(str(k // 3) for k in range(300))
    scores = np.eye(3)
    ours = Units(truth, scores[worse], worse, names)
    theirs = Units(truth, scores[called], called, names)
    bootstrap = Bootstrap(names, resamples=500)
    change = compared(ours, theirs, bootstrap, CODES)["accuracy"]
    assert change["value"] == pytest.approx(-0.05)
    assert change["high"] < 0.0
    assert change["p"] == 0.0
    alone = table(ours, bootstrap, CODES)["figures"]["accuracy"]
    assert change["high"] - change["low"] < alone["high"] - alone["low"]
    same = compared(ours, ours, bootstrap, CODES)["accuracy"]
    assert (same["value"], same["low"], same["high"], same["p"]) == (0.0, 0.0, 0.0, 1.0)


def test_pairs_of_different_pictures_are_refused() -> None:
    one = units_of(np.eye(3, dtype=np.int64))
    other = units_of(np.fliplr(np.eye(3, dtype=np.int64)) * 2)
    with pytest.raises(ValueError, match="same units"):
        compared(one, other, no_draws(3), CODES)


def test_the_p_of_a_difference_by_hand() -> None:
    draws = np.array([0.1, 0.2, 0.1, -0.1, 0.0])  # row 0 is the sample; of 4: 2 <= 0, 3 >= 0
    assert difference(draws, np.zeros(5))["p"] == pytest.approx(1.0)
    draws = np.array([0.1, 0.2, 0.1, 0.1, -0.1])  # 1 of 4 below: 2 * 0.25
    assert difference(draws, np.zeros(5))["p"] == pytest.approx(0.5)


def test_calibration_error_by_hand() -> None:
    # Bin (11/15, 12/15]: .76 and .80, one right: |.5 - .78|; bin 15: .98 right: |1 - .98|.
    probabilities = np.array([[0.76, 0.24], [0.80, 0.20], [0.98, 0.02]])
    truth = np.array([0, 1, 0])
    wanted = 2 / 3 * 0.28 + 1 / 3 * 0.02
    assert ece_draws(probabilities, truth, no_draws(3))[0] == pytest.approx(wanted)
    rows = reliability(probabilities, truth)
    assert [(row["bin"], row["n"]) for row in rows] == [(11, 2), (14, 1)]
    assert rows[0]["accuracy"] == 0.5


def test_bins_hold_their_upper_edge() -> None:
    assert bins_of(np.array([0.0, 0.2, 0.21, 1.0]), 5).tolist() == [0, 0, 1, 4]


def test_calibration_is_better_at_the_right_temperature() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (3000, 3))
    powers = np.exp(logits)
    true = powers / powers.sum(axis=1, keepdims=True)
    truth = (rng.random((3000, 1)) > np.cumsum(true, axis=1)).sum(axis=1)
    loud = np.exp(logits * 3) / np.exp(logits * 3).sum(axis=1, keepdims=True)
    made = calibration_table(loud, true, truth, Bootstrap(["a"] * 3000, resamples=0))
    assert made["ece_after"]["value"] < 0.03 < made["ece_before"]["value"]
    assert made["log_loss_after"]["value"] < made["log_loss_before"]["value"]
    assert made["ece_after"]["low"] is None


def test_log_loss_and_divergence_by_hand() -> None:
    sure = np.array([[0.5, 0.5], [0.25, 0.75]])
    assert log_losses(sure, np.array([0, 0])) == pytest.approx([np.log(2), np.log(4)])
    other = np.array([[0.25, 0.75], [0.25, 0.75]])
    wanted = 0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    assert divergence(sure, other) == pytest.approx([wanted, 0.0])


def test_a_thousand_draws_cost_less_than_a_thousand_tables() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 10_000)
    probabilities = rng.dirichlet([1, 1, 1, 1], 10_000)
    names = [str(k) for k in rng.integers(0, 400, 10_000)]
    units = bscan_units(truth, probabilities, names)
    spent = {}
    for resamples in (0, 1000):
        begun = time.process_time()
        made = table(units, Bootstrap(names, resamples=resamples), ("NORMAL", "A", "B", "C"))
        spent[resamples] = time.process_time() - begun
    assert made["figures"]["macro_auroc"]["low"] is not None
    assert spent[1000] < 600 * spent[0]  # about 220: sorting once serves all draws


def test_confusion_draws_count_by_patient() -> None:
    units = Units(np.array([0, 1]), np.eye(2), np.array([0, 0]), ("a", "b"))
    bootstrap = Bootstrap(units.patients, resamples=30, seed=4)
    for counts, matrix in zip(bootstrap.counts, confusion_draws(units, bootstrap, 2), strict=True):
        assert matrix[0, 0] == counts[0]
        assert matrix[1, 0] == counts[1]


def test_intervals_rise_from_low_to_high() -> None:
    values = np.array([0.5, *np.linspace(0.3, 0.7, 41)])
    found = interval(values)
    assert found["low"] is not None
    assert found["high"] is not None
    rising = [found["low"], 0.5, found["high"]]
    assert all(a < b for a, b in pairwise(rising))
