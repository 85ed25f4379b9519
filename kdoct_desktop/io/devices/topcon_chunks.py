"""Topcon files: a header, and then named parts one after the other until an empty name.

Little endian throughout. Layout as the UOCTE project documents it ("Topcon File Format",
Apache-2.0), checked on files of a 3D OCT-1000 Mark II.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kdoct_desktop.io.devices.binary import Binary, damaged
from kdoct_desktop.io.limits import Limits

HEADER = np.dtype(
    [
        ("magic", "S4"),  # FOCT
        ("kind", "S3"),  # FDA: a scan with its analysis, FDS: a scan, FAA: of the front of the eye
        ("major", "<u4"),
        ("minor", "<u4"),
    ]
)
"""15 bytes; then each part: u8 length of its name, the name, u32 length of its data, the data."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A named part of a file.

    Attributes:
        name: Begins with ``@``.
        offset: Of its data in the file.
        size: Bytes of its data; the file holds them.
    """

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Chunks:
    """The parts of a file in their order.

    Attributes:
        kind: Three letters that tell what was scanned.
        every: The parts.
        ended: The empty name that ends the list was there.
    """

    kind: str
    every: tuple[Chunk, ...]
    ended: bool

    def named(self, *names: str) -> tuple[Chunk, ...]:
        """All parts of these names, the first name's first."""
        return tuple(chunk for name in names for chunk in self.every if chunk.name == name)


def walk(file: Binary, limits: Limits) -> Chunks:
    """List the parts of a file; each step goes forward, hence it ends.

    Raises:
        IngestError: The list leaves the file or is no list.
    """
    kind = bytes(file.record(0, HEADER)["kind"]).decode("ascii", errors="replace")
    found: list[Chunk] = []
    at = HEADER.itemsize
    while at < file.size:
        length = file.read(at, 1)[0]
        if length == 0:
            return Chunks(kind, tuple(found), ended=True)
        if len(found) == limits.elements:
            raise damaged("it has more parts than any real file")
        head = file.read(at + 1, length + 4)
        name = head[:length]
        if not name.startswith(b"@") or not name.isascii():
            raise damaged("the name of one of its parts is none")
        at += 1 + length + 4
        size = int.from_bytes(head[length:], "little")
        file.check(at, size)
        found.append(Chunk(name.decode("ascii"), at, size))
        at += size
    return Chunks(kind, tuple(found), ended=False)


def record(file: Binary, chunk: Chunk, layout: np.dtype[Any]) -> np.void | None:
    """The record at the beginning of a part; None where the part is too short for it."""
    return file.record(chunk.offset, layout) if layout.itemsize <= chunk.size else None


def first_record(
    file: Binary, chunks: Chunks, layouts: Sequence[tuple[str, np.dtype[Any]]]
) -> np.void | None:
    """The record of the first name that the file has; None where it has none of them."""
    for name, layout in layouts:
        for chunk in chunks.named(name):
            found = record(file, chunk, layout)
            if found is not None:
                return found
    return None
