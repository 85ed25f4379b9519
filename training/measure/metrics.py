"""Figures of a classifier from its answers; numpy only, every one in all bootstrap draws at once.

A class without a single true case has no recall, precision, F1 or AUROC: None, never 0. Macro
figures are means over the classes that have cases, and a draw that loses one of them is left out
of the interval, because the mean of the rest would flatter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.finding import NORMAL
from training.measure.resample import Bootstrap, Values, difference, intervals, ratio

Labels = NDArray[np.int64]

NO_CALL = -1
"""Called neither normal nor a disease: a person has to read it. Counts as wrong everywhere."""

MACRO = ("macro_sensitivity", "macro_specificity", "macro_precision", "macro_f1")
NOTHING = {"n": 0, "patients": 0}
"""Table of an empty set."""
COMPARED = (
    "accuracy", "macro_sensitivity", "macro_specificity", "macro_f1", "kappa",
    "disease_sensitivity", "disease_specificity", "macro_auroc",
)  # fmt: skip
"""Figures whose difference between two networks is reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is scored: B-scans, eyes or patients.

    Attributes:
        truth: Class index of each.
        scores: Score of each class, float64, axes (unit, class); probabilities for B-scans.
        called: Class index that is reported, or `NO_CALL`.
        patients: Patient of each.
    """

    truth: Labels
    scores: Values
    called: Labels
    patients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.truth)


def bscan_units(truth: Labels, probabilities: Values, patients: Sequence[str]) -> Units:
    """B-scans, each called by its most probable class."""
    called = probabilities.argmax(axis=1).astype(np.int64)
    return Units(truth, probabilities, called, tuple(patients))


def taken(units: Units, keep: NDArray[Any]) -> Units:
    """Some of the units, by mask or by index."""
    at = np.arange(len(units))[keep]
    patients = tuple(units.patients[k] for k in at)
    return Units(units.truth[at], units.scores[at], units.called[at], patients)


def joined(parts: Sequence[Units]) -> Units:
    """Several sets as one."""
    return Units(
        np.concatenate([one.truth for one in parts]),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.called for one in parts]),
        tuple(name for one in parts for name in one.patients),
    )


def confusion_draws(units: Units, bootstrap: Bootstrap, classes: int) -> Values:
    """Confusion matrices, axes (draw, true class, called class); the last column is `NO_CALL`."""
    wide = classes + 1
    column = np.where(units.called == NO_CALL, classes, units.called)
    cell = (bootstrap.member * classes + units.truth) * wide + column
    flat = np.bincount(cell, minlength=bootstrap.patients * classes * wide)
    by_patient = flat.reshape(bootstrap.patients, classes * wide).astype(np.float64)
    return (bootstrap.counts @ by_patient).reshape(-1, classes, wide)


def confusion_figures(matrices: Values, classes: Sequence[str]) -> dict[str, Values]:
    """Every figure that a confusion matrix holds, for many matrices at once.

    Sensitivity is recall. Kappa: Cohen 1960. Disease against normal: a diseased unit counts as
    found when any disease is called.

    Args:
        matrices: Axes (draw, true class, called class), one more column for `NO_CALL`; row 0 is
            the sample and decides which classes have cases.
        classes: Codes; `NORMAL` among them.
    """
    count = len(classes)
    right = np.einsum("nkk->nk", matrices[:, :, :count])
    support, called = matrices.sum(axis=2), matrices[:, :, :count].sum(axis=1)
    total = support.sum(axis=1)
    recall = ratio(right, support)
    specificity = ratio(total[:, None] - support - called + right, total[:, None] - support)
    precision = np.where(support > 0.0, ratio(right, called), np.nan)
    f1 = np.where(support > 0.0, ratio(2.0 * right, support + called), np.nan)
    figures = {"accuracy": ratio(right.sum(axis=1), total)}
    present = support[0] > 0.0
    for name, by_class in zip(MACRO, (recall, specificity, precision, f1), strict=True):
        figures[name] = by_class[:, present].mean(axis=1) if present.any() else total * np.nan
    figures["balanced_accuracy"] = figures["macro_sensitivity"]
    chance = ratio((support * called).sum(axis=1), total**2)
    figures["kappa"] = ratio(figures["accuracy"] - chance, 1.0 - chance)
    figures |= _disease_figures(matrices, classes.index(NORMAL))
    for k, code in enumerate(classes):
        figures |= {
            f"recall:{code}": recall[:, k],
            f"specificity:{code}": specificity[:, k],
            f"precision:{code}": precision[:, k],
            f"f1:{code}": f1[:, k],
        }
    return figures


def _disease_figures(matrices: Values, normal: int) -> dict[str, Values]:
    """Diseased against normal."""
    diseases = [k for k in range(matrices.shape[1]) if k != normal]
    diseased = matrices[:, diseases].sum(axis=1)
    healthy = matrices[:, normal]
    return {
        "disease_sensitivity": ratio(diseased[:, diseases].sum(axis=1), diseased.sum(axis=1)),
        "disease_specificity": ratio(healthy[:, normal], healthy.sum(axis=1)),
        "disease_called_normal": ratio(diseased[:, normal], diseased.sum(axis=1)),
    }


def auroc_draws(scores: Values, positive: NDArray[np.bool_], bootstrap: Bootstrap) -> Values:
    """Area under the ROC curve in every draw: the rank statistic, ties count a half.

    Mann and Whitney 1947; Hanley and McNeil 1982. NaN where one side is empty.

    Args:
        scores: One a unit.
        positive: Which units are cases.
        bootstrap: Draws.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    cases = positive[order]
    parts = []
    for counts in bootstrap.unit_counts():
        mine = counts[:, order]
        above = np.add.reduceat(np.where(cases, mine, 0.0), starts, axis=1)
        below = np.add.reduceat(np.where(cases, 0.0, mine), starts, axis=1)
        beaten = np.cumsum(below, axis=1) - 0.5 * below
        parts.append(ratio((above * beaten).sum(axis=1), above.sum(axis=1) * below.sum(axis=1)))
    return np.concatenate(parts)


