"""Writes phantoms as DICOM: ophthalmic tomography objects and the localizer as photography.

The attributes follow the IODs A.52 (ophthalmic tomography) and A.41 (ophthalmic photography, 8 and
16 bit) of DICOM PS3.3. Every UID comes from the phantom, so the same phantom gives the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileDataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

from training.phantom import Phantom
from training.phantoms.dicom_modules import (
    OP8,
    OP16,
    OPT,
    patient_and_study,
    photography_modules,
    tomography_groups,
    tomography_modules,
)

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Change = Callable[[Dataset], None]

UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
PLUGINS = {
    RLELossless: "pydicom",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}
LOSSY: dict[str, tuple[dict[str, Any], str]] = {
    JPEG2000: ({"j2k_cr": [4]}, "ISO_15444_1"),
    JPEGLSNearLossless: ({"jls_error": 2}, "ISO_14495_1"),
}
"""Options of the encoder, and the name of the method that the file states."""

WRITABLE = (*UNCOMPRESSED, *PLUGINS, JPEGBaseline8Bit)
"""Transfer syntaxes that `write_opt` and `write_op` can write."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who was scanned and when; invented.

    Attributes:
        patient_name: DICOM person name.
        patient_id: Identifier.
        performed: Date and time of the study.
        key: Visits with the same key share one study.
    """

    patient_name: str = "PHANTOM^TEST"
    patient_id: str = "PHANTOM-0000"
    performed: datetime = datetime(2000, 1, 1, 12, 0, 0)
    key: str = "test"


def stored_pixels(pixels: NDArray[np.uint8], *, bits: int, photometric: str) -> Pixels:
    """The values that a file with `bits` (8, 12 or 16) stores; MONOCHROME1 stores the negative.

    Raises:
        ValueError: Another number of bits, or another photometric interpretation.
    """
    if bits not in (8, 12, 16):
        raise ValueError(f"cannot store {bits} bits")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"cannot store {photometric}")
    grey = 255 - pixels if photometric == "MONOCHROME1" else pixels
    if bits == 8:
        return np.ascontiguousarray(grey)
    factor = np.uint16(257)
    wide: NDArray[np.uint16] = np.asarray(grey * factor, np.uint16)
    return np.asarray(wide >> np.uint16(4), np.uint16) if bits == 12 else wide


def write_opt(
    phantom: Phantom,
    path: Path,
    *,
    visit: Visit | None = None,
    transfer_syntax: str = JPEGLSLossless,
    bits: int = 8,
    photometric: str = "MONOCHROME2",
    single_frames: bool = False,
    located: bool = True,
    change: Change | None = None,
) -> list[Path]:
    """Write the volume as Ophthalmic Tomography Image Storage; gives the files written.

    Args:
        phantom: What to write.
        path: File, or the folder for `single_frames`.
        visit: Patient and study.
        transfer_syntax: One of `WRITABLE`.
        bits: 8, 12 or 16 stored bits.
        photometric: ``MONOCHROME2`` or ``MONOCHROME1``.
        single_frames: One file a B-scan, as older devices export.
        located: State where each B-scan lies on the localizer.
        change: Called with each finished data set just before it is written.
    """
    visit = visit or Visit()
    voxels = stored_pixels(phantom.voxels, bits=bits, photometric=photometric)
    groups = [(path, list(range(len(voxels))))]
    if single_frames:
        groups = [(path / f"bscan{i + 1:03d}.dcm", [i]) for i in range(len(voxels))]
    series = f"opt {bits} {photometric} {transfer_syntax} {single_frames}"
    for number, (file, frames) in enumerate(groups, start=1):
        instance = _uid(phantom, visit, part=f"{series} {number}")
        ds = _dataset(OPT, instance, transfer_syntax=transfer_syntax)
        ds.SeriesInstanceUID = _uid(phantom, visit, part=f"{series} series")
        _describe_volume(ds, phantom, visit=visit, number=number, frames=frames, located=located)
        _set_pixels(ds, voxels[frames], bits=bits, photometric=photometric)
        _write(ds, file, transfer_syntax=transfer_syntax, pixels=voxels[frames], change=change)
    return [file for file, _ in groups]


def _describe_volume(
    ds: Dataset, phantom: Phantom, *, visit: Visit, number: int, frames: list[int], located: bool
) -> None:
    """Everything but identifiers and pixels of one tomography object."""
    patient_and_study(
        ds, visit.patient_name, identifier=visit.patient_id, performed=visit.performed
    )
    ds.StudyInstanceUID = _study_uid(visit)
    ds.FrameOfReferenceUID = _uid(phantom, visit, part="frame of reference")
    tomography_modules(ds, phantom, number=number, performed=visit.performed)
    tomography_groups(
        ds,
        phantom,
        frames=frames,
        organization=_uid(phantom, visit, part="dimensions"),
        localizer_uid=_uid(phantom, visit, part="op") if located else None,
        performed=visit.performed,
    )


def write_op(
    phantom: Phantom,
    path: Path,
    *,
    visit: Visit | None = None,
    transfer_syntax: str = JPEGLSLossless,
    bits: int = 8,
    photometric: str = "MONOCHROME2",
    change: Change | None = None,
) -> Path:
    """Write the localizer as Ophthalmic Photography 8 Bit (or 16 Bit) Image Storage.

    Its SOP instance UID is the one that `write_opt` refers to for the same phantom and visit.

    Raises:
        ValueError: The phantom was made without a localizer.
    """
    if not phantom.localizer.size:
        raise ValueError("the phantom has no localizer")
    visit = visit or Visit()
    sop_class = OP8 if bits == 8 else OP16
    ds = _dataset(sop_class, _uid(phantom, visit, part="op"), transfer_syntax=transfer_syntax)
    patient_and_study(
        ds, visit.patient_name, identifier=visit.patient_id, performed=visit.performed
    )
    ds.StudyInstanceUID = _study_uid(visit)
    ds.SeriesInstanceUID = _uid(phantom, visit, part="op series")
    ds.SynchronizationFrameOfReferenceUID = _uid(phantom, visit, part="clock")
    photography_modules(ds, phantom, performed=visit.performed)
    pixels = stored_pixels(phantom.localizer[None], bits=bits, photometric=photometric)
    _set_pixels(ds, pixels, bits=bits, photometric=photometric)
    _write(ds, path, transfer_syntax=transfer_syntax, pixels=pixels, change=change)
    return path


def _study_uid(visit: Visit) -> UID:
    return generate_uid(entropy_srcs=["kd-oct phantom study", visit.key, visit.patient_id])


def _uid(phantom: Phantom, visit: Visit, *, part: str) -> UID:
    return generate_uid(
        entropy_srcs=["kd-oct phantom", repr(phantom.spec), visit.key, visit.patient_id, part]
    )


def _dataset(sop_class: str, instance: str, *, transfer_syntax: str) -> FileDataset:
    if transfer_syntax not in WRITABLE:
        raise ValueError(f"cannot write {UID(transfer_syntax).name}")
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["kd-oct phantom writer"])
    meta.ImplementationVersionName = "KD-OCT-PHANTOM"
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = UID(sop_class)
    ds.SOPInstanceUID = UID(instance)
    return ds


def _set_pixels(ds: Dataset, pixels: Pixels, *, bits: int, photometric: str) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = photometric
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated = 8 if bits == 8 else 16
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    ds.PresentationLUTShape = "IDENTITY" if photometric == "MONOCHROME2" else "INVERSE"


def _write(
    ds: FileDataset, path: Path, *, transfer_syntax: str, pixels: Pixels, change: Change | None
) -> None:
    """Encode the pixels and write the file."""
    syntax = UID(transfer_syntax)
    ds.LossyImageCompression = "00"
    if syntax in UNCOMPRESSED:
        ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        ds["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    elif syntax == JPEGBaseline8Bit:
        _encode_jpeg(ds, pixels)
    else:
        options, method = LOSSY.get(syntax, ({}, ""))
        array = pixels if len(pixels) > 1 else pixels[0]
        ds.compress(
            syntax, array, encoding_plugin=PLUGINS[syntax], generate_instance_uid=False, **options
        )
        if method:
            _mark_lossy(ds, method, ratio=pixels.nbytes / len(ds.PixelData))
    if change is not None:
        change(ds)
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)


def _mark_lossy(ds: Dataset, method: str, *, ratio: float) -> None:
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionMethod = method
    ds.LossyImageCompressionRatio = round(ratio, 2)


def _encode_jpeg(ds: FileDataset, pixels: Pixels) -> None:
    """JPEG baseline through Pillow, encapsulated by hand."""
    if pixels.dtype != np.uint8:
        raise ValueError("JPEG baseline holds 8 bits")
    frames = []
    for frame in pixels:
        buffer = BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=92)
        frames.append(buffer.getvalue())
    _mark_lossy(ds, "ISO_10918_1", ratio=pixels.nbytes / sum(map(len, frames)))
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
