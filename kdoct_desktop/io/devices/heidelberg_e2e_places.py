"""Where the B-scans of one ``.e2e`` series lie: their numbers, their lines, their pattern."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.heidelberg_e2e_series import Series
from kdoct_desktop.io.dicom_order import offsets, parallel

_CIRCLE, _RADIAL, _VOLUMES = 2, 5, (3, 4)
_WORDS = (
    ("angiography", ("angio", "octa")),
    ("anterior", ("anterior", "cornea", "sclera", "chamber")),
    ("onh", ("onh", "disc", "optic nerve", "glaucoma")),
    ("circle", ("circle", "rnfl")),
    ("radial", ("star", "radial")),
    ("raster", ("volume", "raster")),
)
"""Words of structures, patterns and modalities, those that forbid an analysis first."""


@dataclass(frozen=True, slots=True)
class Order:
    """The B-scans in order over the eye.

    Attributes:
        slices: Slice of each.
        numbers: Place of each in the scan as planned, ascending.
        planned: B-scans of the scan as planned.
        provenance: Value of a ``Provenance``.
    """

    slices: tuple[int, ...]
    numbers: tuple[int, ...]
    planned: int
    provenance: str


def lines_of(one: Series, slices: Sequence[int]) -> NDArray[np.float64] | None:
    """Straight lines of B-scans in degrees, axes (bscan, start/end, y/x).

    None unless every one has a line that is straight, finite and longer than nothing.
    """
    records = [one.meta.get(place) for place in slices]
    if not records or any(r is None or r["pattern"] == _CIRCLE for r in records):
        return None
    # by way of Python's float: numpy warns of a signalling NaN that is widened
    ends = [[float(r[name]) for name in ("y1", "x1", "y2", "x2")] for r in records if r is not None]
    lines = np.array(ends, dtype=np.float64).reshape(-1, 2, 2)
    if not np.isfinite(lines).all() or np.abs(lines).max() > 90.0:
        return None
    return lines if np.hypot(*(lines[:, 1] - lines[:, 0]).T).min() > 0.0 else None


def pattern_of(one: Series, slices: Sequence[int]) -> tuple[str, str]:
    """How the beam moved, and where that comes from.

    What forbids an analysis of the macula is believed wherever it stands; else the positions
    decide, then the codes and words. One B-scan that is left of several shows no pattern.

    Args:
        one: The series.
        slices: Its B-scans.
    """
    told = [pattern for pattern, words in _WORDS if _says(one.words, words)]
    codes = {int(record["pattern"]) for record in one.meta.values()}
    if told and told[0] in ("angiography", "anterior"):
        return told[0], "device"
    if _CIRCLE in codes or "circle" in told:
        return "circle", "device"
    if "onh" in told:
        return "onh", "device"
    lonely = len(slices) == 1 and any(record["planned"] > 1 for record in one.meta.values())
    drawn = None if lonely else _drawn(lines_of(one, slices))
    if drawn is not None:
        return drawn, "derived"
    if _RADIAL in codes:
        return "radial", "device"
    if codes & set(_VOLUMES) and codes <= set(_VOLUMES):
        return "raster", "device"
    return (told[0], "device") if told else ("unknown", "unknown")


def _says(said: set[str], words: Sequence[str]) -> bool:
    return any(word in phrase for phrase in said for word in words)


def _drawn(lines: NDArray[np.float64] | None) -> str | None:
    """Pattern of straight lines; the same rule as for DICOM, in degrees."""
    if lines is None:
        return None
    if len(lines) == 1:
        return "line"
    if parallel(lines):
        return "raster" if np.ptp(offsets(lines)) > 0.02 else "line"
    middle = lines.mean(axis=1)
    length = np.hypot(*(lines[:, 1] - lines[:, 0]).T)
    away = np.hypot(*(middle - middle.mean(axis=0)).T).max()
    return "radial" if away < 0.1 * length.mean() else None


def order_of(one: Series, pattern: str, most: int) -> Order:
    """The B-scans that can be read, from top to bottom where positions say what that is.

    A scan is numbered from its first B-scan, which on these devices lies lowest; the numbers
    are turned with the order, and a B-scan that is missing leaves its gap.

    Args:
        one: The series.
        pattern: Value of a ``ScanPattern``.
        most: Most B-scans that are believed.

    Raises:
        IngestError: The numbers of the B-scans contradict each other.
    """
    numbers, planned = _numbers(one, most)
    slices = sorted(one.bscans, key=lambda place: numbers[place])
    forwards = Order(tuple(slices), tuple(numbers[place] for place in slices), planned, "device")
    if len(slices) == 1 or pattern not in ("raster", "unknown"):
        return forwards
    known = [place for place in slices if lines_of(one, [place]) is not None]
    lines = lines_of(one, known)
    if lines is None or len(known) < 2 or not parallel(lines):
        return Order(forwards.slices, forwards.numbers, planned, "assumed")
    across = offsets(lines)
    steps = np.diff(across)
    if (steps > 0.0).any() and (steps >= 0.0).all():
        return Order(forwards.slices, forwards.numbers, planned, "derived")
    if (steps < 0.0).any() and (steps <= 0.0).all():
        turned = tuple(planned - 1 - number for number in reversed(forwards.numbers))
        return Order(tuple(reversed(slices)), turned, planned, "derived")
    if len(known) == len(slices) == planned and len(set(across.tolist())) == planned:
        placed = [slices[i] for i in np.argsort(across).tolist()]
        return Order(tuple(placed), tuple(range(planned)), planned, "derived")
    return Order(forwards.slices, forwards.numbers, planned, "assumed")


def _numbers(one: Series, most: int) -> tuple[dict[int, int], int]:
    """Place of each B-scan in the scan by slice, from 0, and how many were planned.

    The device states the place of each B-scan and how many there are. Slices count by two; those
    of a volume start at 0, that of a single B-scan is 2. Whether the device counts from 0 or 1 is
    told by what would leave the scan, or else by the slices.

    Raises:
        IngestError: The numbers contradict each other.
    """
    slices = sorted({*one.bscans, *one.lost})
    step = 1 if any(place % 2 for place in slices) else 2
    by_slice = {place: place // step for place in slices}
    said = {int(record["planned"]) for record in one.meta.values()}
    planned = said.pop() if len(said) == 1 else 0
    planned = planned if len(slices) <= planned <= most else 0
    if len(slices) == 1 and planned <= 1:
        return {slices[0]: 0}, 1
    stated = {place: int(one.meta[place]["number"]) for place in slices if place in one.meta}
    counts = [by_slice]
    if len(stated) == len(slices) == len(set(stated.values())):
        counts.insert(0, stated)
    for count in counts:
        found = _from_zero(count, by_slice, planned or most)
        if found is not None:
            return found, planned or max(found.values()) + 1
    if planned == len(slices):
        return {place: i for i, place in enumerate(slices)}, planned
    raise IngestError("damaged-file", "The numbers of the B-scans contradict each other.")


def _from_zero(
    count: dict[int, int], by_slice: dict[int, int], planned: int
) -> dict[int, int] | None:
    """Numbers below `planned` from numbers that start at 0 or at 1; None where neither fits."""
    fits = [
        base
        for base in (0, 1)
        if min(count.values()) >= base and max(count.values()) - base < planned
    ]
    if not fits:
        return None
    likely = [base for base in fits if all(count[p] - base == by_slice[p] for p in count)]
    base = (likely or fits)[0]
    return {place: number - base for place, number in count.items()}
