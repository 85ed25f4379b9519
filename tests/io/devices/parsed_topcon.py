"""A Topcon file through the reader in this process, for tests of values and rules."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.devices.topcon import parse
from kdoct_desktop.io.limits import Limits
from tests.io.devices.write_topcon import Part, save
from tests.sample_scans import retina


def ramp(bscans: int = 6, depth: int = 32, ascans: int = 64) -> NDArray[np.uint8]:
    """Grey values that differ everywhere and from B-scan to B-scan."""
    return retina(bscans, depth, ascans)


def deep(bscans: int = 6, depth: int = 32, ascans: int = 64) -> NDArray[np.uint16]:
    """16-bit values from below the window to above it."""
    values = np.linspace(9_000, 56_000, bscans * depth * ascans)
    return values.astype(np.uint16).reshape(bscans, depth, ascans)


def parsed(
    folder: Path, parts: Sequence[Part], *, kind: bytes = b"FDA", limits: Limits | None = None
) -> DeviceFile:
    """The parsed file of some parts."""
    return parse(save(folder / "a.fda", parts, kind=kind), limits or Limits())


def volume(folder: Path, parts: Sequence[Part], *, kind: bytes = b"FDA") -> VolumeInfo:
    """What the file says of its only scan."""
    (one,) = parsed(folder, parts, kind=kind).info.volumes
    return one


def voxels(file: DeviceFile) -> NDArray[np.uint8]:
    """Every B-scan of the only scan, axes (bscan, depth, ascan)."""
    (one,) = file.info.volumes
    return np.stack([file.picture(number, colour=False) for number in one.pictures])


def codes(one: VolumeInfo) -> set[str]:
    """Codes of what is told of a scan."""
    return {notice.code for notice in one.notices}
