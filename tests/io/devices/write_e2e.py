"""Writes Heidelberg ``.e2e`` files by the documented offsets, independent of the reader's layouts.

The structures are those of the UOCTE wiki, eyepy's format pages and oct-converter's issues.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EYE, PREAMBLE, FIELD, PATIENT, BSCAN, EXAM, CONTOUR = 11, 3, 5, 9, 10004, 10005, 10019
DEVICE, STRUCTURE, PATTERN, MODALITY = 9001, 9005, 9006, 9008
IMAGE = 0x40000000
NO_HEIGHT = 3.4028234663852886e38
TAKEN = datetime(2026, 3, 4, 9, 41, 30)


@dataclass(frozen=True)
class Chunk:
    """A chunk and its numbers; -1 for none.

    Attributes:
        kind: What it holds.
        payload: Its bytes after the header.
        patient, study, series, slice, part: Its numbers in entry and header.
        header: Numbers that its header has instead, by name, such as ``{"series": 9}``.
        start: Offset that its entry names instead of its own.
    """

    kind: int
    payload: bytes
    patient: int = -1
    study: int = -1
    series: int = -1
    slice: int = -1
    part: int = 65535
    header: Mapping[str, int] = field(default_factory=dict)
    start: int | None = None


@dataclass(frozen=True, eq=False)
class Scan:
    """One series.

    Attributes:
        grey: Axes (bscan, depth, ascan), in the order in which the device took them.
        lines: Start x, y, end x, y of each in degrees from the localizer's centre, y downwards.
        eye: Letter in the laterality chunk; empty for no such chunk.
        preamble: Letter in the preamble chunk of each B-scan; empty for no such chunk.
        pattern: Code of the scan pattern.
        planned: Number of B-scans that each states; None for how many there are.
        missing: Places of B-scans that are not written, from 0.
        count_from: Number of the first B-scan in the device's counting.
        first_slice: Slice of the first B-scan.
        meta: With a metadata chunk of each B-scan.
        axial_mm: Scale in depth.
        taken: When the first B-scan was taken; a second more for each further one.
        localizer: Grey picture.
        degrees: Width of its field in chunk 5; None for no such chunk.
        contours: Heights (bscan, ascan) of each boundary, by its number.
        words: Texts by the kind of their chunk.
    """

    grey: NDArray[np.uint8]
    lines: NDArray[np.float64] | None = None
    patient: int = 1
    study: int = 1
    series: int = 1
    eye: str = "R"
    preamble: str = ""
    pattern: int = 1
    planned: int | None = None
    missing: frozenset[int] = frozenset()
    count_from: int = 0
    first_slice: int = 0
    meta: bool = True
    axial_mm: float = 0.00387
    taken: datetime = TAKEN
    localizer: NDArray[np.uint8] | None = None
    degrees: int | None = 30
    contours: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    words: Mapping[int, Sequence[str]] = field(default_factory=dict)


def raster(bscans: int, *, high: float = 5.0, wide: float = 10.0) -> NDArray[np.float64]:
    """Level lines in degrees; the first B-scan lies lowest, as these devices scan."""
    y = np.linspace(high, -high, bscans)
    return np.stack([np.full(bscans, -wide), y, np.full(bscans, wide), y], axis=1)


def star(bscans: int) -> NDArray[np.float64]:
    """Lines through the centre."""
    angle = np.pi * np.arange(bscans) / bscans
    x, y = 7.5 * np.cos(angle), 7.5 * np.sin(angle)
    return np.stack([-x, -y, x, y], axis=1)


def stored(grey: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Unsigned floats of 6 and 10 bits whose fourth root is the grey value."""
    value = (grey / 255.0) ** 4
    exponent = np.floor(np.log2(np.maximum(value, 2.0**-62))).astype(np.int64)
    mantissa = np.rint((value / 2.0**exponent - 1.0) * 1024.0).astype(np.int64)
    code = ((exponent + 63) << 10) + mantissa  # a mantissa of 1024 carries over
    return np.where(value > 0.0, code, 0).astype("<u2")


def ticks(moment: datetime) -> int:
    """100 ns since 1601."""
    return int((moment - datetime(1601, 1, 1)).total_seconds()) * 10_000_000


def chunks_of(scan: Scan) -> list[Chunk]:
    """Every chunk of a series, those of the whole series first."""
    whole = Chunk(0, b"", scan.patient, scan.study, scan.series)
    found = []
    if scan.eye:
        payload = bytes(13) + b"\x04" + scan.eye.encode() + bytes(12)
        found.append(replace(whole, kind=EYE, payload=payload))
    for kind, texts in scan.words.items():
        found.append(replace(whole, kind=kind, payload=_texts(texts)))
    if scan.localizer is not None:
        found.append(replace(whole, kind=IMAGE, payload=picture(scan.localizer), part=0))
    for place in range(len(scan.grey)):
        if place not in scan.missing:
            one = replace(whole, slice=scan.first_slice + 2 * place)
            found += _bscan(scan, place, one)
    return found


def _bscan(scan: Scan, place: int, one: Chunk) -> list[Chunk]:
    found = [replace(one, kind=IMAGE, payload=picture(stored(scan.grey[place])), part=1)]
    if scan.preamble:
        payload = bytes(4) + scan.preamble.encode("utf-16-le") + bytes(90)
        found.append(replace(one, kind=PREAMBLE, payload=payload))
    if scan.meta:
        found.append(replace(one, kind=BSCAN, payload=_meta(scan, place)))
    if scan.degrees is not None and scan.localizer is not None:
        rows, columns = scan.localizer.shape
        found.append(
            replace(one, kind=FIELD, payload=field_of(rows, columns, scan.degrees, scan.eye))
        )
    for layer, heights in scan.contours.items():
        found.append(replace(one, kind=CONTOUR, payload=contour(layer, heights[place])))
    return found


