"""Pictures: natural order, several pages, depth, transparency, and no made-up neighbours."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kdoct_desktop.domain.volume import Laterality, OctVolume, Provenance, ScanPattern, Spacing
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import ramp


def volumes(path: Path) -> list[OctVolume]:
    """Volumes of an input without problems."""
    opened = open_volumes(path)
    assert opened.problems == ()
    (study,) = opened.studies
    return list(study.volumes)


def codes(volume: OctVolume) -> set[str]:
    """Codes of a volume's notices."""
    return {notice.code for notice in volume.notices}


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_pictures_of_a_folder_are_one_volume_in_natural_order(tmp_path: Path, suffix: str) -> None:
    stack = ramp(12)
    for i, picture in enumerate(stack):
        Image.fromarray(picture).save(tmp_path / f"B{i + 1}.{suffix}")
    (volume,) = volumes(tmp_path)
    np.testing.assert_array_equal(volume.voxels, stack)
    assert volume.order_provenance is Provenance.ASSUMED
    assert "order-assumed" in codes(volume)
    assert volume.source.label == tmp_path.name


def test_nothing_is_guessed_from_a_picture(tmp_path: Path) -> None:
    Image.fromarray(ramp(1)[0]).save(tmp_path / "patient_OD_right.png")
    (volume,) = volumes(tmp_path / "patient_OD_right.png")
    assert volume.laterality is None
    assert volume.spacing == Spacing()
    assert volume.scan_pattern is ScanPattern.UNKNOWN
    assert volume.bscan_count == 1
    assert "not-calibrated" in codes(volume)
    opened = open_volumes(tmp_path, eye=Laterality.OS)
    assert opened.studies[0].volumes[0].laterality is Laterality.OS
    assert opened.studies[0].uid.startswith("2.25.")


def test_pictures_that_do_not_belong_together_stay_apart(tmp_path: Path) -> None:
    for name in ("CNV-101-1", "CNV-101-2", "CNV-202-1", "DME-101-1", "plain"):
        Image.fromarray(ramp(1)[0]).save(tmp_path / f"{name}.png")
    Image.fromarray(ramp(1, ascans=64)[0]).save(tmp_path / "CNV-101-3.png")
    found = {volume.source.key: volume.bscan_count for volume in volumes(tmp_path)}
    assert found == {
        "CNV-101-1.png to CNV-101-2.png": 2,
        "CNV-202-1.png": 1,
        "DME-101-1.png": 1,
        "CNV-101-3.png": 1,
        "plain.png": 1,
    }


def test_folders_are_not_mixed(tmp_path: Path) -> None:
    for folder in ("left", "right"):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.fromarray(ramp(3)[i]).save(tmp_path / folder / f"{i}.png")
    found = volumes(tmp_path)
    assert [(v.source.label, v.bscan_count) for v in found] == [("left", 3), ("right", 3)]
    assert len({volume.source.key for volume in found}) == 2


def test_pages_of_a_tiff_are_a_volume_for_each_size(tmp_path: Path) -> None:
    large, small = ramp(5), ramp(2, depth=20)
    pages = [Image.fromarray(page) for page in (*large, *small)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    first, second = volumes(tmp_path / "a.tif")
    np.testing.assert_array_equal(first.voxels, large)
    np.testing.assert_array_equal(second.voxels, small)
    assert (first.source.key, second.source.key) == ("pages 1-5", "pages 6-7")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled(tmp_path: Path, suffix: str) -> None:
    deep = ramp(1)[0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    (volume,) = volumes(tmp_path)
    np.testing.assert_array_equal(volume.voxels[0], deep // 257)


def test_sixteen_bit_tiff_with_white_as_zero_is_inverted(tmp_path: Path) -> None:
    import tifffile

    deep = ramp(1)[0].astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="miniswhite")
    tifffile.imwrite(tmp_path / "b.tif", ramp(1)[0], photometric="miniswhite")
    deep_one, flat_one = volumes(tmp_path)
    np.testing.assert_array_equal(deep_one.voxels[0], 255 - deep // 257)
    np.testing.assert_array_equal(flat_one.voxels[0], 255 - ramp(1)[0])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_in_every_dress_is_grey(tmp_path: Path, mode: str) -> None:
    grey = ramp(1)[0]
    suffix = "tif" if mode == "CMYK" else "png"
    Image.fromarray(grey).convert("RGB" if mode == "CMYK" else "L").convert(mode).save(
        tmp_path / f"a.{suffix}"
    )
    (volume,) = volumes(tmp_path)
    assert np.abs(volume.voxels[0].astype(int) - grey).max() <= 1


def test_transparency_is_laid_on_black(tmp_path: Path) -> None:
    picture = np.full((40, 48, 4), 200, np.uint8)
    picture[:20, :, 3] = 0
    picture[20:, :, 3] = 255
    Image.fromarray(picture).save(tmp_path / "a.png")
    (volume,) = volumes(tmp_path)
    assert volume.voxels[0, :20].max() == 0
    assert volume.voxels[0, 20:].min() == 200


def test_the_orientation_of_exif_is_ignored(tmp_path: Path) -> None:
    picture = Image.fromarray(ramp(1)[0])
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.png", exif=exif)
    (volume,) = volumes(tmp_path)
    np.testing.assert_array_equal(volume.voxels[0], ramp(1)[0])


def test_the_first_bytes_win_over_the_name(tmp_path: Path) -> None:
    Image.fromarray(ramp(1)[0]).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    (volume,) = volumes(tmp_path / "a.dcm")
    assert volume.source.format == "PNG"
    np.testing.assert_array_equal(volume.voxels[0], ramp(1)[0])


def test_a_damaged_picture_refuses_its_stack_and_no_other(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (4, 60, 60), dtype=np.uint8)
    for i in range(4):
        Image.fromarray(noise[i]).save(tmp_path / f"B{i}.png")
    (tmp_path / "B2.png").write_bytes((tmp_path / "B2.png").read_bytes()[:2000])
    Image.fromarray(noise[0]).save(tmp_path / "other.png")
    opened = open_volumes(tmp_path)
    assert [(p.source, p.code) for p in opened.problems] == [("B2.png", "damaged-picture")]
    assert [v.source.label for v in opened.studies[0].volumes] == ["other.png"]


def grey_cornered(rows: int = 120, columns: int = 160) -> NDArray[np.uint8]:
    """A picture whose lower right is grey 128 to the last bit, as of a frame drawn by a program."""
    picture = np.random.default_rng(1).integers(0, 255, (rows, columns), dtype=np.uint8)
    picture[-48:, -48:] = 128
    return picture


@pytest.mark.parametrize("progressive", [False, True])
def test_a_whole_jpeg_that_ends_in_plain_grey_is_read(tmp_path: Path, progressive: bool) -> None:
    path = tmp_path / "grey.jpg"
    Image.fromarray(grey_cornered()).save(path, "JPEG", quality=90, progressive=progressive)
    (volume,) = volumes(path)
    assert (volume.voxels[0, -8:, -8:] == 128).all()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_a_jpeg_that_lost_its_end_is_refused_wherever_it_was_cut(
    tmp_path: Path, share: float
) -> None:
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(2).integers(0, 255, (120, 160), dtype=np.uint8)
    Image.fromarray(noise).save(path, "JPEG", quality=90)
    data = path.read_bytes()
    for at in range(int(share * len(data)), int(share * len(data)) + 4):
        path.write_bytes(data[:at] + b"\xff\xd9")
        opened = open_volumes(path)
        assert [problem.code for problem in opened.problems] == ["damaged-picture"]
        assert not opened.studies
