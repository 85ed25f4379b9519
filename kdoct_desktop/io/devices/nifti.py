"""NIfTI volumes (``.nii``, ``.nii.gz``) through the optional package nibabel.

nibabel says what the header means: sizes, type, byte order, scale factors, units. The bytes are
fetched here, because nibabel's own reading cannot be bounded: it follows whatever lengths the
header's extensions and a gzip stream claim. So the header is unpacked alone, every size in it is
held against the limits, and B-scans are then read, or unpacked, one at a time.

NIfTI has no rule for OCT. Read is what ITK makes of a volume as MetaImage has it: axes i, j, k are
A-scan, depth from the vitreous, B-scan; the affine's directions in the head are not used. Where the
stated spacing shows that j is not the depth, the file is refused.

Grey: where the header states a display range (``cal_min``, ``cal_max``) that is black to white,
after the header's scale factors; else 8 bits without sign as stored and 16 bits linearly over the
whole range. Other types need a stated range. NIfTI holds neither eye nor patient that is read.
"""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, damaged, truncated
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo
from kdoct_desktop.io.devices.inflated import Inflated, check_unpacked_size
from kdoct_desktop.io.devices.raw_volume import check_shape, plain_volume, with_spacing
from kdoct_desktop.io.dicom_geometry import AXIAL_MM
from kdoct_desktop.io.grey import GreyTransform
from kdoct_desktop.io.limits import Limits

_HEADER = {1: 348, 2: 540}
"""Bytes of the header of each version."""
_LATEST_START = 1 << 20  # where the voxels may begin; before them lie extensions, which are skipped
_PLAIN = {"u1", "u2"}
_READ = {"u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"}
_UNIT_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}


@dataclass(frozen=True, slots=True)
class _Header:
    """What a header means.

    Attributes:
        kind: Type of a stored value, with its byte order.
        scale: Slope and intercept from stored to real values.
        shown: Real values that are black and white; None where the header states none.
        spacing_mm: Along i, j and k; None where the header states no unit.
    """

    ascans: int
    depth: int
    bscans: int
    kind: np.dtype[Any]
    start: int
    scale: tuple[float, float]
    shown: tuple[float, float] | None
    spacing_mm: tuple[float, float, float] | None

    @property
    def bscan_bytes(self) -> int:
        """Bytes of one B-scan."""
        return self.ascans * self.depth * self.kind.itemsize

    @property
    def end(self) -> int:
        """Where the voxels end."""
        return self.start + self.bscan_bytes * self.bscans


class NiftiVolume(DeviceFile):
    """A volume of which each B-scan is read, or unpacked, when it is asked for."""

    def __init__(self, path: Path, header: _Header, *, packed: bool, info: DeviceInfo) -> None:
        self._path = path
        self._header = header
        self._unpacked = Inflated(path, start=0, size=header.end) if packed else None
        self.info = info

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """See ``DeviceFile``."""
        del colour
        header = self._header
        size = header.bscan_bytes
        at = header.start + number * size
        if self._unpacked is not None:
            data = self._unpacked.read(at, size)
        else:
            with Binary(self._path) as file:
                data = file.read(at, size)
        stored = np.frombuffer(data, header.kind).reshape(header.depth, header.ascans)
        return _grey(stored, header)


