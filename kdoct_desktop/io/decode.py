"""From plan to volume: pixels come out of the reading process B-scan by B-scan."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.layers import LayerSurfaces
from kdoct_desktop.domain.volume import (
    Laterality,
    Localizer,
    Notice,
    OctVolume,
    ScanPattern,
    Source,
    Spacing,
)
from kdoct_desktop.io.dealing import Dealing
from kdoct_desktop.io.failures import garbage
from kdoct_desktop.io.frames import Asked, arguments_of, picture_of
from kdoct_desktop.io.plan import FrameRef, LayersPlan, LocalizerPlan, VolumePlan, check_size
from kdoct_desktop.io.session import Session
from kdoct_desktop.io.wire import Message

_NARROW = 48


@dataclass(frozen=True, slots=True)
class VolumeHeader:
    """What is known of a volume while its B-scans still arrive.

    Attributes:
        key: Tells the volumes of an input apart; the same as in ``OctVolume.source``.
        label: What the user is shown.
        shape: Axes (bscan, depth, ascan).
        laterality: OD or OS; None where unknown.
        scan_pattern: How the beam moved.
        spacing: Sampling distances, so that the first B-scan already has its true proportions.
    """

    key: str
    label: str
    shape: tuple[int, int, int]
    laterality: Laterality | None
    scan_pattern: ScanPattern = ScanPattern.UNKNOWN
    spacing: Spacing = field(default_factory=Spacing)


class BscanListener(Protocol):
    """Called with each B-scan as soon as it is decoded: the middle one first, then in order."""

    def __call__(self, header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        """Take a B-scan.

        Args:
            header: Which volume.
            index: B-scan index from 0.
            pixels: Axes (depth, ascan), read-only.
        """


def decode_volume(
    plan: VolumePlan,
    session: Session,
    *,
    done_before: int,
    total: int,
    on_bscan: BscanListener | None,
) -> OctVolume:
    """Decode every B-scan and the localizer of a planned volume.

    Args:
        plan: The volume.
        session: Process, limits and reporter.
        done_before: B-scans of the input that are already decoded.
        total: B-scans of the input in all.
        on_bscan: Told of each B-scan.

    Raises:
        IngestError: A B-scan cannot be decoded; a volume is never returned with holes.
    """
    check_size(plan.shape, session.limits)
    voxels = np.empty(plan.shape, dtype=np.uint8)
    header = VolumeHeader(
        plan.source.key,
        plan.source.label,
        plan.shape,
        plan.laterality,
        scan_pattern=plan.scan_pattern,
        spacing=plan.spacing,
    )
    later = total - done_before - len(plan.frames)
    with closing(Dealing(plan, session, voxels, later=later).places()) as places:
        for count, at in enumerate(places, start=1):
            session.reporter.report(done_before + count, total, "reading B-scans")
            if on_bscan is not None:
                view = voxels[at]
                view.flags.writeable = False
                on_bscan(header, at, view)
            session.hashes.step(plan.hashed_later)
    return _volume(session.hashed(plan), voxels, session)


def _volume(plan: VolumePlan, voxels: NDArray[np.uint8], session: Session) -> OctVolume:
    """The volume from its plan, its pixels and its localizer, which is decoded here."""
    localizer, about_localizer = _localizer(plan.localizer, plan.source, session)
    layers, about_layers = _layers(plan.layers, plan, session)
    notices = (*plan.notices, *about_localizer, *about_layers, *_narrow(plan, voxels))
    lines = plan.scan_lines
    if lines is not None and localizer is not None and _outside(lines, localizer):
        text = "The positions of the B-scans lie outside of the localizer; they are not shown."
        lines, notices = None, (*notices, Notice("scan-lines-outside", text))
    return OctVolume(
        voxels=voxels,
        source=plan.source,
        spacing=plan.spacing,
        scan_pattern=plan.scan_pattern,
        laterality=plan.laterality,
        laterality_provenance=plan.laterality_provenance,
        order_provenance=plan.order_provenance,
        localizer=localizer,
        scan_lines=lines,
        acquired=plan.acquired,
        device=plan.device,
        notices=notices,
        pattern_provenance=plan.pattern_provenance,
        acquired_provenance=plan.acquired_provenance,
        software=plan.software,
        layers=layers,
        numbers=plan.numbers if len(plan.numbers) != plan.planned else (),
        planned=plan.planned,
        lossy=plan.lossy,
    )


def _localizer(
    plan: LocalizerPlan | None, source: Source, session: Session
) -> tuple[Localizer | None, tuple[Notice, ...]]:
    """The localizer, or why there is none; without it the volume is still usable."""
    if plan is None:
        return None, ()
    frame: FrameRef = plan.frame
    asked = Asked(plan.task, source.format, frame.file)
    arguments = arguments_of(asked, [frame.index], session.limits, colour=True)
    try:
        message, payload = _only(
            session.contained.request(plan.task, seconds=session.limits.file_s, **arguments)
        )
        pixels = picture_of(message, payload, index=frame.index)
        if pixels.shape != plan.shape:
            raise garbage()
    except IngestError as error:
        text = f"The localizer cannot be shown: {error.message}"
        return None, (Notice("localizer-unreadable", text),)
    pixels.flags.writeable = False
    return Localizer(pixels, plan.kind, plan.pixel_mm, plan.lossy), ()


def _layers(
    plan: LayersPlan | None, volume: VolumePlan, session: Session
) -> tuple[LayerSurfaces | None, tuple[Notice, ...]]:
    """The layer boundaries, or why there are none; without them the volume is still usable."""
    if plan is None:
        return None, ()
    shape = (len(plan.names), len(volume.frames), volume.ascans)
    try:
        message, payload = _only(
            session.contained.request(
                plan.task,
                seconds=session.limits.file_s,
                path=str(plan.file.path),
                format=volume.source.format,
                volume=plan.volume,
                bscans=[frame.index for frame in volume.frames],
                limits=asdict(session.limits),
            )
        )
        if message.get("shape") != list(shape) or payload.nbytes != 4 * math.prod(shape):
            raise garbage()
    except IngestError as error:
        text = f"The layers that the device found cannot be shown: {error.message}"
        return None, (Notice("layers-unreadable", text),)
    rows = np.frombuffer(payload, dtype="<f4").reshape(shape).astype(np.float32, copy=False)
    rows = np.where((rows >= 0.0) & (rows < volume.depth), rows, np.float32(np.nan))
    return LayerSurfaces(plan.names, rows), ()


def _only(answers: Iterator[tuple[Message, memoryview]]) -> tuple[Message, memoryview]:
    """The answer of a task that gives one."""
    several = list(answers)
    if len(several) != 1:
        raise garbage()
    return several[0]


def _narrow(plan: VolumePlan, voxels: NDArray[np.uint8]) -> tuple[Notice, ...]:
    """A notice when deep pixels scaled over their whole range came out nearly black."""
    if not plan.narrow_check or int(voxels.max()) >= _NARROW:
        return ()
    text = "The grey values use only the darkest part of their range; the picture is very dark."
    return (Notice("narrow-grey-range", text),)


def _outside(lines: NDArray[np.float32], localizer: Localizer) -> bool:
    """True when scan lines leave the localizer by more than a tenth of its size."""
    size = np.array(localizer.pixels.shape[:2], dtype=np.float32)
    return bool(np.any(lines < -0.1 * size) or np.any(lines > 1.1 * size))
