"""Topcon files: where the B-scans lie, and one of them as 8-bit grey.

A file may hold the same B-scans up to three times. What is read is, in this order, the copy that
the device shows (``@IMG_JPEG``), what was scanned (``@IMG_SCAN``), or what was scanned with the
motion of the eye taken out (``@IMG_MOT_COMP``).

Grey: 8-bit pictures keep their values. 16-bit values go through one fixed window, 13264 to 49136
from black to white, linearly. Those are the ends 829 and 3071 in 12 bits that a 3D OCT-1000
Mark II noted beside its own 8-bit pictures; that other models scale alike is not verified.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, damaged
from kdoct_desktop.io.devices.topcon_chunks import Chunk, Chunks, record
from kdoct_desktop.io.devices.topcon_codec import decoded
from kdoct_desktop.io.limits import Limits

BLACK, WHITE = 829 << 4, 3071 << 4
"""Stored 16-bit values that become grey 0 and 255."""

_JPEG = np.dtype(
    [
        ("mode", "u1"),  # how the beam moved
        ("black", "<u4"),  # 12-bit value that became black
        ("white", "<u4"),  # 12-bit value that became white
        ("columns", "<u4"),
        ("rows", "<u4"),
        ("count", "<u4"),
        ("format", "<u4"),  # 0xA02; then each B-scan: u32 size, codestream
    ]
)
_SIZE = [("columns", "<u4"), ("rows", "<u4"), ("bits", "<u4"), ("count", "<u4")]
_SCAN_03 = np.dtype([("mode", "u1"), *_SIZE, ("format", "u1"), ("size", "<u4")])
_SCAN_02 = np.dtype([("mode", "u1"), *_SIZE, ("quality", "<f8"), ("format", "u1"), ("size", "<u4")])
_MOTION = np.dtype(
    [("unknown", "u1"), *_SIZE, ("format", "u1"), ("region", "<u4", 4), ("size", "<u4")]
)
_MOTION_SHORT = np.dtype([("unknown", "u1"), *_SIZE, ("format", "u1"), ("size", "<u4")])
_MOTION_01 = np.dtype([("columns", "<u4"), ("rows", "<u4"), ("bits", "<u4"), ("size", "<u4")])

_RAW: dict[str, tuple[np.dtype[Any], ...]] = {
    "@IMG_SCAN_03": (_SCAN_03,),
    "@IMG_SCAN_02": (_SCAN_02,),
    "@IMG_MOT_COMP_03": (_MOTION, _MOTION_SHORT),
    "@IMG_MOT_COMP_02": (_MOTION, _MOTION_SHORT),
    "@IMG_MOT_COMP": (_MOTION_01,),
}
_NAMES = ("@IMG_JPEG", *_RAW)


@dataclass(frozen=True, slots=True)
class Bscans:
    """Where the B-scans of a file lie.

    Attributes:
        part: Name of the part that holds them.
        mode: Code of how the beam moved; None where the part does not say.
        rows: Pixels in depth, the vitreous at the top.
        columns: A-scans.
        spans: Offset in the file and bytes of each B-scan; no bytes where the file lacks it.
        stored: Type of plain values; None for codestreams.
    """

    part: str
    mode: int | None
    rows: int
    columns: int
    spans: tuple[tuple[int, int], ...]
    stored: np.dtype[Any] | None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The B-scans that are there, from 0."""
        return tuple(number for number, (_, size) in enumerate(self.spans) if size)

    @property
    def deep(self) -> bool:
        """Stored values have more than 8 bits."""
        return self.stored is not None and self.stored.itemsize > 1

    def grey(self, file: Binary, number: int) -> NDArray[np.uint8]:
        """One B-scan, axes (depth, ascan).

        Args:
            file: The file.
            number: In the scan as planned.

        Raises:
            IngestError: It cannot be decoded.
        """
        at, size = self.spans[number]
        if self.stored is None:
            return decoded(file.read(at, size), (self.rows, self.columns))
        values = file.array(at, self.stored, (self.rows, self.columns))
        return np.take(_window(), values) if self.deep else values


@cache
def _window() -> NDArray[np.uint8]:
    """Grey value of each 16-bit value."""
    share = (np.arange(1 << 16, dtype=np.float64) - BLACK) / (WHITE - BLACK)
    return np.floor(np.clip(share, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def bscans_of(file: Binary, chunks: Chunks, limits: Limits) -> tuple[Bscans, int]:
    """The copy of the B-scans that is read, and how many other copies there are.

    Raises:
        IngestError: There is none, or the one to read is damaged or too large.
    """
    copies = [chunk for chunk in chunks.named(*_NAMES) if chunk.size > 0]
    for place, chunk in enumerate(copies):
        if chunk.name == "@IMG_JPEG":
            found = _compressed(file, chunk, limits)
        else:
            found = _raw(file, chunk, limits)
        if found.numbers:
            return found, len(copies) - place - 1
    raise IngestError("no-bscans", "The file holds no B-scan.")


def _compressed(file: Binary, chunk: Chunk, limits: Limits) -> Bscans:
    """B-scans as codestreams, each after its size."""
    stated = record(file, chunk, _JPEG)
    if stated is None:
        raise damaged("the part with its B-scans is too short")
    rows, columns, count = (int(stated[name]) for name in ("rows", "columns", "count"))
    _check(rows, columns, count, limits=limits)
    spans = []
    at, end = chunk.offset + _JPEG.itemsize, chunk.offset + chunk.size
    for _ in range(count):
        if at + 4 > end:
            raise damaged("it lists more B-scans than it holds")
        size = int.from_bytes(file.read(at, 4), "little")
        at += 4
        if at + size > end:
            raise damaged("a B-scan is larger than the part that holds it")
        spans.append((at, size))
        at += size
    return Bscans(chunk.name, int(stated["mode"]), rows, columns, tuple(spans), None)


def _raw(file: Binary, chunk: Chunk, limits: Limits) -> Bscans:
    """B-scans as plain values, in the first layout that the stated sizes bear out."""
    for layout in _RAW[chunk.name]:
        stated = record(file, chunk, layout)
        if stated is None:
            continue
        rows, columns, bits = (int(stated[name]) for name in ("rows", "columns", "bits"))
        one, names = rows * columns * (bits // 8), layout.names or ()
        total = int(stated["size"])
        count = int(stated["count"]) if "count" in names else total // max(one, 1)
        if bits not in (8, 16) or one * count != total or layout.itemsize + total > chunk.size:
            continue
        _check(rows, columns, count, limits=limits)
        first = chunk.offset + layout.itemsize
        spans = tuple((first + number * one, one) for number in range(count if one else 0))
        mode = int(stated["mode"]) if "mode" in names else None
        stored = np.dtype("<u2" if bits == 16 else "u1")
        return Bscans(chunk.name, mode, rows, columns, spans, stored)
    raise damaged("the sizes of its B-scans contradict each other")


def _check(rows: int, columns: int, count: int, *, limits: Limits) -> None:
    """Hold claimed sizes against the limits.

    Raises:
        IngestError: They are beyond them.
    """
    if count > limits.frames:
        raise IngestError("too-many-bscans", "The file claims more B-scans than any real scan.")
    if count and min(rows, columns) == 0:
        raise damaged("its B-scans have no size")
    one = rows * columns
    beyond = max(rows, columns) > limits.rows or 2 * one > limits.picture_bytes
    if beyond or one * count > limits.volume_bytes:
        raise IngestError("too-large", "The file claims a volume larger than any real scan.")
