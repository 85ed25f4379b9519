"""Writes Topcon ``.fda`` and ``.fds`` files by the documented offsets, apart from the reader's.

The structures are those of UOCTE's page "Topcon File Format" and of oct-converter's issues.
"""

import struct
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array

Part = tuple[bytes, bytes]
TAKEN = datetime(2026, 3, 4, 9, 41, 30)
BORN = (1951, 2, 28)
BOX, SMALL_BOX = (20, 10, 83, 57), (4, 6, 35, 29)  # left, top, right, bottom
COMPRESSED = 0xA02
NONE = 65535


def file(parts: Sequence[Part], *, kind: bytes = b"FDA", end: bytes = b"\0") -> bytes:
    """A file of some parts."""
    named = (
        struct.pack("<B", len(name)) + name + struct.pack("<I", len(data)) + data
        for name, data in parts
    )
    return b"FOCT" + kind + struct.pack("<II", 2, 1000) + b"".join(named) + end


def save(path: Path, parts: Sequence[Part], *, kind: bytes = b"FDA") -> Path:
    """Write a file of some parts."""
    path.write_bytes(file(parts, kind=kind))
    return path


def fda(grey: NDArray[np.uint8], *, mode: int = 2, eye: int = 0) -> list[Part]:
    """The parts of a usual .fda: axes (bscan, depth, ascan)."""
    count, depth, ascans = grey.shape
    height = np.tile(np.linspace(5.0, depth - 9.0, ascans).round(), (count, 1))
    return [
        hardware(),
        patient(),
        capture(eye, mode=mode),
        frames(grey, mode=mode),
        extent(),
        fundus(photograph()),
        registration(BOX, SMALL_BOX),
        contour(b"RETINA_1", height, depth=depth),
        contour(b"RETINA_2", height + 7.0, depth=depth),
        (b"@FAST_Q2_INFO", struct.pack("<6f", *range(6)) + bytes(32)),
        module(),
    ]


def fds(stored: NDArray[np.uint16], *, mode: int = 2, eye: int = 1) -> list[Part]:
    """The parts of a usual .fds: axes (bscan, depth, ascan)."""
    return [
        hardware(),
        patient(),
        capture(eye, mode=mode),
        scan(stored, mode=mode),
        extent(),
        (b"@REGIST_SCAN_02", struct.pack("<8I", *BOX, *SMALL_BOX)),
        plain_picture(b"@IMG_TRC_02", photograph()[:40, :50], copies=2),
        plain_picture(b"@IMG_OBS", photograph()),
        motion(stored),
        module(),
    ]


def photograph(rows: int = 80, columns: int = 100) -> NDArray[np.uint8]:
    """A fundus that is redder than blue, and redder to the right."""
    picture = np.zeros((rows, columns, 3), np.uint8)
    picture[..., 0] = np.linspace(120, 250, columns).astype(np.uint8)
    picture[..., 1] = np.linspace(60, 110, rows).astype(np.uint8)[:, None]
    picture[..., 2] = 30
    return picture


def codestream(picture: NDArray[np.uint8]) -> bytes:
    """A lossless JPEG 2000 codestream."""
    colour = picture.ndim == 3
    return encode_array(
        np.ascontiguousarray(picture),
        bits_stored=8,
        photometric_interpretation=1 if colour else 2,
    )


def frames(grey: NDArray[np.uint8], *, mode: int = 2, missing: Sequence[int] = ()) -> Part:
    """B-scans as codestreams, axes (bscan, depth, ascan); an empty one where missing."""
    count, depth, ascans = grey.shape
    data = struct.pack("<BIIIIII", mode, 829, 3071, ascans, depth, count, COMPRESSED)
    for number, one in enumerate(grey):
        stream = b"" if number in missing else codestream(one)
        data += struct.pack("<I", len(stream)) + stream
    return b"@IMG_JPEG", data


def _size(stored: NDArray[np.generic]) -> bytes:
    count, depth, ascans = stored.shape
    return struct.pack("<IIII", ascans, depth, 8 * stored.itemsize, count)


def _values(stored: NDArray[np.generic]) -> bytes:
    data = np.ascontiguousarray(stored).astype(f"<u{stored.itemsize}").tobytes()
    return struct.pack("<I", len(data)) + data


def scan(stored: NDArray[np.generic], *, mode: int = 2, name: bytes = b"@IMG_SCAN_03") -> Part:
    """B-scans as they were scanned."""
    quality = struct.pack("<d", 55.0) if name == b"@IMG_SCAN_02" else b""
    return name, struct.pack("<B", mode) + _size(stored) + quality + b"\0" + _values(stored)


def motion(
    stored: NDArray[np.generic], *, name: bytes = b"@IMG_MOT_COMP_03", short: bool = False
) -> Part:
    """B-scans with the motion of the eye taken out; the oldest form states no count."""
    if name == b"@IMG_MOT_COMP":
        return name, _size(stored)[:12] + _values(stored)
    region = b"" if short else struct.pack("<4I", 0, 0, 0, 0)
    return name, b"\0" + _size(stored) + b"\0" + region + _values(stored)


def capture(eye: int, *, mode: int = 2, taken: Sequence[int] | None = None) -> Part:
    """Eye, way of scanning and time."""
    label = b"a label\0".ljust(100, b"\0")
    return b"@CAPTURE_INFO_02", struct.pack("<BBI", eye, mode, 7) + label + _time(taken)


