"""MetaImage volumes: a text header (``.mhd``) beside its voxels, or before them (``.mha``).

As RETOUCH is handed out: axes x, y, z are A-scan, depth from the vitreous, B-scan; 8 bits without
sign for Cirrus and Topcon, 16 bits for Spectralis. Strict: three axes, one channel, 8 or 16 bits
without sign, and voxels of exactly the size that the header states, plain or packed with zlib.
Grey: 8 bits as stored; 16 bits linearly over the whole range, as for pictures of 16 bits.
Spacing in millimetres. Format: https://itk.org/Wiki/ITK/MetaIO/Documentation

The desktop and training read such files here, and nowhere else.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo
from kdoct_desktop.io.devices.inflated import Inflated, check_unpacked_size
from kdoct_desktop.io.devices.raw_volume import check_shape, plain_volume, with_spacing
from kdoct_desktop.io.grey import GreyTransform
from kdoct_desktop.io.limits import Limits

_HEADER_BYTES = 65_536
_TYPES = {"MET_UCHAR": 8, "MET_USHORT": 16}
_KEY = re.compile(r"\w+")
_SIZE = re.compile(r"[1-9]\d{0,5}")
_LAST = "ElementDataFile"


@dataclass(frozen=True, slots=True)
class MetaHeader:
    """What a header says.

    Attributes:
        bscans: Length of z.
        depth: Length of y.
        ascans: Length of x.
        bits: 8 or 16.
        big_endian: Byte order of 16-bit voxels.
        raw: Name of the voxels' file, in the folder of the header; empty where they follow it.
        start: Where in that file the voxels begin.
        packed: They are one zlib stream.
        spacing_mm: Along x, y and z; None where the header states none.
    """

    bscans: int
    depth: int
    ascans: int
    bits: int
    big_endian: bool
    raw: str
    start: int = 0
    packed: bool = False
    spacing_mm: tuple[float, float, float] | None = None

    @property
    def bscan_bytes(self) -> int:
        """Bytes of one B-scan, unpacked."""
        return self.depth * self.ascans * self.bits // 8

    @property
    def shape(self) -> tuple[int, int, int]:
        """Axes (bscan, depth, ascan)."""
        return self.bscans, self.depth, self.ascans

    def voxels(self, path: Path) -> Path:
        """The file of the voxels, for a header at `path`."""
        return path.with_name(self.raw) if self.raw else path

    def stored(self, data: bytes) -> NDArray[np.unsignedinteger]:
        """A B-scan as stored, axes (depth, ascan), from its bytes."""
        kind = "u1" if self.bits == 8 else (">u2" if self.big_endian else "<u2")
        values = np.frombuffer(data, kind).reshape(self.depth, self.ascans)
        return values.astype(f"u{self.bits // 8}", copy=False)

    def grey(self, data: bytes) -> NDArray[np.uint8]:
        """A B-scan as grey values, axes (depth, ascan), from its bytes."""
        return GreyTransform(bits=self.bits).apply(self.stored(data))


class MetaImage(DeviceFile):
    """A volume of which each B-scan is read, or unpacked, when it is asked for."""

    def __init__(self, path: Path, header: MetaHeader, info: DeviceInfo) -> None:
        self._path = header.voxels(path)
        self._header = header
        self._unpacked: Inflated | None = None
        if header.packed:
            whole = header.bscan_bytes * header.bscans
            self._unpacked = Inflated(self._path, start=header.start, size=whole)
        self.info = info

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """See ``DeviceFile``."""
        del colour
        size = self._header.bscan_bytes
        if self._unpacked is not None:
            return self._header.grey(self._unpacked.read(number * size, size))
        with Binary(self._path) as file:
            return self._header.grey(file.read(self._header.start + number * size, size))


def parse(path: Path, limits: Limits) -> MetaImage:
    """Read a header.

    Raises:
        IngestError: The file is not exactly what the module says, or no scan.
    """
    if path.stem.lower() == "reference":
        text = "This is a drawing that belongs to a scan, not a scan; open the scan beside it."
        raise IngestError("not-an-oct-volume", text)
    header = read_header(path, limits)
    pattern = "line" if header.bscans == 1 else "unknown"
    volume = plain_volume("volume", header.shape, pattern=pattern, deep=header.bits > 8)
    if header.spacing_mm is not None:
        ascan, axial, bscan = header.spacing_mm
        between = bscan if header.bscans > 1 else None
        volume = with_spacing(volume, (between, axial, ascan), "device")
    beside = (header.raw,) if header.raw else ()
    return MetaImage(path, header, DeviceInfo("", (volume,), beside=beside))


def read_header(path: Path, limits: Limits) -> MetaHeader:
    """Read and check a header and the size of its voxels.

    Raises:
        IngestError: Anything that is not exactly what the module says.
    """
    values, end = _values(path)
    _only(values, "NDims", ("3",))
    _only(values, "CompressedData", ("False", "True", ""))
    _only(values, "ElementNumberOfChannels", ("1", ""))
    _only(values, "HeaderSize", ("0", ""))
    _only(values, "BinaryData", ("True", ""))
    _only(values, "ElementType", tuple(_TYPES))
    order = values.get("BinaryDataByteOrderMSB", values.get("ElementByteOrderMSB", "False"))
    if order not in ("True", "False"):
        raise _refused("The byte order of the MetaImage is not stated clearly.")
    sizes = values.get("DimSize", "").split()
    if len(sizes) != 3 or not all(_SIZE.fullmatch(size) for size in sizes):
        raise _refused("The MetaImage does not state three sizes.")
    ascans, depth, bscans = (int(size) for size in sizes)
    bits = _TYPES[values["ElementType"]]
    check_shape((bscans, depth, ascans), value_bytes=bits // 8, limits=limits)
    local = values[_LAST].upper() == "LOCAL"
    header = MetaHeader(
        bscans,
        depth,
        ascans,
        bits,
        big_endian=order == "True",
        raw="" if local else _plain_name(values[_LAST]),
        start=end if local else 0,
        packed=values.get("CompressedData") == "True",
        spacing_mm=_spacing(values.get("ElementSpacing", values.get("ElementSize", ""))),
    )
    _check_voxels(path, header, limits)
    return header


def read_bscan(path: Path, header: MetaHeader, frame: int) -> NDArray[np.uint8]:
    """One B-scan as grey values, axes (depth, ascan), of a volume that is not packed.

    Raises:
        IngestError: It is packed or ends early.
    """
    return header.grey(read_stored(path, header, frame))


def read_stored(path: Path, header: MetaHeader, frame: int) -> bytes:
    """The bytes of one B-scan of a volume that is not packed.

    Raises:
        IngestError: It is packed or ends early.
    """
    if header.packed:
        raise _refused("The MetaImage is packed; save it without compression.")
    with Binary(header.voxels(path)) as file:
        return file.read(header.start + frame * header.bscan_bytes, header.bscan_bytes)


def _values(path: Path) -> tuple[dict[str, str], int]:
    """The header's values, and where it ends; the voxels may follow its last line."""
    with path.open("rb") as stream:
        data = stream.read(_HEADER_BYTES)
    values: dict[str, str] = {}
    at = 0
    while at < len(data) and _LAST not in values:
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = data[at:end].decode("latin-1")
        at = end + 1
        if not line.strip():
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not _KEY.fullmatch(key) or key in values:
            raise _refused("The MetaImage header has a line that makes no sense.")
        values[key] = value
    if _LAST not in values:
        raise _refused("The MetaImage header does not say where its voxels are.")
    if values[_LAST].upper() != "LOCAL" and (data[at:].strip() or len(data) == _HEADER_BYTES):
        raise _refused("The MetaImage header goes on after its last line.")
    return values, at


