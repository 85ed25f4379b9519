"""The attributes of the DICOM modules that `phantom_dicom` writes, module by module."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    OphthalmicPhotography8BitImageStorage,
    OphthalmicPhotography16BitImageStorage,
    OphthalmicTomographyImageStorage,
)

from kdoct_desktop.domain.volume import LocalizerKind
from kdoct_desktop.io.writing.codes import CAMERAS, LOCALIZER, OCT_SCANNER, RETINA, code
from training.phantom import Phantom

OPT = OphthalmicTomographyImageStorage
OP8 = OphthalmicPhotography8BitImageStorage
OP16 = OphthalmicPhotography16BitImageStorage

CIRCLE_POINTS = 64


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


def _side(phantom: Phantom) -> str:
    return "R" if phantom.spec.laterality == "OD" else "L"


def patient_and_study(ds: Dataset, name: str, *, identifier: str, performed: datetime) -> None:
    """Patient, General Study, SOP Common; there is no birth date because there is no patient."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = name
    ds.PatientID = identifier
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.StudyDate = performed.strftime("%Y%m%d")
    ds.StudyTime = performed.strftime("%H%M%S")
    ds.ContentDate = ds.StudyDate
    ds.ContentTime = ds.StudyTime
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.StudyID = "1"
    ds.PatientComments = "Computer-generated phantom. Not a person."


def _equipment(ds: Dataset) -> None:
    """General and Enhanced General Equipment, Acquisition Context."""
    ds.Manufacturer = "KD-OCT"
    ds.ManufacturerModelName = "Phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = "1"
    ds.BurnedInAnnotation = "NO"


def _examination(ds: Dataset, phantom: Phantom) -> None:
    """Ocular Region Imaged and the acquisition parameters that OP and OPT share."""
    ds.ImageLaterality = _side(phantom)
    ds.AnatomicRegionSequence = [code(RETINA)]
    ds.EmmetropicMagnification = None
    ds.IntraOcularPressure = None
    ds.HorizontalFieldOfView = None
    ds.PupilDilated = ""
    ds.RefractiveStateSequence = []
    ds.LightPathFilterTypeStackCodeSequence = []


def tomography_modules(ds: Dataset, phantom: Phantom, *, number: int, performed: datetime) -> None:
    """Series, image and parameter modules of the Ophthalmic Tomography IOD."""
    ds.Modality = "OPT"
    ds.SeriesNumber = 1 if phantom.spec.laterality == "OD" else 2
    ds.SeriesDescription = f"{phantom.spec.pattern} {phantom.spec.laterality}"
    ds.InstanceNumber = number
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionDateTime = _stamp(performed)
    ds.AcquisitionDuration = 2.0
    ds.AcquisitionNumber = ds.SeriesNumber
    ds.InConcatenationNumber = 1
    ds.InConcatenationTotalNumber = 1
    ds.ConcatenationFrameOffsetNumber = 0
    ds.OphthalmicVolumetricPropertiesFlag = "YES" if phantom.spec.pattern == "raster" else "NO"
    ds.AcquisitionContextSequence = []
    _equipment(ds)
    _examination(ds, phantom)
    ds.AxialLengthOfTheEye = None
    ds.DetectorType = "CMOS"
    ds.AcquisitionDeviceTypeCodeSequence = [code(OCT_SCANNER)]
    ds.DepthSpatialResolution = 7.0
    ds.MaximumDepthDistortion = 0.5
    ds.AlongScanSpatialResolution = 14.0
    ds.MaximumAlongScanDistortion = 0.5
    ds.AcrossScanSpatialResolution = 14.0
    ds.MaximumAcrossScanDistortion = 0.5
    ds.IlluminationWaveLength = 870.0
    ds.IlluminationPower = 1200.0
    ds.IlluminationBandwidth = 50.0


