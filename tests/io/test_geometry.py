"""Scan pattern and sampling distances: from positions and codes, never invented."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from kdoct_desktop.domain.volume import Provenance, ScanPattern, Spacing
from kdoct_desktop.io.plan import VolumePlan
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, photograph, ramp, raster_lines, save
from tests.io.in_process import plan_of


def read(folder: Path, data: Dataset) -> VolumePlan:
    """What is planned for the only volume of a data set."""
    return plan_of(save(data, folder / "a.dcm"))


def codes(volume: VolumePlan) -> set[str]:
    """Codes of a volume's notices."""
    return {notice.code for notice in volume.notices}


def star(count: int) -> list[list[float]]:
    """Lines through the centre (33, 33)."""
    angles = np.arange(count) * np.pi / count
    return [
        [33 - 25 * np.sin(a), 33 - 25 * np.cos(a), 33 + 25 * np.sin(a), 33 + 25 * np.cos(a)]
        for a in angles
    ]


def circle() -> list[list[float]]:
    """One closed path of many points."""
    angles = np.linspace(0, 2 * np.pi, 33)
    return [[v for a in angles for v in (32 + 9 * np.sin(a), 32 + 9 * np.cos(a))]]


def vertical(count: int) -> list[list[float]]:
    """Lines along columns, left to right."""
    return [[1.0, 4.0 + 3 * i, 60.0, 4.0 + 3 * i] for i in range(count)]


@pytest.mark.parametrize(
    ("lines", "pattern"),
    [
        (raster_lines(7), ScanPattern.RASTER),
        (raster_lines(5, step=-7.0, first=50.0), ScanPattern.RASTER),
        (vertical(6), ScanPattern.RASTER),
        (star(6), ScanPattern.RADIAL),
        (star(2), ScanPattern.RADIAL),
        (circle(), ScanPattern.CIRCLE),
        (raster_lines(1), ScanPattern.LINE),
        (raster_lines(4, step=0.0), ScanPattern.LINE),
    ],
    ids=["raster", "upwards", "vertical", "star", "cross", "circle", "line", "repeats"],
)
def test_the_scan_lines_tell_the_pattern(
    tmp_path: Path, lines: list[list[float]], pattern: ScanPattern
) -> None:
    volume = read(tmp_path, opt(ramp(len(lines)), lines=lines, localizer="1.2.3"))
    assert volume.scan_pattern is pattern
    assert ("pattern-derived" in codes(volume)) == (pattern is not ScanPattern.RASTER)
    assert (volume.scan_lines is None) == (pattern is ScanPattern.CIRCLE)


