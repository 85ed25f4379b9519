"""What is kept of a device file's header: plain values that cross to the program's side."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NoticeInfo:
    """Something to tell about a volume; see ``Notice``. Never holds patient data."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PatientInfo:
    """Who was scanned, as the file says; never logged. ``birth_date`` is ``YYYYMMDD``."""

    name: str | None = None
    identifier: str | None = None
    birth_date: str | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True)
class LossyInfo:
    """What lossy compression took from pixels; see ``LossyCompression``."""

    methods: tuple[str, ...] = ()
    ratios: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalizerInfo:
    """The picture on which the B-scans lie.

    Attributes:
        picture: Its number among the pictures of the file.
        kind: Value of a ``LocalizerKind``.
        shape: Rows, columns and, for colour, 3.
        pixel_mm: Size of a pixel (row, column) in millimetres; None where unknown.
        lossy: Lossy compression that the file holds the picture in.
    """

    picture: int
    kind: str
    shape: tuple[int, ...]
    pixel_mm: tuple[float, float] | None = None
    lossy: LossyInfo | None = None


@dataclass(frozen=True, slots=True)
class VolumeInfo:
    """One scan of one eye in a device file; None where the file says nothing.

    Attributes:
        key: Tells the volumes of a file apart, such as ``"series 3"``; never a name or identifier.
        pictures: Number of each B-scan among the pictures of the file, in order over the eye.
        numbers: Position of each B-scan in the scan as it was planned, from 0, ascending; gaps are
            B-scans that the file lacks.
        planned: B-scans of the scan as the device planned it; never below what `numbers` says.
        depth: Rows of a B-scan.
        ascans: Columns of a B-scan.
        pattern: Value of a ``ScanPattern``.
        pattern_provenance: Value of a ``Provenance``.
        order_provenance: Value of a ``Provenance``.
        laterality: ``OD`` or ``OS``.
        laterality_provenance: Value of a ``Provenance``.
        bscan_mm: Distance between neighbouring B-scans.
        axial_mm: Distance between neighbouring pixels in depth.
        ascan_mm: Distance between neighbouring A-scans.
        spacing_provenance: Value of a ``Provenance``.
        localizer: The picture on which the B-scans lie.
        lines: Row and column of start, row and column of end of each B-scan, in pixels of the
            localizer from 0; empty where unknown or where they are no straight lines.
        layers: Name of each layer boundary; their heights are asked for apart.
        acquired: Local time, ISO 8601 without time zone.
        acquired_provenance: Value of a ``Provenance``.
        visit: Tells the visits of a file apart, for volumes that belong together.
        patient: Who was scanned.
        device: Manufacturer and model.
        software: Version of the device's software.
        narrow_check: Stored values are deeper than 8 bits and went through one fixed window, so a
            dark result must be announced.
        lossy: Lossy compression that the file holds the B-scans in.
        notices: What else to tell.
        refused: Why this volume alone cannot be read; None where it can.
    """

    key: str
    pictures: tuple[int, ...]
    numbers: tuple[int, ...]
    planned: int
    depth: int
    ascans: int
    pattern: str = "unknown"
    pattern_provenance: str = "unknown"
    order_provenance: str = "unknown"
    laterality: str | None = None
    laterality_provenance: str = "unknown"
    bscan_mm: float | None = None
    axial_mm: float | None = None
    ascan_mm: float | None = None
    spacing_provenance: str = "unknown"
    localizer: LocalizerInfo | None = None
    lines: tuple[tuple[float, float, float, float], ...] = ()
    layers: tuple[str, ...] = ()
    acquired: str | None = None
    acquired_provenance: str = "unknown"
    visit: str = ""
    patient: PatientInfo = field(default_factory=PatientInfo)
    device: str | None = None
    software: str | None = None
    narrow_check: bool = False
    lossy: LossyInfo | None = None
    notices: tuple[NoticeInfo, ...] = ()
    refused: NoticeInfo | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device file.

    Attributes:
        sha256: Stays empty: the file is hashed on the program's side while it is decoded.
        volumes: Its scans.
        beside: Names of files in the same folder that belong to it, such as the pictures of an
            export; no separators.
        notices: What to tell about the file as a whole, such as parts that are not read.
    """

    sha256: str
    volumes: tuple[VolumeInfo, ...]
    beside: tuple[str, ...] = ()
    notices: tuple[NoticeInfo, ...] = ()
