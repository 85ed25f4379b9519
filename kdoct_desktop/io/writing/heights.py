"""The device's layers as a Height Map Segmentation (PS3.3 A.91, Supplement 240 of 2024).

One frame a boundary; a row of it is a B-scan, a column an A-scan, and the value is how far down
in pixels of the B-scan the boundary lies, as the device counts: whether 0 is the edge or the middle
of the first pixel, none tells. Where the device found none
stands the padding value, which lies outside of any B-scan.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from kdoct_desktop.domain.layers import LayerSurfaces
from kdoct_desktop.io.writing import codes, common, values
from kdoct_desktop.io.writing.codes import code
from kdoct_desktop.io.writing.subject import Subject

HEIGHT_MAP = UID("1.2.840.10008.5.1.4.1.1.66.8")
"""Height Map Segmentation Storage; too young for pydicom's dictionary."""

NOT_FOUND = -1.0
"""Padding: a height must lie within 0 and the rows of a B-scan."""


def height_map(subject: Subject, layers: LayerSurfaces, opt: Dataset) -> Dataset:
    """The whole object.

    Args:
        subject: The volume.
        layers: Its boundaries.
        opt: The object that its B-scans are written as.
    """
    ds = common.new_object(subject, HEIGHT_MAP, "layers", modality="SEG")
    ds.SeriesNumber = 3 * subject.number
    ds.SeriesDescription = "layers that the device found"
    ds.Laterality = subject.side
    ds.FrameOfReferenceUID = opt.FrameOfReferenceUID
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.PatientOrientation = ""
    ds.ContentLabel = "RETINAL_LAYERS"
    ds.ContentDescription = ""
    ds.ContentCreatorName = ""
    ds.SegmentationType = "HEIGHTMAP"
    ds.SegmentSequence = [
        _segment(number, name, opt) for number, name in enumerate(layers.names, start=1)
    ]
    common.references(ds, opt)
    pointer = ("ReferencedSegmentNumber", "SegmentIdentificationSequence")
    common.dimensions(ds, subject.uid("layer dimensions"), [pointer])
    ds.SharedFunctionalGroupsSequence = [_shared(subject, opt)]
    ds.PerFrameFunctionalGroupsSequence = [_frame(index) for index in range(len(layers.names))]
    _heights(ds, layers)
    return ds


def _segment(number: int, name: str, opt: Dataset) -> Dataset:
    """What a boundary is, and that the device's software drew it."""
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = [code(codes.UNKNOWN)]
    algorithm.AlgorithmName = opt.Manufacturer
    algorithm.AlgorithmVersion = str(opt.SoftwareVersions)
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = values.demanded(name)
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = opt.Manufacturer
    item.SegmentationAlgorithmIdentificationSequence = [algorithm]
    item.SegmentedPropertyCategoryCodeSequence = [code(codes.STRUCTURE)]
    item.SegmentedPropertyTypeCodeSequence = [code(codes.surface(name))]
    return item


def _shared(subject: Subject, opt: Dataset) -> Dataset:
    """Whose B-scans they are, how far apart these lie, and how many millimetres a pixel is."""
    spacing = subject.volume.spacing
    derivation = Dataset()
    derivation.DerivationCodeSequence = [code(codes.SEGMENTATION)]
    derivation.SourceImageSequence = [
        common.reference(opt.SOPClassUID, opt.SOPInstanceUID, codes.SOURCE)
    ]
    shared = Dataset()
    shared.DerivationImageSequence = [derivation]
    measures = Dataset()
    if spacing.bscan_mm is not None and spacing.ascan_mm is not None:
        pair = (spacing.bscan_mm, spacing.ascan_mm)
        measures.PixelSpacing = [values.decimal(value) for value in pair]
    shared.PixelMeasuresSequence = [measures]
    if spacing.axial_mm is not None:
        depth = subject.volume.voxels.shape[1]
        mapping = Dataset()
        mapping.LUTExplanation = "Depth in the B-scan"
        mapping.LUTLabel = "DEPTH"
        mapping.DoubleFloatRealWorldValueFirstValueMapped = 0.0
        mapping.DoubleFloatRealWorldValueLastValueMapped = float(depth)
        mapping.RealWorldValueIntercept = 0.0
        mapping.RealWorldValueSlope = float(spacing.axial_mm)
        mapping.MeasurementUnitsCodeSequence = [code(codes.MILLIMETRE)]
        shared.RealWorldValueMappingSequence = [mapping]
    return shared


def _frame(index: int) -> Dataset:
    content = Dataset()
    content.DimensionIndexValues = [index + 1]
    segment = Dataset()
    segment.ReferencedSegmentNumber = index + 1
    frame = Dataset()
    frame.FrameContentSequence = [content]
    frame.SegmentIdentificationSequence = [segment]
    return frame


def _heights(ds: Dataset, layers: LayerSurfaces) -> None:
    """Floating Point Image Pixel."""
    rows = np.where(np.isnan(layers.rows), np.float32(NOT_FOUND), layers.rows).astype("<f4")
    ds.NumberOfFrames, ds.Rows, ds.Columns = rows.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 32
    ds.FloatPixelPaddingValue = NOT_FOUND
    ds.FloatPixelData = rows.tobytes()