def tomography_groups(
    ds: Dataset,
    phantom: Phantom,
    *,
    frames: Sequence[int],
    organization: UID,
    localizer_uid: UID | None,
    performed: datetime,
) -> None:
    """Multi-frame dimension module and functional groups for the B-scans `frames`."""
    item = Dataset()
    item.DimensionOrganizationUID = organization
    ds.DimensionOrganizationSequence = [item]
    ds.DimensionIndexSequence = [
        _dimension("StackID", organization), _dimension("InStackPositionNumber", organization)
    ]  # fmt: skip
    between, axial_mm, ascan_mm = phantom.spacing_mm
    measures = Dataset()
    measures.PixelSpacing = [round(axial_mm, 8), round(ascan_mm, 8)]
    measures.SliceThickness = round(between or 0.014, 8)
    if between is not None:
        measures.SpacingBetweenSlices = round(between, 8)
    anatomy = Dataset()
    anatomy.AnatomicRegionSequence = [code(RETINA)]
    anatomy.FrameLaterality = _side(phantom)
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.FrameAnatomySequence = [anatomy]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [
        _frame(phantom, index, localizer_uid=localizer_uid, performed=performed) for index in frames
    ]


def _dimension(keyword: str, organization: UID) -> Dataset:
    item = Dataset()
    item.DimensionIndexPointer = Tag(tag_for_keyword(keyword) or 0)
    item.FunctionalGroupPointer = Tag(tag_for_keyword("FrameContentSequence") or 0)
    item.DimensionOrganizationUID = organization
    item.DimensionDescriptionLabel = keyword
    return item


def _frame(
    phantom: Phantom, index: int, *, localizer_uid: UID | None, performed: datetime
) -> Dataset:
    content = Dataset()
    content.FrameAcquisitionNumber = index + 1
    content.FrameReferenceDateTime = _stamp(performed)
    content.FrameAcquisitionDateTime = _stamp(performed)
    content.FrameAcquisitionDuration = 80.0
    content.StackID = "1"
    content.InStackPositionNumber = index + 1
    content.DimensionIndexValues = [1, index + 1]
    frame = Dataset()
    frame.FrameContentSequence = [content]
    if localizer_uid is not None and phantom.localizer.size:
        frame.OphthalmicFrameLocationSequence = [
            _location(phantom, index, localizer_uid=localizer_uid)
        ]
    return frame


def _location(phantom: Phantom, index: int, *, localizer_uid: UID) -> Dataset:
    """Row and column pairs, the first pixel of the localizer being (1, 1)."""
    path = phantom.scan_paths[index].astype(np.float64) + 1
    circle = phantom.spec.pattern == "circle"
    if circle:
        path = path[np.linspace(0, len(path) - 1, min(CIRCLE_POINTS, len(path))).astype(int)]
    else:
        path = path[[0, -1]]
    item = Dataset()
    item.ReferencedSOPClassUID = OP8
    item.ReferencedSOPInstanceUID = localizer_uid
    item.PurposeOfReferenceCodeSequence = [code(LOCALIZER)]
    item.ReferenceCoordinates = [float(np.float32(value)) for value in path.ravel()]
    item.OphthalmicImageOrientation = "NONLINEAR" if circle else "LINEAR"
    return item


def photography_modules(ds: Dataset, phantom: Phantom, *, performed: datetime) -> None:
    """Series, image and parameter modules of the Ophthalmic Photography IOD."""
    ds.Modality = "OP"
    ds.SeriesNumber = 11 if phantom.spec.laterality == "OD" else 12
    ds.SeriesDescription = f"localizer {phantom.spec.laterality}"
    ds.InstanceNumber = 1
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionDateTime = _stamp(performed)
    ds.PatientOrientation = ["L", "F"]
    ds.PixelSpacing = [round(phantom.localizer_pixel_mm, 8)] * 2
    ds.FrameIncrementPointer = Tag(tag_for_keyword("FrameTime") or 0)
    ds.FrameTime = 0
    ds.SynchronizationTrigger = "NO TRIGGER"
    ds.AcquisitionTimeSynchronized = "N"
    _equipment(ds)
    _examination(ds, phantom)
    ds.PatientEyeMovementCommanded = "NO"
    ds.DetectorType = "PHOTO"
    ds.AcquisitionDeviceTypeCodeSequence = [code(CAMERAS[LocalizerKind.SLO])]
    ds.IlluminationTypeCodeSequence = []
    ds.ImagePathFilterTypeStackCodeSequence = []
    ds.LensesCodeSequence = []
