"""Are the probabilities true: calibration error, reliability diagram, log loss."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.measure.resample import Bootstrap, Values, interval

BINS = 15
"""Equal bins of confidence (Guo et al., "On Calibration of Modern Neural Networks", 2017)."""


def bins_of(confidence: Values, bins: int = BINS) -> NDArray[np.int64]:
    """Bin of each confidence: bin b holds ``b / bins < confidence <= (b + 1) / bins``."""
    upper = np.ceil(confidence * bins).astype(np.int64) - 1
    return np.clip(upper, 0, bins - 1)


def ece_draws(
    probabilities: Values, truth: NDArray[np.int64], bootstrap: Bootstrap, bins: int = BINS
) -> Values:
    """Expected calibration error in every draw: ``sum_b n_b / n * |accuracy_b - confidence_b|``.

    Args:
        probabilities: Axes (unit, class).
        truth: Class index of each unit.
        bootstrap: Draws.
        bins: Of the confidence of the called class.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    gaps = np.zeros((len(truth), bins))
    gaps[np.arange(len(truth)), bins_of(confidence, bins)] = right - confidence
    total = bootstrap.sums(np.ones(len(truth)))
    result: Values = np.abs(bootstrap.sums(gaps)).sum(axis=1) / np.maximum(total, 1.0)
    return result


def reliability(
    probabilities: Values, truth: NDArray[np.int64], bins: int = BINS
) -> list[dict[str, Any]]:
    """Count, mean confidence and accuracy of each bin that holds something."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    where = bins_of(confidence, bins)
    return [
        {
            "bin": int(b),
            "n": int((where == b).sum()),
            "confidence": round(float(confidence[where == b].mean()), 6),
            "accuracy": round(float(right[where == b].mean()), 6),
        }
        for b in np.unique(where)
    ]


def roc_points(scores: Values, case: NDArray[np.bool_]) -> Values:
    """Points (1 - specificity, sensitivity) of the ROC from (0, 0) to (1, 1), ties together."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.concatenate([np.diff(scores[order]) != 0, [True]]))
    hits, alarms = np.cumsum(case[order])[last], np.cumsum(~case[order])[last]
    points = np.stack([alarms / max(alarms[-1], 1), hits / max(hits[-1], 1)], axis=1)
    return np.concatenate([[[0.0, 0.0]], points])


def log_losses(probabilities: Values, truth: NDArray[np.int64]) -> Values:
    """``-log p`` of the true class of each unit; a probability of 0 counts as 1e-12."""
    picked = probabilities[np.arange(len(truth)), truth]
    result: Values = -np.log(np.maximum(picked, 1e-12))
    return result


def divergence(teacher: Values, student: Values) -> Values:
    """``KL(teacher || student)`` of each unit in nats, from probabilities (unit, class)."""
    safe = np.log(np.maximum(teacher, 1e-12)) - np.log(np.maximum(student, 1e-12))
    result: Values = (teacher * safe).sum(axis=1)
    return result


def calibration_table(
    raw: Values, calibrated: Values, truth: NDArray[np.int64], bootstrap: Bootstrap
) -> dict[str, Any]:
    """Calibration before and after the temperature, with intervals.

    Args:
        raw: Probabilities at temperature 1, axes (unit, class).
        calibrated: At the fitted temperature.
        truth: Class index of each unit.
        bootstrap: Draws.
    """
    return {
        "bins": BINS,
        "ece_before": interval(ece_draws(raw, truth, bootstrap)),
        "ece_after": interval(ece_draws(calibrated, truth, bootstrap)),
        "log_loss_before": interval(bootstrap.mean(log_losses(raw, truth))),
        "log_loss_after": interval(bootstrap.mean(log_losses(calibrated, truth))),
        "reliability_before": reliability(raw, truth),
        "reliability_after": reliability(calibrated, truth),
    }
