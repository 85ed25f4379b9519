"""Bioptigen (Leica Envisu) ``.OCT``: a tagged header, then one tagged record a B-scan.

Little endian. Magic ``A5 A7 7D 0C``, u16 version, then a chain of tags: u32 length of the key, key,
u32 length of the value, value; a key of length 0 ends a record. ``FRAMEHEADER`` opens the header
and ``FRAMEDATA`` each B-scan; what they call their length is not relied on. As the reader that
Bioptigen published understands it (Oct_Reader, file format 0x010A).

Stored values are 8 or 16 bits without sign, A-scan by A-scan with depth running fastest, vitreous
first. Grey: 8 bits as stored; 16 bits linearly over the whole range, 65535 white. The eye stands
only in the file's name. Not tried on a device's own file.
"""

import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, damaged, truncated
from kdoct_desktop.io.devices.claims import BIOPTIGEN_MAGIC
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo, NoticeInfo, VolumeInfo
from kdoct_desktop.io.devices.raw_volume import (
    check_shape,
    eyes_in,
    plain_volume,
    with_eye,
    with_spacing,
    with_time,
)
from kdoct_desktop.io.grey import GreyTransform
from kdoct_desktop.io.limits import Limits

_START = 6  # magic and version
_LONGEST_KEY = 64
_MOST_TAGS = 64  # of one record; real ones have about 25
_SYSTEM_TIME = np.dtype(
    [(name, "<u2") for name in ("year", "month", "weekday", "day", "hour", "minute", "second")]
    + [("millisecond", "<u2")]
)
"""``FRAMEDATETIME``: when a B-scan was made, local time (Windows SYSTEMTIME)."""
_INTEGERS = (
    "FRAMECOUNT", "LINECOUNT", "LINELENGTH", "SAMPLEFORMAT", "SCANTYPE", "SCANS", "FRAMES",
    "DOPPLERFLAG",
)  # fmt: skip
_REALS = ("SCANDEPTH", "AZSCANLENGTH", "ELSCANLENGTH")  # millimetres
_LINEAR, _RECTANGLE, _RADIAL, _MIXED = 0, 1, 3, 6
_PATTERNS = {_LINEAR: "line", _RECTANGLE: "raster", _RADIAL: "radial"}


@dataclass(slots=True)
class _Record:
    """The tags of one record: where each value lies and how long it is."""

    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Header:
    """What the header states; None where it states nothing."""

    bscans: int
    ascans: int
    depth: int
    value_bytes: int
    scan_type: int | None
    scans: int | None
    repeats: int | None
    doppler: bool
    depth_mm: float | None
    along_mm: float | None
    across_mm: float | None


class BioptigenFile(DeviceFile):
    """A file of which each B-scan is read where it lies."""

    def __init__(self, path: Path, header: _Header, places: list[int], info: DeviceInfo) -> None:
        self._path = path
        self._header = header
        self._places = places
        self.info = info

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """See ``DeviceFile``."""
        del colour
        header = self._header
        kind = np.dtype("u1" if header.value_bytes == 1 else "<u2")
        with Binary(self._path) as file:
            lines = file.array(self._places[number], kind, (header.ascans, header.depth))
        bits = 8 * header.value_bytes
        return GreyTransform(bits=bits).apply(lines.T.astype(f"u{header.value_bytes}"))


def parse(path: Path, limits: Limits) -> BioptigenFile:
    """Read the tags of a file, no samples.

    Raises:
        IngestError: The file is damaged, beyond the limits, or of a kind that is not read.
    """
    with Binary(path) as file:
        if file.read(0, len(BIOPTIGEN_MAGIC)) != BIOPTIGEN_MAGIC:
            raise damaged("it does not begin as such a file does")
        (version,) = struct.unpack("<H", file.read(4, 2))
        opening = _record(file, _START, "FRAMEHEADER")
        header = _header(file, opening)
        shape = (header.bscans, header.depth, header.ascans)
        check_shape(shape, value_bytes=header.value_bytes, limits=limits)
        places, acquired = _frames(file, header, opening.end)
    volume = _volume(path.name, header, acquired=acquired, version=version)
    return BioptigenFile(path, header, places, DeviceInfo("", (volume,)))


def _record(file: Binary, at: int, opener: str) -> _Record:
    """Walk the tags of a record up to the empty key that ends it, or to the end of the file.

    Raises:
        IngestError: It opens otherwise, does not end, or leaves the file.
    """
    record = _Record()
    key, at, _ = _tag(file, at)
    if key != opener:
        raise damaged("a part of it does not begin as it should")
    for _ in range(_MOST_TAGS):
        if at == file.size:
            record.end = at
            return record
        key, value, length = _tag(file, at)
        if not key:
            record.end = value
            return record
        file.check(value, length)
        if key in record.values:
            raise damaged("a part of it says something twice")
        record.values[key] = (value, length)
        at = value + length
    raise damaged("a part of it does not end")


