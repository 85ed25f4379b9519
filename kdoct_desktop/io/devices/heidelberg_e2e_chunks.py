"""What the chunks of a Heidelberg ``.e2e`` file hold, as far as it is known.

Layouts follow eyepy's format pages, oct-converter and the UOCTE wiki; offsets that only one of
them knows are believed only where other values of the same chunk confirm them (``FIELD``).
"""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kdoct_desktop.io.devices.binary import Binary, text
from kdoct_desktop.io.devices.fields import PatientInfo
from kdoct_desktop.io.devices.heidelberg_e2e_container import CHUNK

PREAMBLE_KIND, FIELD_KIND, PATIENT_KIND, EYE_KIND = 3, 5, 9, 11
DEVICE_KIND, STRUCTURE_KIND, PATTERN_KIND, MODALITY_KIND = 9001, 9005, 9006, 9008
BSCAN_KIND, EXAM_KIND, CONTOUR_KIND = 10004, 10005, 10019
IMAGE_KIND = 0x40000000
PASSED_OVER = frozenset((
    2, 7, 10, 13, 17, 29, 30, 31, 39, 40, 52, 53, 54, 58, 59, 61, 62, 1000, 1001, 1002, 1003,
    1005, 1006, 1007, 1008, 9000, 9007, 9010, 9011, 10003, 10009, 10010, 10011, 10012, 10013,
    10020, 10025, 10032,
))  # fmt: skip
"""Kinds that exports hold and that are not read: previews, measurements, UIDs, time zones …"""

GREY_IMAGE = 0x02010201
"""One byte a pixel: localizers."""
FLOAT_IMAGE = 0x02200201
"""Two bytes a pixel, unsigned floating point: B-scans."""

IMAGE: DTypeLike = [
    ("bytes", "<u4"),  # of this record and the pixels
    ("code", "<u4"),  # GREY_IMAGE or FLOAT_IMAGE
    ("values", "<u4"),
    ("rows", "<u4"),
    ("columns", "<u4"),
]
BSCAN: DTypeLike = [
    ("unknown", "<u4"),
    ("depth", "<u4"),  # pixels
    ("ascans", "<u4"),
    ("x1", "<f4"),  # start and end in degrees from the localizer's centre, y downwards;
    ("y1", "<f4"),  # of a circle start and end of its circumference
    ("x2", "<f4"),
    ("y2", "<f4"),
    ("zero", "<u4"),
    ("unknown2", "<f4"),
    ("axial_mm", "<f4"),  # mm a pixel
    ("unknown3", "V20"),
    ("filled", "<u4"),
    ("planned", "<u4"),  # B-scans of the scan
    ("number", "<u4"),  # place of this one
    ("pattern", "<u4"),  # 1 straight, 2 circle, 3 and 4 volume, 5 radial
    ("centre_x", "<f4"),  # degrees
    ("centre_y", "<f4"),
    ("unknown4", "<u4"),
    ("time", "<u8"),  # 100 ns since 1601, UTC
]
EYE: DTypeLike = [("unknown", "V14"), ("eye", "S1")]
PREAMBLE: DTypeLike = [("unknown", "V4"), ("eye", "S1")]
FIELD: DTypeLike = [
    ("unknown", "V2"),
    ("eye", "S1"),
    ("zero", "u1"),
    ("time", "<u8"),  # 100 ns since 1601, UTC
    ("columns", "<u2"),  # of the localizer
    ("rows", "<u2"),
    ("zero2", "<u4", (2,)),
    ("degrees", "<u2"),  # width of the localizer's field
]
EXAM: DTypeLike = [("unknown", "V16"), ("time", "<u8")]  # 100 ns since 1601, UTC
CONTOUR: DTypeLike = [("unknown", "<u4"), ("id", "<u4"), ("unknown2", "<u4"), ("width", "<u4")]
PATIENT: DTypeLike = [
    ("first", "S31"),
    ("surname", "S51"),
    ("title", "S15"),
    ("birth", "V4"),  # readers disagree about its coding: not read
    ("sex", "S1"),
    ("identifier", "S25"),
]

_TEXT_BYTES = 4096


def heads(
    file: Binary, rows: NDArray[np.void], payload: DTypeLike
) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Beginnings of chunks, and which of them are what the directory says.

    A chunk whose header names another kind, series or slice than the directory, or that does not
    fit into the file, was overwritten or is damaged.

    Args:
        file: The file.
        rows: Which chunks, dtype ``ROW``.
        payload: Layout of what follows the chunk's header.

    Returns:
        Records with the fields ``head`` (dtype ``CHUNK``) and ``body`` (`payload`), and a mask.
    """
    layout = np.dtype([("head", CHUNK), ("body", np.dtype(payload))])
    step = layout.itemsize
    good = rows["at"] + step <= file.size
    raw = b"".join([file.read(at, step) for at in rows["at"][good].tolist()])
    records = np.zeros(len(rows), dtype=layout)
    records[good] = np.frombuffer(raw, dtype=layout)
    head = records["head"]
    good &= (head["magic"] == b"MDbData") & (head["size"] >= step - CHUNK.itemsize)
    for name in ("kind", "series", "slice", "part"):
        good &= head[name] == rows[name]
    return records, good


def strings(file: Binary, row: np.void) -> tuple[str, ...]:
    """Texts of a chunk: their number, the bytes of each, and each in UTF-16; empty where none."""
    record, good = heads(file, np.array([row]), [("count", "<u4"), ("bytes", "<u4")])
    if not good[0]:
        return ()
    count, width = int(record["body"]["count"][0]), int(record["body"]["bytes"][0])
    at, total = int(row["at"]) + CHUNK.itemsize + 8, count * width
    if not 0 < total <= _TEXT_BYTES or width % 2 or at + total > file.size:
        return ()
    raw = file.read(at, total)
    found = (_utf16(raw[i * width : (i + 1) * width]) for i in range(count))
    return tuple(one for one in found if one)


def _utf16(raw: bytes) -> str:
    letters = raw.decode("utf-16-le", errors="replace").split("\0", 1)[0]
    return "".join(letter for letter in letters if letter.isprintable()).strip()


def patient(body: np.void) -> PatientInfo:
    """Who was scanned; the coding of the birth date is not certain, hence it is not read."""
    names = [text(bytes(body[name])) for name in ("surname", "first")]
    return PatientInfo(
        name=", ".join(name for name in names if name) or None,
        identifier=text(bytes(body["identifier"])),
        sex=text(bytes(body["sex"])),
    )
