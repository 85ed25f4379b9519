"""Phantoms written as DICOM come back as they went in, with their geometry."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    OphthalmicPhotography16BitImageStorage,
    RLELossless,
)

from training.phantom import Phantom, PhantomSpec, generate
from training.phantoms.dicom import WRITABLE, Visit, stored_pixels, write_op, write_opt

LOSSY = (JPEG2000, JPEGBaseline8Bit, JPEGLSNearLossless)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A small left eye with cysts."""
    return generate(
        PhantomSpec(
            seed=2, condition="DME", laterality="OS", bscans=3, depth=60, ascans=81,
            axial_mm=0.03, localizer_size=48,
        )
    )  # fmt: skip


@pytest.mark.parametrize("syntax", [uid for uid in WRITABLE if uid not in LOSSY])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_files_come_back_bit_equal(
    phantom: Phantom, tmp_path: Path, syntax: UID, bits: int
) -> None:
    (file,) = write_opt(phantom, tmp_path / "a.dcm", transfer_syntax=syntax, bits=bits)
    ds = dcmread(file)
    expected = stored_pixels(phantom.voxels, bits=bits, photometric="MONOCHROME2")
    assert ds.file_meta.TransferSyntaxUID == syntax
    assert ds.BitsStored == bits
    assert np.array_equal(ds.pixel_array, expected)
    assert ds.LossyImageCompression == "00"


@pytest.mark.parametrize("syntax", LOSSY)
def test_lossy_files_come_back_nearly_equal_and_say_so(
    phantom: Phantom, tmp_path: Path, syntax: UID
) -> None:
    (file,) = write_opt(phantom, tmp_path / "a.dcm", transfer_syntax=syntax)
    ds = dcmread(file)
    error = np.abs(ds.pixel_array.astype(int) - phantom.voxels)
    assert error.mean() < 4
    assert ds.LossyImageCompression == "01"
    assert float(ds.LossyImageCompressionRatio) > 1


def test_monochrome1_stores_the_negative(phantom: Phantom, tmp_path: Path) -> None:
    (file,) = write_opt(phantom, tmp_path / "a.dcm", photometric="MONOCHROME1")
    ds = dcmread(file)
    assert ds.PhotometricInterpretation == "MONOCHROME1"
    assert np.array_equal(255 - ds.pixel_array, phantom.voxels)


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (12, 4095), (16, 65535)])
def test_stored_values_use_the_whole_range(bits: int, white: int) -> None:
    grey = np.array([[[0, 255]]], np.uint8)
    assert stored_pixels(grey, bits=bits, photometric="MONOCHROME2").tolist() == [[[0, white]]]
    assert stored_pixels(grey, bits=bits, photometric="MONOCHROME1").tolist() == [[[white, 0]]]


def test_geometry_and_eye_are_written(phantom: Phantom, tmp_path: Path) -> None:
    (file,) = write_opt(phantom, tmp_path / "volume.dcm")
    localizer = dcmread(write_op(phantom, tmp_path / "localizer.dcm"))
    ds = dcmread(file)
    shared = ds.SharedFunctionalGroupsSequence[0]
    between, axial, ascan = phantom.spacing_mm
    measures = shared.PixelMeasuresSequence[0]
    assert [float(v) for v in measures.PixelSpacing] == pytest.approx([axial, ascan], rel=1e-6)
    assert float(measures.SpacingBetweenSlices) == pytest.approx(between)
    assert shared.FrameAnatomySequence[0].FrameLaterality == "L"
    assert ds.ImageLaterality == localizer.ImageLaterality == "L"
    assert np.array_equal(localizer.pixel_array, phantom.localizer)
    for index, frame in enumerate(ds.PerFrameFunctionalGroupsSequence):
        place = frame.OphthalmicFrameLocationSequence[0]
        assert place.ReferencedSOPInstanceUID == localizer.SOPInstanceUID
        assert place.OphthalmicImageOrientation == "LINEAR"
        found = np.array(place.ReferenceCoordinates).reshape(2, 2)
        assert np.allclose(found - 1, phantom.scan_lines[index], atol=1e-3)
        assert frame.FrameContentSequence[0].DimensionIndexValues == [1, index + 1]
    assert ds.StudyInstanceUID == localizer.StudyInstanceUID
    assert ds.SeriesInstanceUID != localizer.SeriesInstanceUID


