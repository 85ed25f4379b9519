"""Objects into files: pixels encoded, written beside and moved into place."""

from pathlib import Path

import numpy as np
from jpeg_ls import encode_array
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLSLossless

from kdoct_desktop.domain.whole_file import whole_file
from kdoct_desktop.io.studies import derived_uid

_WRITER = UID(derived_uid("6b646f63742d6465736b746f70207772"))
"""Implementation Class UID of this program."""


def set_pixels(ds: Dataset, pixels: NDArray[np.uint8], *, compressed: bool) -> None:
    """Image Pixel.

    Args:
        ds: The object.
        pixels: Axes (frame, row, column) or (frame, row, column, RGB).
        compressed: With JPEG-LS, without loss, a frame a codestream; else as they are.
    """
    colour = pixels.ndim == 4
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape[:3]
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if compressed:
        order = 2 if colour else None  # colour by pixel
        streams = [bytes(encode_array(frame, interleave_mode=order)) for frame in pixels]
        ds.PixelData = encapsulate(streams)
        ds["PixelData"].is_undefined_length = True
    else:
        ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OB"


def save(ds: Dataset, path: Path, *, compressed: bool) -> None:
    """Write an object beside its place, flush it, and move it there.

    Raises:
        OSError: It cannot be written; what lay there before still does.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = JPEGLSLossless if compressed else ExplicitVRLittleEndian
    meta.ImplementationClassUID = _WRITER
    meta.ImplementationVersionName = "KD-OCT"
    file = FileDataset("", ds, file_meta=meta, preamble=b"\0" * 128)
    with whole_file(path, private=True) as stream:
        dcmwrite(stream, file, enforce_file_format=True)
