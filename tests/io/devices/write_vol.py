"""Writes Heidelberg .vol files by the documented offsets, independent of the reader's layouts."""

import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.sample_scans import localizer, retina

NONE = 3.4028234663852886e38
"""The largest f32: no value."""
EXAM = datetime(2017, 1, 11, 14, 28, 17)
VISIT = datetime(2017, 1, 11, 15, 23, 7)
MM = 0.0117
"""Size of a localizer's pixel."""
STEP_MM = 0.12
"""Distance between B-scans."""


def phantom() -> NDArray[np.uint8]:
    """Five small B-scans that differ."""
    return retina(5, 40, 48)


def raster(
    bscans: int, *, first_row: float = 20.0, step_mm: float = STEP_MM
) -> NDArray[np.float64]:
    """Level lines from the bottom upwards, as a Spectralis scans: start Y, X, end Y, X in mm."""
    rows = first_row * MM + step_mm * np.arange(bscans)[::-1]
    return np.stack([rows, rows * 0 + 8 * MM, rows, rows * 0 + 56 * MM], axis=1)


def star(bscans: int) -> NDArray[np.float64]:
    """Lines through the middle of a localizer of 64 pixels."""
    angle = np.pi * np.arange(bscans) / bscans
    arm = 20.0 * MM * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return np.concatenate([32.0 * MM - arm, 32.0 * MM + arm], axis=1)


def days(moment: datetime) -> float:
    """Days since 1899-12-30."""
    return (moment - datetime(1899, 12, 30)).total_seconds() / 86_400.0


def ticks(moment: datetime) -> int:
    """100 ns since 1601."""
    return int((moment - datetime(1601, 1, 1)).total_seconds()) * 10_000_000


def reflectance(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Values that the documented transform turns into `grey`."""
    return ((grey / 255.0) ** 4).astype(np.float32)


def write_vol(
    path: Path,
    values: NDArray[np.float32] | None = None,
    *,
    positions: NDArray[np.float64] | None = None,
    layers: Sequence[Mapping[int, NDArray[np.float32]]] = (),
    slo: NDArray[np.uint8] | None = None,
    header: Mapping[int, tuple[str, object]] | None = None,
    bscan_header: Mapping[int, tuple[str, object]] | None = None,
    mark: bytes = b"HSF-OCT-103",
    bscan_mark: bytes = b"HSF-BS-103",
    header_bytes: int = 1024,
    tail: bytes = b"",
) -> Path:
    """Write one scan.

    Args:
        path: Where to.
        values: Reflectance, axes (bscan, depth, ascan), in the order of the file.
        positions: Start Y, X, end Y, X in mm of each B-scan.
        layers: Heights by place of the layer, for each B-scan.
        slo: The localizer; 64 by 64 pixels where None.
        header: Format and value by offset, to change what stands in the file's header.
        bscan_header, mark, bscan_mark: The same for each B-scan; first bytes of file and B-scan.
        header_bytes: Size of a B-scan's header.
        tail: What follows the last B-scan, such as a grid of thicknesses.
    """
    values = reflectance(phantom()) if values is None else values
    slo = localizer(64).pixels if slo is None else slo
    positions = raster(len(values)) if positions is None else positions
    fields = _usual(values.shape, slo, mark=mark, header_bytes=header_bytes) | dict(header or {})
    parts = [_head(fields), slo.tobytes()]
    for at, picture in enumerate(values):
        about = _bscan_header(
            positions[at], layers[at] if layers else {}, ascans=picture.shape[1],
            mark=bscan_mark, size=header_bytes, changed=bscan_header or {},
        )  # fmt: skip
        parts += [about, picture.astype("<f4").tobytes()]
    path.write_bytes(b"".join([*parts, tail]))
    return path


def _head(fields: Mapping[int, tuple[str, object]]) -> bytes:
    """The header of the file from format and value by offset."""
    head = bytearray(2048)
    for offset, (kind, value) in fields.items():
        struct.pack_into(f"<{kind}", head, offset, value)
    return bytes(head)


def _usual(
    shape: tuple[int, ...], slo: NDArray[np.uint8], *, mark: bytes, header_bytes: int
) -> dict[int, tuple[str, object]]:
    """What stands in the header, by offset."""
    bscans, depth, ascans = shape
    return {
        0: ("12s", mark), 12: ("I", ascans), 16: ("I", bscans), 20: ("I", depth),
        24: ("d", 0.0113), 32: ("d", STEP_MM), 40: ("d", 0.00387),
        48: ("I", slo.shape[1]), 52: ("I", slo.shape[0]), 56: ("d", MM), 64: ("d", MM),
        72: ("i", 30), 76: ("d", -1.5), 84: ("4s", b"OD"), 88: ("Q", ticks(EXAM)), 96: ("i", 3),
        100: ("I", header_bytes), 104: ("16s", b"716.2"), 136: ("i", 86), 140: ("21s", b"ID-77"),
        164: ("d", days(datetime(1948, 3, 9))), 200: ("d", days(VISIT)),
    }  # fmt: skip


def _bscan_header(
    position: NDArray[np.float64],
    layers: Mapping[int, NDArray[np.float32]],
    *,
    ascans: int,
    mark: bytes,
    size: int,
    changed: Mapping[int, tuple[str, object]],
) -> bytes:
    head = bytearray(size)
    start_y, start_x, end_y, end_x = position.tolist()
    count = max(layers, default=-1) + 1
    fields: dict[int, tuple[str, object]] = {
        0: ("12s", mark), 12: ("I", size), 16: ("d", start_x), 24: ("d", start_y),
        32: ("d", end_x), 40: ("d", end_y), 48: ("I", count), 52: ("I", 256), 56: ("f", 31.2),
        **changed,
    }  # fmt: skip
    for offset, (kind, value) in fields.items():
        struct.pack_into(f"<{kind}", head, offset, value)
    for place in range(count):
        heights = layers.get(place, np.full(ascans, NONE, np.float32)).astype("<f4").tobytes()
        at = 256 + 4 * ascans * place
        head[at : at + len(heights)] = heights
    assert len(head) == size, "the layers do not fit into the header"
    return bytes(head)
