"""Zeiss Cirrus ``.img`` cubes: voxels without a header, everything else in the file's name.

Bytes, one a voxel, A-scan fastest, then depth, then B-scan (formats.md 3.4). A B-scan is stored
turned by half a turn: AURA (Johns Hopkins), retimat (Mondragon) and Zeiss2Dcm (MITRE) turn it back,
and so does this one. They differ about the order of the B-scans, which is therefore left as it is
stored and called assumed. Not tried on a device's own file.

Name: ``P123_Macular Cube 512x128_1-2-2010_9-3-1_OD_sn1234_cube_z.img``: patient, protocol with
A-scans and B-scans, date, time, eye, serial number, kind. ``raw`` cubes are interlaced on some
devices and are refused. Of a name that was changed, what is left of it counts: kind, protocol, eye.
Grey values are those that are stored.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, truncated
from kdoct_desktop.io.devices.claims import USUAL_CUBES
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo, NoticeInfo, PatientInfo, VolumeInfo
from kdoct_desktop.io.devices.raw_volume import (
    check_shape,
    eyes_in,
    plain_volume,
    with_eye,
    with_spacing,
    with_time,
)
from kdoct_desktop.io.limits import Limits

_DEPTH = 1024
_DEPTH_MM = 2.0
_FIELD_MM = 6.0  # a cube of 6 x 6 x 2 mm, first voxel to last, whatever its sampling
_NAME = re.compile(
    r"(?:(?P<patient>.*)_)?(?P<protocol>[^_]+)"
    r"_(?P<first>\d{1,2})-(?P<second>\d{1,2})-(?P<year>\d{4})"
    r"_(?P<hour>\d{1,2})-(?P<minute>\d{1,2})-(?P<seconds>\d{1,2})"
    r"_(?P<eye>OD|OS)_sn\d+_(?P<kind>\w+)\.img",
    re.ASCII | re.IGNORECASE,
)
_CUBE = re.compile(
    r"(macular|optic|anterior)(?:[ _-]?(?:disc|segment))?[ _-]?cube[ _-]?(\d{1,5})x(\d{1,5})",
    re.IGNORECASE,
)
_LINES = re.compile(r"(?:hd )?(5|21) line(?: raster)?", re.IGNORECASE)
_PATTERNS = {"macular": "raster", "optic": "onh", "anterior": "anterior"}
_RAW = re.compile(r"raw\.img$|(?<![a-z])raw(?![a-z])", re.IGNORECASE)
_FLOW = re.compile(r"flow(?=cube|[^a-z])", re.IGNORECASE)
_ANGIOGRAPHY = re.compile(r"angio(?=graphy|[^a-z])", re.IGNORECASE)
_NOT_MACULAR = re.compile(r"(optic)[ _-]?(?:disc|nerve)|(anterior)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the voxels lie.

    Attributes:
        pattern: Value of a ``ScanPattern``.
        retina: The cube lies on the retina, so that its size in millimetres is known.
    """

    bscans: int
    depth: int
    ascans: int
    pattern: str
    retina: bool


class ZeissCube(DeviceFile):
    """A cube of which each B-scan is read where it lies."""

    def __init__(self, path: Path, layout: _Layout, info: DeviceInfo) -> None:
        self._path = path
        self._layout = layout
        self.info = info

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """See ``DeviceFile``."""
        del colour
        depth, ascans = self._layout.depth, self._layout.ascans
        with Binary(self._path) as file:
            stored = file.array(number * depth * ascans, np.dtype(np.uint8), (depth, ascans))
        return np.asarray(stored[::-1, ::-1])


def parse(path: Path, limits: Limits) -> ZeissCube:
    """Read the name and the size of a cube.

    Raises:
        IngestError: The file is of a kind that is not read, or name and size contradict.
    """
    named = _NAME.fullmatch(path.name)
    size = path.stat().st_size
    layout = _named_layout(named, size) if named is not None else _sized_layout(path.name, size)
    check_shape((layout.bscans, layout.depth, layout.ascans), value_bytes=1, limits=limits)
    return ZeissCube(path, layout, DeviceInfo("", (_volume(path.name, named, layout),)))


def _named_layout(named: re.Match[str], size: int) -> _Layout:
    """The layout that the name states, if the file has that size.

    Raises:
        IngestError: It has another, or the name states none.
    """
    kind, protocol = named["kind"].lower(), named["protocol"]
    _refuse_kind(raw=kind.endswith("raw"), flow="flow" in kind)
    cube = _CUBE.search(protocol)
    if cube is not None and kind == "cube_z":
        return _cube(cube, size)
    lines = _LINES.search(protocol)
    if lines is not None:
        return _lines(int(lines[1]), size)
    raise _size_not_stated()


