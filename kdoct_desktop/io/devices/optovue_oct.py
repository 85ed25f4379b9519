"""Optovue (RTVue, Avanti) ``.OCT``: numbers without a header; a ``.txt`` of the same name has it.

The ``.OCT`` holds 32-bit floats, little endian: A-scan by A-scan, depth running fastest from the
bottom up, B-scan after B-scan. The ``.txt`` holds ``key=value`` lines and sections: the height of
a B-scan and its depth in millimetres once, and for each step of the protocol, in the order of the
data, how many A-scans (``XY Scan Length``) and B-scans (``XY Scan Usage``) it has, how long its
lines are (``XY Scan Size1``) and how far apart (``XY Scan Interval1``). As oct-converter,
oct-to-tiff and OCTAnnotate understand it. Each step is offered as a volume of its own.

Grey: 800 is black, as OCTAnnotate has it, and 2000 white, which is assumed and always told; linear
between. Not tried on a device's own file.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, truncated
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo, NoticeInfo, PatientInfo, VolumeInfo
from kdoct_desktop.io.devices.raw_volume import (
    check_shape,
    check_sum,
    eyes_in,
    plain_volume,
    with_eye,
    with_spacing,
    with_time,
)
from kdoct_desktop.io.limits import Limits

BLACK, WHITE = 800.0, 2000.0
"""Stored values that become grey 0 and 255."""

_VALUE = np.dtype("<f4")
_TEXT_BYTES = 1 << 18
_MOST_STEPS = 64
_LONGEST_LINE = 200
"""Lines that are used are shorter; matching takes time with the square of the length."""
_STEP = re.compile(
    r"\[(?P<protocol>.*?)\s*step\s*(?P<number>\d{1,4})(?:\s+detail)?\]", re.IGNORECASE
)
_NUMBER = re.compile(r"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*(?:mm)?\s*")
_NAME = re.compile(
    r"(?P<name>[^_]*)_(?P<id>[^_]*)_(?P<protocol>[^_]*)_(?P<eye>OD|OS)"
    r"_(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"_(?P<hour>\d{2})\.(?P<minute>\d{2})\.(?P<second>\d{2})(?:_.*)?",
    re.ASCII | re.IGNORECASE,
)
_WHEN = ("year", "month", "day", "hour", "minute", "second")
_PATTERNS = (
    (("cornea", "angle", "pachymetry"), "anterior"),
    (("angio",), "angiography"),
    (("disc", "onh", "glaucoma", "nhm"), "onh"),
    (("radial",), "radial"),
    (("3d", "raster", "widefield"), "raster"),
)
"""Words of a protocol's name and what they mean; the first that fits."""
_GREY = NoticeInfo(
    "grey-assumed",
    "The format does not state what is black and white; contrast may differ from the device's.",
)


@dataclass(slots=True)
class _Step:
    """One step of the protocol, as far as the ``.txt`` states it."""

    protocol: str
    ascans: int | None = None
    bscans: int | None = None
    width_mm: float | None = None
    apart_mm: float | None = None


