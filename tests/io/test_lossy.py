"""What lossy compression took from pixels before they were read, and which software wrote them."""

from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from kdoct_desktop.domain.volume import LossyCompression
from kdoct_desktop.io.codestream import irreversible
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, photograph, ramp, raster_lines, save
from tests.io.in_process import plan_of

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "formats"


def lossy(path: Path) -> LossyCompression | None:
    """What is planned for the only volume of a DICOM file."""
    return plan_of(path).lossy


def test_pixels_without_lossy_compression_have_none(tmp_path: Path) -> None:
    assert lossy(save(opt(ramp(2)), tmp_path / "a.dcm")) is None
    assert lossy(save(opt(ramp(2)), tmp_path / "b.dcm", syntax=JPEGLSLossless)) is None
    stated = opt(ramp(2), LossyImageCompression="00")
    assert lossy(save(stated, tmp_path / "c.dcm", syntax=JPEGLSNearLossless)) is None


def test_what_the_file_states_is_kept_after_it_was_unpacked(tmp_path: Path) -> None:
    data = opt(
        ramp(2),
        LossyImageCompression="01",
        LossyImageCompressionMethod=["ISO_10918_1", "ISO_15444_1"],
        LossyImageCompressionRatio=["12.5", "2"],
    )
    expected = LossyCompression(("ISO_10918_1", "ISO_15444_1"), (12.5, 2.0))
    assert lossy(save(data, tmp_path / "a.dcm")) == expected


@pytest.mark.parametrize("method", [None, "Phantom^Test"])
def test_a_loss_without_a_known_method_is_kept_as_such(tmp_path: Path, method: str | None) -> None:
    data = opt(ramp(2), LossyImageCompression="01")
    if method is not None:
        data.LossyImageCompressionMethod, data.LossyImageCompressionRatio = method, "3"
    assert lossy(save(data, tmp_path / "a.dcm")) == LossyCompression()


@pytest.mark.parametrize(
    ("syntax", "method"),
    [(JPEGBaseline8Bit, "ISO_10918_1"), (JPEGLSNearLossless, "ISO_14495_1")],
)
def test_a_lossy_encoding_speaks_for_itself(tmp_path: Path, syntax: str, method: str) -> None:
    path = save(opt(ramp(3)), tmp_path / "a.dcm", syntax=syntax)
    found = lossy(path)
    assert found is not None
    assert found.methods == (method,)
    assert 1.0 < found.ratios[0] < ramp(3).nbytes / 100


def test_jpeg_pictures_lost_something_and_png_pictures_did_not(tmp_path: Path) -> None:
    for suffix in ("jpg", "png"):
        Image.fromarray(ramp(1, 64, 80)[0]).save(tmp_path / f"{suffix} scan.{suffix}")
    opened = open_volumes(tmp_path)
    found = {
        volume.source.format: volume.lossy for study in opened.studies for volume in study.volumes
    }
    assert found["PNG"] is None
    size = (tmp_path / "jpg scan.jpg").stat().st_size
    assert found["JPEG"] == LossyCompression(("ISO_10918_1",), (64 * 80 / size,))


def test_versions_of_the_software_are_read_and_what_stands_for_nothing_is_not(
    tmp_path: Path,
) -> None:
    several = opt(ramp(2), SoftwareVersions=["6.12", "viewer 3"], ManufacturerModelName="UNKNOWN")
    plan = plan_of(save(several, tmp_path / "a.dcm"))
    assert (plan.software, plan.device) == ("6.12, viewer 3", "Maker")
    assert (
        plan_of(save(opt(ramp(2), SoftwareVersions="UNKNOWN"), tmp_path / "b.dcm")).software is None
    )
    assert plan_of(save(opt(ramp(2)), tmp_path / "c.dcm")).software is None


def test_a_localizer_has_a_compression_of_its_own(tmp_path: Path) -> None:
    picture = photograph(ramp(1, 64, 64)[0])
    save(picture, tmp_path / "op.dcm", syntax=JPEGBaseline8Bit)
    scan = opt(ramp(2), lines=raster_lines(2), localizer=picture.SOPInstanceUID)
    save(scan, tmp_path / "opt.dcm")
    (volume,) = open_volumes(tmp_path).studies[0].volumes
    assert volume.lossy is None
    assert volume.localizer is not None
    assert volume.localizer.lossy is not None
    assert volume.localizer.lossy.methods == ("ISO_10918_1",)


def test_a_codestream_says_whether_its_wavelet_rounds(tmp_path: Path) -> None:
    heads = []
    for syntax in (JPEG2000Lossless, JPEG2000):
        path = save(opt(ramp(1, 64, 64)), tmp_path / "a.dcm", syntax=syntax)
        heads.append(next(generate_frames(dcmread(path).PixelData, number_of_frames=1)))
    assert [irreversible(head) for head in heads] == [False, True]
    assert not any(irreversible(heads[1][:size]) for size in range(12))
    assert not irreversible(b"\xff\x4f\xff\x51\x00\x00" * 200)


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not there")
def test_bscans_of_a_topcon_file_lost_something_and_its_fundus_did_not() -> None:
    (path,) = DATA.glob("topcon_fda/*.fda")
    (volume,) = open_volumes(path).studies[0].volumes
    assert volume.lossy is not None
    assert volume.lossy.methods == ("ISO_15444_1",)
    assert volume.lossy.ratios[0] == pytest.approx(10.0, abs=2.0)
    assert volume.localizer is not None
    assert volume.localizer.lossy is None