def code(value: str) -> list[Dataset]:
    """A code sequence."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = "words that must not matter"
    return [item]


@pytest.mark.parametrize(
    ("tags", "pattern"),
    [
        ({"AnatomicRegionSequence": code("81016008")}, ScanPattern.ONH),
        ({"AnatomicRegionSequence": code("28726007")}, ScanPattern.ANTERIOR),
        ({"AnatomicRegionSequence": code("5665001")}, ScanPattern.RASTER),
        ({"ScanPatternTypeCodeSequence": code("128284")}, ScanPattern.CIRCLE),
        ({"SeriesDescription": "Optic Disc Cube 200x200"}, ScanPattern.ONH),
        ({"SeriesDescription": "Macular Cube 512x128"}, ScanPattern.RASTER),
        ({"ProtocolName": "RNFL Circle"}, ScanPattern.CIRCLE),
        ({"SeriesDescription": "Anterior Segment 5 Line"}, ScanPattern.ANTERIOR),
        ({"ImageType": ["DERIVED", "PRIMARY", "", "OCTA"]}, ScanPattern.ANGIOGRAPHY),
        ({"SeriesDescription": "OCTA 3x3 mm"}, ScanPattern.ANGIOGRAPHY),
    ],
)
def test_a_scan_that_the_device_calls_not_macular_is_believed(
    tmp_path: Path, tags: dict[str, Any], pattern: ScanPattern
) -> None:
    volume = read(tmp_path, opt(ramp(5), lines=raster_lines(5), localizer="1.2.3", **tags))
    assert volume.scan_pattern is pattern


def test_words_of_the_protocol_do_not_leave_the_reader(tmp_path: Path) -> None:
    volume = read(tmp_path, opt(ramp(5), SeriesDescription="Smith John optic disc"))
    assert volume.scan_pattern is ScanPattern.ONH
    assert not any("Smith" in notice.message for notice in volume.notices)


def test_without_any_hint_the_pattern_is_unknown_and_said_so(tmp_path: Path) -> None:
    volume = read(tmp_path, opt(ramp(5)))
    assert volume.scan_pattern is ScanPattern.UNKNOWN
    assert "pattern-unknown" in codes(volume)


def test_en_face_slices_are_no_bscans(tmp_path: Path) -> None:
    data = opt(ramp(3), lines=raster_lines(3))
    for frame in data.PerFrameFunctionalGroupsSequence:
        frame.OphthalmicFrameLocationSequence[0].OphthalmicImageOrientation = "TRANSVERSE"
    opened = open_volumes(save(data, tmp_path / "a.dcm"))
    assert [problem.code for problem in opened.problems] == ["not-bscans"]


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        ((0.0039, 0.0117), (0.0039, 0.0117)),
        ((0.0117, 0.0039), (None, None)),
        ((0.0, 0.0), (None, None)),
        ((1.0, 1.0), (None, None)),
        (None, (None, None)),
    ],
    ids=["sane", "swapped", "zero", "placeholder", "absent"],
)
def test_pixel_sizes_are_believed_in_sane_ranges_only(
    tmp_path: Path,
    spacing: tuple[float, float] | None,
    expected: tuple[float | None, float | None],
) -> None:
    volume = read(tmp_path, opt(ramp(3), spacing=spacing))
    assert (volume.spacing.axial_mm, volume.spacing.ascan_mm) == expected
    known = expected[0] is not None
    assert volume.spacing.provenance is (Provenance.DEVICE if known else Provenance.UNKNOWN)
    assert ("not-calibrated" in codes(volume)) != known


def test_frames_of_different_scale_are_not_calibrated(tmp_path: Path) -> None:
    data = opt(ramp(2), spacing=None)
    for frame, lateral in zip(data.PerFrameFunctionalGroupsSequence, (0.01, 0.012), strict=True):
        measures = Dataset()
        measures.PixelSpacing = [0.0039, lateral]
        frame.PixelMeasuresSequence = [measures]
    assert read(tmp_path, data).spacing == Spacing()


def test_a_pixel_size_at_the_top_level_is_found(tmp_path: Path) -> None:
    volume = read(tmp_path, opt(ramp(2), spacing=None, PixelSpacing=[0.0039, 0.0117]))
    assert volume.spacing.ascan_mm == 0.0117


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("SpacingBetweenSlices", 0.12, 0.12),
        ("SliceThickness", 0.24, 0.24),
        ("SliceThickness", 0.001, None),
        ("SliceThickness", 30.0, None),
    ],
)
def test_the_distance_between_bscans_needs_a_sane_source(
    tmp_path: Path, keyword: str, value: float, expected: float | None
) -> None:
    data = opt(ramp(3), SeriesDescription="Macular Cube")
    setattr(data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0], keyword, value)
    volume = read(tmp_path, data)
    assert volume.spacing.bscan_mm == expected
    assert ("bscan-distance-unknown" in codes(volume)) == (expected is None)


def test_positions_on_the_localizer_win_over_slice_thickness(tmp_path: Path) -> None:
    picture = photograph(ramp(1, depth=64, ascans=64)[0])
    save(picture, tmp_path / "p.dcm")
    data = opt(ramp(5), lines=vertical(5), localizer=picture.SOPInstanceUID)
    data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness = 1.0
    save(data, tmp_path / "v.dcm")
    (study,) = open_volumes(tmp_path).studies
    assert study.volumes[0].spacing.bscan_mm == pytest.approx(3 * 0.0125)


def test_radial_and_circle_scans_have_no_distance_between_bscans(tmp_path: Path) -> None:
    data = opt(ramp(6), lines=star(6), localizer="1.2.3", SpacingBetweenSlices=0.1)
    assert read(tmp_path, data).spacing.bscan_mm is None