def _meta(scan: Scan, place: int) -> bytes:
    """Metadata of a B-scan: 428 bytes."""
    _, depth, ascans = scan.grey.shape
    lines = scan.lines if scan.lines is not None else raster(len(scan.grey))
    x1, y1, x2, y2 = (float(value) for value in lines[place])
    planned = scan.planned if scan.planned is not None else len(scan.grey)
    payload = bytearray(428)
    struct.pack_into("<II4f", payload, 4, depth, ascans, x1, y1, x2, y2)
    struct.pack_into("<f", payload, 36, scan.axial_mm)
    struct.pack_into("<4I", payload, 60, ascans, planned, scan.count_from + place, scan.pattern)
    struct.pack_into("<2f", payload, 76, (x1 + x2) / 2, (y1 + y2) / 2)
    struct.pack_into("<Q", payload, 88, ticks(scan.taken) + place * 10_000_000)
    return bytes(payload)


def field_of(rows: int, columns: int, degrees: int, eye: str = "R") -> bytes:
    """Chunk 5: 59 bytes with eye, time, size and width in degrees of the localizer."""
    payload = bytearray(59)
    payload[2:4] = (eye or "?").encode("utf-16-le")
    struct.pack_into("<QHH", payload, 4, ticks(TAKEN), columns, rows)
    struct.pack_into("<I", payload, 24, degrees)
    return bytes(payload)


def picture(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """A picture: 20 bytes and its pixels."""
    rows, columns = pixels.shape
    code = 0x02010201 if pixels.dtype.itemsize == 1 else 0x02200201
    raw = pixels.tobytes()
    return struct.pack("<5I", 20 + len(raw), code, pixels.size, rows, columns) + raw


def contour(layer: int, heights: NDArray[np.float32]) -> bytes:
    """A boundary: 16 bytes, 20 bytes that are not heights, heights."""
    return struct.pack("<4I", 0, layer, 0, len(heights)) + bytes(20) + heights.tobytes()


def patient_of(
    number: int, surname: str, first: str, identifier: str, *, birth: int = 0, sex: str = "F"
) -> Chunk:
    """Who was scanned."""
    payload = first.encode("latin-1").ljust(31, b"\0") + surname.encode("latin-1").ljust(66, b"\0")
    payload += struct.pack("<I", birth) + sex.encode() + identifier.encode().ljust(25, b"\0")
    return Chunk(PATIENT, payload.ljust(131, b"\0"), patient=number)


def device_of(patient: int, study: int, name: str) -> Chunk:
    """With what a study was made."""
    return Chunk(DEVICE, _texts([name, "HRA", ""]), patient=patient, study=study)


def _texts(texts: Sequence[str]) -> bytes:
    padded = b"".join(text.encode("utf-16-le").ljust(256, b"\0") for text in texts)
    return struct.pack("<2I", len(texts), 256) + padded


def container(
    chunks: Sequence[Chunk], *, in_directory: int = 512, prefix: bool = False
) -> bytearray:
    """A whole file.

    Args:
        chunks: What it holds, the oldest first.
        in_directory: Entries of a directory; each ends with fillers.
        prefix: With the 64 bytes of a file of several volumes before it.
    """
    data = bytearray()
    data += b"CMDb".ljust(12, b"\0") + struct.pack("<I9HH", 100, *[0xFFFF] * 9, 0)
    data += _directory(b"MDbMDir", 512, 0, 0)
    previous = 0
    for first in range(0, max(len(chunks), 1), in_directory):
        at = len(data)
        group = chunks[first : first + in_directory]
        data += _directory(b"MDbDir", in_directory, 0, previous) + bytes(44 * in_directory)
        for place, chunk in enumerate(group):
            entry, start = at + 52 + 44 * place, len(data)
            named = start if chunk.start is None else chunk.start
            struct.pack_into(
                "<4I4i2H2I", data, entry, entry, named, len(chunk.payload), 0,
                *_numbers(chunk), 0, chunk.kind, 7 + 44 * place,
            )  # fmt: skip
            data += _header(chunk, entry, start) + chunk.payload
        previous = at
    struct.pack_into("<I", data, 36 + 40, previous)
    return bytearray(b"E2EMultipleVolumeFile".ljust(64, b"\0")) + data if prefix else data


def _directory(magic: bytes, entries: int, current: int, previous: int) -> bytes:
    head = magic.ljust(12, b"\0") + struct.pack("<I9HH", 100, *[0xFFFF] * 9, 0)
    return head + struct.pack("<4I", entries, current, previous, 0)


def _numbers(chunk: Chunk) -> tuple[int, int, int, int, int]:
    return chunk.patient, chunk.study, chunk.series, chunk.slice, chunk.part


def _header(chunk: Chunk, entry: int, start: int) -> bytes:
    one = replace(chunk, **dict(chunk.header)) if chunk.header else chunk  # type: ignore[arg-type]
    head = b"MDbData".ljust(12, b"\0")
    head += struct.pack("<5I", 0x12435DE2, entry, start, len(chunk.payload), 0)
    return head + struct.pack("<4i2H2I", *_numbers(one), 0, one.kind, 2271561672)


def write_e2e(path: Path, *scans: Scan, more: Sequence[Chunk] = (), prefix: bool = False) -> Path:
    """A file of some series and further chunks."""
    chunks = [chunk for scan in scans for chunk in chunks_of(scan)]
    path.write_bytes(container([*chunks, *more], prefix=prefix))
    return path
