"""Modules that all three objects share."""

from collections.abc import Sequence

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from kdoct_desktop.domain.volume import LossyCompression
from kdoct_desktop.io.writing import codes, values
from kdoct_desktop.io.writing.codes import code
from kdoct_desktop.io.writing.subject import Subject

_MAKERS = (
    "Heidelberg Engineering",
    "Carl Zeiss Meditec",
    "Topcon",
    "Optovue",
    "Bioptigen",
    "KD-OCT",
)
"""Manufacturers of more than one word, or that a model follows, as readers call them."""

_SEXES = {"M", "F", "O"}


def new_object(subject: Subject, sop_class: str, part: str, *, modality: str) -> Dataset:
    """An object with the modules Patient, General Study, General Series, Equipment, SOP Common.

    Args:
        subject: The volume.
        sop_class: SOP class UID.
        part: What the object is of the volume; names its identifiers.
        modality: DICOM modality.
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = subject.uid(part)
    ds.ContentQualification = "RESEARCH"
    _patient(ds, subject)
    ds.StudyInstanceUID = subject.study_uid
    ds.StudyDate = values.day(subject.performed)
    ds.StudyTime = ""
    ds.StudyID = ""
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.SeriesInstanceUID = subject.uid(f"{part} series")
    ds.Modality = modality
    ds.InstanceNumber = 1
    ds.ContentDate = values.day(subject.acquired)
    ds.ContentTime = values.clock(subject.acquired)
    _equipment(ds, subject)
    return ds


def _patient(ds: Dataset, subject: Subject) -> None:
    patient = subject.patient
    sex = values.text(patient.sex).upper()
    ds.PatientName = values.person(patient.name)
    ds.PatientID = values.text(patient.identifier)
    ds.PatientBirthDate = values.day(patient.birth_date)
    ds.PatientSex = sex if sex in _SEXES else ""
    if subject.rules.anonymous:
        ds.PatientIdentityRemoved = "YES"
        ds.DeidentificationMethod = "Name, identifier, birth date, sex and UIDs left out"
        ds.LongitudinalTemporalInformationModified = "UNMODIFIED"


def _equipment(ds: Dataset, subject: Subject) -> None:
    """The device that took the scan, and this program as what processed it."""
    device = values.text(subject.volume.device, limit=2 * 64)
    maker = next((name for name in _MAKERS if device.startswith(f"{name} ")), device)
    ds.Manufacturer = values.demanded(maker)
    ds.ManufacturerModelName = values.demanded(device[len(maker) :])
    ds.DeviceSerialNumber = values.UNKNOWN
    ds.SoftwareVersions = values.demanded(subject.volume.software)
    converter = Dataset()
    converter.Manufacturer = "KD-OCT"
    converter.ManufacturerModelName = "KD-OCT Desktop"
    converter.SoftwareVersions = subject.rules.program
    source = values.text(subject.volume.source.format)
    converter.ContributionDescription = f"Converted from {source}. Research use only."
    converter.PurposeOfReferenceCodeSequence = [code(codes.PROCESSING)]
    ds.ContributingEquipmentSequence = [converter]


def eye(ds: Dataset, subject: Subject) -> None:
    """Ocular Region Imaged, and what is known of the examination: nothing."""
    region = codes.REGIONS.get(subject.volume.scan_pattern, codes.RETINA)
    ds.ImageLaterality = subject.side
    ds.AnatomicRegionSequence = [code(region)]
    ds.RefractiveStateSequence = []
    ds.EmmetropicMagnification = None
    ds.IntraOcularPressure = None
    ds.HorizontalFieldOfView = None
    ds.PupilDilated = ""
    ds.LightPathFilterTypeStackCodeSequence = []


def clocks(ds: Dataset, subject: Subject) -> None:
    """Synchronization: B-scans and localizer share a clock that nobody has set."""
    ds.SynchronizationFrameOfReferenceUID = subject.clock_uid
    ds.SynchronizationTrigger = "NO TRIGGER"
    ds.AcquisitionTimeSynchronized = "N"


def loss(ds: Dataset, lossy: LossyCompression | None) -> None:
    """What lossy compression the pixels went through before they were read."""
    ds.LossyImageCompression = "01" if lossy is not None else "00"
    if lossy is not None:
        ds.LossyImageCompressionMethod = list(lossy.methods)
        ds.LossyImageCompressionRatio = [values.decimal(ratio) for ratio in lossy.ratios]


def reference(sop_class: str, instance: str, purpose: codes.Term | None = None) -> Dataset:
    """A reference to an object, and what for."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = instance
    if purpose is not None:
        item.PurposeOfReferenceCodeSequence = [code(purpose)]
    return item


def references(ds: Dataset, *objects: Dataset) -> None:
    """Common Instance Reference: objects of the same study, each in its series."""
    items = []
    for other in objects:
        series = Dataset()
        series.SeriesInstanceUID = other.SeriesInstanceUID
        series.ReferencedInstanceSequence = [reference(other.SOPClassUID, other.SOPInstanceUID)]
        items.append(series)
    ds.ReferencedSeriesSequence = items


def dimensions(ds: Dataset, uid: str, pointers: Sequence[tuple[str, str]]) -> None:
    """Multi-frame Dimension.

    Args:
        ds: The object.
        uid: Of the dimension organization.
        pointers: Keywords of an attribute and of the functional group that holds it.
    """
    organization = Dataset()
    organization.DimensionOrganizationUID = uid
    ds.DimensionOrganizationSequence = [organization]
    ds.DimensionIndexSequence = [_dimension(uid, *pointer) for pointer in pointers]


def _dimension(uid: str, attribute: str, group: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = uid
    item.DimensionIndexPointer = _tag(attribute)
    item.FunctionalGroupPointer = _tag(group)
    item.DimensionDescriptionLabel = attribute
    return item


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None  # noqa: S101 - keywords are ours
    return tag