def _tag(file: Binary, at: int) -> tuple[str, int, int]:
    """Key, offset and length of the value; for the empty key the offset behind it."""
    (length,) = struct.unpack("<I", file.read(at, 4))
    if length == 0:
        return "", at + 4, 0
    if length > _LONGEST_KEY:
        raise damaged("a part of it has no name")
    key = file.read(at + 4, length).rstrip(b"\0")
    if not key.isalnum():
        raise damaged("a part of it has no name")
    (size,) = struct.unpack("<I", file.read(at + 4 + length, 4))
    return key.decode("ascii"), at + 8 + length, size


def _header(file: Binary, record: _Record) -> _Header:
    """The values of the header.

    Raises:
        IngestError: One that is needed is missing, or the scan is of a kind that is not read.
    """
    whole = {name: _integer(file, record, name) for name in _INTEGERS}
    real = {name: _real(file, record, name) for name in _REALS}
    bscans, ascans, depth = (whole[name] for name in ("FRAMECOUNT", "LINECOUNT", "LINELENGTH"))
    if bscans is None or ascans is None or depth is None:
        raise damaged("it does not say how large its B-scans are")
    if whole["SCANTYPE"] == _MIXED:
        text = "Scans of mixed density are not read; export pictures instead."
        raise IngestError("unsupported-scan", text)
    value_bytes = whole["SAMPLEFORMAT"]
    if value_bytes not in (None, 1, 2):
        raise IngestError("unsupported-depth", "This kind of pixels is not read.")
    return _Header(
        bscans=bscans,
        ascans=ascans,
        depth=depth,
        value_bytes=value_bytes or 2,
        scan_type=whole["SCANTYPE"],
        scans=whole["SCANS"],
        repeats=whole["FRAMES"],
        doppler=bool(whole["DOPPLERFLAG"]),
        depth_mm=real["SCANDEPTH"],
        along_mm=real["AZSCANLENGTH"],
        across_mm=real["ELSCANLENGTH"],
    )


def _integer(file: Binary, record: _Record, name: str) -> int | None:
    at, length = record.values.get(name, (0, 0))
    if length not in (0, 1, 2, 4):
        raise damaged("a number in its header has an impossible length")
    return int.from_bytes(file.read(at, length), "little") if length else None


def _real(file: Binary, record: _Record, name: str) -> float | None:
    at, length = record.values.get(name, (0, 0))
    return float(struct.unpack("<d", file.read(at, 8))[0]) if length == 8 else None


def _frames(file: Binary, header: _Header, at: int) -> tuple[list[int], tuple[int, ...]]:
    """Where the samples of each B-scan lie, and when the first was made.

    Raises:
        IngestError: One is missing or has another size than the header says.
    """
    expected = header.ascans * header.depth * header.value_bytes
    places: list[int] = []
    acquired: tuple[int, ...] = ()
    for number in range(header.bscans):
        if at >= file.size:
            raise truncated()
        record = _record(file, at, "FRAMEDATA")
        place, length = record.values.get("FRAMESAMPLES", (0, 0))
        if not length and record.end == file.size:
            raise truncated()
        lines = _integer(file, record, "FRAMELINES")
        if length != expected or lines not in (None, header.ascans):
            text = "The B-scans of the file differ in size; such scans are not read."
            raise IngestError("size-mismatch", text)
        places.append(place)
        if number == 0:
            acquired = _time(file, record)
        at = record.end
    return places, acquired


def _time(file: Binary, record: _Record) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second; empty where they are not stated."""
    place, length = record.values.get("FRAMEDATETIME", (0, 0))
    if length < _SYSTEM_TIME.itemsize:
        return ()
    stamp = file.record(place, _SYSTEM_TIME)
    names = ("year", "month", "day", "hour", "minute", "second")
    return tuple(int(stamp[name]) for name in names)


def _volume(name: str, header: _Header, *, acquired: tuple[int, ...], version: int) -> VolumeInfo:
    pattern = _PATTERNS.get(-1 if header.scan_type is None else header.scan_type, "unknown")
    doppler = NoticeInfo("doppler-left-out", "The file's Doppler data is not read.")
    shape = (header.bscans, header.depth, header.ascans)
    volume = plain_volume(
        "scan",
        shape,
        pattern=pattern,
        told="device",
        deep=header.value_bytes > 1,
        notices=(doppler,) if header.doppler else (),
    )
    lengths = (header.across_mm if pattern == "raster" else None, header.depth_mm, header.along_mm)
    across, deep, along = (
        length / count if length is not None else None
        for length, count in zip(lengths, shape, strict=True)
    )
    volume = with_spacing(volume, (across, deep, along), "derived")
    volume = with_time(volume, acquired, "device")
    volume = with_eye(volume, eyes_in(name), "derived")
    volume = replace(volume, device="Bioptigen", software=f"file format {version:#06x}")
    if (header.repeats or 1) > 1 and (header.scans or 1) > 1:
        text = "The scan repeats its B-scans, in an order that is not known; it is not read."
        volume = replace(volume, refused=NoticeInfo("repeated-bscans", text))
    return volume
