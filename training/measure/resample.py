"""The patient bootstrap: whole patients are drawn, because their B-scans are not independent.

A draw is a count for each patient, and a figure is computed from sums over patients, so that a
thousand draws of ten thousand B-scans are a few matrix products. Row 0 of the counts is the
sample itself, each patient once: a figure and its draws come out of one computation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Interval = dict[str, float | None]
"""``value``, ``low`` and ``high``; None where the sample has no such figure."""

_CHUNK = 4_000_000
"""Largest number of weights that are spread over units at once (32 MB)."""


class Bootstrap:
    """Draws of patients, shared by all figures of a sample, so that differences are paired.

    Attributes:
        patients: Number of different patients.
        member: int64 index of the patient of each unit.
        counts: float64, axes (draw, patient); row 0 is the sample itself.
    """

    def __init__(self, patients: Sequence[str], *, resamples: int, seed: int = 0) -> None:
        names, member = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self.patients = len(names)
        self.member: NDArray[np.int64] = member.reshape(-1).astype(np.int64)
        self.counts: Values = np.ones((1, self.patients))
        if self.patients > 1 and resamples > 0:
            rng = np.random.default_rng(seed)
            shares = np.full(self.patients, 1.0 / self.patients)
            drawn = rng.multinomial(self.patients, shares, size=resamples)
            self.counts = np.concatenate([self.counts, drawn.astype(np.float64)])

    def sums(self, values: Values) -> Values:
        """Sum of a value of each unit in every draw.

        Args:
            values: Axes (unit) or (unit, quantity).

        Returns:
            Axes (draw) or (draw, quantity).
        """
        table = values.reshape(len(values), -1)
        by_patient = np.zeros((self.patients, table.shape[1]))
        np.add.at(by_patient, self.member, table)
        result: Values = (self.counts @ by_patient).reshape(-1, *values.shape[1:])
        return result

    def unit_counts(self) -> Iterator[Values]:
        """How often each unit is drawn, some draws at a time; axes (draw, unit)."""
        step = max(1, _CHUNK // max(1, len(self.member)))
        for at in range(0, len(self.counts), step):
            yield self.counts[at : at + step, self.member]

    def mean(self, values: Values) -> Values:
        """Mean of a value of each unit in every draw; NaN without units."""
        return ratio(self.sums(values), self.sums(np.ones(len(values))))


def ratio(above: Values, below: Values) -> Values:
    """``above / below``; NaN where there is nothing below."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Values = np.where(below > 0.0, above / below, np.nan)
    return result


def interval(draws: Values) -> Interval:
    """The figure (row 0) with the 2.5 % and 97.5 % quantiles of its draws (the other rows).

    Draws that have no such figure, because they lost a class, are left out. With one patient
    there are no draws and no interval.
    """
    value, others = float(draws[0]), draws[1:]
    if not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
    others = others[np.isfinite(others)]
    if not len(others):
        return {"value": round(value, 6), "low": None, "high": None}
    low, high = np.percentile(others, [2.5, 97.5])
    return {"value": round(value, 6), "low": round(float(low), 6), "high": round(float(high), 6)}


def difference(ours: Values, theirs: Values) -> Interval:
    """``ours - theirs`` with its paired interval and ``p``.

    Args:
        ours: Draws of a figure.
        theirs: The same figure of another network in the same draws.

    Returns:
        As `interval`, and ``p``: twice the smaller share of draws on either side of no difference
        (draws without a difference count for both), at most 1: how often chance alone, among
        patients like these, would turn the sign. None where there are no draws.
    """
    change = ours - theirs
    result = interval(change)
    drawn = change[1:][np.isfinite(change[1:])]
    if result["value"] is None or not len(drawn):
        return {**result, "p": None}
    sides = float((drawn <= 0.0).mean()), float((drawn >= 0.0).mean())
    return {**result, "p": round(min(1.0, 2.0 * min(sides)), 4)}


def intervals(draws: Mapping[str, Values]) -> dict[str, Any]:
    """`interval` of every figure."""
    return {name: interval(values) for name, values in draws.items()}
