"""What the tests of plain formats share: reading everything, cutting everywhere."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.limits import Limits

Parse = Callable[[Path, Limits], DeviceFile]


def only(file: DeviceFile) -> VolumeInfo:
    """The only volume of a file."""
    (volume,) = file.info.volumes
    return volume


def voxels(file: DeviceFile, volume: VolumeInfo | None = None) -> NDArray[np.uint8]:
    """All B-scans of a volume, the last one first, as nobody reads them."""
    wanted = (volume or only(file)).pictures
    pictures = {number: file.picture(number, colour=False) for number in reversed(wanted)}
    return np.stack([pictures[number] for number in wanted])


def everything(parse: Parse, path: Path, limits: Limits) -> None:
    """Read all there is."""
    file = parse(path, limits)
    for volume in file.info.volumes:
        voxels(file, volume)


def refusal(parse: Parse, path: Path, limits: Limits | None = None) -> str:
    """Code of the refusal of a file, which must be one plain sentence or two."""
    with pytest.raises(IngestError) as stop:
        everything(parse, path, limits or Limits())
    assert stop.value.message.endswith(".")
    assert 15 < len(stop.value.message) < 200
    assert not any(mark in stop.value.message for mark in ("/", "\\", "Error", "None"))
    return stop.value.code


def cut_everywhere(parse: Parse, path: Path, sizes: Iterable[int]) -> set[str]:
    """Codes of the refusals of a file cut to each of some sizes; none may be read."""
    whole = path.read_bytes()
    codes = set()
    for size in sizes:
        path.write_bytes(whole[:size])
        codes.add(refusal(parse, path))
    path.write_bytes(whole)
    return codes


def told(volume: VolumeInfo) -> list[str]:
    """Codes of everything that is told about a volume."""
    return [notice.code for notice in volume.notices]


def sentences(volume: VolumeInfo) -> str:
    """Everything about a volume that may be shown or logged."""
    parts = [volume.key, volume.device or "", volume.software or ""]
    parts += [notice.message for notice in volume.notices]
    return " ".join(parts)
