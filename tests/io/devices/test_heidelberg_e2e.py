"""Heidelberg .e2e files from end to end: what a clinic's file becomes."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.volume import Laterality, LocalizerKind, Provenance, ScanPattern
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices import write_e2e
from tests.io.devices.write_e2e import NO_HEIGHT, Scan, device_of, patient_of, raster
from tests.io.devices.write_e2e import write_e2e as write
from tests.sample_scans import localizer, retina


def scan(seed: int = 1) -> Scan:
    """Five B-scans of a right eye with everything that the format states."""
    heights = np.full((5, 48), 12.5, np.float32) + np.arange(5, dtype=np.float32)[:, None]
    heights[1, 7] = NO_HEIGHT
    return Scan(
        grey=retina(5, 40, 48, seed=seed),
        lines=raster(5),
        localizer=localizer(64, seed=seed).pixels,
        contours={0: heights, 1: heights + 15},
        words={write_e2e.STRUCTURE: ["Retina"], write_e2e.PATTERN: ["OCT ART Volume", "x"]},
    )


def test_a_volume_has_everything_that_its_file_states(tmp_path: Path) -> None:
    one = scan()
    more = [patient_of(1, "Doe", "Jane", "ID-77"), device_of(1, 1, "Heidelberg Retina Angiograph")]
    opened = open_volumes(write(tmp_path / "export.e2e", one, more=more))
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, one.grey[::-1])  # scanned from below
    assert volume.order_provenance is Provenance.DERIVED
    assert (volume.laterality, volume.laterality_provenance) == (Laterality.OD, Provenance.DEVICE)
    assert volume.scan_pattern is ScanPattern.RASTER
    assert volume.spacing.axial_mm == pytest.approx(0.00387)
    assert (volume.spacing.bscan_mm, volume.spacing.ascan_mm) == (None, None)
    assert volume.localizer is not None
    assert one.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, one.localizer)
    assert volume.localizer.kind is LocalizerKind.SLO
    assert volume.scan_lines is not None
    rows = (0.5 + np.linspace(-5.0, 5.0, 5) / 30.0) * 64.0
    np.testing.assert_allclose(volume.scan_lines[:, 0, 0], rows, rtol=1e-6)
    np.testing.assert_allclose(volume.scan_lines[:, :, 1], [[64 / 6, 64 * 5 / 6]] * 5, rtol=1e-6)
    assert volume.layers is not None
    assert volume.layers.names == ("ILM", "BM")
    assert one.contours[0][1, 7] == np.float32(NO_HEIGHT)
    expected = np.where(one.contours[0] < 1e30, one.contours[0], np.nan)[::-1]
    np.testing.assert_array_equal(volume.layers.rows[0], expected)
    assert volume.acquired == datetime(2026, 3, 4, 9, 41, 30)
    assert volume.device == "Heidelberg Engineering Heidelberg Retina Angiograph"
    assert (study.patient.name, study.patient.identifier) == ("Doe, Jane", "ID-77")
    assert (study.patient.birth_date, study.patient.sex) == (None, "F")
    codes = {notice.code for notice in volume.notices}
    assert {"experimental-format", "time-zone-unknown", "not-calibrated"} <= codes
    assert "missing-bscans" not in codes


def test_two_patients_both_eyes_and_two_visits_stay_apart(tmp_path: Path) -> None:
    later = datetime(2026, 9, 30, 16, 2, 5)
    scans = [
        scan(1),
        replace(scan(2), series=2, eye="L", axial_mm=0.0039),
        replace(scan(3), study=5, series=3, eye="", meta=False, degrees=None, words={}),
        replace(scan(4), patient=8, study=9, series=4, eye="L", taken=later),
    ]
    more = [
        patient_of(1, "Doe", "Jane", "ID-77"),
        patient_of(8, "Roe", "Richard", "ID-99", sex="M"),
    ]
    opened = open_volumes(write(tmp_path / "export.e2e", *scans, more=more))
    assert opened.problems == ()
    found = {v.source.key: (v, study) for study in opened.studies for v in study.volumes}
    assert sorted(found) == ["series 1", "series 2", "series 3", "series 4"]
    volumes = [found[f"series {number}"][0] for number in (1, 2, 3, 4)]
    people = [found[f"series {number}"][1].patient.identifier for number in (1, 2, 3, 4)]
    assert people == ["ID-77", "ID-77", "ID-77", "ID-99"]
    eyes = [volume.laterality for volume in volumes]
    assert eyes == [Laterality.OD, Laterality.OS, None, Laterality.OS]
    axial = [volume.spacing.axial_mm for volume in volumes]
    assert axial == pytest.approx([0.00387, 0.0039, None, 0.00387])
    times = [volume.acquired for volume in volumes]
    assert times == [write_e2e.TAKEN, write_e2e.TAKEN, None, later]
    for volume, one in zip(volumes, scans, strict=True):
        step = -1 if one.meta else 1
        np.testing.assert_array_equal(volume.voxels, one.grey[::step])
    assert volumes[2].scan_lines is None
    assert "eye-unknown" in {notice.code for notice in volumes[2].notices}
    assert volumes[2].order_provenance is Provenance.ASSUMED
    assert "order-assumed" in {notice.code for notice in volumes[2].notices}
    assert len({id(found[key][1]) for key in found}) == 3  # two visits of one, one of the other


def test_a_missing_bscan_leaves_its_gap_and_is_told(tmp_path: Path) -> None:
    one = replace(scan(), missing=frozenset({1}))
    (study,) = open_volumes(write(tmp_path / "export.e2e", one)).studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, one.grey[[4, 3, 2, 0]])
    assert (volume.numbers, volume.planned) == ((0, 1, 2, 4), 5)
    assert volume.layers is not None
    np.testing.assert_array_equal(volume.layers.rows[0, :, 0], one.contours[0][[4, 3, 2, 0], 0])
    (told,) = [notice for notice in volume.notices if notice.code == "missing-bscans"]
    assert told.message == "The file lacks 1 of 5 B-scans: 4."


def test_a_volume_with_two_eyes_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    torn = replace(scan(2), series=2, preamble="L")
    opened = open_volumes(write(tmp_path / "export.e2e", scan(1), torn))
    assert [problem.code for problem in opened.problems] == ["laterality-conflict"]
    (study,) = opened.studies
    assert [volume.source.key for volume in study.volumes] == ["series 1"]


def test_neither_name_nor_extension_matters_but_the_first_bytes(tmp_path: Path) -> None:
    for number, (name, prefix) in enumerate((("a.sdb", False), ("b.vol", False), ("c", True))):
        write(tmp_path / name, replace(scan(number), patient=number), prefix=prefix)
    write(tmp_path / "empty.pdb", more=[patient_of(1, "Doe", "J", "7")])
    opened = open_volumes(tmp_path)
    assert [(one.source, one.code) for one in opened.problems] == [("empty.pdb", "no-bscans")]
    volumes = {v.source.label: v for study in opened.studies for v in study.volumes}
    assert sorted(volumes) == ["a.sdb", "b.vol", "c"]
    for number, name in enumerate(sorted(volumes)):
        assert volumes[name].source.format == "Heidelberg .e2e"
        np.testing.assert_array_equal(volumes[name].voxels, scan(number).grey[::-1])