def auroc_figures(units: Units, bootstrap: Bootstrap, classes: Sequence[str]) -> dict[str, Values]:
    """One against the rest for each class, their mean, and any disease against normal."""
    figures, means = {}, []
    for k, code in enumerate(classes):
        positive = units.truth == k
        figures[f"auroc:{code}"] = auroc_draws(units.scores[:, k], positive, bootstrap)
        if positive.any():
            means.append(figures[f"auroc:{code}"])
    normal = classes.index(NORMAL)
    figures["disease_auroc"] = auroc_draws(
        -units.scores[:, normal], units.truth != normal, bootstrap
    )
    empty = np.full(len(bootstrap.counts), np.nan)
    figures["macro_auroc"] = np.mean(means, axis=0) if means else empty
    return figures


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """A set and all of its figures in all draws, computed once for tables and differences.

    Attributes:
        units: The set.
        bootstrap: The draws of its patients.
        confusion: Matrix of the sample itself, as one of `confusion_draws`.
        figures: Name to the figure in every draw.
    """

    units: Units
    bootstrap: Bootstrap
    confusion: Values
    figures: dict[str, Values]


def draws_of(units: Units, bootstrap: Bootstrap, classes: Sequence[str]) -> Draws:
    """All figures of a set in all draws."""
    matrices = confusion_draws(units, bootstrap, len(classes))
    figures = confusion_figures(matrices, classes) | auroc_figures(units, bootstrap, classes)
    return Draws(units, bootstrap, matrices[0], figures)


def figures_of(units: Units, bootstrap: Bootstrap, classes: Sequence[str]) -> dict[str, Values]:
    """All figures of a set in all draws, by name."""
    return draws_of(units, bootstrap, classes).figures


def table(units: Units, bootstrap: Bootstrap, classes: Sequence[str]) -> dict[str, Any]:
    """`table_of` the set's own draws; `NOTHING` where it is empty."""
    return table_of(draws_of(units, bootstrap, classes), classes) if len(units) else dict(NOTHING)


def table_of(draws: Draws, classes: Sequence[str]) -> dict[str, Any]:
    """Counts, confusion matrix and every figure with its interval, as plain values.

    Returns:
        ``n``, ``patients``, ``no_call``, ``confusion`` (true class by called class and no call),
        ``figures`` (name to `interval`), ``classes`` (code to n, patients and its figures).
    """
    units = draws.units
    made = intervals(draws.figures)
    by_class: dict[str, Any] = {}
    for k, code in enumerate(classes):
        here = np.flatnonzero(units.truth == k)
        by_class[code] = {
            "n": len(here),
            "patients": len({units.patients[at] for at in here}),
            **{
                name.partition(":")[0]: one
                for name, one in made.items()
                if name.partition(":")[2] == code
            },
        }
    return {
        "n": len(units),
        "patients": draws.bootstrap.patients,
        "no_call": int((units.called == NO_CALL).sum()),
        "confusion": draws.confusion.astype(int).tolist(),
        "figures": {name: one for name, one in made.items() if ":" not in name},
        "classes": by_class,
    }


def compared(
    ours: Units, theirs: Units, bootstrap: Bootstrap, classes: Sequence[str]
) -> dict[str, Any]:
    """Paired differences ``ours - theirs`` over the same units in the same draws.

    Raises:
        ValueError: The two are not answers to the same units.
    """
    if not same_units(ours, theirs):
        raise ValueError("paired figures need the same units in the same order")
    mine, other = (figures_of(one, bootstrap, classes) for one in (ours, theirs))
    return differences(mine, other, classes)


def same_units(ours: Units, theirs: Units) -> bool:
    """Whether two sets are answers to the same units in the same order."""
    return ours.patients == theirs.patients and np.array_equal(ours.truth, theirs.truth)


def differences(
    ours: Mapping[str, Values], theirs: Mapping[str, Values], classes: Sequence[str]
) -> dict[str, Any]:
    """``ours - theirs`` for every figure that is compared, from the same draws of both."""
    names = [*COMPARED, *(f"recall:{code}" for code in classes)]
    return {name: difference(ours[name], theirs[name]) for name in names}
