"""One OCT scan of one eye, as the device wrote it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.layers import LayerSurfaces


class Laterality(StrEnum):
    """Which eye. An unknown eye is ``None``, never a default."""

    OD = "OD"
    OS = "OS"


class Provenance(StrEnum):
    """Where a value came from."""

    DEVICE = "device"
    DERIVED = "derived"
    ASSUMED = "assumed"
    USER = "user"
    UNKNOWN = "unknown"


class ScanPattern(StrEnum):
    """How the beam moved over the eye."""

    RASTER = "raster"
    LINE = "line"
    RADIAL = "radial"
    CIRCLE = "circle"
    ONH = "onh"
    ANTERIOR = "anterior"
    ANGIOGRAPHY = "angiography"
    UNKNOWN = "unknown"


class LocalizerKind(StrEnum):
    """What the picture that locates the B-scans shows."""

    SLO = "slo"
    FUNDUS = "fundus"
    EN_FACE = "en face"


@dataclass(frozen=True, slots=True)
class Spacing:
    """Sampling distances in millimetres; None where the source gives no scale.

    Attributes:
        bscan_mm: Distance between neighbouring B-scans.
        axial_mm: Distance between neighbouring pixels in depth.
        ascan_mm: Distance between neighbouring A-scans.
        provenance: Where the three values came from.
    """

    bscan_mm: float | None = None
    axial_mm: float | None = None
    ascan_mm: float | None = None
    provenance: Provenance = Provenance.UNKNOWN


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know about a volume that is still usable.

    Attributes:
        code: Stable lower-case identifier with hyphens.
        message: One plain sentence without patient data.
    """

    code: str
    message: str


EXPERIMENTAL = "experimental-format"
"""Code of the notice that a format was not tried on complete files that devices wrote."""


@dataclass(frozen=True, slots=True)
class LossyCompression:
    """What lossy compression took from pixels before they were read.

    Attributes:
        methods: Each method as DICOM calls it, such as ``"ISO_10918_1"``; empty where unknown.
        ratios: How many times smaller each made the pixels; empty where unknown.
    """

    methods: tuple[str, ...] = ()
    ratios: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Localizer:
    """The picture on which the B-scans lie.

    Attributes:
        pixels: uint8, axes (row, column) or (row, column, RGB), read-only.
        kind: What it shows.
        pixel_mm: Size of a pixel (row, column) in millimetres; None where unknown.
        lossy: Lossy compression that the pixels went through; None where the source tells of none.
    """

    pixels: NDArray[np.uint8]
    kind: LocalizerKind
    pixel_mm: tuple[float, float] | None = None
    lossy: LossyCompression | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a volume came from, without any patient data.

    Attributes:
        label: What the user is shown: the file's or folder's name.
        sha256: Hash over the bytes of the file, or over the sorted hashes of the files.
        format: Reader's name for the format, for example ``"DICOM OPT"``.
        key: Tells several volumes of one input apart (series UID, page range); unique in an input.
    """

    label: str
    sha256: str
    format: str
    key: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class OctVolume:
    """One scan of one eye.

    Attributes:
        voxels: uint8 grey values, axes (bscan, depth, ascan), read-only.
        source: Where it came from.
        spacing: Sampling distances in millimetres; None where the source gives no scale.
        scan_pattern: How the beam moved.
        laterality: OD or OS; None where the source does not say. Never guessed.
        laterality_provenance: Where the eye came from.
        order_provenance: Where the order of the B-scans came from.
        localizer: Picture on which the B-scans lie; None where the source has none.
        scan_lines: float32, axes (bscan, start/end, row/column), in localizer pixels from 0;
            None where the source gives no positions.
        acquired: When the device took it.
        device: Manufacturer and model as the file says.
        notices: What the user should know.
        pattern_provenance: Where the scan pattern came from.
        acquired_provenance: Where the time came from.
        software: Version of the software that wrote the file, as the file says.
        layers: Layer boundaries that the device found; None where the source has none.
        numbers: Position of each B-scan in the scan as the device planned it, from 0, ascending;
            gaps are B-scans that the source lacks. Empty where none is missing or nothing is known.
        planned: B-scans of the scan as planned; 0 where unknown.
        lossy: Lossy compression that the B-scans went through; None where the source tells of none.
    """

    voxels: NDArray[np.uint8]
    source: Source
    spacing: Spacing = field(default_factory=Spacing)
    scan_pattern: ScanPattern = ScanPattern.UNKNOWN
    laterality: Laterality | None = None
    laterality_provenance: Provenance = Provenance.UNKNOWN
    order_provenance: Provenance = Provenance.UNKNOWN
    localizer: Localizer | None = None
    scan_lines: NDArray[np.float32] | None = None
    acquired: datetime | None = None
    device: str | None = None
    notices: tuple[Notice, ...] = ()
    pattern_provenance: Provenance = Provenance.UNKNOWN
    acquired_provenance: Provenance = Provenance.UNKNOWN
    software: str | None = None
    layers: LayerSurfaces | None = None
    numbers: tuple[int, ...] = ()
    planned: int = 0
    lossy: LossyCompression | None = None

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or self.voxels.dtype != np.uint8 or 0 in self.voxels.shape:
            raise ValueError("voxels must be a non-empty uint8 array (bscan, depth, ascan)")
        if self.scan_lines is not None and self.scan_lines.shape != (len(self.voxels), 2, 2):
            raise ValueError("scan_lines must have the shape (bscan, 2, 2)")
        if self.layers is not None and self.layers.rows.shape[1:] != self.voxels.shape[::2]:
            raise ValueError("layers must have a height for every A-scan")
        if self.numbers and len(self.numbers) != len(self.voxels):
            raise ValueError("every B-scan needs its number, or none")
        self.voxels.flags.writeable = False

    @property
    def bscan_count(self) -> int:
        """Number of B-scans."""
        return int(self.voxels.shape[0])

    def with_laterality(self, eye: Laterality, provenance: Provenance) -> "OctVolume":
        """The same scan with the eye stated by `provenance`."""
        return replace(self, laterality=eye, laterality_provenance=provenance)
