"""Layer surfaces of the Iowa Reference Algorithms (OCTExplorer): told what they are, not read."""

from pathlib import Path

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.limits import Limits


def parse(path: Path, limits: Limits) -> DeviceFile:
    """Refuse the file, because there is no picture in it.

    Raises:
        IngestError: Always.
    """
    del path, limits
    text = "This file holds layer surfaces from OCTExplorer and no picture; open the scan itself."
    raise IngestError("layer-surfaces", text)
