"""In the reading process: height maps, the layers that a device or a program found (PS3.3 A.91).

Read are maps of one scan: 32-bit values, a frame a boundary, a row a B-scan.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.dicom_fields import HeightsInfo
from kdoct_desktop.io.dicom_gate import UNDEFINED, Gated, truncated
from kdoct_desktop.io.limits import Limits

_MOST_BOUNDARIES = 64


@dataclass(frozen=True, slots=True)
class Heights:
    """Where a height map's values lie.

    Attributes:
        path: File that holds them.
        offset: Of the first value.
        shape: Axes (boundary, row, column).
        padding: Values from the first to the second stand for no height.
        bscans: Frame of the tomography, from 1, that each row belongs to; empty for row by row.
    """

    path: Path
    offset: int
    shape: tuple[int, int, int]
    padding: tuple[float, float]
    bscans: tuple[int, ...]


def heights_of(gated: Gated, data: Dataset, limits: Limits) -> tuple[Heights, HeightsInfo]:
    """Check the description of a height map and find its values.

    Raises:
        IngestError: Something is missing, impossible, unsupported or beyond the limits.
    """
    frames, rows, columns = (_integer(data, word) for word in ("NumberOfFrames", "Rows", "Columns"))
    if not 1 <= frames <= _MOST_BOUNDARIES or min(rows, columns) < 1:
        raise _not_read()
    size = 4 * frames * rows * columns
    if rows > limits.frames or columns > limits.rows or size > limits.picture_bytes:
        raise IngestError("too-large", "The file claims larger layers than any real scan has.")
    if not gated.floating or gated.pixels is None or _integer(data, "BitsAllocated") != 32:
        raise _not_read()
    if gated.pixel_bytes == UNDEFINED:
        raise _not_read()
    if gated.pixel_bytes < size:
        raise truncated()
    source, bscans = _source(data)
    if bscans and (len(bscans) != rows or len(set(bscans)) != rows):
        raise _not_read()
    first = _real(data, "FloatPixelPaddingValue")
    last = _real(data, "FloatPixelPaddingRangeLimit")
    padding = (np.nan, np.nan) if first is None else (first, first if last is None else last)
    place = Heights(gated.path, gated.pixels, (frames, rows, columns), padding, bscans)
    return place, HeightsInfo(source, _names(data, frames), bscans, rows, columns)


def read_layers(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """Heights of the B-scans ``arguments["bscans"]`` of a tomography, frames from 0, in that order.

    float32, little endian, NaN for none, axes (boundary, bscan, ascan), with ``shape``.

    Raises:
        IngestError: They cannot be read.
    """
    from kdoct_desktop.io.dicom_header import read_header

    path = arguments["path"]
    if path not in work.parsed:
        for _ in read_header(work, arguments):
            pass
    place = work.parsed[path]
    if not isinstance(place, Heights):
        raise IngestError("not-dicom", "The file changed while it was read.")
    with place.path.open("rb") as stream:
        stream.seek(place.offset)
        values = np.fromfile(stream, "<f4", count=int(np.prod(place.shape)))
    if values.size != int(np.prod(place.shape)):
        raise truncated()
    row_of = {bscan - 1: row for row, bscan in enumerate(place.bscans)}
    order = [row_of.get(at, -1) if place.bscans else at for at in arguments["bscans"]]
    if min(order) < 0 or max(order) >= place.shape[1]:
        raise _not_read()
    rows = values.reshape(place.shape)[:, order]
    low, high = sorted(place.padding)
    rows = np.ascontiguousarray(np.where((rows >= low) & (rows <= high), np.float32(np.nan), rows))
    yield {"shape": list(rows.shape)}, rows.astype("<f4", copy=False).data


def _source(data: Dataset) -> tuple[str, tuple[int, ...]]:
    """The only tomography that the map belongs to, and its frames row by row."""
    holders = [*_items(data, "SharedFunctionalGroupsSequence")]
    holders += _items(data, "PerFrameFunctionalGroupsSequence")
    sources = {
        (str(image.get("ReferencedSOPInstanceUID") or ""), _frames(image))
        for holder in holders
        for derivation in _items(holder, "DerivationImageSequence")
        for image in _items(derivation, "SourceImageSequence")
    }
    if len(sources) != 1:
        raise _not_read()
    (found,) = sources
    return found


def _frames(image: Dataset) -> tuple[int, ...]:
    value = image.get("ReferencedFrameNumber")
    if value is None or value == "":
        return ()
    several = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    try:
        return tuple(int(number) for number in several)
    except (TypeError, ValueError) as error:
        raise _not_read() from error


def _names(data: Dataset, frames: int) -> tuple[str, ...]:
    """The label of the boundary in each frame."""
    labels = {
        _integer(one, "SegmentNumber"): str(one.get("SegmentLabel") or "")
        for one in _items(data, "SegmentSequence")
    }
    groups = _items(data, "PerFrameFunctionalGroupsSequence")
    numbers = [
        _integer(segment, "ReferencedSegmentNumber")
        for group in groups
        for segment in _items(group, "SegmentIdentificationSequence")
    ]
    if not groups and frames == 1:
        numbers = list(labels)
    if len(numbers) != frames or len(set(numbers)) != frames or not set(numbers) <= set(labels):
        raise _not_read()
    return tuple(
        "".join(letter for letter in labels[number] if letter.isprintable())[:64].strip()
        or f"boundary {number}"
        for number in numbers
    )


def _not_read() -> IngestError:
    text = "The layers in the file are described in a way that is not read."
    return IngestError("layers-unreadable", text)


def _items(data: Dataset, keyword: str) -> list[Dataset]:
    value = data.get(keyword)
    if value is None or isinstance(value, str | bytes):
        return []
    return [item for item in value if isinstance(item, Dataset)]


def _integer(data: Dataset, keyword: str) -> int:
    """A whole number; 0 where there is none."""
    value = data.get(keyword)
    try:
        return int(value) if value is not None and value != "" else 0
    except (TypeError, ValueError, OverflowError):
        return 0


def _real(data: Dataset, keyword: str) -> float | None:
    value = data.get(keyword)
    return float(value) if isinstance(value, float | int) else None
