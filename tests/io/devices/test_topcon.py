"""Topcon files from the file to the volume."""

import logging
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.volume import (
    Laterality,
    LocalizerKind,
    OctVolume,
    Provenance,
    ScanPattern,
)
from kdoct_desktop.io.readers import OpenedInput, open_volumes
from tests.io.devices.parsed_topcon import deep, ramp
from tests.io.devices.write_topcon import (
    BOX,
    TAKEN,
    capture,
    codestream,
    contour,
    fda,
    fds,
    file,
    frames,
    instead,
    motion,
    photograph,
    save,
)


def only(opened: OpenedInput) -> OctVolume:
    """The only volume, of an input without problems."""
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    return volume


def codes(volume: OctVolume) -> set[str]:
    """Codes of a volume's notices."""
    return {notice.code for notice in volume.notices}


def test_an_fda_is_read_with_everything_that_it_says(tmp_path: Path) -> None:
    grey = ramp()
    opened = open_volumes(save(tmp_path / "scan.fda", fda(grey)))
    volume = only(opened)
    np.testing.assert_array_equal(volume.voxels, grey)
    assert (volume.laterality, volume.laterality_provenance) == (Laterality.OD, Provenance.DEVICE)
    assert (volume.scan_pattern, volume.pattern_provenance) == (
        ScanPattern.RASTER,
        Provenance.DEVICE,
    )
    spacing = volume.spacing
    assert (spacing.bscan_mm, spacing.axial_mm, spacing.ascan_mm) == pytest.approx(
        (0.1, 0.0035, 0.012)
    )
    assert volume.order_provenance is Provenance.ASSUMED
    assert volume.acquired == TAKEN
    assert (volume.device, volume.software) == ("Topcon 3DOCT-2000", "8.1.3.22")
    assert volume.source.format == "Topcon .fda"
    assert codes(volume) == {"experimental-format", "order-assumed"}
    (study,) = opened.studies
    assert study.patient.name == "Muster, Ada"
    assert study.patient.identifier == "K-4711"


def test_the_fundus_is_red_and_its_lines_run_from_the_top_of_the_box(tmp_path: Path) -> None:
    volume = only(open_volumes(save(tmp_path / "scan.fda", fda(ramp()))))
    assert volume.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, photograph())
    assert volume.localizer.kind is LocalizerKind.FUNDUS
    assert volume.localizer.pixel_mm == pytest.approx((0.0125, 0.012))
    assert volume.scan_lines is not None
    left, _, right, _ = BOX
    rows = [13.5, 21.5, 29.5, 37.5, 45.5, 53.5]
    expected = [[[row, left], [row, right]] for row in rows]
    np.testing.assert_allclose(volume.scan_lines, expected)


def test_the_layers_of_an_fda_lie_where_the_device_drew_them(tmp_path: Path) -> None:
    grey = ramp()
    rows = np.add.outer(np.arange(6.0), np.linspace(4, 20, 64).round())
    rows[2, 5:9] = np.nan
    parts = instead(fda(grey), contour(b"MULTILAYERS_5", rows, depth=32))
    layers = only(open_volumes(save(tmp_path / "scan.fda", parts))).layers
    assert layers is not None
    assert layers.names == ("MZ/EZ",)
    np.testing.assert_array_equal(layers.rows[0], rows)


def test_an_fds_is_read_through_one_fixed_window(tmp_path: Path) -> None:
    stored = deep()
    volume = only(open_volumes(save(tmp_path / "scan.fds", fds(stored), kind=b"FDS")))
    share = np.clip((stored - 13264.0) / (49136.0 - 13264.0), 0.0, 1.0)
    np.testing.assert_array_equal(volume.voxels, np.floor(share * 255.0 + 0.5))
    assert volume.laterality is Laterality.OS
    assert volume.source.format == "Topcon .fds"
    assert volume.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, photograph())
    assert volume.scan_lines is not None
    assert codes(volume) == {"experimental-format", "order-assumed", "copies-ignored"}


def test_an_fds_that_stays_dark_says_so(tmp_path: Path) -> None:
    dark = np.full((3, 32, 64), 15_000, np.uint16)
    volume = only(open_volumes(save(tmp_path / "scan.fds", fds(dark), kind=b"FDS")))
    assert "narrow-grey-range" in codes(volume)


