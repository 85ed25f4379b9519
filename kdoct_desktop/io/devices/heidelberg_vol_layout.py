"""Layout of Heidelberg's RAW export (.vol), little endian, and its grey transform.

Source: Heidelberg's description of the export as quoted by open readers (eyepy and retimat, MIT),
checked on two Spectralis exports of version 103 (line and circle) and one file of eyepy.

File: header of 2048 bytes, localizer (u8), then for each B-scan a header of its stated size, which
ends with the layers, and the picture (f32). A grid of thicknesses may follow; it is not read.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.binary import Binary, damaged

FILE_HEADER = np.dtype(
    {
        "names": [
            "version", "ascans", "bscans", "depth", "ascan_mm", "bscan_mm", "axial_mm",
            "slo_columns", "slo_rows", "slo_column_mm", "slo_row_mm", "eye", "exam_time",
            "pattern", "patient_id", "birth_day", "visit_day",
        ],
        "formats": [
            "S12", "<u4", "<u4", "<u4", "<f8", "<f8", "<f8",
            "<u4", "<u4", "<f8", "<f8", "S4", "<u8",
            "<i4", "S21", "<f8", "<f8",
        ],
        "offsets": [0, 12, 16, 20, 24, 32, 40, 48, 52, 56, 64, 84, 88, 96, 140, 164, 200],
        "itemsize": 2048,
    }
)  # fmt: skip
"""``eye`` is OD or OS; ``exam_time`` counts 100 ns from 1601 (FILETIME, UTC); ``birth_day`` and
``visit_day`` count days from 1899-12-30, the latter by the clock of the clinic."""

BSCAN_HEADER = np.dtype(
    {
        "names": [
            "version", "header_bytes", "start_x_mm", "start_y_mm", "end_x_mm", "end_y_mm",
            "layers", "layers_at",
        ],
        "formats": ["S12", "<u4", "<f8", "<f8", "<f8", "<f8", "<u4", "<u4"],
        "offsets": [0, 12, 16, 24, 32, 40, 48, 52],
        "itemsize": 256,
    }
)  # fmt: skip
"""Positions lie on the localizer; of a circle, start is a point on it and end its centre.
``layers`` rows of f32, one height an A-scan, lie ``layers_at`` bytes behind the header's start."""

PATTERNS = {1: "line", 2: "circle", 3: "raster", 4: "raster", 5: "radial"}
"""What ``pattern`` means; 0 is stated to be unknown, others are not documented."""

LAYER_NAMES = (
    "ILM", "BM", "RNFL", "GCL", "IPL", "INL", "OPL", "ONL", "ELM", "IOS", "OPT", "CHO", "VIT",
    "ANT", "PR1", "PR2", "RPE",
)  # fmt: skip
"""Layers by their place, as eyepy names them; further ones are numbered. HEYEX itself names eleven
so in its XML export, and retimat takes the same eleven; the other six are empty as a rule."""

MOST_LAYERS = 64
NOTHING = np.float32(3.0e38)
"""Heights and grey values from here on are none; written as the largest f32, 3.4e38."""

_BSCAN_MARKS = (b"HSF-BS-", b"ep-v")


@dataclass(frozen=True, slots=True)
class Block:
    """Where the parts of one B-scan lie in the file.

    Attributes:
        pixels: Offset of its picture.
        layers: Number of its layers; -1 where the header contradicts itself about them.
        layers_at: Offset of its first layer.
        position: Start Y and X, end Y and X in millimetres.
    """

    pixels: int
    layers: int
    layers_at: int
    position: tuple[float, float, float, float]


def blocks_of(file: Binary, first: int, bscans: int, shape: tuple[int, int]) -> list[Block]:
    """Walk along the B-scans; each has its own header, and no picture is read.

    Args:
        file: The file.
        first: Offset of the first B-scan.
        bscans: How many there are.
        shape: Rows and columns of a B-scan.

    Raises:
        IngestError: The file ends early or contradicts itself.
    """
    picture_bytes = 4 * shape[0] * shape[1]
    file.check(first, bscans * (BSCAN_HEADER.itemsize + picture_bytes))
    blocks = []
    at = first
    for _ in range(bscans):
        head = file.record(at, BSCAN_HEADER)
        size = int(head["header_bytes"])
        if size < BSCAN_HEADER.itemsize or not bytes(head["version"]).startswith(_BSCAN_MARKS):
            raise damaged("a B-scan does not begin where it should")
        file.check(at, size + picture_bytes)
        blocks.append(_block(head, at, columns=shape[1]))
        at += size + picture_bytes
    return blocks


def _block(head: np.void, at: int, *, columns: int) -> Block:
    """A B-scan from its header.

    Args:
        head: A record of `BSCAN_HEADER`.
        at: Offset of the header.
        columns: Of the B-scan.
    """
    size, layers, layers_at = (int(head[name]) for name in ("header_bytes", "layers", "layers_at"))
    inside = (
        layers <= MOST_LAYERS
        and layers_at >= BSCAN_HEADER.itemsize
        and layers_at + 4 * layers * columns <= size
    )
    y1, x1, y2, x2 = (float(head[f"{end}_{axis}_mm"]) for end in ("start", "end") for axis in "yx")
    return Block(
        pixels=at + size,
        layers=layers if inside or layers == 0 else -1,
        layers_at=at + layers_at,
        position=(y1, x1, y2, x2),
    )


def grey_of(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Reflectance to grey: ``round(255 * clip(value, 0, 1) ** 0.25)``, none to 0.

    The fourth root is two square roots in f32. Every step (root, root, product, rounding to even)
    is exact to the last bit by IEEE 754, so that all computers give the same; beside the formula in
    real numbers, the grey value differs by one for 519 of the 1.07e9 numbers from 0 to 1.

    Args:
        values: As stored; NaN, infinity and anything from 3e38 on is none.
    """
    values = values.astype(np.float32, copy=False)
    # as integers, f32 bits sort like the numbers: this clips NaN, too, and says nothing about it
    bits = np.clip(values.view(np.int32), np.int32(0), np.float32(1.0).view(np.int32))
    root = bits.view(np.float32)
    np.sqrt(root, out=root)
    np.sqrt(root, out=root)
    np.multiply(root, np.float32(255.0), out=root)
    np.rint(root, out=root)
    grey = root.astype(np.uint8)
    grey *= values < NOTHING
    return grey
