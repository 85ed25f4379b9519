"""The container of Heidelberg's ``.e2e`` and ``.sdb``: directories and where each chunk lies.

Little endian. A header, a main directory that points at the newest directory, directories of
entries that each point at an older one, and chunks that each start with a header of their own.
Known from the UOCTE wiki ("Heidelberg File Format"), eyepy's format pages and oct-converter; no
vendor's description exists.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, damaged

HEADER = np.dtype(
    [
        ("magic", "S12"),  # CMDb
        ("version", "<u4"),  # 100
        ("unknown", "<u2", (10,)),
    ]
)
DIRECTORY = np.dtype(
    [
        ("magic", "S12"),  # MDbMDir for the main directory, MDbDir for the others
        ("version", "<u4"),  # 100
        ("unknown", "<u2", (10,)),
        ("entries", "<u4"),  # 512 as a rule
        ("current", "<u4"),  # main directory: offset of the newest directory
        ("previous", "<u4"),  # offset of the next older directory, 0 for none
        ("unknown2", "<u4"),
    ]
)
ENTRY = np.dtype(
    [
        ("position", "<u4"),  # offset of this entry
        ("start", "<u4"),  # offset of the chunk's header
        ("size", "<u4"),  # bytes of the chunk after its header
        ("zero", "<u4"),
        ("patient", "<i4"),  # numbers in the clinic's database, -1 for none
        ("study", "<i4"),
        ("series", "<i4"),
        ("slice", "<i4"),  # twice the place of the B-scan
        ("part", "<u2"),  # 0 localizer, 1 B-scan, 65535 neither
        ("zero2", "<u2"),
        ("kind", "<u4"),  # 0 for a filler
        ("unknown", "<u4"),
    ]
)
CHUNK = np.dtype(
    [
        ("magic", "S12"),  # MDbData
        ("unknown", "<u4"),
        ("entry", "<u4"),
        ("position", "<u4"),
        ("size", "<u4"),  # bytes after this header
        ("zero", "<u4"),
        ("patient", "<i4"),
        ("study", "<i4"),
        ("series", "<i4"),
        ("slice", "<i4"),
        ("part", "<u2"),
        ("zero2", "<u2"),
        ("kind", "<u4"),
        ("unknown2", "<u4"),
    ]
)
ROW = np.dtype(
    [
        ("at", "<i8"),  # offset in the file of the chunk's header
        ("patient", "<i4"),
        ("study", "<i4"),
        ("series", "<i4"),
        ("slice", "<i4"),
        ("part", "<u2"),
        ("kind", "<u4"),
    ]
)
"""What is kept of an entry."""

_IDENTITY = ("patient", "study", "series", "slice", "part", "kind")
_PREFIX = b"E2EMultipleVolumeFile"
_PREFIX_BYTES = 64
_MARK = b"MDbData\0\0\0\0\0"
_BLOCK_BYTES = 8 * 1024 * 1024
_MOST_CHUNKS = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Where everything lies.

    Attributes:
        rows: Every chunk, dtype `ROW`, the oldest first.
        whole: False where the directories are missing or broken and the chunks were found by
            their marks.
    """

    rows: NDArray[np.void]
    whole: bool


def index(file: Binary) -> Index:
    """List the chunks of a file.

    Directories decide. Where their chain leaves the file (an export that broke off), the chunks
    are looked for by the mark at their beginning instead.

    Raises:
        IngestError: The file is cut, runs in a circle or holds more than fits.
    """
    prefix = file.read(0, len(_PREFIX))
    base = _PREFIX_BYTES if prefix == _PREFIX else 0
    header = file.record(base, HEADER)
    main = file.record(base + HEADER.itemsize, DIRECTORY)
    if header["magic"] != b"CMDb" or main["magic"] != b"MDbMDir":
        raise damaged("its header is not that of a Heidelberg file")
    directories = _directories(file, base, int(main["current"]))
    if not directories:
        return Index(_by_marks(file, base), whole=False)
    parts = [
        file.array(base + at + DIRECTORY.itemsize, ENTRY, (count,)) for at, count in directories
    ]
    entries = np.concatenate(parts)
    entries = entries[(entries["kind"] != 0) & (entries["start"] != 0)]
    return Index(_rows(entries, entries["start"].astype(np.int64) + base), whole=True)


def _directories(file: Binary, base: int, newest: int) -> list[tuple[int, int]]:
    """Offset and number of entries of each directory, the oldest first; empty where broken.

    Raises:
        IngestError: They run in a circle or overlap.
    """
    found: list[tuple[int, int]] = []
    seen: set[int] = set()
    room = file.size
    at = newest
    while at != 0:
        if at in seen:
            raise damaged("its directory runs in a circle")
        seen.add(at)
        if base + at + DIRECTORY.itemsize > file.size:
            return []
        record = file.record(base + at, DIRECTORY)
        count = int(record["entries"])
        length = DIRECTORY.itemsize + count * ENTRY.itemsize
        if record["magic"] not in (b"MDbDir", b"MDbMDir") or base + at + length > file.size:
            return []
        room -= length
        if room < 0:
            raise damaged("its directories hold more than the file")
        found.append((at, count))
        at = int(record["previous"])
    return found[::-1]


def _by_marks(file: Binary, base: int) -> NDArray[np.void]:
    """Chunks found by the mark at their beginning, in the order of the file."""
    places: list[int] = []
    start = base + HEADER.itemsize + DIRECTORY.itemsize
    last = file.size - CHUNK.itemsize
    while start <= last:
        block = file.read(start, min(_BLOCK_BYTES, file.size - start))
        at = block.find(_MARK)
        while at >= 0:
            if start + at <= last:
                places.append(start + at)
            if len(places) > _MOST_CHUNKS:
                raise IngestError("too-large", "The file holds more parts than any real file.")
            at = block.find(_MARK, at + CHUNK.itemsize)
        start += max(len(block) - len(_MARK) + 1, 1)
    raw = b"".join(file.read(at, CHUNK.itemsize) for at in places)
    return _rows(np.frombuffer(raw, dtype=CHUNK), np.array(places, dtype=np.int64))


def _rows(source: NDArray[np.void], places: NDArray[np.int64]) -> NDArray[np.void]:
    rows = np.empty(len(source), dtype=ROW)
    rows["at"] = places
    for name in _IDENTITY:
        rows[name] = source[name]
    return rows


def newest(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Of chunks with the same patient, study, series, slice, part and kind only the newest.

    A device's database keeps what was written over; a directory that was added later holds what
    counts. Sorted by these numbers.
    """
    if not len(rows):
        return rows
    order = np.lexsort((np.arange(len(rows)), *(rows[name] for name in reversed(_IDENTITY))))
    ordered = rows[order]
    same = np.ones(len(ordered) - 1, dtype=bool)
    for name in _IDENTITY:
        same &= ordered[name][1:] == ordered[name][:-1]
    last: NDArray[np.void] = ordered[np.append(~same, True)]
    return last
