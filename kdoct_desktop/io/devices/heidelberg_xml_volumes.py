"""From one series of a HEYEX XML export to what is told of its volume."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.fields import LocalizerInfo, NoticeInfo, PatientInfo, VolumeInfo
from kdoct_desktop.io.devices.heidelberg_geometry import (
    STRAIGHT,
    Arrangement,
    arranged,
    believed,
    lines_on,
    pixel_size,
)
from kdoct_desktop.io.devices.heidelberg_xml_fields import ImageFields, SeriesFields, eye_of
from kdoct_desktop.io.devices.heidelberg_xml_pictures import Pictures
from kdoct_desktop.io.dicom_geometry import ASCAN_MM, AXIAL_MM
from kdoct_desktop.io.limits import Limits

SHARED = NoticeInfo(
    "shared-pictures", "Two B-scans of the export name the same picture; export it again."
)
_CONFLICT = NoticeInfo(
    "laterality-conflict",
    "Two sources disagree about the eye; find out which eye it is and correct the source.",
)
_GONE = NoticeInfo(
    "missing-pictures",
    "None of the pictures of a scan lies beside the XML file; copy the whole export.",
)
_SIZES = NoticeInfo("size-mismatch", "The B-scans of a scan differ in size; export it again.")
_LARGE = NoticeInfo("too-large", "The file claims more pixels than any real scan.")


_MOST_LAYERS = 64


@dataclass(frozen=True, slots=True)
class Context:
    """What an export says about a volume outside of its series.

    Attributes:
        key: Tells this volume apart.
        visit: Tells its visit apart.
        patient: Who was scanned.
        software: What wrote the export.
    """

    key: str
    visit: str
    patient: PatientInfo
    software: str | None


@dataclass(frozen=True, slots=True)
class Scan:
    """A volume with what is needed to decode its layers.

    Attributes:
        info: What is told of it.
        bscans: The images whose pictures are there, in order.
    """

    info: VolumeInfo
    bscans: tuple[ImageFields, ...]


def scan_of(series: SeriesFields, context: Context, *, pictures: Pictures, limits: Limits) -> Scan:
    """The volume of a series that has B-scans; never fails, but may be refused.

    Args:
        series: The series.
        context: What else is said about it.
        pictures: The pictures beside the export.
        limits: What is accepted.
    """
    listed = series.bscans
    ends = [[np.nan if value is None else value for value in image.position] for image in listed]
    points = np.array(ends, np.float64).reshape(-1, 2, 2)
    counts = _counts(series)
    lie = arranged(points, series.pattern, counts=counts, most=limits.frames)
    found = [pictures.number(listed[at]) for at in lie.order]
    numbers, planned = _numbers(series, counts, lie, limits=limits)
    kept = [at for at, number in enumerate(found) if number is not None]
    bscans = tuple(listed[lie.order[at]] for at in kept)
    localizer, about_localizer = _localizer(series, pictures)
    pixel_mm = localizer.pixel_mm if localizer is not None else None
    info = VolumeInfo(
        key=context.key,
        pictures=tuple(number for number in found if number is not None),
        numbers=tuple(numbers[at] for at in kept),
        planned=planned,
        depth=0,
        ascans=0,
        order_provenance=lie.order_provenance,
        localizer=localizer,
        lines=lines_on(points, [lie.order[at] for at in kept], pixel_mm)
        if lie.pattern in STRAIGHT
        else (),
        visit=context.visit,
        patient=context.patient,
        device=series.device,
        software=context.software,
        notices=(*lie.notices, *about_localizer),
    )
    info = _with_pattern(_with_time(_with_scale(info, listed, lie), series), series, lie)
    return Scan(_with_size(_with_eye(info, series), bscans, pictures, limits=limits), bscans)


def _counts(series: SeriesFields) -> tuple[int, ...]:
    """Number of each listed B-scan among the B-scans; empty where not all are numbered.

    A localizer may take a number between two B-scans; that is no B-scan that is missing.
    """
    stated = [image.number for image in series.bscans if image.number is not None]
    if len(stated) < len(series.bscans):
        return ()
    taken = {image.number for image in series.images if image.number is not None}
    others = sorted(taken.difference(stated))
    return tuple(number - bisect_left(others, number) for number in stated)


def _numbers(
    series: SeriesFields, counts: Sequence[int], lie: Arrangement, *, limits: Limits
) -> tuple[tuple[int, ...], int]:
    """Number of each listed B-scan in the scan as planned, and how many were planned."""
    numbers = lie.numbers
    if counts and not lie.by_position:  # in the order of the file, then
        steps = np.diff(counts)
        if np.all(steps > 0) and counts[-1] - counts[0] < limits.frames:
            numbers = tuple(count - counts[0] for count in counts)
    expected = series.expected - (len(series.images) - len(lie.order))
    return numbers, max(numbers[-1] + 1, min(expected, limits.frames))


def _with_scale(info: VolumeInfo, listed: Sequence[ImageFields], lie: Arrangement) -> VolumeInfo:
    axial = believed(_common([image.pixel_mm[0] for image in listed]), AXIAL_MM)
    ascan = believed(_common([image.pixel_mm[1] for image in listed]), ASCAN_MM)
    known = axial is not None or ascan is not None
    derived = "derived" if lie.bscan_mm is not None else "unknown"
    return replace(
        info,
        bscan_mm=lie.bscan_mm,
        axial_mm=axial,
        ascan_mm=ascan,
        spacing_provenance="device" if known else derived,
    )


def _common(values: Sequence[float | None]) -> float | None:
    """The value that all share to within one percent; None where they do not."""
    first = values[0]
    if first is None or any(v is None or abs(v - first) > 0.01 * abs(first) for v in values):
        return None
    return first


def _with_time(info: VolumeInfo, series: SeriesFields) -> VolumeInfo:
    """Day of the series with the clock of its first B-scan, or the day alone."""
    if series.day is None:
        return info
    clock = series.bscans[0].clock
    seconds = int(clock or 0.0)
    time = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    provenance = "device" if clock is None else "derived"
    return replace(info, acquired=f"{series.day}T{time}", acquired_provenance=provenance)


def _with_pattern(info: VolumeInfo, series: SeriesFields, lie: Arrangement) -> VolumeInfo:
    if series.elsewhere is None:
        return replace(info, pattern=lie.pattern, pattern_provenance=lie.pattern_provenance)
    text = "The export names another tissue or procedure than that of a macular scan."
    return replace(
        info,
        pattern=series.elsewhere,
        pattern_provenance="device",
        notices=(*info.notices, NoticeInfo("pattern-stated", text)),
    )


def _with_eye(info: VolumeInfo, series: SeriesFields) -> VolumeInfo:
    """The eye, from the series, its B-scans and its localizers; any two must agree."""
    own = _eyes([series.eye, *(image.eye for image in series.bscans)])
    every = own | _eyes([image.eye for image in series.images])
    if len(every) > 1:
        return replace(info, refused=_CONFLICT)
    (eye,) = every or {None}
    if eye not in ("OD", "OS"):
        return info
    return replace(info, laterality=eye, laterality_provenance="device" if own else "derived")


def _eyes(codes: Sequence[str | None]) -> set[str | None]:
    """The eyes that codes mean; both at once is a statement of its own."""
    told = {eye_of(code) or ("both" if (code or "").upper() == "B" else None) for code in codes}
    return told - {None}


def _localizer(
    series: SeriesFields, pictures: Pictures
) -> tuple[LocalizerInfo | None, tuple[NoticeInfo, ...]]:
    """The infrared picture of the series, or else another; what to tell where there is none."""
    listed = [image for image in series.images if image.kind == "LOCALIZER"]
    for image in sorted(listed, key=lambda image: image.light != "IR"):
        number = pictures.number(image)
        if number is None:
            continue
        try:
            shape = pictures.shape(number)
        except IngestError as error:
            text = f"The localizer cannot be shown: {error.message}"
            return None, (NoticeInfo("localizer-unreadable", text),)
        scale = pixel_size(*image.pixel_mm) if image.size == shape[:2] else None
        return LocalizerInfo(number, "slo", shape, scale, pictures.loss(number)), ()
    if not listed:
        return None, ()
    text = "The localizer cannot be shown: its picture does not lie beside the XML file."
    return None, (NoticeInfo("localizer-unreadable", text),)


def _with_size(
    info: VolumeInfo, bscans: Sequence[ImageFields], pictures: Pictures, *, limits: Limits
) -> VolumeInfo:
    """The size of the B-scans as stated, or else as the first picture has it; or why not."""
    if info.refused is not None:
        return info
    if not bscans:
        return replace(info, refused=_GONE)
    if len(set(info.pictures)) < len(info.pictures):
        return replace(info, refused=SHARED)
    depth, ascans = bscans[0].size
    if any(image.size != (depth, ascans) for image in bscans):
        return replace(info, refused=_SIZES)
    if not depth or not ascans:
        try:
            depth, ascans = pictures.shape(info.pictures[0])[:2]
        except IngestError as error:
            return replace(info, refused=NoticeInfo(error.code, error.message))
    pixels = depth * ascans
    many = len(bscans) > limits.frames or len(bscans) * pixels > limits.volume_bytes
    if many or max(depth, ascans) > limits.rows or pixels > limits.picture_bytes:
        return replace(info, refused=_LARGE)
    lossy = pictures.loss(info.pictures[0])
    return _with_layers(replace(info, depth=depth, ascans=ascans, lossy=lossy), bscans, limits)


def _with_layers(info: VolumeInfo, bscans: Sequence[ImageFields], limits: Limits) -> VolumeInfo:
    """Names of all layers that any B-scan has, unless they are more than there can be."""
    names = tuple(dict.fromkeys(name for image in bscans for name, _ in image.layers))
    heights = len(names) * len(bscans) * info.ascans
    if len(names) <= _MOST_LAYERS and 4 * heights <= limits.picture_bytes:
        return replace(info, layers=names)
    text = "The layers that the device found cannot be shown: they are too many."
    notice = NoticeInfo("layers-unreadable", text)
    return replace(info, notices=(*info.notices, notice))
