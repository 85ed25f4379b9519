"""A .vol file as the reading process sees it, without the process around it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices import heidelberg_vol
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.limits import Limits
from tests.io.devices.write_vol import NONE


def parsed(path: Path) -> DeviceFile:
    """The file as the reading process sees it."""
    return heidelberg_vol.parse(path, Limits())


def only(path: Path) -> VolumeInfo:
    """What is said of the file's one scan."""
    (volume,) = parsed(path).info.volumes
    return volume


def voxels(path: Path) -> NDArray[np.uint8]:
    """The B-scans of the file in the order in which they are shown."""
    file = parsed(path)
    pictures = file.info.volumes[0].pictures
    return np.stack([file.picture(number, colour=False) for number in pictures])


def codes(volume: VolumeInfo) -> list[str]:
    """Codes of the notices, but for the one on time that every file has."""
    return [notice.code for notice in volume.notices if notice.code != "time-zone-unknown"]


def heights(places: tuple[int, ...], bscan: int) -> dict[int, NDArray[np.float32]]:
    """Layers of a B-scan, of which the first A-scan has none."""
    made = {}
    for place in places:
        made[place] = np.full(48, 5.0 + place + 0.1 * bscan, np.float32)
        made[place][0] = NONE
    return made
