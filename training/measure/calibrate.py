"""Numbers that go beside a network: temperature, class means, limit of unlikeness, scaling."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.probability import cosine_distances, softmax

Array = NDArray[np.float32]
Runner = Callable[[Array], tuple[Array, Array, Array]]
"""From ready inputs (n, 3, row, column) to logits, activation maps and embeddings."""

UNLIKE_SHARE = 0.01
"""Share of training-like pictures that may be flagged as unlike the training data."""
ADJACENT = 3
"""Neighbouring B-scans whose mean carries an eye."""
MIN_BSCANS = 5
"""Fewer B-scans than this are too little of the macula to call an eye."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was fitted.

    Attributes:
        temperature: Divides the logits.
        means: Mean embedding of each class, axes (class, feature).
        ood_threshold: Cosine distance above which a picture is unlike the training data.
        eye_rule: The manifest's table.
    """

    temperature: float
    means: Array
    ood_threshold: float
    eye_rule: dict[str, Any]


def fit_temperature(logits: Array, labels: NDArray[np.int64], *, lowest: float) -> float:
    """Temperature of least cross entropy, between `lowest` and 8.

    A site's validation patients are like its other patients, so there it may sharpen; networks
    trained with the focal loss need that. Simulated validation is nearer to the training than any
    clinic is: there 1 is the lowest, since answers made bolder on it would be overconfident
    elsewhere.
    """
    grid = np.geomspace(lowest, 8.0, 200)
    picked = np.arange(len(labels))
    losses = [
        -float(np.log(softmax(logits, float(t))[picked, labels] + 1e-12).mean()) for t in grid
    ]
    return round(float(grid[int(np.argmin(losses))]), 3)


def class_means(embeddings: Array, labels: NDArray[np.int64], classes: int) -> Array:
    """Mean embedding of each of `classes` classes, axes (class, feature)."""
    means = [embeddings[labels == k].mean(axis=0) for k in range(classes)]
    return np.stack(means).astype(np.float32)


def ood_limit(embeddings: Array, means: Array) -> float:
    """Distance that `UNLIKE_SHARE` of training-like pictures exceed."""
    distances = cosine_distances(embeddings, means)
    return round(float(np.quantile(distances, 1.0 - UNLIKE_SHARE)), 4)


def fit_platt(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and offset of ``sigmoid(scale * logit(score) + offset)`` by penalised likelihood.

    The penalty draws towards scale 1 and offset 0: simulated eyes are few and easy, and a steep
    curve fitted on them would be overconfident on real ones (Platt, 1999; Gaussian priors).
    """
    bounded = np.clip(scores, 1e-4, 1.0 - 1e-4)
    value = np.log(bounded / (1.0 - bounded))
    best = (np.inf, 1.0, 0.0)
    for scale in np.linspace(0.4, 2.0, 33):
        for offset in np.linspace(-3.0, 3.0, 61):
            z = scale * value + offset
            loss = np.logaddexp(0.0, np.where(truth, -z, z)).sum()
            loss += 4.0 * (np.log(scale) ** 2) + 0.5 * offset**2
            if loss < best[0]:
                best = (float(loss), float(scale), float(offset))
    return round(best[1], 3), round(best[2], 3)


def rule_table(
    thresholds: dict[str, float], scale: dict[str, float], offset: dict[str, float]
) -> dict[str, Any]:
    """The eye rule as the package's manifest holds it; each argument by disease."""
    return {
        "name": "adjacent-mean",
        "version": 1,
        "adjacent": ADJACENT,
        "thresholds": thresholds,
        "scale": scale,
        "offset": offset,
        "min_bscans": MIN_BSCANS,
        "min_extent_mm": 2.0,
        "max_ood_share": 0.5,
        "max_ungradable_share": 0.5,
    }
