"""How the B-scans of a Heidelberg export lie: pattern, order, gaps, distance and lines.

Both exports give start and end of each B-scan in millimetres from the upper left corner of the
localizer, Y downwards; for a circle they give a point on it and its centre instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.fields import NoticeInfo
from kdoct_desktop.io.dicom_geometry import BSCAN_MM, LOCALIZER_MM
from kdoct_desktop.io.dicom_order import offsets, parallel

Points = NDArray[np.float64]
"""Axes (bscan, start/end, Y/X) in millimetres; NaN where unknown."""

STRAIGHT = ("raster", "line", "radial")
"""Patterns whose B-scans are straight lines."""

_FARTHEST_MM = 100.0
_IRREGULAR = 0.2
_SINGLE = 1.5
_ROUNDING_MM = 0.01
_CONTRADICTION = 0.1


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the B-scans of one scan lie.

    Attributes:
        pattern: Value of a ``ScanPattern``.
        pattern_provenance: Value of a ``Provenance``.
        order: Place in the file of each B-scan, in order over the eye.
        order_provenance: Value of a ``Provenance``.
        by_position: The order follows from positions.
        numbers: Number of each B-scan, in that order, with gaps where a step is a multiple of the
            distance between neighbours, or where the numbers of the file have them.
        bscan_mm: Distance between neighbouring B-scans; None where unknown or not a raster.
        notices: What to tell.
    """

    pattern: str
    pattern_provenance: str
    order: tuple[int, ...]
    order_provenance: str
    by_position: bool
    numbers: tuple[int, ...]
    bscan_mm: float | None
    notices: tuple[NoticeInfo, ...]


def arranged(
    points: Points,
    stated: str | None,
    *,
    distance_mm: float | None = None,
    counts: Sequence[int] = (),
    most: int,
) -> Arrangement:
    """Put the B-scans of one scan in order.

    Args:
        points: Where each B-scan lies, in the order of the file.
        stated: Pattern as the file states it; None where it states none: then positions tell.
        distance_mm: Distance between B-scans as the file states it.
        counts: Number of each B-scan as the file states it; empty where it does not number all.
        most: Most B-scans that a scan may have been planned with.
    """
    straight = stated in (None, *STRAIGHT) and are_straight(points)
    pattern, provenance, notices = _pattern(points, stated, straight=straight)
    places: NDArray[np.float64] | None = None
    if pattern == "raster" and straight and len(points) > 1 and parallel(points):
        places = offsets(points)
    if places is None or not _apart(places):
        told = (pattern, provenance, notices)
        return _as_it_comes(len(points), told, distance_mm)
    order = tuple(int(at) for at in np.argsort(places, kind="stable"))
    steps = np.diff(places[list(order)])
    counted = np.diff([counts[at] for at in order]) if counts else None
    numbers = _numbers(steps, counted, believed(distance_mm, BSCAN_MM), most)
    derived = float(steps.sum()) / numbers[-1]
    distance = _distance(derived, distance_mm, pattern, len(points), notices)
    return Arrangement(
        pattern, provenance, order, "derived", True, numbers, distance, tuple(notices)
    )


def _as_it_comes(
    count: int, told: tuple[str, str, list[NoticeInfo]], distance_mm: float | None
) -> Arrangement:
    """B-scans that no position puts in order.

    Args:
        count: How many there are.
        told: Pattern, its provenance, and what was said so far.
        distance_mm: As the file states it.
    """
    pattern, provenance, notices = told
    sure = count == 1 or pattern not in ("raster", "unknown")
    if not sure:
        text = "The file states no positions; the B-scans are in the order of the file."
        notices.append(NoticeInfo("order-assumed", text))
    distance = _distance(None, distance_mm, pattern, count, notices)
    order = tuple(range(count))
    order_provenance = "device" if sure else "assumed"
    return Arrangement(
        pattern, provenance, order, order_provenance, False, order, distance, tuple(notices)
    )


def are_straight(points: Points) -> bool:
    """True when all positions are known and none of the B-scans begins where it ends."""
    known = np.abs(points) <= _FARTHEST_MM  # False for NaN, too
    if len(points) == 0 or not known.all():
        return False
    return bool(np.hypot(*(points[:, 1] - points[:, 0]).T).min() > 0.0)


def lines_on(
    points: Points, order: Sequence[int], pixel_mm: tuple[float, float] | None
) -> tuple[tuple[float, float, float, float], ...]:
    """Scan lines in pixels of the localizer from 0; empty where they cannot be told.

    Args:
        points: Where each B-scan lies, in the order of the file.
        order: Place in the file of each B-scan wanted.
        pixel_mm: Size of a pixel of the localizer (row, column).
    """
    if pixel_mm is None or not are_straight(points):
        return ()
    rows = (points[list(order)] / np.array(pixel_mm)).reshape(-1, 4).tolist()
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


