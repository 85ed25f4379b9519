"""The localizer as an Ophthalmic Photography 8 Bit Image (PS3.3 A.41)."""

from pydicom.dataset import Dataset
from pydicom.uid import OphthalmicPhotography8BitImageStorage

from kdoct_desktop.domain.volume import Localizer
from kdoct_desktop.io.writing import codes, common, values
from kdoct_desktop.io.writing.codes import code
from kdoct_desktop.io.writing.subject import Subject


def photography(subject: Subject, localizer: Localizer) -> Dataset:
    """Everything but the pixels."""
    ds = common.new_object(
        subject, OphthalmicPhotography8BitImageStorage, "localizer", modality="OP"
    )
    ds.SeriesNumber = 3 * subject.number - 1
    ds.SeriesDescription = f"localizer {localizer.kind.value}"
    common.clocks(ds, subject)
    ds.PatientOrientation = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionDateTime = values.moment(subject.acquired)
    if localizer.pixel_mm is not None:
        ds.PixelSpacing = [values.decimal(value) for value in localizer.pixel_mm]
    ds.BurnedInAnnotation = "NO"
    common.loss(ds, localizer.lossy)
    if localizer.pixels.ndim == 2:
        ds.PresentationLUTShape = "IDENTITY"
    ds.FrameIncrementPointer = 0x00181063
    ds.FrameTime = 0
    common.eye(ds, subject)
    ds.PatientEyeMovementCommanded = ""
    ds.DetectorType = ""
    ds.AcquisitionDeviceTypeCodeSequence = [code(codes.CAMERAS[localizer.kind])]
    ds.IlluminationTypeCodeSequence = []
    ds.ImagePathFilterTypeStackCodeSequence = []
    ds.LensesCodeSequence = []
    return ds
