"""Writes NIfTI files byte by byte, by the offsets of nifti1.h and nifti2.h."""

import gzip
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768}
MILLIMETRES = 2

# field: (offset and format in version 1, offset and format in version 2)
FIELDS = {
    "sizeof_hdr": ((0, "i"), (0, "i")),
    "dim": ((40, "8h"), (16, "8q")),
    "datatype": ((70, "h"), (12, "h")),
    "bitpix": ((72, "h"), (14, "h")),
    "pixdim": ((76, "8f"), (104, "8d")),
    "vox_offset": ((108, "f"), (168, "q")),
    "scl_slope": ((112, "f"), (176, "d")),
    "scl_inter": ((116, "f"), (184, "d")),
    "xyzt_units": ((123, "B"), (500, "i")),
    "cal_max": ((124, "f"), (192, "d")),
    "cal_min": ((128, "f"), (200, "d")),
    "descrip": ((148, "80s"), (240, "80s")),
    "magic": ((344, "4s"), (4, "8s")),
}


@dataclass
class Nifti:
    """What is written; change what is to differ.

    Attributes:
        voxels: As stored, axes (bscan, depth, ascan).
        fields: Values of the header over the usual ones.
        version: 1 or 2.
        order: Byte order, ``<`` or ``>``.
        extension: Bytes between header and voxels.
        members: The packed file has this many gzip members.
    """

    voxels: NDArray[Any]
    fields: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    order: str = "<"
    extension: bytes = b"\0\0\0\0"
    members: int = 1

    def data(self) -> bytes:
        """The whole file, unpacked."""
        bscans, depth, ascans = self.voxels.shape
        length = 348 if self.version == 1 else 540
        usual: dict[str, Any] = {
            "sizeof_hdr": length,
            "dim": (3, ascans, depth, bscans, 1, 1, 1, 1),
            "datatype": CODES[self.voxels.dtype.str[1:]],
            "bitpix": 8 * self.voxels.dtype.itemsize,
            "pixdim": (1.0, 0.0117, 0.0039, 0.12, 0.0, 0.0, 0.0, 0.0),
            "vox_offset": length + len(self.extension),
            "xyzt_units": MILLIMETRES,
            "descrip": b"Doe^Jane 1950-01-01",
            "magic": b"n+1\0" if self.version == 1 else b"n+2\0\r\n\x1a\n",
        }
        header = bytearray(length)
        for name, value in {**usual, **self.fields}.items():
            at, layout = FIELDS[name][self.version - 1]
            values = value if isinstance(value, tuple) else (value,)
            struct.pack_into(self.order + layout, header, at, *values)
        stored = self.voxels.astype(self.order + self.voxels.dtype.str[1:])
        return bytes(header) + self.extension + stored.tobytes()

    def write(self, path: Path) -> Path:
        """Write the file, packed where its name ends so."""
        data = self.data()
        if path.suffix == ".gz":
            step = -(-len(data) // self.members)
            parts = [data[at : at + step] for at in range(0, len(data), step)]
            data = b"".join(gzip.compress(part, mtime=0) for part in parts)
        path.write_bytes(data)
        return path


def grey16(grey: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """16-bit values that become these grey values."""
    return grey.astype(np.uint16) * 257
