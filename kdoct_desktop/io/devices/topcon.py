"""Topcon files, ``.fda`` and ``.fds``: one scan of one eye each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo, LocalizerInfo, NoticeInfo, VolumeInfo
from kdoct_desktop.io.devices.topcon_bscans import Bscans, bscans_of
from kdoct_desktop.io.devices.topcon_chunks import Chunks, walk
from kdoct_desktop.io.devices.topcon_codec import loss_in
from kdoct_desktop.io.devices.topcon_fundus import PICTURES, Fundus, fundus_of
from kdoct_desktop.io.devices.topcon_geometry import geometry_of
from kdoct_desktop.io.devices.topcon_layers import Contour, contours_of, heights
from kdoct_desktop.io.devices.topcon_records import Facts, facts_of
from kdoct_desktop.io.limits import Limits

_EYES = {0: "OD", 1: "OS"}
_COPIES = {
    "@IMG_JPEG": "the copy that the device shows",
    "@IMG_SCAN": "the copy as it was scanned",
    "@IMG_MOT_COMP": "one with the motion of the eye taken out",
}
_CONFLICT = NoticeInfo(
    "laterality-conflict",
    "Two sources disagree about the eye; find out which eye it is and correct the source.",
)


def parse(path: Path, limits: Limits) -> DeviceFile:
    """Read the header of a Topcon file: the list of its parts and the small ones among them.

    Raises:
        IngestError: The file is refused.
    """
    with Binary(path) as file:
        return TopconFile(path, file, limits)


class TopconFile(DeviceFile):
    """A parsed Topcon file; its pictures are the B-scans as planned, then the fundus."""

    def __init__(self, path: Path, file: Binary, limits: Limits) -> None:
        chunks = walk(file, limits)
        self._path = path
        self._bscans, copies = bscans_of(file, chunks, limits)
        self._fundus = fundus_of(file, chunks, limits)
        self._contours, left_out = contours_of(file, chunks, self._bscans, limits)
        told = _told(chunks, self._bscans, self._fundus, copies=copies, left_out=left_out)
        facts = facts_of(file, chunks)
        volume = _volume(chunks, facts, self._bscans, self._fundus, self._contours, told)
        self.info = DeviceInfo(sha256="", volumes=(self._with_loss(volume, file),))

    def _with_loss(self, volume: VolumeInfo, file: Binary) -> VolumeInfo:
        """The scan with the lossy compression of its pictures."""
        scan, fundus, localizer = self._bscans, self._fundus, volume.localizer
        if scan.stored is None:
            lossy = loss_in(file, scan.spans, (scan.rows, scan.columns))
            volume = replace(volume, lossy=lossy)
        if fundus is None or fundus.plain or localizer is None:
            return volume
        lossy = loss_in(file, [(fundus.offset, fundus.size)], fundus.shape)
        return replace(volume, localizer=replace(localizer, lossy=lossy))

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """Decode a B-scan, or the fundus where colour is asked for.

        Raises:
            IngestError: It cannot be decoded; the message says which B-scan, counted from 1.
        """
        count = len(self._bscans.spans)
        with Binary(self._path) as file:
            if number == count and colour and self._fundus is not None:
                return self._fundus.pixels(file)
            if number not in self._bscans.numbers:
                raise IngestError("no-bscans", "The file holds no such B-scan.")
            try:
                return self._bscans.grey(file, number)
            except IngestError as error:
                if count == 1:
                    raise
                words = f"B-scan {number + 1} of {count}: {error.message}"
                raise IngestError(error.code, words) from error

    def layers(self, volume: int) -> NDArray[np.float32]:
        """Heights of the layer boundaries; see ``DeviceFile``."""
        del volume  # there is one
        with Binary(self._path) as file:
            return heights(file, self._contours, self._bscans)


def _told(
    chunks: Chunks, bscans: Bscans, fundus: Fundus | None, *, copies: int, left_out: int
) -> list[NoticeInfo]:
    """What is not read, and what is missing at the end."""
    told = []
    if copies:
        read = next(words for part, words in _COPIES.items() if bscans.part.startswith(part))
        text = f"The file holds its B-scans {copies + 1} times; {read} is read."
        told.append(NoticeInfo("copies-ignored", text))
    if left_out:
        text = f"{left_out} layer boundaries of the file do not match its B-scans; not shown."
        told.append(NoticeInfo("layers-left-out", text))
    if fundus is None and any(chunk.size for chunk in chunks.named(*PICTURES)):
        text = "The localizer cannot be shown: what the file says of it makes no sense."
        told.append(NoticeInfo("localizer-unreadable", text))
    if not chunks.ended:
        text = "The file has no mark at its end; it may have been cut short."
        told.append(NoticeInfo("no-end-mark", text))
    return told


def _volume(
    chunks: Chunks,
    facts: Facts,
    bscans: Bscans,
    fundus: Fundus | None,
    contours: tuple[Contour, ...],
    told: list[NoticeInfo],
) -> VolumeInfo:
    """The scan of the file."""
    angiography = any(chunk.name.startswith("@IMG_ANGIOGRAPHY") for chunk in chunks.every)
    lie = geometry_of(bscans, facts, fundus, kind=chunks.kind, angiography=angiography)
    eye, about_eye = _eye(facts)
    return VolumeInfo(
        key="scan",
        pictures=bscans.numbers,
        numbers=bscans.numbers,
        planned=len(bscans.spans),
        depth=bscans.rows,
        ascans=bscans.columns,
        pattern=lie.pattern,
        pattern_provenance=lie.pattern_provenance,
        order_provenance=lie.order_provenance,
        laterality=eye,
        laterality_provenance="device" if eye is not None else "unknown",
        bscan_mm=lie.bscan_mm,
        axial_mm=lie.axial_mm,
        ascan_mm=lie.ascan_mm,
        spacing_provenance="device" if lie.scaled else "unknown",
        localizer=_localizer(bscans, fundus, lie.localizer_mm),
        lines=tuple(lie.lines[number] for number in bscans.numbers) if lie.lines else (),
        layers=tuple(contour.name for contour in contours),
        acquired=facts.acquired,
        acquired_provenance="device" if facts.acquired is not None else "unknown",
        patient=facts.patient,
        device=facts.device,
        software=facts.software,
        narrow_check=bscans.deep,
        notices=(*told, *about_eye, *lie.notices),
        refused=_CONFLICT if set(_EYES) <= facts.eyes else None,
    )


def _localizer(
    bscans: Bscans, fundus: Fundus | None, pixel_mm: tuple[float, float] | None
) -> LocalizerInfo | None:
    """The fundus picture; it is counted after the B-scans."""
    if fundus is None:
        return None
    return LocalizerInfo(len(bscans.spans), "fundus", fundus.shape, pixel_mm)


def _eye(facts: Facts) -> tuple[str | None, tuple[NoticeInfo, ...]]:
    """The eye that every record states; None where a code is neither right nor left."""
    if len(facts.eyes) == 1:
        (code,) = facts.eyes
        if code in _EYES:
            return _EYES[code], ()
    if not facts.eyes:
        return None, ()
    text = "What the file says about the eye is neither right nor left."
    return None, (NoticeInfo("eye-unknown", text),)
