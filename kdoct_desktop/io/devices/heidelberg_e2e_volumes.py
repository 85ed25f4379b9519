"""From the series of a Heidelberg ``.e2e`` file to records of volumes."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.fields import LocalizerInfo, NoticeInfo, PatientInfo, VolumeInfo
from kdoct_desktop.io.devices.heidelberg_e2e_places import Order, lines_of, order_of, pattern_of
from kdoct_desktop.io.devices.heidelberg_e2e_series import Contents, Picture, Series
from kdoct_desktop.io.devices.heidelberg_vol_layout import LAYER_NAMES
from kdoct_desktop.io.devices.heidelberg_vol_times import acquired
from kdoct_desktop.io.dicom_geometry import AXIAL_MM
from kdoct_desktop.io.limits import Limits

_SMALLEST_LOCALIZER = 16
_FIELD_DEGREES = (5, 110)
"""Fields of view that a scanning laser ophthalmoscope has."""

_CONFLICT = NoticeInfo(
    "laterality-conflict",
    "Two sources disagree about the eye; find out which eye it is and correct the source.",
)
_LOST = NoticeInfo("missing-pixel-data", "The file holds no B-scan of this scan that can be read.")
_MIXED = NoticeInfo("size-mismatch", "The B-scans of the scan differ in size.")
_MANY = NoticeInfo("too-many-bscans", "The scan holds more B-scans than any real scan.")
_ORDER = NoticeInfo(
    "order-assumed", "The file states no positions; the B-scans are in the order of their numbers."
)
_FIELD = NoticeInfo(
    "scan-lines-unknown",
    "The file does not say how wide the localizer's field is; the B-scans are not drawn on it.",
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A volume and where its parts lie.

    Attributes:
        info: What is told of it.
        series: Its chunks.
        slices: Slice of each B-scan, in order.
        layers: Number of each of its layer boundaries.
    """

    info: VolumeInfo
    series: Series
    slices: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()


class Planner:
    """Makes volumes and counts the pictures that they need.

    Attributes:
        pictures: Every picture of the file that a volume needs, as volumes count them.
    """

    def __init__(self, contents: Contents, limits: Limits) -> None:
        self.pictures: list[Picture] = []
        self._contents = contents
        self._limits = limits

    def volumes(self) -> list[Planned]:
        """Every series that holds B-scans; numbers of the clinic's database are not shown."""
        studies: dict[tuple[int, int], int] = {}
        for one in self._contents.series:
            studies.setdefault(one.key[:2], len(studies))
        return [
            self._volume(one, key=f"series {count}", visit=f"study {studies[one.key[:2]]}")
            for count, one in enumerate(self._contents.series, start=1)
        ]

    def _volume(self, one: Series, *, key: str, visit: str) -> Planned:
        """One volume, or why it cannot be read."""
        pattern, source = pattern_of(one, sorted(one.bscans))
        order = self._order(one, pattern)
        if isinstance(order, NoticeInfo):
            return Planned(VolumeInfo(key, (), (), 0, 1, 1, refused=order), one)
        layers = _layers(one, order)
        axial = _axial(one)
        moment, moment_from, about_time = acquired(_ticks(one), math.nan)
        eye = next(iter(one.eyes)) if one.eyes else None
        info = self._pictured(one, order, key=key, pattern=pattern)
        info = replace(
            info,
            pattern_provenance=source,
            laterality=eye,
            laterality_provenance="device" if eye else "unknown",
            axial_mm=axial,
            spacing_provenance="device" if axial is not None else "unknown",
            layers=tuple(_layer_name(number) for number in layers),
            acquired=moment,
            acquired_provenance=moment_from,
            visit=visit,
            patient=self._contents.patients.get(one.key[0], PatientInfo()),
            device=self._device(one),
            notices=(*about_time, *_about_pattern(pattern, source, order), *info.notices),
        )
        return Planned(info, one, order.slices, layers)

    def _order(self, one: Series, pattern: str) -> Order | NoticeInfo:
        """The B-scans in order, or why the series cannot be read."""
        if (why := self._refused(one)) is not None:
            return why
        try:
            return order_of(one, pattern, self._limits.frames)
        except IngestError as error:
            return NoticeInfo(error.code, error.message)

    def _pictured(self, one: Series, order: Order, *, key: str, pattern: str) -> VolumeInfo:
        """The volume's pictures and where they lie."""
        first = one.bscans[order.slices[0]]
        localizer = self._localizer(one)
        degrees = None if pattern == "circle" else lines_of(one, order.slices)
        lines = _drawn(one, degrees, localizer=localizer)
        notices = list(_about_pictures(one, localizer))
        if localizer is not None and degrees is not None and not lines:
            notices.append(_FIELD)
        return VolumeInfo(
            key=key,
            pictures=tuple(self._count(one.bscans[place]) for place in order.slices),
            numbers=order.numbers,
            planned=order.planned,
            depth=first.rows,
            ascans=first.columns,
            pattern=pattern,
            order_provenance=order.provenance,
            localizer=localizer,
            lines=lines,
            notices=tuple(notices),
        )

    def _refused(self, one: Series) -> NoticeInfo | None:
        """Why a series cannot be read at all."""
        if len(one.eyes) > 1:
            return _CONFLICT
        if not one.bscans:
            return _LOST
        if len(one.bscans) + len(one.lost) > self._limits.frames:
            return _MANY
        sizes = {(picture.rows, picture.columns) for picture in one.bscans.values()}
        return _MIXED if len(sizes) > 1 else None

    def _count(self, picture: Picture) -> int:
        self.pictures.append(picture)
        return len(self.pictures) - 1

    def _localizer(self, one: Series) -> LocalizerInfo | None:
        """The localizer of the whole series, or the only one that a B-scan has."""
        picture = one.localizers.get(-1)
        if picture is None and len(one.localizers) == 1:
            (picture,) = one.localizers.values()
        if picture is None or min(picture.rows, picture.columns) < _SMALLEST_LOCALIZER:
            return None
        return LocalizerInfo(self._count(picture), "slo", (picture.rows, picture.columns))

    def _device(self, one: Series) -> str:
        """Only this maker writes the format; the model is a text of the study."""
        model = self._contents.devices.get(one.key[:2], "")
        return f"Heidelberg Engineering {model}".strip()[:100]


