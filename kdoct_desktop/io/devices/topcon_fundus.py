"""Topcon files: the picture of the fundus, and the box on it that was scanned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.devices.topcon_chunks import Chunk, Chunks, first_record, record
from kdoct_desktop.io.devices.topcon_codec import decoded
from kdoct_desktop.io.limits import Limits

_SIZE = [("columns", "<u4"), ("rows", "<u4"), ("bits", "<u4"), ("count", "<u4")]
_WIDE = np.dtype([*_SIZE, ("format", "u1"), ("quality", "V3"), ("size", "<u4")])
_NARROW = np.dtype([*_SIZE, ("format", "u1"), ("size", "<u4")])  # format 0: plain values
PICTURES = {
    "@IMG_FUNDUS": _WIDE,  # colour photograph in .fda
    "@IMG_OBS": _NARROW,  # colour photograph in .fds
    "@IMG_TRC_02": _NARROW,  # infrared picture
}
"""Parts that hold a picture of the fundus, the best first."""

_REGISTRATION = np.dtype(
    [
        ("unknown", "V9"),
        ("fundus", "<u4", 4),  # on the colour photograph: left, top, right, bottom
        ("version", "S32"),
        ("infrared", "<u4", 4),  # on the infrared picture
    ]
)  # a circle is column and row of its centre, radius, 0
_REGISTRATION_SCAN = np.dtype([("fundus", "<u4", 4), ("infrared", "<u4", 4)])
_BOXES = (("@REGIST_INFO", _REGISTRATION), ("@REGIST_SCAN_02", _REGISTRATION_SCAN))

Box = tuple[int, int, int, int]
"""Left, top, right and bottom pixel of what was scanned, all within it."""


@dataclass(frozen=True, slots=True)
class Fundus:
    """A picture of the fundus.

    Attributes:
        offset: Of its data in the file.
        size: Bytes of its data.
        shape: Rows, columns and, for colour, 3.
        plain: Plain values, not a codestream.
        box: What was scanned; None where the file does not say, or says it of no rectangle.
        fits: The box lies inside of the picture.
    """

    offset: int
    size: int
    shape: tuple[int, ...]
    plain: bool
    box: Box | None
    fits: bool

    def pixels(self, file: Binary) -> NDArray[np.uint8]:
        """The picture; colours are stored blue first and given red first.

        Raises:
            IngestError: It cannot be decoded.
        """
        if self.plain:
            pixels = file.array(self.offset, np.dtype("u1"), self.shape)
        else:
            pixels = decoded(file.read(self.offset, self.size), self.shape)
        return pixels[..., ::-1] if self.shape[2:] else pixels


def fundus_of(file: Binary, chunks: Chunks, limits: Limits) -> Fundus | None:
    """The picture of the fundus on which the box lies, else any; None where there is none."""
    boxes = first_record(file, chunks, _BOXES)
    found = [
        one
        for chunk in chunks.named(*PICTURES)
        if (one := _picture(file, chunk, boxes, limits)) is not None
    ]
    return next((one for one in found if one.fits), found[0] if found else None)


def _picture(file: Binary, chunk: Chunk, boxes: np.void | None, limits: Limits) -> Fundus | None:
    """A picture and the box on it; None where its header makes no sense."""
    layout = PICTURES[chunk.name]
    stated = record(file, chunk, layout)
    if stated is None:
        return None
    rows, columns, bits, size = (int(stated[name]) for name in ("rows", "columns", "bits", "size"))
    largest = max(rows, columns) > limits.rows or 2 * rows * columns * 3 > limits.picture_bytes
    if bits not in (8, 24) or min(rows, columns) == 0 or largest:
        return None
    shape = (rows, columns, 3) if bits == 24 else (rows, columns)
    plain = int(stated["format"]) == 0
    if layout.itemsize + size > chunk.size or (plain and size < rows * columns * bits // 8):
        return None
    box = _box(boxes, "infrared" if chunk.name == "@IMG_TRC_02" else "fundus")
    fits = box is not None and box[2] < columns and box[3] < rows
    return Fundus(chunk.offset + layout.itemsize, size, shape, plain, box, fits)


def _box(boxes: np.void | None, name: str) -> Box | None:
    """A box with an area; None for a circle or none."""
    if boxes is None:
        return None
    left, top, right, bottom = (int(value) for value in boxes[name])
    return (left, top, right, bottom) if left < right and top < bottom else None