def believed(value: float | None, bounds: tuple[float, float]) -> float | None:
    """A length in millimetres within its sane range; None where it is not."""
    return value if value is not None and bounds[0] <= value <= bounds[1] else None


def pixel_size(rows_mm: float | None, columns_mm: float | None) -> tuple[float, float] | None:
    """Size of a localizer's pixel (row, column); None where it is not believable."""
    row, column = believed(rows_mm, LOCALIZER_MM), believed(columns_mm, LOCALIZER_MM)
    return (row, column) if row is not None and column is not None else None


def _pattern(
    points: Points, stated: str | None, *, straight: bool
) -> tuple[str, str, list[NoticeInfo]]:
    """The pattern, where it comes from, and what to tell about that."""
    if stated is not None and stated != "unknown":
        return stated, "device", []
    drawn = _drawn(points) if stated is None and straight and len(points) > 1 else None
    if drawn is None:
        text = "The file does not say how the B-scans lie; a macular volume is not certain."
        return "unknown", "unknown", [NoticeInfo("pattern-unknown", text)]
    text = f"The positions of the B-scans show a {drawn} scan."
    return drawn, "derived", [] if drawn == "raster" else [NoticeInfo("pattern-derived", text)]


def _drawn(points: Points) -> str | None:
    """Pattern that several straight B-scans draw."""
    if parallel(points):
        return "line" if np.ptp(offsets(points)) < BSCAN_MM[0] else "raster"
    middle = points.mean(axis=1)
    away = np.hypot(*(middle - middle.mean(axis=0)).T).max()
    length = np.hypot(*(points[:, 1] - points[:, 0]).T).mean()
    return "radial" if away < 0.1 * length else None


def _apart(places: NDArray[np.float64]) -> bool:
    """True when no two B-scans lie at the same place."""
    ordered = np.sort(places)
    extent = float(ordered[-1] - ordered[0])
    return extent > 0.0 and bool(np.diff(ordered).min() > 1e-4 * extent)


def _numbers(
    steps: NDArray[np.float64],
    counted: NDArray[np.int64] | None,
    stated_mm: float | None,
    most: int,
) -> tuple[int, ...]:
    """Numbers from 0 with gaps where B-scans are missing.

    Positions alone cannot tell a scan that lacks every second B-scan from a wider one, so what
    the file states comes first: its numbers, unless regular positions contradict them, then its
    distance. Without either, the smallest steps are taken for those between neighbours.

    Args:
        steps: Millimetres from each B-scan to the next, all positive.
        counted: Differences of the file's own numbers, in the same order.
        stated_mm: Distance between neighbours as the file states it.
        most: Most B-scans that a scan may have been planned with.
    """
    if counted is not None:
        # numbers may run against the positions: these devices scan from the bottom upwards
        counted = -counted if counted[0] < 0 else counted
        if counted.min() < 1 or counted.sum() >= most:
            counted = None
    if counted is not None:
        unit = steps.sum() / counted.sum()
        off = np.abs(steps - counted * unit).max()
        if off <= max(_IRREGULAR * unit, _ROUNDING_MM):
            return _summed(counted)
    # a median of the smallest steps, because coordinates are rounded
    single = float(np.median(steps[steps <= _SINGLE * steps.min()]))
    for unit in (single,) if stated_mm is None else (stated_mm, single):
        whole = np.rint(steps / unit)
        regular = whole.min() >= 1.0 and np.abs(steps / unit - whole).max() < _IRREGULAR
        if regular and whole.sum() < most:
            return _summed(whole)
    return _summed(counted if counted is not None else np.ones(len(steps)))


def _summed(steps: NDArray[np.int64] | NDArray[np.float64]) -> tuple[int, ...]:
    """Numbers from 0 that lie whole steps apart."""
    return (0, *(int(number) for number in np.cumsum(steps)))


def _distance(
    derived: float | None,
    stated: float | None,
    pattern: str,
    count: int,
    notices: list[NoticeInfo],
) -> float | None:
    """Distance between neighbouring B-scans of a raster; adds to `notices` what to tell of it."""
    if pattern != "raster" or count == 1:
        return None
    stated, derived = believed(stated, BSCAN_MM), believed(derived, BSCAN_MM)
    if stated is not None and derived is not None:
        if abs(stated - derived) <= _CONTRADICTION * stated:
            return stated
        text = "The file contradicts itself about the distance between B-scans."
        notices.append(NoticeInfo("bscan-distance-unknown", text))
        return None
    if derived is not None:
        text = "The distance between B-scans is derived from their positions."
        notices.append(NoticeInfo("bscan-distance-derived", text))
    elif stated is None:
        text = "The distance between B-scans is not known."
        notices.append(NoticeInfo("bscan-distance-unknown", text))
    return stated if stated is not None else derived
