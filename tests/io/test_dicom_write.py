"""Volumes written as DICOM: they come back as they were, and nothing is told that nobody knows."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import (
    Laterality,
    LocalizerKind,
    LossyCompression,
    Notice,
    OctVolume,
    ScanPattern,
    Spacing,
)
from kdoct_desktop.io.readers import open_volumes
from kdoct_desktop.io.writing.heights import NOT_FOUND
from kdoct_desktop.io.writing.subject import WriteError, subject_of
from kdoct_desktop.io.writing.volume import write_volume
from tests.io.written_scans import (
    NAMES,
    RULES,
    every_kind,
    fundus,
    layers,
    scan,
    study,
    write,
    written,
)


def read_back(folder: Path) -> OctVolume:
    """The only volume of a folder without problems."""
    opened = open_volumes(folder)
    assert opened.problems == ()
    (visit,) = opened.studies
    (one,) = visit.volumes
    return one


@pytest.mark.parametrize("compress", [False, True])
def test_a_raster_comes_back_as_it_was(tmp_path: Path, compress: bool) -> None:
    one = scan(Laterality.OS, layers=layers())
    write(one, tmp_path, replace(RULES, compress=compress))
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    (visit,) = opened.studies
    assert (visit.uid, visit.performed) == ("2.25.17", date(2026, 11, 20))
    assert visit.patient == study(one).patient
    (back,) = visit.volumes
    np.testing.assert_array_equal(back.voxels, one.voxels)
    for name in ("bscan_mm", "axial_mm", "ascan_mm"):
        assert getattr(back.spacing, name) == pytest.approx(getattr(one.spacing, name), rel=1e-5)
    assert (back.laterality, back.scan_pattern) == (Laterality.OS, ScanPattern.RASTER)
    assert (back.device, back.software) == (one.device, one.software)
    assert back.acquired == one.acquired
    assert back.scan_lines is not None
    assert one.scan_lines is not None
    assert np.abs(back.scan_lines - one.scan_lines).max() < 2e-5
    assert back.localizer is not None
    assert one.localizer is not None
    np.testing.assert_array_equal(back.localizer.pixels, one.localizer.pixels)
    assert back.localizer.pixel_mm == pytest.approx(one.localizer.pixel_mm)
    assert back.layers is not None
    assert back.layers.names == NAMES
    np.testing.assert_array_equal(back.layers.rows, layers().rows)


def test_missing_bscans_are_missing_again(tmp_path: Path) -> None:
    write(scan(numbers=(0, 1, 3, 4, 6), planned=7, localizer=None, scan_lines=None), tmp_path)
    back = read_back(tmp_path)
    assert back.numbers == (0, 1, 3, 4, 6)
    assert "missing-bscans" in {notice.code for notice in back.notices}


def test_what_nobody_knows_stays_unknown(tmp_path: Path) -> None:
    bare = replace(
        scan(localizer=None, scan_lines=None, scan_pattern=ScanPattern.UNKNOWN),
        spacing=Spacing(), device=None, software=None,
    )  # fmt: skip
    write(bare, tmp_path, visit=study(bare, patient=Patient()))
    opened = open_volumes(tmp_path)
    (back,) = opened.studies[0].volumes
    assert opened.studies[0].patient == Patient()
    assert (back.spacing.axial_mm, back.spacing.ascan_mm, back.spacing.bscan_mm) == (None,) * 3
    assert back.scan_pattern is ScanPattern.UNKNOWN
    assert (back.device, back.software, back.localizer, back.layers) == (None,) * 4


def test_a_colour_photograph_and_a_circle_keep_each_other(tmp_path: Path) -> None:
    circle = scan(bscans=1, scan_pattern=ScanPattern.CIRCLE, scan_lines=None, localizer=fundus())
    raster = scan()
    other = replace(raster, source=replace(raster.source, key="another scan"))
    write(circle, tmp_path)
    write(other, tmp_path)
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    volumes = {volume.scan_pattern: volume for volume in opened.studies[0].volumes}
    back = volumes[ScanPattern.CIRCLE].localizer
    assert back is not None
    assert back.kind is LocalizerKind.FUNDUS
    assert back.pixel_mm is None
    np.testing.assert_array_equal(back.pixels, fundus().pixels)
    assert volumes[ScanPattern.RASTER].localizer is not None


@pytest.mark.parametrize("pattern", [ScanPattern.ONH, ScanPattern.ANTERIOR, ScanPattern.RADIAL])
def test_scans_that_are_not_of_the_macula_stay_so(tmp_path: Path, pattern: ScanPattern) -> None:
    write(scan(scan_pattern=pattern, scan_lines=None, localizer=None), tmp_path)
    assert read_back(tmp_path).scan_pattern is pattern


def test_heights_are_pixels_of_depth_with_padding_where_there_are_none(tmp_path: Path) -> None:
    files = written(scan(layers=layers()), tmp_path)
    data, opt = files["layers"], files["tomography"]
    rows = np.frombuffer(data.FloatPixelData, "<f4").reshape(3, 5, 64)
    np.testing.assert_array_equal(np.where(rows == NOT_FOUND, np.nan, rows), layers().rows)
    assert data.FloatPixelPaddingValue == NOT_FOUND
    assert (data.NumberOfFrames, data.Rows, data.Columns) == (3, opt.NumberOfFrames, opt.Columns)
    assert data.FrameOfReferenceUID == opt.FrameOfReferenceUID
    segments = [
        (one.SegmentLabel, one.SegmentedPropertyTypeCodeSequence[0].CodeValue)
        for one in data.SegmentSequence
    ]
    assert segments == [("ILM", "280677004"), ("RNFL/GCL", "128289"), (NAMES[2], "5665001")]
    (source,) = (
        data.SharedFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence
    )
    assert source.ReferencedSOPInstanceUID == opt.SOPInstanceUID


def test_lines_count_pixels_of_the_localizer_from_one_row_first(tmp_path: Path) -> None:
    one = scan()
    files = written(one, tmp_path)
    assert one.scan_lines is not None
    for index, frame in enumerate(files["tomography"].PerFrameFunctionalGroupsSequence):
        (place,) = frame.OphthalmicFrameLocationSequence
        assert place.ReferencedSOPInstanceUID == files["localizer"].SOPInstanceUID
        assert place.OphthalmicImageOrientation == "LINEAR"
        expected = one.scan_lines[index].ravel() + 1.0
        np.testing.assert_allclose(place.ReferenceCoordinates, expected, atol=1e-5)


def test_lossy_compression_is_told_on(tmp_path: Path) -> None:
    kinds = every_kind()
    files = written(kinds["lossy"], tmp_path / "a")
    told = {kind: data.LossyImageCompression for kind, data in files.items()}
    assert told == {"localizer": "00", "tomography": "01"}
    assert files["tomography"].LossyImageCompressionMethod == "ISO_15444_1"
    assert float(files["tomography"].LossyImageCompressionRatio) == pytest.approx(7.1234567)
    plain = written(scan(), tmp_path / "b")
    assert {data.LossyImageCompression for data in plain.values()} == {"00"}
    assert read_back(tmp_path / "a").lossy is not None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"laterality": None}, "eye-unknown"),
        ({"acquired": None}, "time-unknown"),
        ({"scan_pattern": ScanPattern.ANGIOGRAPHY}, "angiography"),
        ({"notices": (Notice("burned-in-text", "Text."),)}, "burned-in-text"),
        ({"lossy": LossyCompression()}, "loss-unknown"),
    ],
)
def test_what_the_standard_demands_and_nobody_knows_is_refused(
    change: dict[str, Any], code: str
) -> None:
    with pytest.raises(WriteError) as refused:
        subject_of(study(replace(scan(), **change)), 1, RULES)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "DICOM Secondary Capture"])
def test_of_pictures_somebody_must_say_that_they_hold_no_text(kind: str) -> None:
    one = scan()
    picture = replace(one, source=replace(one.source, format=kind))
    with pytest.raises(WriteError) as refused:
        subject_of(study(picture), 1, RULES)
    assert refused.value.code == "text-unknown"
    assert subject_of(study(picture), 1, replace(RULES, no_text=True)).volume is picture


def test_a_localizer_made_from_the_scan_is_left_out_and_that_is_told(tmp_path: Path) -> None:
    one = scan()
    assert one.localizer is not None
    en_face = replace(one, localizer=replace(one.localizer, kind=LocalizerKind.EN_FACE))
    files, notices = write_volume(subject_of(study(en_face), 1, RULES), tmp_path)
    assert [file.kind for file in files] == ["tomography"]
    assert [notice.code for notice in notices] == ["localizer-left-out", "lines-left-out"]


def test_what_has_no_place_in_the_objects_is_told(tmp_path: Path) -> None:
    one = replace(scan(localizer=None), spacing=Spacing(axial_mm=0.0039))
    files, notices = write_volume(subject_of(study(one), 1, RULES), tmp_path)
    assert [notice.code for notice in notices] == ["lines-left-out", "scale-left-out"]
    data = dcmread(tmp_path / files[0].name)
    assert len(data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]) == 0


def test_a_localizer_that_lost_something_in_an_unknown_way_is_left_out(tmp_path: Path) -> None:
    one = scan(localizer=replace(fundus(), lossy=LossyCompression()), scan_lines=None)
    files, notices = write_volume(subject_of(study(one), 1, RULES), tmp_path)
    assert [file.kind for file in files] == ["tomography"]
    assert [notice.code for notice in notices] == ["localizer-left-out"]
