"""Heidelberg ``.e2e`` (and ``.sdb``, the same container): B-scans, localizers, layers.

No complete file from a device was at hand; see ``formats`` for what was tried on what.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices import heidelberg_e2e_chunks as chunks
from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo, NoticeInfo
from kdoct_desktop.io.devices.heidelberg_e2e_collect import Collector
from kdoct_desktop.io.devices.heidelberg_e2e_container import index
from kdoct_desktop.io.devices.heidelberg_e2e_volumes import Planned, Planner
from kdoct_desktop.io.devices.heidelberg_vol_layout import NOTHING, grey_of
from kdoct_desktop.io.limits import Limits

_NO_DIRECTORY = NoticeInfo(
    "directory-missing",
    "The file's directory is missing, as in an export that broke off; its parts were found by "
    "their marks, and some may be missing.",
)
_INVALID_ABOVE = 1.99
"""Where a B-scan was moved out of its frame, the device writes the largest value, just below 2."""


def parse(path: Path, limits: Limits) -> DeviceFile:
    """Read the directory and the beginnings of chunks of a file, never its pixels.

    Raises:
        IngestError: The file is refused.
    """
    with Binary(path) as file:
        found = index(file)
        contents = Collector(file, found, limits).contents()
    planner = Planner(contents, limits)
    notices = [] if found.whole else [_NO_DIRECTORY]
    if contents.unknown:
        text = "Parts of the file are of a kind that is not known; they are not read."
        notices.append(NoticeInfo("parts-unread", text))
    return E2eFile(path, limits, planner, tuple(notices))


class E2eFile(DeviceFile):
    """A file whose directory was read."""

    def __init__(
        self, path: Path, limits: Limits, planner: Planner, notices: tuple[NoticeInfo, ...]
    ) -> None:
        self._path = path
        self._limits = limits
        self._volumes: list[Planned] = planner.volumes()
        self._pictures = planner.pictures
        volumes = tuple(one.info for one in self._volumes)
        self.info = DeviceInfo(sha256="", volumes=volumes, notices=notices)

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """One B-scan or localizer; all are grey."""
        picture = self._pictures[number]
        is_float = picture.code == chunks.FLOAT_IMAGE
        kind = np.dtype("<u2" if is_float else "u1")
        with Binary(self._path) as file:
            stored = file.array(picture.at, kind, (picture.rows, picture.columns))
        grey: NDArray[np.uint8] = GREY.take(stored) if is_float else stored
        return grey

    def layers(self, volume: int) -> NDArray[np.float32]:
        """Heights of the boundaries; of several for one B-scan the newest counts.

        Raises:
            IngestError: They cannot be read.
        """
        one = self._volumes[volume]
        shape = (len(one.layers), len(one.slices), one.info.ascans)
        if 4 * shape[0] * shape[1] * shape[2] > self._limits.picture_bytes:
            raise IngestError("too-large", "The layers are larger than those of any real scan.")
        heights = np.full(shape, np.nan, dtype=np.float32)
        layer_at = {number: row for row, number in enumerate(one.layers)}
        place_at = {number: place for place, number in enumerate(one.slices)}
        with Binary(self._path) as file:
            for bscan, layer, at, width in one.series.contours.tolist():
                if width == one.info.ascans and bscan in place_at:
                    read = file.array(at, np.dtype("<f4"), (width,))
                    heights[layer_at[layer], place_at[bscan]] = read
        nothing = ~(heights > 0.0) | (heights >= NOTHING)
        heights[nothing] = np.nan
        return heights


def _grey_table() -> NDArray[np.uint8]:
    """Grey of every stored value: that which ``.vol`` gives the value `v` that it codes.

    Six bits of exponent over ten of mantissa, no sign: ``v = (1 + m / 1024) * 2 ** (e - 63)``, and
    0 for 0. All values of a real ``.vol`` export are values of this code, none in between: both
    hold the same quantity in [0, 1], and ``round(255 * v ** 0.25)`` gives the same tissue the same
    grey from both. Above 1 only the mark for "nothing here", just below 2, is known.
    """
    stored = np.arange(1 << 16)
    value = np.ldexp(1.0 + (stored & 1023) / 1024.0, (stored >> 10) - 63)
    value[0] = 0.0
    value[value > _INVALID_ABOVE] = np.inf
    return grey_of(value.astype(np.float32))


GREY = _grey_table()
"""Grey of each of the 65,536 stored values."""
