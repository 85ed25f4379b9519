"""Files of devices become DICOM that is valid and reads as the file does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from kdoct_desktop.app.conversion import Choice, convert_path
from kdoct_desktop.domain.volume import LossyCompression, OctVolume, ScanPattern
from kdoct_desktop.io.readers import OpenedInput, open_volumes
from tests.io.devices import write_e2e, write_heyex_xml, write_topcon, write_vol
from tests.io.devices.parsed_topcon import ramp
from tests.io.devices.parsed_vol import heights
from tests.io.iod_tables import violations
from tests.io.test_dicom_write_valid import complaints
from tests.sample_scans import localizer, retina


def vol(folder: Path) -> Path:
    """A raster with layers and localizer."""
    layers = [heights((0, 1, 2), bscan) for bscan in range(5)]
    return write_vol.write_vol(folder / "a.vol", layers=layers)


def star(folder: Path) -> Path:
    """A radial scan."""
    return write_vol.write_vol(
        folder / "star.vol", positions=write_vol.star(5), header={96: ("i", 5)}
    )


def e2e(folder: Path) -> Path:
    """Both eyes; one B-scan of the left one is missing, and its layers have gaps."""
    found = np.full((6, 64), 20.25, np.float32)
    found[2, 10:20] = np.nan
    right, left = (
        write_e2e.Scan(
            grey=retina(6, 48, 64, seed=seed),
            lines=write_e2e.raster(6),
            series=seed,
            eye=eye,
            localizer=localizer(64).pixels,
            missing=frozenset(missing),
            contours={0: found, 1: found + 9},
        )
        for seed, eye, missing in ((1, "R", ()), (2, "L", (3,)))
    )
    return write_e2e.write_e2e(folder / "a.E2E", right, left)


def fda(folder: Path) -> Path:
    """A raster on a colour photograph, with layers."""
    return write_topcon.save(folder / "a.fda", write_topcon.fda(ramp()))


def xml(folder: Path) -> Path:
    """An export whose pictures are JPEG."""
    one = write_heyex_xml.Series(suffix="jpg")
    return write_heyex_xml.write_export(folder / "a.xml", one)


@pytest.mark.parametrize("make", [vol, star, e2e, fda, xml])
def test_what_a_device_wrote_comes_back_from_valid_objects(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    path = make(folder)
    known = open_volumes(path)
    assert known.problems == ()

    document = convert_path(path, out, Choice())

    assert document["problems"] == []
    files = sorted(out.iterdir())
    assert {file.name: violations(dcmread(file)) for file in files} == {
        file.name: [] for file in files
    }
    if shutil.which("dciodvfy") is not None:
        images = [file for file in files if not file.stem.endswith("layers")]
        assert [line for file in images for line in complaints(file)] == []
    back = open_volumes(out)
    assert back.problems == ()
    assert people(back) == people(known)
    for one, other in zip(volumes(known), volumes(back), strict=True):
        compare(one, other)


def people(opened: OpenedInput) -> list[tuple[object, ...]]:
    """Who was scanned; some files write a name with carets."""
    found = [study.patient for study in opened.studies]
    return [
        ((one.name or "").replace("^", ", "), one.identifier, one.birth_date, one.sex)
        for one in found
    ]


def volumes(opened: OpenedInput) -> list[OctVolume]:
    """All volumes, in an order that does not depend on files."""
    return sorted(
        (volume for study in opened.studies for volume in study.volumes),
        key=lambda volume: str(volume.laterality),
    )


def compare(one: OctVolume, other: OctVolume) -> None:
    """Nothing was lost on the way."""
    np.testing.assert_array_equal(other.voxels, one.voxels)
    assert (other.laterality, other.acquired) == (one.laterality, one.acquired)
    assert (other.device, other.software) == (one.device, one.software)
    assert other.numbers == one.numbers
    assert other.scan_pattern is one.scan_pattern
    known = one.spacing
    if one.scan_pattern is ScanPattern.RASTER:
        assert other.spacing.bscan_mm == (known.bscan_mm and pytest.approx(known.bscan_mm))
    if known.ascan_mm is not None:  # else DICOM has no place for the depth of a pixel
        assert other.spacing.axial_mm == (known.axial_mm and pytest.approx(known.axial_mm))
    assert other.spacing.ascan_mm == (known.ascan_mm and pytest.approx(known.ascan_mm))
    assert (other.lossy is None) == (one.lossy is None)
    compare_places(one, other)


def compare_places(one: OctVolume, other: OctVolume) -> None:
    """Localizer, lines and layers are the same."""
    assert (other.localizer is None) == (one.localizer is None)
    if one.localizer is not None and other.localizer is not None:
        np.testing.assert_array_equal(other.localizer.pixels, one.localizer.pixels)
        assert other.localizer.kind is one.localizer.kind
    assert (other.scan_lines is None) == (one.scan_lines is None)
    if one.scan_lines is not None and other.scan_lines is not None:
        assert np.abs(other.scan_lines - one.scan_lines).max() < 1e-4
    assert (other.layers is None) == (one.layers is None)
    if one.layers is not None and other.layers is not None:
        assert other.layers.names == one.layers.names
        np.testing.assert_array_equal(other.layers.rows, one.layers.rows)


def test_jpeg_pictures_of_an_export_are_told_to_have_lost_something(tmp_path: Path) -> None:
    (volume,) = volumes(open_volumes(xml(tmp_path)))
    assert isinstance(volume.lossy, LossyCompression)
    assert volume.lossy.methods == ("ISO_10918_1",)
    assert volume.localizer is not None
    assert volume.localizer.lossy is not None
