"""The B-scans as an Ophthalmic Tomography Image (PS3.3 A.52)."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import OphthalmicTomographyImageStorage

from kdoct_desktop.domain.volume import OctVolume, ScanPattern
from kdoct_desktop.io.writing import codes, common, values
from kdoct_desktop.io.writing.codes import code
from kdoct_desktop.io.writing.subject import Subject

_STACK = "1"


def tomography(subject: Subject, localizer: Dataset | None) -> Dataset:
    """Everything but the pixels.

    Args:
        subject: The volume.
        localizer: The object that its localizer is written as; None without one.
    """
    ds = common.new_object(subject, OphthalmicTomographyImageStorage, "tomography", modality="OPT")
    ds.SeriesNumber = 3 * subject.number - 2
    ds.SeriesDescription = _description(subject.volume)
    ds.FrameOfReferenceUID = subject.uid("frame of reference")
    ds.PositionReferenceIndicator = ""
    _image(ds, subject)
    common.eye(ds, subject)
    _device(ds, subject.volume.scan_pattern)
    if localizer is not None:
        common.clocks(ds, subject)
        common.references(ds, localizer)
    pointers = [(word, "FrameContentSequence") for word in ("StackID", "InStackPositionNumber")]
    common.dimensions(ds, subject.uid("dimensions"), pointers)
    ds.SharedFunctionalGroupsSequence = [_shared(subject, localizer)]
    ds.PerFrameFunctionalGroupsSequence = [
        _frame(subject.volume, index, localizer) for index in range(subject.volume.bscan_count)
    ]
    return ds


def _description(volume: OctVolume) -> str:
    eye = volume.laterality.value if volume.laterality is not None else ""
    pattern = "" if volume.scan_pattern is ScanPattern.UNKNOWN else volume.scan_pattern.value
    return f"{pattern} {eye}".strip()


def _image(ds: Dataset, subject: Subject) -> None:
    """Ophthalmic Tomography Image and Acquisition Context."""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.AcquisitionDateTime = values.moment(subject.acquired)
    ds.AcquisitionNumber = subject.number
    ds.InConcatenationNumber = 1
    ds.InConcatenationTotalNumber = 1
    ds.ConcatenationFrameOffsetNumber = 0
    ds.OphthalmicVolumetricPropertiesFlag = "NO"
    ds.BurnedInAnnotation = "NO"
    ds.PresentationLUTShape = "IDENTITY"
    common.loss(ds, subject.volume.lossy)
    ds.AcquisitionContextSequence = []


def _device(ds: Dataset, pattern: ScanPattern) -> None:
    """Ophthalmic Tomography Parameters; every OCT device is an interferometer."""
    ds.AxialLengthOfTheEye = None
    ds.DetectorType = "INT"
    ds.AcquisitionDeviceTypeCodeSequence = [code(codes.OCT_SCANNER)]
    if pattern in codes.PATTERNS:
        ds.ScanPatternTypeCodeSequence = [code(codes.PATTERNS[pattern])]


def _shared(subject: Subject, localizer: Dataset | None) -> Dataset:
    """Functional groups that all B-scans share."""
    volume, spacing = subject.volume, subject.volume.spacing
    measures = Dataset()
    if spacing.axial_mm is not None and spacing.ascan_mm is not None:
        pair = (spacing.axial_mm, spacing.ascan_mm)
        measures.PixelSpacing = [values.decimal(value) for value in pair]
    if spacing.bscan_mm is not None:
        measures.SpacingBetweenSlices = values.decimal(spacing.bscan_mm)
    anatomy = Dataset()
    anatomy.AnatomicRegionSequence = [code(codes.REGIONS.get(volume.scan_pattern, codes.RETINA))]
    anatomy.FrameLaterality = subject.side
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.FrameAnatomySequence = [anatomy]
    if volume.source.format.startswith("DICOM"):
        shared.DerivationImageSequence = []  # from another object, whose identifier is not kept
    shared.PlanePositionSequence = [Dataset()]
    shared.PlaneOrientationSequence = [Dataset()]
    if localizer is not None:
        shared.ReferencedImageSequence = [
            common.reference(localizer.SOPClassUID, localizer.SOPInstanceUID, codes.LOCALIZER)
        ]
    return shared


def _frame(volume: OctVolume, index: int, localizer: Dataset | None) -> Dataset:
    """Functional groups of one B-scan."""
    content = Dataset()
    content.FrameAcquisitionNumber = index + 1
    content.StackID = _STACK
    content.InStackPositionNumber = (volume.numbers[index] if volume.numbers else index) + 1
    content.DimensionIndexValues = [1, content.InStackPositionNumber]
    frame = Dataset()
    frame.FrameContentSequence = [content]
    if localizer is not None and volume.scan_lines is not None:
        frame.OphthalmicFrameLocationSequence = [_location(volume.scan_lines[index], localizer)]
    return frame


def _location(
    line: np.ndarray[tuple[int, ...], np.dtype[np.float32]], localizer: Dataset
) -> Dataset:
    """Where a straight B-scan lies: row and column of start and end, the first pixel being 1, 1."""
    item = common.reference(localizer.SOPClassUID, localizer.SOPInstanceUID, codes.LOCALIZER)
    item.ReferenceCoordinates = [float(value) for value in (line + np.float32(1)).ravel()]
    item.OphthalmicImageOrientation = "LINEAR"
    return item
