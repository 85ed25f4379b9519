"""Scan pattern and sampling distances of a DICOM volume, believed only within sane ranges."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.volume import Notice, Provenance, ScanPattern, Spacing
from kdoct_desktop.io.dicom_fields import FrameInfo
from kdoct_desktop.io.dicom_order import lines_of, offsets, parallel

AXIAL_MM = (0.001, 0.01)
"""Believable distance between pixels in depth."""
ASCAN_MM = (0.002, 0.06)
"""Believable distance between A-scans."""
BSCAN_MM = (0.004, 1.5)
"""Believable distance between B-scans."""
LOCALIZER_MM = (0.001, 0.1)
"""Believable size of a localizer's pixel."""

_BLOCKING = {
    ScanPattern.CIRCLE: "circle around the optic disc",
    ScanPattern.ONH: "scan of the optic disc",
    ScanPattern.ANTERIOR: "scan of the front of the eye",
    ScanPattern.ANGIOGRAPHY: "angiography volume",
}


def pattern_of(
    frames: Sequence[FrameInfo], stated: str | None, source: str | None
) -> tuple[ScanPattern, tuple[Notice, ...]]:
    """How the beam moved, from scan lines and from what the header states.

    A stated circle, disc, anterior or angiography scan is believed, because such a scan must not
    be analysed; else the lines decide, then the header, then the number of B-scans.

    Args:
        frames: In order.
        stated: Value of a ``ScanPattern``; None where nothing is stated.
        source: ``code`` or ``text``.

    Raises:
        IngestError: The frames are not B-scans.
    """
    drawn = _drawn(frames)
    told = ScanPattern(stated) if stated is not None else None
    basis = "its name" if source == "text" else "its codes"
    if told in _BLOCKING and told is not None:
        text = f"The device's protocol says, by {basis}, that this is a {_BLOCKING[told]}."
        return told, (Notice("pattern-stated", text),)
    if drawn is ScanPattern.RASTER:
        return drawn, ()
    if drawn is not None:
        text = f"The positions of the B-scans show a {drawn.value} scan."
        return drawn, (Notice("pattern-derived", text),)
    if told is not None:
        text = f"The device's protocol says, by {basis}, that this is a {told.value} scan."
        return told, (Notice("pattern-stated", text),)
    if len(frames) == 1:
        return ScanPattern.LINE, (Notice("pattern-derived", "The scan is a single B-scan."),)
    text = "The file does not say how the B-scans lie; a macular volume is not certain."
    return ScanPattern.UNKNOWN, (Notice("pattern-unknown", text),)


def pattern_provenance(pattern: ScanPattern, about: Sequence[Notice]) -> Provenance:
    """Where a pattern of :func:`pattern_of` came from.

    Args:
        pattern: The pattern.
        about: What was said about it.
    """
    if pattern is ScanPattern.UNKNOWN:
        return Provenance.UNKNOWN
    stated = any(notice.code == "pattern-stated" for notice in about)
    return Provenance.DEVICE if stated else Provenance.DERIVED


def _drawn(frames: Sequence[FrameInfo]) -> ScanPattern | None:
    """Pattern from the scan lines, or from plane positions; None where there are none."""
    if any(frame.orientation == "TRANSVERSE" for frame in frames):
        raise IngestError("not-bscans", "The pictures are en-face slices, not B-scans.")
    if any(frame.orientation == "NONLINEAR" or len(frame.coordinates) > 4 for frame in frames):
        return ScanPattern.CIRCLE
    lines = lines_of(frames)
    if lines is not None:
        return _straight(lines)
    planes = {frame.plane for frame in frames}
    if len(frames) > 1 and None not in planes and len(planes) == len(frames):
        return ScanPattern.RASTER
    return None


def _straight(lines: NDArray[np.float64]) -> ScanPattern | None:
    length = np.hypot(*(lines[:, 1] - lines[:, 0]).T)
    if length.min() <= 0.0:
        return None
    if len(lines) == 1:
        return ScanPattern.LINE
    middle = lines.mean(axis=1)
    if parallel(lines):
        return ScanPattern.LINE if np.ptp(offsets(lines)) < 1.0 else ScanPattern.RASTER
    away = np.hypot(*(middle - middle.mean(axis=0)).T).max()
    return ScanPattern.RADIAL if away < 0.1 * length.mean() else None


def spacing_of(
    frames: Sequence[FrameInfo],
    pattern: ScanPattern,
    localizer_mm: tuple[float, float] | None,
) -> tuple[Spacing, tuple[Notice, ...]]:
    """Sampling distances; what is not believable becomes unknown and is announced."""
    notices: list[Notice] = []
    pixel = _common([frame.spacing for frame in frames])
    axial, ascan = pixel if pixel is not None else (None, None)
    if axial is None or ascan is None:
        text = "The file states no usable pixel size; nothing can be measured."
        notices.append(Notice("not-calibrated", text))
    elif not (_within(axial, AXIAL_MM) and _within(ascan, ASCAN_MM)):
        text = "The pixel size in the file is not believable; nothing can be measured."
        notices.append(Notice("not-calibrated", text))
        axial = ascan = None
    bscan = None
    if pattern in (ScanPattern.RASTER, ScanPattern.UNKNOWN) and len(frames) > 1:
        bscan, derived = _between(frames, localizer_mm)
        if bscan is None:
            text = "The distance between B-scans is not known."
            notices.append(Notice("bscan-distance-unknown", text))
        elif derived:
            text = "The distance between B-scans is derived from their positions."
            notices.append(Notice("bscan-distance-derived", text))
    known = (bscan, axial, ascan) != (None, None, None)
    device = axial is not None
    provenance = Provenance.DEVICE if device else Provenance.DERIVED
    return (
        Spacing(bscan, axial, ascan, provenance if known else Provenance.UNKNOWN),
        tuple(notices),
    )


def _between(
    frames: Sequence[FrameInfo], localizer_mm: tuple[float, float] | None
) -> tuple[float | None, bool]:
    """Distance between neighbouring B-scans, and whether it is derived from positions."""
    lines = lines_of(frames)
    if lines is not None and localizer_mm is not None and parallel(lines):
        step = float(np.abs(np.diff(offsets(lines, localizer_mm))).mean())
        if _within(step, BSCAN_MM):
            return step, True
    if all(frame.plane is not None for frame in frames):
        planes = np.array([frame.plane for frame in frames], dtype=np.float64)
        step = float(np.linalg.norm(np.diff(planes, axis=0), axis=1).mean())
        if _within(step, BSCAN_MM):
            return step, True
    for values in ([f.between for f in frames], [f.thickness for f in frames]):
        if all(value is not None for value in values) and len(set(values)) == 1:
            value = values[0]
            if value is not None and _within(value, BSCAN_MM):
                return value, False
    return None, False


def localizer_pixel_mm(frame: FrameInfo) -> tuple[float, float] | None:
    """Size of a localizer's pixel (row, column); None where it is not believable."""
    spacing = frame.spacing
    if spacing is None or not all(_within(value, LOCALIZER_MM) for value in spacing):
        return None
    return spacing


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _common(
    values: Sequence[tuple[float, float] | None],
) -> tuple[float, float] | None:
    """The value that all frames share to within one percent; None where they do not."""
    if not values or any(value is None for value in values):
        return None
    table = np.array(values, dtype=np.float64)
    first = table[0]
    if np.any(np.abs(table - first) > 0.01 * np.abs(first)):
        return None
    return float(first[0]), float(first[1])