def _plain_name(name: str) -> str:
    """The name of a file in the same folder."""
    if not name or name.upper() == "LIST" or re.search(r"[/\\:%\0]|^\.\.?$", name):
        raise _refused("The MetaImage must name one raw file beside it.")
    return name


def _check_voxels(path: Path, header: MetaHeader, limits: Limits) -> None:
    """Make sure that the voxels are there, all of them and nothing else."""
    voxels = header.voxels(path)
    if not voxels.is_file():
        raise _refused("The raw file of the MetaImage is missing.")
    whole = header.bscan_bytes * header.bscans
    if header.packed:
        check_unpacked_size(whole, limits.inflate_bytes)
    elif voxels.stat().st_size - header.start != whole:
        raise _refused("The voxels of the MetaImage have another size than its header states.")


def _spacing(text: str) -> tuple[float, float, float] | None:
    """Three numbers; None where they are not there."""
    try:
        x, y, z = (float(part) for part in text.split())
    except ValueError:
        return None
    return x, y, z


def _only(values: dict[str, str], key: str, allowed: tuple[str, ...]) -> None:
    if values.get(key, "") not in allowed:
        raise _refused(f"The MetaImage has a {key} that is not read.")


def _refused(message: str) -> IngestError:
    return IngestError("damaged-file", message)
