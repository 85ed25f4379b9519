"""Heidelberg's RAW export (.vol): one scan of one eye with its localizer and layers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, damaged, text
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import (
    DeviceInfo,
    LocalizerInfo,
    NoticeInfo,
    PatientInfo,
    VolumeInfo,
)
from kdoct_desktop.io.devices.heidelberg_geometry import (
    STRAIGHT,
    Arrangement,
    Points,
    arranged,
    believed,
    lines_on,
    pixel_size,
)
from kdoct_desktop.io.devices.heidelberg_vol_layout import (
    FILE_HEADER,
    LAYER_NAMES,
    NOTHING,
    PATTERNS,
    Block,
    blocks_of,
    grey_of,
)
from kdoct_desktop.io.devices.heidelberg_vol_times import acquired, birth_date
from kdoct_desktop.io.dicom_geometry import ASCAN_MM, AXIAL_MM
from kdoct_desktop.io.limits import Limits

_F32 = np.dtype("<f4")
_U8 = np.dtype("u1")
_SMALLEST_LOCALIZER = 16
_EYES = ("OD", "OS")


@dataclass(frozen=True, slots=True)
class Content:
    """Where everything lies in a .vol file.

    Attributes:
        shape: Rows and columns of a B-scan.
        blocks: B-scans as they follow in the file.
        localizer: Rows and columns of the localizer.
        layers: Places of the layers that have any height.
        broken: A header contradicts itself about the layers.
    """

    shape: tuple[int, int]
    blocks: tuple[Block, ...]
    localizer: tuple[int, int]
    layers: tuple[int, ...]
    broken: bool


def parse(path: Path, limits: Limits) -> DeviceFile:
    """Read the headers of a .vol file.

    Raises:
        IngestError: The file is refused.
    """
    with Binary(path) as file:
        head = file.record(0, FILE_HEADER)
        content = _content(file, head, limits)
    points = np.array([block.position for block in content.blocks]).reshape(-1, 2, 2)
    stated = PATTERNS.get(int(head["pattern"]), "unknown") if head["pattern"] != 0 else None
    lie = arranged(points, stated, distance_mm=float(head["bscan_mm"]), most=limits.frames)
    return VolFile(path, content, lie.order, _volume(head, content, points, lie))


class VolFile(DeviceFile):
    """A parsed .vol file; its pictures are the B-scans as they follow, then the localizer."""

    def __init__(
        self, path: Path, content: Content, order: tuple[int, ...], volume: VolumeInfo
    ) -> None:
        self._path = path
        self._content = content
        self._order = order
        self.info = DeviceInfo(sha256="", volumes=(volume,))

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """Decode one B-scan, or the localizer behind them; neither has colour."""
        del colour
        content = self._content
        with Binary(self._path) as file:
            if number == len(content.blocks):
                return file.array(FILE_HEADER.itemsize, _U8, content.localizer)
            return grey_of(file.array(content.blocks[number].pixels, _F32, content.shape))

    def layers(self, volume: int) -> NDArray[np.float32]:
        """Heights of the layers; see ``DeviceFile.layers``."""
        del volume
        content = self._content
        shape = (len(content.layers), len(content.blocks), content.shape[1])
        rows = np.full(shape, np.nan, np.float32)
        with Binary(self._path) as file:
            for at, place in enumerate(self._order):
                heights = _heights(file, content.blocks[place], content.shape[1])
                for layer, index in enumerate(content.layers):
                    if index < len(heights):
                        rows[layer, at] = heights[index]
        return rows


def _content(file: Binary, head: np.void, limits: Limits) -> Content:
    """Sizes held against the limits, and the walk along the B-scans.

    Raises:
        IngestError: The file is refused.
    """
    bscans, shape = int(head["bscans"]), (int(head["depth"]), int(head["ascans"]))
    localizer = (int(head["slo_rows"]), int(head["slo_columns"]))
    if bscans == 0:
        raise IngestError("no-bscans", "The file holds no B-scan.")
    if min(shape) == 0:
        raise damaged("its B-scans have no size")
    if bscans > limits.frames:
        raise IngestError("too-many-bscans", "The file claims more B-scans than any real scan.")
    pixels = shape[0] * shape[1]
    largest = max(4 * pixels, localizer[0] * localizer[1])
    if (
        max(*shape, *localizer) > limits.rows
        or largest > limits.picture_bytes
        or bscans * pixels > limits.volume_bytes
    ):
        raise IngestError("too-large", "The file claims more pixels than any real scan.")
    first = FILE_HEADER.itemsize + localizer[0] * localizer[1]
    blocks = tuple(blocks_of(file, first, bscans, shape))
    broken = any(block.layers < 0 for block in blocks)
    layers = () if broken else _present(file, blocks, shape[1])
    if 4 * len(layers) * bscans * shape[1] > limits.picture_bytes:
        layers, broken = (), True
    return Content(shape, blocks, localizer, layers, broken)


def _present(file: Binary, blocks: tuple[Block, ...], ascans: int) -> tuple[int, ...]:
    """Places of the layers that have a height in any A-scan of any B-scan."""
    found: set[int] = set()
    for block in blocks:
        there = np.isfinite(_heights(file, block, ascans)).any(axis=1)
        found.update(int(place) for place in np.flatnonzero(there))
    return tuple(sorted(found))


def _heights(file: Binary, block: Block, ascans: int) -> NDArray[np.float32]:
    """Heights of all layers of a B-scan, axes (layer, ascan); NaN for none."""
    if block.layers == 0:
        return np.empty((0, ascans), np.float32)
    stored = file.array(block.layers_at, _F32, (block.layers, ascans))
    return np.where(np.abs(stored) < NOTHING, stored, np.float32(np.nan))


def _volume(head: np.void, content: Content, points: Points, lie: Arrangement) -> VolumeInfo:
    """What the headers say about the scan."""
    axial = believed(float(head["axial_mm"]), AXIAL_MM)
    ascan = believed(float(head["ascan_mm"]), ASCAN_MM)
    pixel_mm = pixel_size(float(head["slo_row_mm"]), float(head["slo_column_mm"]))
    located = min(content.localizer) >= _SMALLEST_LOCALIZER
    localizer = LocalizerInfo(len(content.blocks), "slo", content.localizer, pixel_mm)
    moment, from_where, about_time = acquired(int(head["exam_time"]), float(head["visit_day"]))
    eye = text(bytes(head["eye"]))
    written = text(bytes(head["version"]))
    by_device = written is not None and written.startswith("HSF-OCT-")
    return VolumeInfo(
        key="scan",
        pictures=lie.order,
        numbers=lie.numbers,
        planned=lie.numbers[-1] + 1,
        depth=content.shape[0],
        ascans=content.shape[1],
        pattern=lie.pattern,
        pattern_provenance=lie.pattern_provenance,
        order_provenance=lie.order_provenance,
        laterality=eye if eye in _EYES else None,
        laterality_provenance="device" if eye in _EYES else "unknown",
        bscan_mm=lie.bscan_mm,
        axial_mm=axial,
        ascan_mm=ascan,
        spacing_provenance=_from_where(axial, ascan, lie.bscan_mm),
        localizer=localizer if located else None,
        lines=lines_on(points, lie.order, pixel_mm) if located and lie.pattern in STRAIGHT else (),
        layers=tuple(_layer_name(at) for at in content.layers),
        acquired=moment,
        acquired_provenance=from_where,
        patient=PatientInfo(
            identifier=text(bytes(head["patient_id"])),
            birth_date=birth_date(float(head["birth_day"])),
        ),
        device="Heidelberg Engineering" if by_device else None,
        software=written,
        notices=(*lie.notices, *about_time, *_notices(content, by_device=by_device)),
    )


def _from_where(axial: float | None, ascan: float | None, bscan: float | None) -> str:
    """Where the scale comes from: a distance that was derived is told in a notice."""
    if axial is not None or ascan is not None:
        return "device"
    return "derived" if bscan is not None else "unknown"


def _layer_name(place: int) -> str:
    return LAYER_NAMES[place] if place < len(LAYER_NAMES) else f"boundary {place + 1}"


def _notices(content: Content, *, by_device: bool) -> tuple[NoticeInfo, ...]:
    told = []
    if content.broken:
        message = "The layers that the device found cannot be shown: their place in the file is "
        told.append(NoticeInfo("layers-unreadable", message + "contradictory."))
    if not by_device:
        message = "The file was written by the program eyepy, not by a device."
        told.append(NoticeInfo("not-from-device", message))
    return tuple(told)