@dataclass(slots=True)
class _Header:
    """What the ``.txt`` states."""

    depth: int | None = None
    depth_mm: float | None = None
    groups: int | None = None
    eyes: set[str] = field(default_factory=set)
    steps: dict[int, _Step] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of equal B-scans in the file."""

    first: int
    start: int
    bscans: int
    ascans: int


class OptovueFile(DeviceFile):
    """A file of which each B-scan is read where it lies."""

    def __init__(self, path: Path, *, depth: int, parts: list[_Part], info: DeviceInfo) -> None:
        self._path = path
        self._depth = depth
        self._parts = parts
        self.info = info

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """See ``DeviceFile``."""
        del colour
        part = next(one for one in self._parts if number < one.first + one.bscans)
        shape = (part.ascans, self._depth)
        bscan_bytes = part.ascans * self._depth * _VALUE.itemsize
        with Binary(self._path) as file:
            stored = file.array(part.start + (number - part.first) * bscan_bytes, _VALUE, shape)
        share = (np.nan_to_num(stored, nan=BLACK).T[::-1] - BLACK) / (WHITE - BLACK)
        return np.asarray(np.floor(np.clip(share, 0.0, 1.0) * 255.0 + 0.5), dtype=np.uint8)


def parse(path: Path, limits: Limits) -> OptovueFile:
    """Read the ``.txt`` beside a file and hold the sizes that it states against the file.

    Raises:
        IngestError: There is none, it lacks a size, or it describes another file.
    """
    beside = next(
        (path.with_suffix(end) for end in (".txt", ".TXT") if path.with_suffix(end).is_file()), None
    )
    if beside is None:
        text = "Its text file of the same name is missing; put it into the same folder."
        raise IngestError("missing-text-file", text)
    header = _read(beside)
    steps = [header.steps[number] for number in sorted(header.steps)]
    steps = [step for step in steps if step.bscans]
    if not header.depth or not steps or any(not step.ascans for step in steps):
        text = "The text file beside it does not state how large the B-scans are."
        raise IngestError("unknown-size", text)
    parts = _parts(header, steps, path.stat().st_size, limits)
    volumes = tuple(
        _volume(part, steps[place % len(steps)], header, name=path.stem, place=place)
        for place, part in enumerate(parts)
    )
    info = DeviceInfo("", volumes, beside=(beside.name,))
    return OptovueFile(path, depth=header.depth, parts=parts, info=info)


def _read(path: Path) -> _Header:
    """The values of a ``.txt`` that are used; names of patients are not among them."""
    with Binary(path) as file:
        data = file.read(0, min(file.size, _TEXT_BYTES))
    header = _Header()
    step: _Step | None = None
    for line in map(str.strip, data.decode("latin-1").splitlines()):
        if len(line) > _LONGEST_LINE:
            step = None if line.startswith("[") else step
            continue
        section = _STEP.fullmatch(line)
        if section is not None:
            step = header.steps.setdefault(int(section["number"]), _Step(section["protocol"]))
            if len(header.steps) > _MOST_STEPS:
                raise IngestError("damaged-file", "The text file beside it is damaged.")
        elif line.startswith("["):
            step = None
        else:
            key, _, value = line.partition("=")
            _take(header, step, key.strip().lower(), value.strip())
    return header


def _take(header: _Header, step: _Step | None, key: str, value: str) -> None:
    """Put one value into its place; a step's first statement counts, and of the eye every one."""
    number = _NUMBER.fullmatch(value)
    amount = float(number[1]) if number is not None else None
    count = int(amount) if amount is not None and amount == int(amount) else None
    if key == "oct window height":
        header.depth = count
    elif key == "scan depth":
        header.depth_mm = amount
    elif key == "total data groups":
        header.groups = count
    elif key == "eye scanned":
        header.eyes |= {value.upper()} & {"OD", "OS"}
    elif step is not None:
        if key == "xy scan length" and step.ascans is None:
            step.ascans = count
        elif key in ("xy scan usage", "xy scan usage1") and step.bscans is None:
            step.bscans = count
        elif key == "xy scan size1" and step.width_mm is None:
            step.width_mm = amount
        elif key == "xy scan interval1" and step.apart_mm is None:
            step.apart_mm = amount


def _parts(header: _Header, steps: list[_Step], size: int, limits: Limits) -> list[_Part]:
    """Where the B-scans of each step lie, once for each data group.

    Raises:
        IngestError: The file is not as large as all of them together.
    """
    parts: list[_Part] = []
    first = start = 0
    groups = header.groups if header.groups is not None else 1
    if not 1 <= groups <= _MOST_STEPS:
        raise IngestError("damaged-file", "The text file beside it is damaged.")
    for _ in range(groups):
        for step in steps:
            bscans, depth, ascans = step.bscans or 0, header.depth or 0, step.ascans or 0
            shape = (bscans, depth, ascans)
            bscan_bytes = check_shape(shape, value_bytes=_VALUE.itemsize, limits=limits)
            parts.append(_Part(first, start, bscans, ascans))
            first, start = first + bscans, start + bscans * bscan_bytes
    check_sum(first, limits)
    if size < start:
        raise truncated()
    if size > start:
        text = "The text file beside it describes a smaller scan than the file holds."
        raise IngestError("size-mismatch", text)
    return parts


def _volume(part: _Part, step: _Step, header: _Header, *, name: str, place: int) -> VolumeInfo:
    named = _NAME.fullmatch(name)
    pattern = _pattern(f"{step.protocol} {named['protocol'] if named else ''}", part.bscans)
    depth = header.depth or 1
    volume = plain_volume(
        f"step {place + 1}",
        (part.bscans, depth, part.ascans),
        first=part.first,
        pattern=pattern,
        deep=True,
        notices=(_GREY,),
    )
    spaced = part.bscans > 1 and pattern in ("raster", "onh", "unknown")
    spacing = (
        step.apart_mm if spaced else None,
        header.depth_mm / depth if header.depth_mm is not None else None,
        step.width_mm / part.ascans if step.width_mm is not None else None,
    )
    volume = with_spacing(volume, spacing, "derived")
    told = "device" if header.eyes else "derived"
    volume = with_eye(volume, header.eyes | eyes_in(name), told)
    volume = replace(volume, device="Optovue")
    if named is None:
        return volume
    volume = with_time(volume, [int(number) for number in named.group(*_WHEN)], "derived")
    person = PatientInfo(named["name"].strip() or None, named["id"].strip() or None)
    return replace(volume, patient=person)


def _pattern(protocol: str, bscans: int) -> str:
    folded = protocol.lower()
    for words, pattern in _PATTERNS:
        if any(word in folded for word in words):
            return pattern if bscans > 1 or pattern != "raster" else "line"
    return "line" if bscans == 1 else "unknown"
