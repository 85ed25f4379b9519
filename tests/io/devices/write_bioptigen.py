"""Writes Bioptigen ``.OCT`` files tag by tag, as Bioptigen's own reader describes them."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

MAGIC = bytes.fromhex("a5a77d0c0a01")


def tag(key: str, value: bytes) -> bytes:
    """One tag: length of the key, key, length of the value, value."""
    return struct.pack("<I", len(key)) + key.encode() + struct.pack("<I", len(value)) + value


def whole(number: int) -> bytes:
    """A number as the file stores it."""
    return struct.pack("<I", number)


def real(number: float) -> bytes:
    """A number as the file stores it."""
    return struct.pack("<d", number)


@dataclass
class Bioptigen:
    """What is written; change what is to differ.

    Attributes:
        voxels: uint8 or uint16, axes (bscan, depth, ascan).
        header: Tags of the header by key, over the usual ones; None leaves one out.
        frames: Tags of each B-scan, the same.
        time: Year, month, weekday, day, hour, minute, second, millisecond.
        missing: B-scans at the end that are not written.
        tail: What follows each record; real files have an empty key.
    """

    voxels: NDArray[Any]
    header: dict[str, bytes | None] = field(default_factory=dict)
    frames: dict[str, bytes | None] = field(default_factory=dict)
    time: tuple[int, ...] = (2014, 3, 2, 18, 9, 5, 7, 120)
    missing: int = 0
    tail: bytes = b"\0\0\0\0"

    def write(self, path: Path) -> Path:
        """Write the file."""
        bscans, _, ascans = self.voxels.shape
        data = MAGIC + self._record("FRAMEHEADER", {**self._usual(), **self.header})
        for bscan in self.voxels[: bscans - self.missing]:
            lines = bscan.T.astype(bscan.dtype.newbyteorder("<"))  # A-scan by A-scan
            data += self._record(
                "FRAMEDATA",
                {
                    "FRAMEDATETIME": struct.pack("<8H", *self.time),
                    "FRAMETIMESTAMP": real(1.5),
                    "FRAMELINES": whole(ascans),
                    "FRAMESAMPLES": lines.tobytes(),
                    **self.frames,
                },
            )
        path.write_bytes(data)
        return path

    def _usual(self) -> dict[str, bytes | None]:
        """Tags of the header."""
        bscans, depth, ascans = self.voxels.shape
        return {
            "FRAMECOUNT": whole(bscans),
            "LINECOUNT": whole(ascans),
            "LINELENGTH": whole(depth),
            "SAMPLEFORMAT": whole(self.voxels.dtype.itemsize),
            "DESCRIPTION": b"Doe, Jane 1950-01-01\0",
            "XMIN": real(0.0),
            "XMAX": real(10.0),
            "XCAPTION": b"mm\0",
            "YMIN": real(0.0),
            "YMAX": real(3.0),
            "YCAPTION": b"mm\0",
            "SCANTYPE": whole(1),
            "SCANDEPTH": real(depth * 0.0033),
            "SCANLENGTH": real(0.0),
            "AZSCANLENGTH": real(ascans * 0.012),
            "ELSCANLENGTH": real(bscans * 0.1),
            "OBJECTDISTANCE": real(0.0),
            "SCANANGLE": real(0.0),
            "SCANS": whole(bscans),
            "FRAMES": whole(1),
            "DOPPLERFLAG": whole(0),
            "CONFIG": b"\x01\x02\x03",
        }

    def _record(self, opener: str, tags: dict[str, bytes | None]) -> bytes:
        body = b"".join(tag(key, value) for key, value in tags.items() if value is not None)
        return tag(opener, b"")[:-4] + whole(len(body) + len(self.tail)) + body + self.tail