def parse(path: Path, limits: Limits) -> NiftiVolume:
    """Read a header.

    Raises:
        IngestError: nibabel is missing, or the file is damaged, beyond the limits or not a scan.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    header = _header(_first_bytes(path, packed=packed))
    shape = (header.bscans, header.depth, header.ascans)
    check_shape(shape, value_bytes=header.kind.itemsize, limits=limits)
    if packed:
        check_unpacked_size(header.end, limits.inflate_bytes)
    elif path.stat().st_size < header.end:
        raise truncated()
    pattern = "line" if header.bscans == 1 else "unknown"
    volume = plain_volume("volume", shape, pattern=pattern, deep=header.kind.itemsize > 1)
    if header.spacing_mm is not None:
        ascan, axial, bscan = header.spacing_mm
        if not _in_depth(axial) and (_in_depth(ascan) or _in_depth(bscan)):
            text = "The axes are in an order that is not read; depth must be the second."
            raise IngestError("wrong-axes", text)
        between = bscan if header.bscans > 1 else None
        volume = with_spacing(volume, (between, axial, ascan), "device")
    return NiftiVolume(path, header, packed=packed, info=DeviceInfo("", (volume,)))


def _first_bytes(path: Path, *, packed: bool) -> bytes:
    """As many bytes as the longer header has, or all there are."""
    longest = max(_HEADER.values())
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:
            return stream.read(longest)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged("its packed data cannot be unpacked") from error


def _header(data: bytes) -> _Header:
    """What the bytes of a header mean.

    Raises:
        IngestError: It is none, or says what is not read.
    """
    read, least_start = _interpreted(data)
    from nibabel.spatialimages import HeaderDataError

    try:
        kind = np.dtype(read.get_data_dtype())
        shape = tuple(int(length) for length in read.get_data_shape())
        zooms = tuple(float(zoom) for zoom in read.get_zooms())
        factor = _UNIT_MM.get(read.get_xyzt_units()[0])
        names = ("scl_slope", "scl_inter", "cal_min", "cal_max", "vox_offset")
        slope, intercept, black, white, start = (float(read[name]) for name in names)
    except (HeaderDataError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise damaged("its header makes no sense") from error
    if not (least_start <= start <= _LATEST_START and start == int(start)):
        raise damaged("its voxels begin where they cannot")
    scaled = math.isfinite(slope) and math.isfinite(intercept) and slope != 0.0
    ascans, depth, bscans = _three(shape)
    spacing = (*zooms, 0.0)[:3]
    header = _Header(
        ascans,
        depth,
        bscans,
        kind=kind,
        start=int(start),
        scale=(slope, intercept) if scaled else (1.0, 0.0),
        shown=(black, white) if math.isfinite(white - black) and white > black else None,
        spacing_mm=None
        if factor is None
        else (spacing[0] * factor, spacing[1] * factor, spacing[2] * factor),
    )
    _check_kind(header)
    return header


def _interpreted(data: bytes) -> tuple[Any, int]:
    """nibabel's view of a header, and where its voxels may begin at the earliest.

    Raises:
        IngestError: nibabel is missing, or there is no header of a single file.
    """
    try:
        from nibabel.nifti1 import Nifti1Header
        from nibabel.nifti2 import Nifti2Header
    except ImportError as error:
        text = "NIfTI needs an optional package; install it with the installer's option nifti."
        raise IngestError("missing-package", text) from error
    second = data[4:8] == b"n+2\0"
    if not second and data[344:348] != b"n+1\0":
        text = "NIfTI in two files is not read; save it as one file."
        raise IngestError("unsupported-nifti", text)
    length = _HEADER[2 if second else 1]
    if len(data) < length:
        raise truncated()
    kind = Nifti2Header if second else Nifti1Header
    return kind(data[:length], check=False), length + 4  # type: ignore[no-untyped-call]


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Lengths of the three axes; a single B-scan may have two, and a volume more of length 1.

    Raises:
        IngestError: ``not-bscans``.
    """
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (2, 3):
        raise IngestError("not-bscans", "The file does not hold one volume of B-scans.")
    i, j, k = (*shape, 1)[:3]
    return i, j, k


def _check_kind(header: _Header) -> None:
    """Refuse values of which it is not known what is black and what is white.

    Raises:
        IngestError: ``unsupported-depth``.
    """
    kind = header.kind.newbyteorder("=").str[1:]
    clear = header.shown is not None or (kind in _PLAIN and header.scale[0] > 0.0)
    if kind not in _READ or not clear:
        text = "It is not stated which values are black and white; save 8 or 16 bits without sign."
        raise IngestError("unsupported-depth", text)


def _grey(stored: NDArray[Any], header: _Header) -> NDArray[np.uint8]:
    if header.shown is None:
        bytes_each = header.kind.itemsize
        plain = stored.astype(f"u{bytes_each}")
        return GreyTransform(bits=8 * bytes_each).apply(plain)
    slope, intercept = header.scale
    black, white = header.shown
    with np.errstate(over="ignore", invalid="ignore"):
        share = (stored.astype(np.float64) * slope + intercept - black) / (white - black)
    share = np.clip(np.nan_to_num(share, nan=0.0), 0.0, 1.0)
    return np.asarray(np.floor(share * 255.0 + 0.5), dtype=np.uint8)


def _in_depth(value: float) -> bool:
    return AXIAL_MM[0] <= value <= AXIAL_MM[1]