def _refuse_kind(*, raw: bool, flow: bool) -> None:
    """Refuse what is no processed cube.

    Raises:
        IngestError: It is raw or holds flow.
    """
    if raw:
        text = "Raw Zeiss cubes may be interlaced and are not read; export the processed cube."
        raise IngestError("zeiss-raw", text)
    if flow:
        raise IngestError("not-bscans", "The file holds blood flow, not B-scans.")


def _size_not_stated() -> IngestError:
    text = "The file's name states no size that is known; export DICOM or pictures instead."
    return IngestError("unknown-size", text)


def _cube(stated: re.Match[str], size: int) -> _Layout:
    """The cube that a protocol's name states, if the file has that size."""
    where, ascans, bscans = stated[1].lower(), int(stated[2]), int(stated[3])
    layout = _Layout(bscans, _DEPTH, ascans, _PATTERNS[where], where != "anterior")
    return _checked(layout, size)


def _lines(count: int, size: int) -> _Layout:
    """Parallel lines; 5 lines come with 1024 or with 4096 A-scans, which the size tells apart."""
    for ascans in (1024, 4096):
        layout = _Layout(count, _DEPTH, ascans, "raster", retina=False)
        if size == count * _DEPTH * ascans:
            return layout
    return _checked(_Layout(count, _DEPTH, 1024, "raster", retina=False), size)


def _checked(layout: _Layout, size: int) -> _Layout:
    expected = layout.bscans * layout.depth * layout.ascans
    if size < expected:
        raise truncated()
    if size > expected:
        text = "The file has another size than its name states; export it again."
        raise IngestError("size-mismatch", text)
    return layout


def _sized_layout(name: str, size: int) -> _Layout:
    """The layout of a cube whose name was changed, from what is left of it or else by its size.

    Two protocols share each usual size, so that where a scan lies that the name does not tell
    stays unknown, and with it its scale.

    Raises:
        IngestError: It is of a kind that is not read, or of a size that is not known.
    """
    _refuse_kind(raw=_RAW.search(name) is not None, flow=_FLOW.search(name) is not None)
    if _ANGIOGRAPHY.search(name):
        raise _size_not_stated()
    cube = _CUBE.search(name)
    if cube is not None:
        return _cube(cube, size)
    if size not in USUAL_CUBES:
        text = "Neither the file's name nor its size tells how large the scan is."
        raise IngestError("unknown-size", text)
    ascans, depth, bscans = USUAL_CUBES[size]
    place = _NOT_MACULAR.search(name)
    pattern = _PATTERNS[(place[1] or place[2]).lower()] if place is not None else "unknown"
    return _Layout(bscans, depth, ascans, pattern, retina=False)


def _volume(name: str, named: re.Match[str] | None, layout: _Layout) -> VolumeInfo:
    shape = (layout.bscans, layout.depth, layout.ascans)
    volume = plain_volume("cube", shape, pattern=layout.pattern)
    volume = with_eye(volume, eyes_in(name), "derived")
    volume = replace(volume, device="Carl Zeiss Meditec")
    if layout.retina:
        across, deep, along = (
            length / (count - 1) if count > 1 else None
            for length, count in zip((_FIELD_MM, _DEPTH_MM, _FIELD_MM), shape, strict=True)
        )
        volume = with_spacing(volume, (across, deep, along), "assumed")
    if named is None:
        return volume
    volume = replace(volume, patient=PatientInfo(identifier=named["patient"]))
    return _timed(volume, named)


def _timed(volume: VolumeInfo, named: re.Match[str]) -> VolumeInfo:
    """With the time of the name. Devices write the month or the day first, as they are set up.

    Unknown where both could be the month: a date that may be wrong is worse than none.
    """
    first, second, year, *time = (
        int(named[part]) for part in ("first", "second", "year", "hour", "minute", "seconds")
    )
    if first != second and max(first, second) <= 12:
        text = "The date in the file's name can be read in two ways; it is not used."
        return replace(volume, notices=(*volume.notices, NoticeInfo("date-ambiguous", text)))
    month, day = (first, second) if first <= 12 else (second, first)
    return with_time(volume, (year, month, day, *time), "derived")