def _drawn(
    one: Series, lines: NDArray[np.float64] | None, *, localizer: LocalizerInfo | None
) -> tuple[tuple[float, float, float, float], ...]:
    """Scan lines in pixels of the localizer, where the file says how wide its field is.

    Positions are degrees from the centre; without the stated field of *this* localizer they say
    nothing about pixels (fields of 15, 20, 30 and 55 degrees exist).
    """
    if localizer is None or lines is None:
        return ()
    rows, columns = localizer.shape[:2]
    said = {degrees for *shape, degrees in one.fields if tuple(shape) == (rows, columns)}
    if len(said) != 1:
        return ()
    degrees = said.pop()
    if not _FIELD_DEGREES[0] <= degrees <= _FIELD_DEGREES[1]:
        return ()
    # the field is stated by its width; pixels are square, so its height has the same scale
    pixels = np.array((rows, columns), dtype=np.float64) / 2.0 + lines * (columns / degrees)
    return tuple(
        (float(a), float(b), float(c), float(d)) for a, b, c, d in pixels.reshape(-1, 4).tolist()
    )


def _axial(one: Series) -> float | None:
    """Distance between pixels in depth that all B-scans share; None where it is not sane."""
    said = [float(record["axial_mm"]) for record in one.meta.values()]
    if not said or not all(math.isfinite(value) for value in said):
        return None
    if max(said) > 1.01 * min(said) or not AXIAL_MM[0] <= min(said) <= max(said) <= AXIAL_MM[1]:
        return None
    return said[0]


def _ticks(one: Series) -> int:
    """When the first B-scan was taken, or else the series; 0 where neither is stated."""
    known = [int(record["time"]) for record in one.meta.values() if record["time"]]
    return min(known) if known else one.examined


def _layers(one: Series, order: Order) -> tuple[int, ...]:
    """Numbers of the boundaries that any B-scan has."""
    ascans = one.bscans[order.slices[0]].columns
    fits = one.contours["width"] == ascans
    fits &= np.isin(one.contours["slice"], order.slices)
    return tuple(np.unique(one.contours["layer"][fits]).tolist())


def _layer_name(number: int) -> str:
    return LAYER_NAMES[number] if number < len(LAYER_NAMES) else f"boundary {number + 1}"


def _about_pattern(pattern: str, source: str, order: Order) -> tuple[NoticeInfo, ...]:
    """What to tell of pattern, order and distances."""
    told = []
    if pattern == "unknown":
        text = "The file does not say how the B-scans lie; a macular volume is not certain."
        told.append(NoticeInfo("pattern-unknown", text))
    elif source == "derived" and pattern != "raster":
        text = f"The positions of the B-scans show a {pattern} scan."
        told.append(NoticeInfo("pattern-derived", text))
    if order.provenance == "assumed":
        told.append(_ORDER)
    if pattern == "raster" and len(order.slices) > 1:
        text = "The distance between B-scans is not known."
        told.append(NoticeInfo("bscan-distance-unknown", text))
    return tuple(told)


def _about_pictures(one: Series, localizer: LocalizerInfo | None) -> tuple[NoticeInfo, ...]:
    """What to tell of the localizer and of pictures that are left out."""
    told = []
    if localizer is None and len(one.localizers) > 1:
        text = "The scan has several localizers; none is shown."
        told.append(NoticeInfo("several-localizers", text))
    if one.unread:
        text = "The scan holds pictures of a kind that is not read."
        told.append(NoticeInfo("pictures-unread", text))
    return tuple(told)
