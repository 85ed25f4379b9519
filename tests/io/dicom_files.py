"""DICOM files for tests: small, made of numbers, no patient."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

OPT = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
OP_8 = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
OP_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.2"


def ramp(bscans: int, depth: int = 40, ascans: int = 48, *, step: int = 3) -> NDArray[np.uint8]:
    """A volume whose every B-scan differs and is smooth, axes (bscan, depth, ascan)."""
    i, d, a = np.mgrid[0:bscans, 0:depth, 0:ascans]
    volume: NDArray[np.uint8] = ((i * 11 + d * step + a // 4) % 200).astype(np.uint8)
    return volume


def raster_lines(
    count: int, *, size: int = 64, first: float = 5.0, step: float = 10.0
) -> list[list[float]]:
    """Horizontal scan lines from top to bottom, 1-based row, column, row, column."""
    return [[first + i * step, 1.0, first + i * step, float(size)] for i in range(count)]


def opt(
    pixels: NDArray[Any],
    *,
    eye: str | None = "R",
    lines: Sequence[Sequence[float]] | None = None,
    localizer: str | None = None,
    positions: Sequence[int | None] | None = None,
    spacing: tuple[float, float] | None = (0.0039, 0.0117),
    **tags: Any,
) -> Dataset:
    """An Ophthalmic Tomography object, uncompressed.

    Args:
        pixels: uint8, int16 or uint16, axes (bscan, depth, ascan).
        eye: Image laterality; None leaves it out.
        lines: Reference coordinates of each frame.
        localizer: SOP instance UID that the coordinates refer to.
        positions: In-stack position of each frame, None to leave one out; counted by default.
        spacing: Axial and lateral pixel spacing; None leaves it out.
        tags: More elements by keyword; None removes one.
    """
    data = _object(OPT, eye)
    data.FrameOfReferenceUID = "1.2.3.4.5"
    data.Manufacturer = "Maker"
    data.InstanceNumber = 1
    shared = Dataset()
    if spacing is not None:
        measures = Dataset()
        measures.PixelSpacing = list(spacing)
        shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    numbers = positions if positions is not None else range(1, len(pixels) + 1)
    places = lines if lines is not None else [None] * len(pixels)
    frames = [_frame(n, line, localizer) for n, line in zip(numbers, places, strict=True)]
    data.PerFrameFunctionalGroupsSequence = frames
    _set_pixels(data, pixels)
    return _with_tags(data, tags)


def _object(sop_class: str, eye: str | None) -> Dataset:
    data = Dataset()
    data.SOPClassUID = sop_class
    data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID = "1.2.3.4"
    data.SeriesInstanceUID = generate_uid()
    data.PatientName = "Phantom^Test"
    data.PatientID = "P1"
    data.StudyDate = "20250102"
    if eye is not None:
        data.ImageLaterality = eye
    return data


def _frame(position: int | None, line: Sequence[float] | None, localizer: str | None) -> Dataset:
    """Functional groups of one frame."""
    frame, content, place = Dataset(), Dataset(), Dataset()
    if position is not None:
        content.StackID = "1"
        content.InStackPositionNumber = position
        frame.FrameContentSequence = [content]
    if line is not None:
        if localizer is not None:
            place.ReferencedSOPClassUID = OP_8
            place.ReferencedSOPInstanceUID = localizer
        place.ReferenceCoordinates = list(line)
        place.OphthalmicImageOrientation = "LINEAR" if len(line) == 4 else "NONLINEAR"
        frame.OphthalmicFrameLocationSequence = [place]
    return frame


def photograph(pixels: NDArray[Any], *, eye: str | None = "R", **tags: Any) -> Dataset:
    """An Ophthalmic Photography object: grey (row, column) or colour (row, column, RGB)."""
    data = _object(OP_16 if pixels.dtype.itemsize == 2 else OP_8, eye)
    data.PixelSpacing = [0.0125, 0.0125]
    _set_pixels(data, pixels[np.newaxis])
    return _with_tags(data, tags)


def secondary_capture(pixels: NDArray[Any], **tags: Any) -> Dataset:
    """A Secondary Capture object, axes (frame, row, column) or with RGB behind."""
    data = _object("1.2.840.10008.5.1.4.1.1.7.2", None)
    _set_pixels(data, pixels)
    return _with_tags(data, tags)


def save(data: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write in a transfer syntax that pydicom writes or one of the codecs encodes."""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        data.compress(syntax, generate_instance_uid=False)
    elif syntax == JPEGLSNearLossless:
        data.compress(syntax, jls_error=2, generate_instance_uid=False)
    elif syntax == JPEG2000:
        data.compress(syntax, j2k_cr=[3], generate_instance_uid=False)
    elif syntax == JPEGBaseline8Bit:
        _encapsulated(data, [_jpeg(frame) for frame in _frames(data)])
    data.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    data.save_as(path, enforce_file_format=True)
    return path


def save_encoded(data: Dataset, path: Path, syntax: str, streams: Sequence[bytes]) -> Path:
    """Write with ready codestreams, one a frame."""
    data.file_meta = FileMetaDataset()
    _encapsulated(data, list(streams))
    data.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    data.save_as(path, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return path


def _encapsulated(data: Dataset, streams: list[bytes]) -> None:
    data.PixelData = encapsulate(streams)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True


def _frames(data: Dataset) -> NDArray[np.uint8]:
    shape = (data.NumberOfFrames, data.Rows, data.Columns)
    size = shape + ((3,) if data.SamplesPerPixel == 3 else ())
    return np.frombuffer(data.PixelData, np.uint8, count=int(np.prod(size))).reshape(size)


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    out = BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=98)
    return out.getvalue()


def _set_pixels(data: Dataset, pixels: NDArray[Any]) -> None:
    colour = pixels.ndim == 4
    bits = pixels.dtype.itemsize * 8
    data.NumberOfFrames, data.Rows, data.Columns = pixels.shape[:3]
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    raw = pixels.tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"


def _with_tags(data: Dataset, tags: dict[str, Any]) -> Dataset:
    for keyword, value in tags.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    return data
