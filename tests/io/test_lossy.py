"""What lossy compression took from pixels before they were read, and which software wrote them."""

from pathlib import Path

import pytest
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit, JPEGLSLossless, JPEGLSNearLossless

from kdoct_desktop.domain.volume import LossyCompression
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, save
from tests.io.in_process import plan_of


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
