"""What is to be decoded: everything about a volume but its pixels."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import (
    Laterality,
    LocalizerKind,
    LossyCompression,
    Notice,
    Provenance,
    ScanPattern,
    Source,
    Spacing,
)
from kdoct_desktop.io.limits import Limits, free_memory


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the input.

    Attributes:
        path: Where it lies.
        label: What the user is shown.
        folder: What the user is shown for the folder it lies in.
    """

    path: Path
    label: str
    folder: str


@dataclass(frozen=True, slots=True)
class FrameRef:
    """Where a B-scan lies.

    Attributes:
        file: File that holds it.
        index: Frame or page in the file, from 0.
    """

    file: InputFile
    index: int


@dataclass(frozen=True, slots=True)
class LocalizerPlan:
    """The picture on which B-scans lie, to be decoded.

    Attributes:
        frame: Where it lies.
        kind: What it shows.
        shape: Rows, columns and, for colour, 3.
        pixel_mm: Size of a pixel (row, column); None where unknown.
        task: Task of the reading process that decodes it.
        lossy: Lossy compression that the pixels went through.
    """

    frame: FrameRef
    kind: LocalizerKind
    shape: tuple[int, ...]
    pixel_mm: tuple[float, float] | None
    task: str
    lossy: LossyCompression | None = None


@dataclass(frozen=True, slots=True)
class LayersPlan:
    """Layer boundaries that the device found, to be read.

    Attributes:
        file: File that holds them.
        volume: Place of the volume among those of the file.
        names: Name of each boundary.
        task: Task of the reading process that reads them.
    """

    file: InputFile
    volume: int
    names: tuple[str, ...]
    task: str = "device-layers"


@dataclass(frozen=True, slots=True, eq=False)
class VolumePlan:
    """A volume that is about to be decoded; see ``OctVolume`` for what is not told here.

    Attributes:
        task: Task of the reading process that decodes its frames.
        frames: Where each B-scan lies, in order.
        depth: Rows of a B-scan.
        ascans: Columns of a B-scan.
        study_uid: Study UID; empty where the source has none.
        visit: Volumes without a study UID that share this are one study; empty for those that
            only share the input. Never leaves the program: it may hold an identifier.
        patient: Who was scanned.
        performed: Date of the visit.
        narrow_check: Stored values are deeper than 8 bits and were scaled without a window, so a
            dark result must be announced.
        layers: Layer boundaries that the device found.
        numbers: Position of each B-scan in the scan as planned, from 0; empty where every one is
            there or positions are unknown.
        planned: B-scans of the scan as planned; 0 where unknown.
        lossy: Lossy compression that the pixels went through.
        hashed_later: Files over whose hashes the source's is, where it is not known yet: it is
            computed while the B-scans are decoded.
    """

    source: Source
    task: str
    frames: tuple[FrameRef, ...]
    depth: int
    ascans: int
    study_uid: str = ""
    visit: str = ""
    patient: Patient = field(default_factory=Patient)
    performed: date | None = None
    spacing: Spacing = field(default_factory=Spacing)
    scan_pattern: ScanPattern = ScanPattern.UNKNOWN
    pattern_provenance: Provenance = Provenance.UNKNOWN
    laterality: Laterality | None = None
    laterality_provenance: Provenance = Provenance.UNKNOWN
    order_provenance: Provenance = Provenance.UNKNOWN
    localizer: LocalizerPlan | None = None
    scan_lines: NDArray[np.float32] | None = None
    layers: LayersPlan | None = None
    numbers: tuple[int, ...] = ()
    planned: int = 0
    acquired: datetime | None = None
    acquired_provenance: Provenance = Provenance.UNKNOWN
    device: str | None = None
    software: str | None = None
    notices: tuple[Notice, ...] = ()
    narrow_check: bool = False
    lossy: LossyCompression | None = None
    hashed_later: tuple[Path, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Axes (bscan, depth, ascan)."""
        return len(self.frames), self.depth, self.ascans


def check_size(shape: tuple[int, int, int], limits: Limits) -> None:
    """Refuse a volume that is too large for the limits or for this computer.

    Raises:
        IngestError: It is.
    """
    bscans, depth, ascans = shape
    total = bscans * depth * ascans
    if min(shape) < 1:
        raise IngestError("no-bscans", "The file holds no B-scan.")
    if bscans > limits.frames:
        raise IngestError("too-many-bscans", "The input holds more B-scans than any real scan.")
    if max(depth, ascans) > limits.rows or total > limits.volume_bytes:
        raise IngestError("too-large", "The volume is larger than any real scan.")
    free = free_memory()
    if free is not None and total > limits.free_share * free:
        text = "The volume does not fit into the free memory; close other programs."
        raise IngestError("too-much-memory", text)


def combined_hash(hashes: Iterable[str]) -> str:
    """Hash of one file, or over the sorted hashes of several."""
    ordered = sorted(set(hashes))
    if len(ordered) == 1:
        return ordered[0]
    return hashlib.sha256("".join(ordered).encode("ascii")).hexdigest()


def unique_keys(plans: Sequence[VolumePlan]) -> list[VolumePlan]:
    """Number keys that occur more than once, such as two volumes of one series."""
    seen: dict[str, int] = {}
    unique = []
    for plan in plans:
        key = plan.source.key
        count = seen[key] = seen.get(key, 0) + 1
        source = plan.source if count == 1 else replace(plan.source, key=f"{key} #{count}")
        unique.append(replace(plan, source=source))
    return unique
