"""What is kept of a DICOM header: the plain values from which volumes are put together."""

from dataclasses import dataclass

OPT = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
"""Ophthalmic Tomography Image Storage: the volume."""

PHOTOGRAPHY = {
    "1.2.840.10008.5.1.4.1.1.77.1.5.1",
    "1.2.840.10008.5.1.4.1.1.77.1.5.2",
    "1.2.840.10008.5.1.4.1.1.77.1.5.5",
    "1.2.840.10008.5.1.4.1.1.77.1.5.6",
}
"""Ophthalmic Photography 8 and 16 bit and wide field: localizers."""

SECONDARY_CAPTURE = {
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.7.4",
}
"""Secondary Capture, single and multi-frame: pictures without geometry."""

HEIGHT_MAP = "1.2.840.10008.5.1.4.1.1.66.8"
"""Height Map Segmentation Storage: layers of a volume (Supplement 240)."""

DIRECTORY = "1.2.840.10008.1.3.10"
"""Media Storage Directory: a DICOMDIR."""


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What the file says about one frame; None where it says nothing.

    Attributes:
        stack: Stack identifier.
        position: Position in the stack.
        plane: Image position in millimetres.
        coordinates: Row, column, row, column … in localizer pixels from 1, as written.
        orientation: ``LINEAR``, ``NONLINEAR`` or ``TRANSVERSE``.
        localizer: SOP instance UID of the picture that the coordinates refer to.
        spacing: Row (axial) and column (lateral) pixel spacing in millimetres.
        between: Spacing between slices in millimetres.
        thickness: Slice thickness in millimetres.
        eye: Frame laterality as written.
    """

    stack: str | None = None
    position: int | None = None
    plane: tuple[float, ...] | None = None
    coordinates: tuple[float, ...] = ()
    orientation: str | None = None
    localizer: str | None = None
    spacing: tuple[float, float] | None = None
    between: float | None = None
    thickness: float | None = None
    eye: str | None = None


@dataclass(frozen=True, slots=True)
class PersonInfo:
    """Who was scanned, as written; never logged."""

    name: str | None = None
    identifier: str | None = None
    birth_date: str | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True)
class HeightsInfo:
    """Layers of a tomography, as a height map holds them.

    Attributes:
        source: SOP instance UID of the tomography.
        names: Name of each boundary.
        bscans: Frame of the tomography, from 1, that each row belongs to; empty for row by row.
        rows: B-scans.
        columns: A-scans.
    """

    source: str
    names: tuple[str, ...]
    bscans: tuple[int, ...]
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What the file says as a whole.

    Attributes:
        sha256: Hash over the bytes of the file.
        sop_class: SOP class UID.
        sop_class_name: Its name in the standard; the UID where it has none.
        instance: SOP instance UID.
        study: Study instance UID.
        series: Series instance UID.
        frame_of_reference: Frame of reference UID.
        concatenation: Concatenation UID.
        part: Number of this file in its concatenation, from 1.
        parts: Files of the concatenation.
        number: Instance number.
        person: Who was scanned.
        study_date: ``YYYYMMDD``.
        acquired: ``YYYYMMDDHHMMSS``.
        device: Manufacturer and model.
        rows: Depth pixels.
        columns: A-scans.
        frames: Number of frames.
        samples: Samples a pixel.
        bits: Stored bits.
        photometric: Photometric interpretation.
        eyes: Image laterality and series laterality as written.
        pattern: Scan pattern that codes, image type or protocol text state, as its value.
        pattern_source: ``code`` or ``text``.
        burned_in: Text is burned into the pixels.
        frame_info: One entry a frame.
        software: Versions of the software that wrote it.
        lossy: The pixels went through lossy compression.
        lossy_methods: How, each method as DICOM calls it; empty where unknown.
        lossy_ratios: How many times smaller each method made them; empty where unknown.
        heights: Layers of another file's B-scans; None where the file is no height map.
    """

    sha256: str
    sop_class: str
    sop_class_name: str
    instance: str
    study: str
    series: str
    frame_of_reference: str
    concatenation: str | None
    part: int | None
    parts: int | None
    number: int | None
    person: PersonInfo
    study_date: str | None
    acquired: str | None
    device: str | None
    rows: int
    columns: int
    frames: int
    samples: int
    bits: int
    photometric: str
    eyes: tuple[str, ...]
    pattern: str | None
    pattern_source: str | None
    burned_in: bool
    frame_info: tuple[FrameInfo, ...]
    software: str | None = None
    lossy: bool = False
    lossy_methods: tuple[str, ...] = ()
    lossy_ratios: tuple[float, ...] = ()
    heights: HeightsInfo | None = None
