"""Heidelberg's RAW export: scans come out whole, in order, with the right eye."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import Laterality, LocalizerKind, Provenance, ScanPattern
from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.parsed_vol import codes, heights, only, voxels
from tests.io.devices.write_vol import (
    EXAM,
    MM,
    STEP_MM,
    phantom,
    raster,
    reflectance,
    star,
    write_vol,
)
from tests.sample_scans import localizer

SAMPLES = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "formats"
real = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the development data is not there")


def with_header(path: Path, changed: Mapping[int, tuple[str, object]]) -> VolumeInfo:
    """What is said of a file in whose header something else stands."""
    return only(write_vol(path / "a.vol", header=changed))


def test_a_raster_comes_out_whole(tmp_path: Path) -> None:
    layers = [heights((0, 1, 2), bscan) for bscan in range(5)]
    write_vol(tmp_path / "a.vol", layers=layers, tail=b"grid" * 100)
    opened = open_volumes(tmp_path / "a.vol")
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, phantom()[::-1])
    assert (volume.laterality, volume.laterality_provenance) == (Laterality.OD, Provenance.DEVICE)
    assert volume.scan_pattern is ScanPattern.RASTER
    assert volume.pattern_provenance is Provenance.DEVICE
    assert volume.order_provenance is Provenance.DERIVED
    spacing = volume.spacing
    assert (spacing.bscan_mm, spacing.axial_mm, spacing.ascan_mm) == (STEP_MM, 0.00387, 0.0113)
    assert spacing.provenance is Provenance.DEVICE
    assert volume.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, localizer(64).pixels)
    assert volume.localizer.kind is LocalizerKind.SLO
    assert volume.localizer.pixel_mm == (MM, MM)
    assert volume.scan_lines is not None
    rows = 20.0 + STEP_MM / MM * np.arange(5)
    np.testing.assert_allclose(
        volume.scan_lines[:, 0], np.stack([rows, rows * 0 + 8], 1), rtol=1e-6
    )
    np.testing.assert_allclose(
        volume.scan_lines[:, 1], np.stack([rows, rows * 0 + 56], 1), rtol=1e-6
    )
    assert volume.layers is not None
    assert volume.layers.names == ("ILM", "BM", "RNFL")
    assert np.isnan(volume.layers.rows[:, :, 0]).all()
    np.testing.assert_allclose(volume.layers.rows[:, :, 1].T, [
        [5.0 + 0.1 * b, 6.0 + 0.1 * b, 7.0 + 0.1 * b] for b in (4, 3, 2, 1, 0)
    ])  # fmt: skip
    assert (volume.acquired, volume.acquired_provenance) == (EXAM, Provenance.ASSUMED)
    assert (volume.device, volume.software) == ("Heidelberg Engineering", "HSF-OCT-103")
    assert volume.source.format == "Heidelberg .vol"
    assert (volume.numbers, volume.planned) == ((), 5)
    assert study.patient.identifier == "ID-77"
    assert str(study.patient.birth_date) == "1948-03-09"


def test_two_eyes_of_a_folder_stay_apart_and_an_unknown_eye_is_unknown(tmp_path: Path) -> None:
    for name, code, scale in (("a", b"OS", 0.0057), ("b", b"XX", 0.0), ("c", b"OD", 0.0113)):
        write_vol(tmp_path / f"{name}.vol", header={84: ("4s", code), 24: ("d", scale)})
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    (study,) = opened.studies
    found = {v.source.label: (v.laterality, v.spacing.ascan_mm) for v in study.volumes}
    assert found == {
        "a.vol": (Laterality.OS, 0.0057),
        "b.vol": (None, None),
        "c.vol": (Laterality.OD, 0.0113),
    }
    (unknown,) = (volume for volume in study.volumes if volume.laterality is None)
    assert {"eye-unknown", "not-calibrated"} <= {notice.code for notice in unknown.notices}


def test_first_bytes_tell_the_format_not_the_name(tmp_path: Path) -> None:
    write_vol(tmp_path / "scan.e2e")
    (study,) = open_volumes(tmp_path / "scan.e2e").studies
    assert study.volumes[0].source.format == "Heidelberg .vol"


def test_the_eye_that_the_user_states_must_not_contradict_the_file(tmp_path: Path) -> None:
    write_vol(tmp_path / "a.vol")
    opened = open_volumes(tmp_path / "a.vol", eye=Laterality.OS)
    assert [problem.code for problem in opened.problems] == ["laterality-conflict"]


@pytest.mark.parametrize(
    ("code", "pattern", "provenance", "lines"),
    [
        (0, "raster", "derived", 5),
        (1, "line", "device", 5),
        (2, "circle", "device", 0),
        (3, "raster", "device", 5),
        (4, "raster", "device", 5),
        (5, "radial", "device", 5),
        (6, "unknown", "unknown", 0),
        (-1, "unknown", "unknown", 0),
    ],
)
def test_scan_patterns(
    tmp_path: Path, code: int, pattern: str, provenance: str, lines: int
) -> None:
    found = with_header(tmp_path, {96: ("i", code)})
    assert (found.pattern, found.pattern_provenance) == (pattern, provenance)
    assert len(found.lines) == lines
    assert ("pattern-unknown" in codes(found)) == (pattern == "unknown")


def test_a_star_keeps_its_order_and_is_told_from_positions_where_no_pattern_is_stated(
    tmp_path: Path,
) -> None:
    for code, provenance in ((5, "device"), (0, "derived")):
        path = write_vol(tmp_path / "a.vol", positions=star(5), header={96: ("i", code)})
        found = only(path)
        assert (found.pattern, found.pattern_provenance) == ("radial", provenance)
        assert (found.pictures, found.numbers) == ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4))
        assert found.bscan_mm is None
        np.testing.assert_allclose(np.array(found.lines[0]), [32.0, 12.0, 32.0, 52.0])


def test_one_bscan_of_unknown_pattern_is_not_taken_for_a_line(tmp_path: Path) -> None:
    path = write_vol(tmp_path / "a.vol", reflectance(phantom()[:1]), header={96: ("i", 0)})
    assert (only(path).pattern, only(path).lines) == ("unknown", ())


def test_order_follows_positions_whichever_way_the_device_scanned(tmp_path: Path) -> None:
    values = reflectance(phantom())
    upwards, downwards = raster(5), raster(5)[::-1].copy()
    columns = upwards[:, [1, 0, 3, 2]]
    shuffled = [3, 0, 4, 1, 2]
    write_vol(tmp_path / "up.vol", values, positions=upwards)
    write_vol(tmp_path / "down.vol", values[::-1], positions=downwards)
    write_vol(tmp_path / "columns.vol", values, positions=columns)
    write_vol(tmp_path / "mixed.vol", values[shuffled], positions=upwards[shuffled])
    for name in ("up", "down", "columns", "mixed"):
        np.testing.assert_array_equal(voxels(tmp_path / f"{name}.vol"), phantom()[::-1], name)
    rows = [line[0] for line in only(tmp_path / "mixed.vol").lines]
    assert rows == sorted(rows)
    across = [line[1] for line in only(tmp_path / "columns.vol").lines]
    assert across == sorted(across)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 1e300])
def test_without_positions_the_order_is_that_of_the_file_and_told(
    tmp_path: Path, bad: float
) -> None:
    found = only(write_vol(tmp_path / "a.vol", positions=np.full((5, 4), bad)))
    assert found.pictures == (0, 1, 2, 3, 4)
    assert found.order_provenance == "assumed"
    assert codes(found) == ["order-assumed"]
    assert found.lines == ()
    assert found.bscan_mm == STEP_MM


def test_a_gap_between_positions_is_a_missing_bscan(tmp_path: Path) -> None:
    there = [0, 1, 3, 4]
    write_vol(tmp_path / "a.vol", reflectance(phantom()[there]), positions=raster(5)[there])
    (study,) = open_volumes(tmp_path / "a.vol").studies
    (volume,) = study.volumes
    assert (volume.numbers, volume.planned) == ((0, 1, 3, 4), 5)
    (notice,) = (notice for notice in volume.notices if notice.code == "missing-bscans")
    assert notice.message == "The file lacks 1 of 5 B-scans: 3."
    assert volume.spacing.bscan_mm == pytest.approx(STEP_MM)


def test_irregular_steps_leave_no_gap(tmp_path: Path) -> None:
    positions = raster(5)
    positions[0, [0, 2]] += 0.05
    assert only(write_vol(tmp_path / "a.vol", positions=positions)).numbers == (0, 1, 2, 3, 4)
    far = raster(5)
    far[0, [0, 2]] += 90.0
    found = only(write_vol(tmp_path / "b.vol", positions=far))
    assert (found.numbers[-1], found.planned) == (754, 755)


def test_a_file_of_eyepy_is_read_and_named(tmp_path: Path) -> None:
    path = write_vol(
        tmp_path / "a.vol", mark=b"ep-v0.21.0  ", bscan_mark=b"ep-v0.21.0  ",
        header={96: ("i", 0), 100: ("I", 61440)},
    )  # fmt: skip
    (study,) = open_volumes(path).studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, phantom()[::-1])
    assert (volume.device, volume.software) == (None, "ep-v0.21.0")
    assert "not-from-device" in {notice.code for notice in volume.notices}


def test_a_localizer_too_small_to_be_one_is_none(tmp_path: Path) -> None:
    path = write_vol(tmp_path / "a.vol", slo=np.zeros((1, 1), np.uint8))
    assert (only(path).localizer, only(path).lines) == (None, ())
    np.testing.assert_array_equal(voxels(path), phantom()[::-1])


@real
def test_a_real_line_scan() -> None:
    path = SAMPLES / "heidelberg_vol" / "spectralis_linescan_OD.vol"
    (study,) = open_volumes(path).studies
    (volume,) = study.volumes
    assert volume.voxels.shape == (1, 496, 768)
    assert volume.laterality is Laterality.OD
    assert volume.scan_pattern is ScanPattern.LINE
    assert volume.acquired == datetime(2017, 1, 11, 14, 27, 41)
    assert volume.spacing.axial_mm == pytest.approx(0.00387167)
    assert volume.spacing.ascan_mm == pytest.approx(0.01182058)
    assert volume.scan_lines is not None
    np.testing.assert_array_equal(volume.scan_lines, [[[384.0, 0.0], [384.0, 768.0]]])
    assert volume.layers is not None
    assert volume.layers.names == ("ILM", "BM")
    ilm, bm = volume.layers.rows[:, 0]
    assert int(np.nanargmax(ilm[:600])) == 374  # the bottom of the fovea
    seen = np.flatnonzero(np.isfinite(bm))
    grey = volume.voxels[0].astype(float)
    above = np.mean([grey[int(bm[x]) - 12 : int(bm[x]), x].mean() for x in seen])
    vitreous = np.mean([grey[: int(ilm[x]) - 4, x].mean() for x in seen if ilm[x] > 20])
    assert above > 100.0 > 40.0 > vitreous
    difference = volume.voxels[0].astype(int) - _dicom_twin()
    assert set(np.unique(difference)) <= {0, 1}  # the twin was cut off, not rounded


def _dicom_twin() -> NDArray[np.uint8]:
    """The same B-scan as Ophthalmic Tomography object."""
    (study,) = open_volumes(SAMPLES.parent / "dicom" / "opt_linescan_explicitLE.dcm").studies
    return np.asarray(study.volumes[0].voxels[0])


@real
def test_a_real_circle_scan_is_shown_without_lines() -> None:
    path = SAMPLES / "heidelberg_vol" / "spectralis_circle_OD_a.vol"
    (study,) = open_volumes(path).studies
    (volume,) = study.volumes
    assert volume.scan_pattern is ScanPattern.CIRCLE
    assert volume.laterality is Laterality.OD
    assert volume.scan_lines is None
    assert volume.localizer is not None
    assert volume.localizer.pixels.shape == (768, 768)
    assert volume.layers is not None
    assert volume.layers.names == ("ILM", "BM", "RNFL")
    ilm, bm, rnfl = volume.layers.rows[:, 0]
    assert np.all((ilm < rnfl) & (rnfl < bm))


@real
def test_the_raster_of_eyepy_is_read_in_order_with_its_lines_out_of_the_small_localizer() -> None:
    path = SAMPLES / "heidelberg_vol" / "eyepy_test_volume.vol"
    (study,) = open_volumes(path).studies
    (volume,) = study.volumes
    assert volume.voxels.shape == (10, 40, 50)
    assert volume.scan_pattern is ScanPattern.RASTER
    assert volume.spacing.bscan_mm == pytest.approx(0.283 / 9)
    assert {"not-from-device", "scan-lines-outside"} <= {n.code for n in volume.notices}


def test_files_of_one_person_and_day_are_one_study(tmp_path: Path) -> None:
    write_vol(tmp_path / "a.vol")
    write_vol(tmp_path / "b.vol", header={84: ("4s", b"OS")})
    (study,) = open_volumes(tmp_path).studies

    assert [str(volume.laterality) for volume in study.volumes] == ["OD", "OS"]


def test_an_identifier_alone_never_makes_one_patient_of_two_files(tmp_path: Path) -> None:
    anonymous: dict[int, tuple[str, object]] = {140: ("21s", b"ANON"), 164: ("d", 0.0)}
    write_vol(tmp_path / "a.vol", header=anonymous)
    write_vol(tmp_path / "b.vol", header={**anonymous, 84: ("4s", b"OS")})

    assert len(open_volumes(tmp_path).studies) == 2