def test_the_first_bytes_decide_not_the_extension(tmp_path: Path) -> None:
    names = {"scan.vol", "scan.dcm", "scan", "scan.fds"}
    for name in names:
        save(tmp_path / name, fda(ramp(2)))
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    volumes = [volume for study in opened.studies for volume in study.volumes]
    assert {volume.source.label for volume in volumes} == names
    assert {volume.source.format for volume in volumes} == {"Topcon .fda"}


def test_both_eyes_of_a_folder_are_two_volumes_of_one_visit(tmp_path: Path) -> None:
    save(tmp_path / "r.fda", fda(ramp(3), eye=0))
    save(tmp_path / "l.fda", fda(ramp(4), eye=1))
    save(tmp_path / "u.fda", fda(ramp(5), eye=9))
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    (study,) = opened.studies
    eyes = {volume.bscan_count: volume.laterality for volume in study.volumes}
    assert eyes == {3: Laterality.OD, 4: Laterality.OS, 5: None}


def test_a_missing_bscan_leaves_a_gap(tmp_path: Path) -> None:
    grey = ramp()
    parts = instead(fda(grey), frames(grey, missing=(1, 4)))
    volume = only(open_volumes(save(tmp_path / "scan.fda", parts)))
    assert (volume.numbers, volume.planned) == ((0, 2, 3, 5), 6)
    np.testing.assert_array_equal(volume.voxels, grey[[0, 2, 3, 5]])
    assert "missing-bscans" in codes(volume)
    assert volume.spacing.bscan_mm == pytest.approx(0.1)
    assert volume.scan_lines is not None
    np.testing.assert_allclose(volume.scan_lines[:, 0, 0], [13.5, 29.5, 37.5, 53.5])
    assert volume.layers is not None
    assert volume.layers.rows.shape == (2, 4, 64)


def test_a_bscan_that_fails_is_named_and_no_volume_has_holes(tmp_path: Path) -> None:
    grey = ramp()
    name, data = frames(grey)
    stream = codestream(grey[4])
    damaged = data.replace(stream, stream[:60] + bytes(len(stream) - 60))
    opened = open_volumes(save(tmp_path / "scan.fda", instead(fda(grey), (name, damaged))))
    assert opened.studies == ()
    (problem,) = opened.problems
    assert problem.code == "damaged-frame"
    assert problem.message.startswith("B-scan 5 of 6: ")


def test_two_eyes_for_one_scan_refuse_it(tmp_path: Path) -> None:
    save(tmp_path / "bad.fda", [*fda(ramp(2), eye=0), capture(1)])
    save(tmp_path / "good.fda", fda(ramp(3)))
    opened = open_volumes(tmp_path)
    assert [(one.source, one.code) for one in opened.problems] == [
        ("bad.fda", "laterality-conflict")
    ]
    (study,) = opened.studies
    assert [volume.bscan_count for volume in study.volumes] == [3]


def test_a_scan_with_the_motion_taken_out_opens_alone(tmp_path: Path) -> None:
    stored = deep()
    parts = [part for part in fda(ramp()) if part[0] != b"@IMG_JPEG"]
    volume = only(open_volumes(save(tmp_path / "scan.fda", [*parts, motion(stored)])))
    assert volume.bscan_count == 6
    assert volume.scan_pattern is ScanPattern.RASTER  # by the record of the capture


def test_nothing_that_is_told_holds_the_patient_or_a_serial_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    whole = file([*fda(ramp(2)), capture(1)])
    (tmp_path / "conflict.fda").write_bytes(whole)
    save(tmp_path / "good.fda", fda(ramp(2)))
    for cut in range(100, len(whole), 700):
        (tmp_path / f"{cut}.fda").write_bytes(whole[:cut])
    opened = open_volumes(tmp_path)
    told = [str(problem) for problem in opened.problems] + caplog.messages
    for study in opened.studies:
        told.append(repr(study))
        for volume in study.volumes:
            told += [str(volume.notices), str(volume.source), f"{volume.device} {volume.software}"]
    assert opened.problems
    for secret in ("1951", "K-4711", "Muster", "Ada", "SERIAL", "SPECTRO", "Users"):
        assert not any(secret in one for one in told)
