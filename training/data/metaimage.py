"""MetaImage volumes (``.mhd`` header beside ``.raw`` voxels), as RETOUCH is handed out.

Strict: three axes x, y, z with B-scans along z, 8 or 16 bits without sign, uncompressed, and a raw
file of exactly the size that the header states. Format: https://itk.org/Wiki/ITK/MetaIO/Documentation
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.grey import GreyTransform
from kdoct_desktop.io.limits import Limits

_HEADER_BYTES = 65_536
_TYPES = {"MET_UCHAR": 8, "MET_USHORT": 16}
_LINE = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class MetaHeader:
    """What a header says.

    Attributes:
        bscans: Length of z.
        depth: Length of y.
        ascans: Length of x.
        bits: 8 or 16.
        big_endian: Byte order of 16-bit voxels.
        raw: Name of the voxels' file, in the folder of the header.
    """

    bscans: int
    depth: int
    ascans: int
    bits: int
    big_endian: bool
    raw: str

    @property
    def bscan_bytes(self) -> int:
        """Bytes of one B-scan."""
        return self.depth * self.ascans * self.bits // 8


def is_metaimage(head: bytes) -> bool:
    """Whether a file's first bytes are those of a MetaImage header."""
    return re.match(rb"\s*(ObjectType|NDims|Comment|ObjectSubType)\s*=", head) is not None


def read_header(path: Path, limits: Limits) -> MetaHeader:
    """Read and check a header and the size of its raw file.

    Raises:
        IngestError: Anything that is not exactly what the module says.
    """
    values = _values(path)
    _only(values, "NDims", ("3",))
    _only(values, "CompressedData", ("False", ""))
    _only(values, "ElementNumberOfChannels", ("1", ""))
    _only(values, "HeaderSize", ("0", ""))
    _only(values, "BinaryData", ("True", ""))
    _only(values, "ElementType", tuple(_TYPES))
    order = values.get("BinaryDataByteOrderMSB", values.get("ElementByteOrderMSB", "False"))
    if order not in ("True", "False"):
        raise _refused("The byte order of the MetaImage is not stated clearly.")
    sizes = values.get("DimSize", "").split()
    if len(sizes) != 3 or not all(re.fullmatch(r"[1-9]\d{0,5}", size) for size in sizes):
        raise _refused("The MetaImage does not state three sizes.")
    ascans, depth, bscans = (int(size) for size in sizes)
    if max(ascans, depth) > limits.rows or bscans > limits.frames:
        raise _refused("The MetaImage claims more pixels than any real scan.")
    raw = values.get("ElementDataFile", "")
    if not raw or raw.upper() in ("LOCAL", "LIST") or re.search(r"[/\\:%]|^\.\.?$", raw):
        raise _refused("The MetaImage must name one raw file beside it.")
    header = MetaHeader(bscans, depth, ascans, _TYPES[values["ElementType"]], order == "True", raw)
    voxels = path.with_name(raw)
    if not voxels.is_file():
        raise _refused("The raw file of the MetaImage is missing.")
    if voxels.stat().st_size != header.bscan_bytes * bscans:
        raise _refused("The raw file of the MetaImage has another size than its header states.")
    return header


def read_bscan(path: Path, header: MetaHeader, frame: int) -> NDArray[np.uint8]:
    """One B-scan as grey values, 16 bits by the desktop's transform; axes (depth, ascan)."""
    with path.with_name(header.raw).open("rb") as stream:
        stream.seek(frame * header.bscan_bytes)
        data = stream.read(header.bscan_bytes)
    if len(data) != header.bscan_bytes:
        raise _refused("The raw file of the MetaImage ends early.")
    shape = (header.depth, header.ascans)
    if header.bits == 8:
        return np.frombuffer(data, dtype=np.uint8).reshape(shape)
    stored = np.frombuffer(data, dtype=">u2" if header.big_endian else "<u2").reshape(shape)
    return GreyTransform(bits=16).apply(stored.astype(np.uint16))


def _values(path: Path) -> dict[str, str]:
    with path.open("rb") as stream:
        data = stream.read(_HEADER_BYTES + 1)
    if len(data) > _HEADER_BYTES:
        raise _refused("The MetaImage header is longer than any real one.")
    values: dict[str, str] = {}
    for line in data.decode("latin-1").splitlines():
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None or match[1] in values:
            raise _refused("The MetaImage header has a line that makes no sense.")
        values[match[1]] = match[2]
    return values


def _only(values: dict[str, str], key: str, allowed: tuple[str, ...]) -> None:
    if values.get(key, "") not in allowed:
        raise _refused(f"The MetaImage has a {key} that is not read.")


def _refused(message: str) -> IngestError:
    return IngestError("damaged-picture", message)