def old_capture(eye: int, taken: Sequence[int] | None = None) -> Part:
    """Eye and time in the older form."""
    return b"@CAPTURE_INFO", struct.pack("<B", eye) + _time(taken)


def _time(taken: Sequence[int] | None) -> bytes:
    return struct.pack("<6H", *(taken if taken is not None else TAKEN.timetuple()[:6]))


def extent(x_mm: float = 0.768, y_mm: float = 0.6, z_um: float = 3.5, *, fixation: int = 2) -> Part:
    """Sides of the field and one pixel in depth."""
    data = struct.pack("<BBBBII", 3, 26, 10, fixation, 1780, 27)
    return b"@PARAM_SCAN_04", data + struct.pack("<5d", x_mm, y_mm, z_um, 0, 0) + b"\1\1" + bytes(7)


def old_extent(x_mm: float, y_mm: float, z_um: float) -> Part:
    """The same in the older form."""
    data = struct.pack("<BIIIII", 2, 1, 2, 1780, 0, 27)
    return b"@PARAM_SCAN_02", data + struct.pack("<7d", x_mm, y_mm, z_um, 0, 0, 0, 0) + b"\0"


def patient(
    identifier: bytes = b"K-4711", given: bytes = b"Ada", family: bytes = b"Muster", *, sex: int = 2
) -> Part:
    """Who was scanned."""
    names = b"".join(text.ljust(32, b"\0") for text in (identifier, given, family))
    birth = struct.pack("<B3H", sex, *BORN)
    return b"@PATIENT_INFO_02", (names + bytes(8) + birth).ljust(615, b"\0")


def hardware(model: bytes = b"3DOCT-2000", name: bytes = b"@HW_INFO_03") -> Part:
    """The device; its serial number must not be kept."""
    texts = (model, b"SERIAL-987", b"SPECTRO-654", b"1.10")
    return name, b"".join(text.ljust(16, b"\0") for text in texts) + bytes(36)


def module(version: Sequence[int] = (8, 1, 3, 22)) -> Part:
    """The program that wrote the file."""
    name = b"C:\\Users\\Muster\\3DOCT.exe".ljust(128, b"\0")
    return b"@MAIN_MODULE_INFO", name + struct.pack("<4H", *version) + bytes(128)


def file_info(version: bytes = b"8.0.1.20198") -> Part:
    """Version of the form of the file."""
    return b"@FDA_FILE_INFO", struct.pack("<II", 2, 1000) + version.ljust(32, b"\0")


def fundus(picture: NDArray[np.uint8]) -> Part:
    """A colour photograph, red first here and blue first in the file."""
    stream = codestream(picture[..., ::-1])
    rows, columns, _ = picture.shape
    return b"@IMG_FUNDUS", struct.pack(
        "<6I", columns, rows, 24, 1, COMPRESSED, len(stream)
    ) + stream


def plain_picture(name: bytes, picture: NDArray[np.uint8], *, copies: int = 1) -> Part:
    """A picture as plain values, red first here and blue first in the file."""
    rows, columns = picture.shape[:2]
    bits = 24 if picture.ndim == 3 else 8
    data = (picture[..., ::-1] if bits == 24 else picture).tobytes() * copies
    return name, struct.pack("<4IBI", columns, rows, bits, copies, 0, len(data)) + data


def infrared(picture: NDArray[np.uint8]) -> Part:
    """An infrared picture, twice, as in an .fda."""
    stream = codestream(picture)
    rows, columns = picture.shape[:2]
    bits = 24 if picture.ndim == 3 else 8
    head = struct.pack("<4IB", columns, rows, bits, 2, 1)
    return b"@IMG_TRC_02", head + 2 * (struct.pack("<I", len(stream)) + stream)


def registration(box: Sequence[int], small: Sequence[int]) -> Part:
    """The scanned field on the photograph and on the infrared picture."""
    version = b"8.0.1.20198".ljust(32, b"\0")
    data = bytes(9) + struct.pack("<4I", *box) + version + struct.pack("<4I", *small)
    return b"@REGIST_INFO", data + struct.pack("<4d", 0.5, 0.5, 0.5, 0.5)


def contour(name: bytes, rows: NDArray[np.float64], *, depth: int, double: bool = False) -> Part:
    """A layer boundary: rows from the top, NaN for none, axes (bscan, ascan), first at the top.

    In the file, heights count from the bottom and B-scans as well.
    """
    count, ascans = rows.shape
    up = np.where(np.isnan(rows), NONE, depth - 1 - rows)[::-1]
    data = up.astype("<f8" if double else "<u2").tobytes()
    head = name.ljust(20, b"\0") + struct.pack("<BBIII", 0, int(double), ascans, count, len(data))
    return b"@CONTOUR_INFO", head + data + b"8.0.1.20198".ljust(32, b"\0")


def without(parts: Sequence[Part], *names: bytes) -> list[Part]:
    """The parts that have none of these names."""
    return [part for part in parts if part[0] not in names]


def instead(parts: Sequence[Part], *new: Part) -> list[Part]:
    """The parts with some of them replaced by others of their name, or added."""
    return [*without(parts, *(name for name, _ in new)), *new]