def test_a_circle_is_written_as_a_closed_path(tmp_path: Path) -> None:
    spec = PhantomSpec(
        seed=1, pattern="circle", bscans=1, depth=40, ascans=96, axial_mm=0.04, localizer_size=64
    )
    (file,) = write_opt(generate(spec), tmp_path / "circle.dcm")
    place = dcmread(file).PerFrameFunctionalGroupsSequence[0].OphthalmicFrameLocationSequence[0]
    path = np.array(place.ReferenceCoordinates).reshape(-1, 2)
    assert place.OphthalmicImageOrientation == "NONLINEAR"
    assert len(path) > 30
    radius = np.hypot(*(path - path.mean(axis=0)).T)
    assert radius.std() < 0.05 * radius.mean()


def test_single_frame_files_form_one_series(phantom: Phantom, tmp_path: Path) -> None:
    files = write_opt(phantom, tmp_path / "series", single_frames=True)
    sets = [dcmread(file) for file in files]
    assert len(files) == 3
    assert len({ds.SOPInstanceUID for ds in sets}) == 3
    assert len({ds.SeriesInstanceUID for ds in sets}) == 1
    for index, ds in enumerate(sets):
        content = ds.PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
        assert content.InStackPositionNumber == index + 1
        assert np.array_equal(ds.pixel_array, phantom.voxels[index])


def test_files_can_be_written_without_places(phantom: Phantom, tmp_path: Path) -> None:
    (file,) = write_opt(phantom, tmp_path / "a.dcm", located=False)
    frames = dcmread(file).PerFrameFunctionalGroupsSequence
    assert not any("OphthalmicFrameLocationSequence" in frame for frame in frames)


def test_a_caller_may_change_the_data_set(phantom: Phantom, tmp_path: Path) -> None:
    def forget(ds: Dataset) -> None:
        del ds.ImageLaterality

    (file,) = write_opt(phantom, tmp_path / "a.dcm", change=forget)
    assert "ImageLaterality" not in dcmread(file)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_the_localizer_can_have_16_bits(phantom: Phantom, tmp_path: Path, syntax: UID) -> None:
    ds = dcmread(write_op(phantom, tmp_path / "op.dcm", bits=16, transfer_syntax=syntax))
    assert ds.SOPClassUID == OphthalmicPhotography16BitImageStorage
    assert np.array_equal(ds.pixel_array, phantom.localizer.astype(np.uint16) * 257)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, DeflatedExplicitVRLittleEndian])
def test_the_same_phantom_gives_the_same_file(
    phantom: Phantom, tmp_path: Path, syntax: UID
) -> None:
    first = write_opt(phantom, tmp_path / "a.dcm", transfer_syntax=syntax)[0].read_bytes()
    second = write_opt(phantom, tmp_path / "b.dcm", transfer_syntax=syntax)[0].read_bytes()
    assert first == second
    assert first[:128] == bytes(128)


def test_visits_are_told_apart(phantom: Phantom, tmp_path: Path) -> None:
    uids = set()
    for key in ("one", "two"):
        (file,) = write_opt(phantom, tmp_path / f"{key}.dcm", visit=Visit(key=key))
        ds = dcmread(file)
        uids |= {ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID}
    assert len(uids) == 6


def test_what_cannot_be_written_is_refused(phantom: Phantom, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JPEG baseline holds 8 bits"):
        write_opt(phantom, tmp_path / "a.dcm", transfer_syntax=JPEGBaseline8Bit, bits=16)
    with pytest.raises(ValueError, match="cannot write"):
        write_opt(phantom, tmp_path / "a.dcm", transfer_syntax="1.2.840.10008.1.2.4.70")
    with pytest.raises(ValueError, match="cannot store 10 bits"):
        write_opt(phantom, tmp_path / "a.dcm", bits=10)
    assert not (tmp_path / "a.dcm").exists()
