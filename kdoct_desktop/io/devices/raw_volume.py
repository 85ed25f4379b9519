"""What the formats share that hold their B-scans in a row and say little about them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.fields import NoticeInfo, VolumeInfo
from kdoct_desktop.io.dicom_geometry import ASCAN_MM, AXIAL_MM, BSCAN_MM
from kdoct_desktop.io.limits import Limits

ORDER_ASSUMED = NoticeInfo(
    "order-assumed", "The file states no positions; the B-scans are in the order of the file."
)
PATTERN_UNKNOWN = NoticeInfo(
    "pattern-unknown",
    "The file does not say how the B-scans lie; a macular volume is not certain.",
)
LATERALITY_CONFLICT = NoticeInfo(
    "laterality-conflict",
    "Two sources disagree about the eye; find out which eye it is and correct the source.",
)
_EYE = re.compile(r"(?:^|_)(OD|OS)(?=[_.]|$)", re.IGNORECASE)
_BOUNDS = (BSCAN_MM, AXIAL_MM, ASCAN_MM)

_MOST_VOLUMES = 32
"""As many volumes of the most B-scans that one may have may come in one file."""


def plain_volume(
    key: str,
    shape: tuple[int, int, int],
    *,
    first: int = 0,
    pattern: str,
    told: str = "derived",
    deep: bool = False,
    notices: Sequence[NoticeInfo] = (),
) -> VolumeInfo:
    """A complete scan whose B-scans are in the order of the file.

    Args:
        key: See ``VolumeInfo``.
        shape: Axes (bscan, depth, ascan).
        first: Number of its first picture among those of the file.
        pattern: Value of a ``ScanPattern``.
        told: Where the pattern comes from, if it is known.
        deep: Stored values are deeper than 8 bits.
        notices: What else to tell; what follows from the rest is added.
    """
    bscans, depth, ascans = shape
    unknown = pattern == "unknown"
    order = (ORDER_ASSUMED,) if bscans > 1 else ()
    return VolumeInfo(
        key=key,
        pictures=tuple(range(first, first + bscans)),
        numbers=tuple(range(bscans)),
        planned=bscans,
        depth=depth,
        ascans=ascans,
        pattern=pattern,
        pattern_provenance="unknown" if unknown else told,
        order_provenance="assumed" if bscans > 1 else "unknown",
        narrow_check=deep,
        notices=(*order, *((PATTERN_UNKNOWN,) if unknown else ()), *notices),
    )


def with_eye(volume: VolumeInfo, eyes: Collection[str], provenance: str) -> VolumeInfo:
    """The volume with its eye; unknown where there is none, refused where there are two."""
    if len(eyes) > 1:
        return replace(volume, refused=LATERALITY_CONFLICT)
    return (
        replace(volume, laterality=next(iter(eyes)), laterality_provenance=provenance)
        if (eyes)
        else volume
    )


def eyes_in(name: str) -> set[str]:
    """The eyes that a file's name states, between underscores."""
    return {eye.upper() for eye in _EYE.findall(name)}


def with_spacing(
    volume: VolumeInfo,
    spacing_mm: tuple[float | None, float | None, float | None],
    provenance: str,
) -> VolumeInfo:
    """The volume with its sampling distances (bscan, axial, ascan), as far as they can be true."""
    bscan, axial, ascan = (
        value if value is not None and low <= value <= high else None
        for value, (low, high) in zip(spacing_mm, _BOUNDS, strict=True)
    )
    known = (bscan, axial, ascan) != (None, None, None)
    return replace(
        volume,
        bscan_mm=bscan,
        axial_mm=axial,
        ascan_mm=ascan,
        spacing_provenance=provenance if known else "unknown",
    )


def with_time(volume: VolumeInfo, parts: Sequence[int], provenance: str) -> VolumeInfo:
    """The volume with its time: year, month, day, hour, minute, second; unknown if there is none.

    Devices that made such files are not older than 1990; an unset clock is not believed.
    """
    try:
        year, month, day, hour, minute, second = parts
        when = datetime(year, month, day, hour, minute, second)
    except (ValueError, OverflowError):
        return volume
    if when.year < 1990:
        return volume
    return replace(volume, acquired=when.isoformat(), acquired_provenance=provenance)


def check_shape(shape: tuple[int, int, int], *, value_bytes: int, limits: Limits) -> int:
    """Hold the sizes (bscan, depth, ascan) that a file claims against the limits.

    Returns:
        Bytes of one B-scan as stored.

    Raises:
        IngestError: There is no B-scan, or more than any real scan holds.
    """
    bscans, depth, ascans = shape
    if min(shape) < 1:
        raise IngestError("no-bscans", "The file holds no B-scan.")
    if bscans > limits.frames:
        raise IngestError("too-many-bscans", "The file claims more B-scans than any real scan.")
    picture = depth * ascans * value_bytes
    too_large = picture > limits.picture_bytes or picture * bscans > limits.volume_bytes
    if max(depth, ascans) > limits.rows or too_large:
        raise IngestError("too-large", "The file claims more pixels than any real scan holds.")
    return picture


def check_sum(pictures: int, limits: Limits) -> None:
    """Hold the B-scans of all volumes of a file together against the limits.

    Tiny ones cost few bytes, so a small file may claim millions, each with a record of its own.

    Raises:
        IngestError: They are more than any real file holds.
    """
    if pictures > _MOST_VOLUMES * limits.frames:
        raise IngestError("too-many-bscans", "The file claims more B-scans than any real file.")
