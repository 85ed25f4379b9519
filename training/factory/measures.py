"""Figures with intervals: recall, balanced accuracy and shares, resampled by patient."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000

Labels = NDArray[np.int64]


def recalls(truth: Labels, called: Labels) -> dict[int, float]:
    """Share of each class that was called right; classes that are absent are left out."""
    return {int(k): float((called[truth == k] == k).mean()) for k in np.unique(truth)}


def balanced_accuracy(truth: Labels, called: Labels) -> float:
    """Mean of the recalls of the classes that are present."""
    return float(np.mean(list(recalls(truth, called).values())))


def with_interval(
    value: Callable[[NDArray[np.int64]], float], groups: Sequence[str], *, seed: int = 0
) -> dict[str, float]:
    """A figure with its 95 % interval by bootstrap over groups.

    Args:
        value: From the indices of the chosen pictures to the figure; NaN where it has none.
        groups: Group of each picture; whole groups are drawn.
        seed: Of the resampling.

    Returns:
        ``value``, ``low`` and ``high``.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(member == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, len(names), len(names))
        drawn.append(value(np.concatenate([members[k] for k in chosen])))
    with np.errstate(invalid="ignore"):
        low, high = np.nanpercentile(np.array(drawn), [2.5, 97.5])
    whole = value(np.arange(len(member)))
    return {"value": round(whole, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def stratified_interval(
    truth: Labels, called: Labels, groups: Sequence[str], *, seed: int = 0
) -> dict[str, float]:
    """Balanced accuracy with its 95 % interval; groups are drawn within each class.

    With few groups a plain draw would often lose a class altogether and flatter the rest.
    """
    rng = np.random.default_rng(seed)
    names = np.asarray(groups)
    members = {
        int(k): [np.flatnonzero((names == g) & (truth == k)) for g in np.unique(names[truth == k])]
        for k in np.unique(truth)
    }
    drawn = []
    for _ in range(RESAMPLES):
        means = []
        for label, parts in members.items():
            chosen = rng.integers(0, len(parts), len(parts))
            at = np.concatenate([parts[k] for k in chosen])
            means.append(float((called[at] == label).mean()))
        drawn.append(float(np.mean(means)))
    low, high = np.percentile(drawn, [2.5, 97.5])
    whole = balanced_accuracy(truth, called)
    return {"value": round(whole, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def table(
    truth: Labels, called: Labels, groups: Sequence[str], classes: Sequence[str]
) -> dict[str, Any]:
    """Everything that the card says about one labelled set."""
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (truth, called), 1)
    rows: dict[str, Any] = {}
    names = np.asarray(groups)
    for label in np.unique(truth):
        here = np.flatnonzero(truth == label)
        right = (called[here] == label).astype(float)

        def share(at: NDArray[np.int64], right: NDArray[np.float64] = right) -> float:
            return float(right[at].mean())

        rows[classes[label]] = {
            "n": len(here),
            "groups": len(np.unique(names[here])),
            "recall": with_interval(share, names[here].tolist()),
        }
    return {
        "n": len(truth),
        "groups": len(np.unique(names)),
        "balanced_accuracy": stratified_interval(truth, called, groups),
        "classes": rows,
        "confusion": confusion.tolist(),
    }


def mean_with_interval(values: NDArray[np.float64], groups: Sequence[str]) -> dict[str, float]:
    """Mean over pictures with its 95 % interval by group."""

    def mean(at: NDArray[np.int64]) -> float:
        return float(values[at].mean())

    return with_interval(mean, groups)
