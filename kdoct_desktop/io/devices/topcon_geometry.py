"""Topcon files: scan pattern, sampling distances, order and positions of the B-scans.

Codes of how the beam moved: UOCTE's documentation knows 0 (line), 2 (volume), 3 (radial lines),
7 (seven lines) and 11 (two bundles of five lines), oct-converter also 4 (cross). Codes of what the
eye looked at: retimat (MIT) knows 1 (disc), 2 (macula) and 16 (external). Only 2 and 2 were seen
on a file of a device. Any other code is unknown.
"""

import math
from collections.abc import Set
from dataclasses import dataclass

from kdoct_desktop.io.devices.fields import NoticeInfo
from kdoct_desktop.io.devices.topcon_bscans import Bscans
from kdoct_desktop.io.devices.topcon_fundus import Fundus
from kdoct_desktop.io.devices.topcon_records import Extent, Facts
from kdoct_desktop.io.dicom_geometry import ASCAN_MM, AXIAL_MM, BSCAN_MM, LOCALIZER_MM

_VOLUME = 2
_MODES = {0: "line", _VOLUME: "raster", 3: "radial", 7: "raster"}
_DISC, _EXTERNAL = 1, 16

Line = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the B-scans lie; see ``VolumeInfo``."""

    pattern: str
    pattern_provenance: str
    order_provenance: str
    bscan_mm: float | None
    axial_mm: float | None
    ascan_mm: float | None
    localizer_mm: tuple[float, float] | None
    lines: tuple[Line, ...]
    notices: tuple[NoticeInfo, ...]

    @property
    def scaled(self) -> bool:
        """Any distance is known."""
        return (self.bscan_mm, self.axial_mm, self.ascan_mm) != (None, None, None)


def geometry_of(
    bscans: Bscans, facts: Facts, fundus: Fundus | None, *, kind: str, angiography: bool
) -> Geometry:
    """How the B-scans of a file lie.

    Args:
        bscans: The B-scans.
        facts: What the small records say.
        fundus: The picture of the fundus.
        kind: Three letters at the beginning of the file.
        angiography: The file holds a volume of blood flow as well.
    """
    modes = set(facts.modes) | ({bscans.mode} if bscans.mode is not None else set())
    count = len(bscans.spans)
    if kind == "FAA" or facts.fixation == _EXTERNAL:
        told = _stated("anterior", "scan of the front of the eye")
    elif angiography:
        told = _stated("angiography", "angiography volume")
    elif facts.fixation == _DISC:
        told = _stated("onh", "scan of the optic disc")
    else:
        told = _moved(modes, count)
    volume = modes == {_VOLUME}
    x_mm, y_mm, z_mm = _sides(facts.extent)
    return Geometry(
        pattern=told.pattern,
        pattern_provenance=told.provenance,
        order_provenance="assumed" if count > 1 else "device",
        bscan_mm=_believed(y_mm / count, BSCAN_MM) if volume and count > 1 else None,
        axial_mm=_believed(z_mm, AXIAL_MM),
        ascan_mm=_believed(x_mm / bscans.columns, ASCAN_MM),
        localizer_mm=_pixel_mm(fundus, x_mm, y_mm) if volume else None,
        lines=_lines(fundus, count) if volume and count > 1 else (),
        notices=(*told.notices, *_doubts(fundus, count)),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    pattern: str
    provenance: str
    notices: tuple[NoticeInfo, ...] = ()


def _stated(pattern: str, words: str) -> _Told:
    """A scan that must not be analysed."""
    text = f"The file says, by its codes, that this is a {words}."
    return _Told(pattern, "device", (NoticeInfo("pattern-stated", text),))


def _moved(modes: Set[int], count: int) -> _Told:
    """The pattern by the codes of how the beam moved."""
    if len(modes) > 1:
        text = "Two parts of the file disagree about how the B-scans lie."
        return _Told("unknown", "unknown", (NoticeInfo("pattern-unknown", text),))
    if count == 1:
        text = "The scan is a single B-scan."
        return _Told("line", "derived", (NoticeInfo("pattern-derived", text),))
    pattern = next((_MODES[mode] for mode in modes if mode in _MODES), None)
    if pattern is None:
        text = "The file does not say how the B-scans lie; a macular volume is not certain."
        return _Told("unknown", "unknown", (NoticeInfo("pattern-unknown", text),))
    return _Told(pattern, "device")


def _sides(extent: Extent | None) -> tuple[float, float, float]:
    """Sides of the field, and one pixel in depth; not a number where not stated."""
    return (extent.x_mm, extent.y_mm, extent.z_mm) if extent is not None else (math.nan,) * 3


def _believed(value: float, bounds: tuple[float, float]) -> float | None:
    return value if bounds[0] <= value <= bounds[1] else None


def _pixel_mm(fundus: Fundus | None, x_mm: float, y_mm: float) -> tuple[float, float] | None:
    """Size of a pixel of the picture (row, column), from the box and the sides of the field."""
    if fundus is None or fundus.box is None or not fundus.fits:
        return None
    left, top, right, bottom = fundus.box
    row = _believed(y_mm / (bottom - top + 1), LOCALIZER_MM)
    column = _believed(x_mm / (right - left + 1), LOCALIZER_MM)
    return (row, column) if row is not None and column is not None else None


def _lines(fundus: Fundus | None, count: int) -> tuple[Line, ...]:
    """Rows of the box, each in the middle of its share of it, the first at the top."""
    if fundus is None or fundus.box is None or not fundus.fits:
        return ()
    left, top, right, bottom = fundus.box
    step = (bottom - top + 1) / count
    rows = (top - 0.5 + (number + 0.5) * step for number in range(count))
    return tuple((row, float(left), row, float(right)) for row in rows)


def _doubts(fundus: Fundus | None, count: int) -> list[NoticeInfo]:
    """What the file leaves open."""
    doubts = []
    if count > 1:
        text = "The file states no positions; its B-scans are taken to run from top to bottom."
        doubts.append(NoticeInfo("order-assumed", text))
    if fundus is not None and fundus.box is not None and not fundus.fits:
        text = "The positions of the B-scans lie outside of the localizer; they are not shown."
        doubts.append(NoticeInfo("scan-lines-outside", text))
    return doubts
