"""A HEYEX export as the reading process sees it, without the process around it."""

from pathlib import Path

from kdoct_desktop.io.devices import heidelberg_xml
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.limits import Limits


def parsed(path: Path) -> DeviceFile:
    """The export as the reading process sees it."""
    return heidelberg_xml.parse(path, Limits())


def only(path: Path) -> VolumeInfo:
    """What is said of the export's one scan."""
    (volume,) = parsed(path).info.volumes
    return volume


def codes(volume: VolumeInfo) -> set[str]:
    """Codes of the notices."""
    return {notice.code for notice in volume.notices}
