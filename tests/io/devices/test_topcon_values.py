"""Value tables of the Topcon reader: eye, pattern, scale, lines, copies, layers."""

from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.io.devices.topcon import parse
from kdoct_desktop.io.limits import Limits
from tests.io.devices import write_topcon
from tests.io.devices.parsed_topcon import codes, deep, parsed, ramp, volume, voxels
from tests.io.devices.write_topcon import (
    Part,
    capture,
    extent,
    fda,
    file_info,
    frames,
    hardware,
    instead,
    module,
    motion,
    old_capture,
    old_extent,
    patient,
    scan,
    without,
)

BLANKED = (b"@CAPTURE_INFO_02", bytes(len(capture(0)[1])))
OLD_BLANKED = (b"@CAPTURE_INFO", bytes(len(old_capture(0)[1])))


@pytest.mark.parametrize(
    ("records", "eye", "told"),
    [
        ([capture(0)], "OD", False),
        ([capture(1)], "OS", False),
        ([capture(2)], None, True),
        ([capture(255)], None, True),
        ([old_capture(0)], "OD", False),
        ([old_capture(1)], "OS", False),
        ([capture(1), old_capture(1)], "OS", False),
        ([capture(1), old_capture(7)], None, True),
        ([], None, False),
        ([(b"@CAPTURE_INFO_02", b"\1\2")], None, False),
        ([BLANKED], None, False),
        ([OLD_BLANKED], None, False),
        ([capture(1), OLD_BLANKED], "OS", False),
        ([capture(0), OLD_BLANKED], "OD", False),
        ([BLANKED, old_capture(1)], "OS", False),
    ],
)
def test_the_eye_is_what_every_record_says(
    tmp_path: Path, records: list[Part], eye: str | None, told: bool
) -> None:
    one = volume(tmp_path, [*without(fda(ramp(2)), b"@CAPTURE_INFO_02"), *records])
    assert one.laterality == eye
    assert one.laterality_provenance == ("unknown" if eye is None else "device")
    assert ("eye-unknown" in codes(one)) == told
    assert one.refused is None


def test_a_blanked_record_is_no_right_eye_and_no_line(tmp_path: Path) -> None:
    one = volume(tmp_path, instead(fda(ramp(6)), BLANKED))
    assert (one.laterality, one.laterality_provenance) == (None, "unknown")
    assert one.pattern != "line"
    assert one.acquired is None


@pytest.mark.parametrize("records", [[capture(0), capture(1)], [capture(1), old_capture(0)]])
def test_two_eyes_refuse_the_scan(tmp_path: Path, records: list[Part]) -> None:
    one = volume(tmp_path, [*without(fda(ramp(2)), b"@CAPTURE_INFO_02"), *records])
    assert one.refused is not None
    assert one.refused.code == "laterality-conflict"
    assert one.laterality is None


@pytest.mark.parametrize(
    ("mode", "bscans", "pattern", "provenance"),
    [
        (0, 3, "line", "device"),
        (0, 1, "line", "derived"),
        (2, 6, "raster", "device"),
        (2, 1, "line", "derived"),
        (3, 6, "radial", "device"),
        (7, 7, "raster", "device"),
        (4, 2, "unknown", "unknown"),
        (11, 10, "unknown", "unknown"),
        (200, 4, "unknown", "unknown"),
    ],
)
def test_the_pattern_is_what_the_code_says(
    tmp_path: Path, mode: int, bscans: int, pattern: str, provenance: str
) -> None:
    one = volume(tmp_path, fda(ramp(bscans), mode=mode))
    assert (one.pattern, one.pattern_provenance) == (pattern, provenance)
    assert ("pattern-unknown" in codes(one)) == (pattern == "unknown")
    assert bool(one.lines) == (mode == 2 and bscans > 1)
    assert (one.bscan_mm is not None) == (mode == 2 and bscans > 1)
    assert one.order_provenance == ("device" if bscans == 1 else "assumed")


def test_parts_that_disagree_make_the_pattern_unknown(tmp_path: Path) -> None:
    grey = ramp()
    one = volume(tmp_path, instead(fda(grey, mode=2), frames(grey, mode=3)))
    assert one.pattern == "unknown"
    assert not one.lines


@pytest.mark.parametrize(
    ("changes", "kind", "pattern"),
    [
        ([extent(fixation=1)], b"FDA", "onh"),
        ([extent(fixation=16)], b"FDA", "anterior"),
        ([], b"FAA", "anterior"),
        ([(b"@IMG_ANGIOGRAPHY_02", b"\0" * 40)], b"FDA", "angiography"),
        ([extent(fixation=0)], b"FDA", "raster"),
        ([extent(fixation=77)], b"FDA", "raster"),
    ],
)
def test_scans_of_something_else_are_told_apart(
    tmp_path: Path, changes: list[Part], kind: bytes, pattern: str
) -> None:
    one = volume(tmp_path, instead(fda(ramp()), *changes), kind=kind)
    assert one.pattern == pattern
    assert ("pattern-stated" in codes(one)) == (pattern != "raster")


@pytest.mark.parametrize(
    ("record", "bscan", "axial", "ascan"),
    [
        (extent(0.768, 0.6, 3.5), 0.1, 0.0035, 0.012),
        (old_extent(0.768, 0.6, 2.6), 0.1, 0.0026, 0.012),
        (extent(0.768, 0.6, 0.0), 0.1, None, 0.012),
        (extent(0.0, 0.6, 3.5), 0.1, 0.0035, None),
        (extent(0.768, 0.0, 3.5), None, 0.0035, 0.012),
        (extent(float("nan"), float("inf"), -3.5), None, None, None),
        (extent(1e308, 1e308, 1e308), None, None, None),
        ((b"@PARAM_SCAN_04", b"\3" * 20), None, None, None),
        (None, None, None, None),
    ],
)
def test_the_scale_is_believed_axis_by_axis(
    tmp_path: Path,
    record: Part | None,
    bscan: float | None,
    axial: float | None,
    ascan: float | None,
) -> None:
    parts = without(fda(ramp()), b"@PARAM_SCAN_04")
    one = volume(tmp_path, parts if record is None else [*parts, record])
    assert (one.bscan_mm, one.axial_mm, one.ascan_mm) == pytest.approx((bscan, axial, ascan))
    scaled = (bscan, axial, ascan) != (None, None, None)
    assert one.spacing_provenance == ("device" if scaled else "unknown")


@pytest.mark.parametrize(
    ("taken", "acquired"),
    [
        ((2024, 2, 29, 23, 59, 59), "2024-02-29T23:59:59"),
        ((2023, 2, 29, 10, 0, 0), None),
        ((0, 0, 0, 0, 0, 0), None),
        ((65535, 1, 1, 0, 0, 0), None),
        ((1601, 1, 1, 0, 0, 0), None),
        ((2024, 5, 6, 24, 0, 0), None),
    ],
)
def test_the_time_is_a_moment_or_unknown(
    tmp_path: Path, taken: tuple[int, ...], acquired: str | None
) -> None:
    one = volume(tmp_path, instead(fda(ramp(2)), capture(0, taken=taken)))
    assert one.acquired == acquired
    assert one.acquired_provenance == ("unknown" if acquired is None else "device")


def test_device_software_and_patient(tmp_path: Path) -> None:
    parts = without(fda(ramp(2)), b"@HW_INFO_03", b"@MAIN_MODULE_INFO", b"@PATIENT_INFO_02")
    one = volume(tmp_path, parts)
    assert (one.device, one.software) == ("Topcon", None)
    assert one.patient.name is None
    one = volume(
        tmp_path,
        [
            *parts,
            hardware(b"DRI OCT Triton", b"@HW_INFO_02"),
            module((0, 0, 0, 0)),
            file_info(),
            patient(given=b"", family=b"M\xfcller", sex=1),
        ],
    )
    assert (one.device, one.software) == ("Topcon DRI OCT Triton", "8.0.1.20198")
    assert one.patient.name == "Müller"
    assert (one.patient.birth_date, one.patient.sex) == ("19510228", "M")


def test_obfuscated_patient_records_are_left_alone(tmp_path: Path) -> None:
    parts = without(fda(ramp(2)), b"@PATIENT_INFO_02")
    _, data = patient()
    one = volume(tmp_path, [*parts, (b"@PATIENT_INFO_03", data)])
    assert (one.patient.name, one.patient.identifier, one.patient.birth_date) == (None,) * 3


@pytest.mark.parametrize(
    "part",
    [
        scan(deep()),
        scan(deep(), name=b"@IMG_SCAN_02"),
        motion(deep()),
        motion(deep(), short=True),
        motion(deep(), name=b"@IMG_MOT_COMP_02"),
        motion(deep(), name=b"@IMG_MOT_COMP"),
    ],
    ids=["scan-3", "scan-2", "motion-3", "motion-3-short", "motion-2", "motion"],
)
def test_deep_values_go_through_one_window_in_every_form(tmp_path: Path, part: Part) -> None:
    file = parsed(tmp_path, [part])
    stored = deep().astype(np.float64)
    share = np.clip((stored - 13264.0) / (49136.0 - 13264.0), 0.0, 1.0)
    np.testing.assert_array_equal(voxels(file), np.floor(share * 255.0 + 0.5))
    assert file.info.volumes[0].narrow_check


def test_plain_values_of_8_bits_stay(tmp_path: Path) -> None:
    file = parsed(tmp_path, [scan(ramp())])
    np.testing.assert_array_equal(voxels(file), ramp())
    assert not file.info.volumes[0].narrow_check


def test_of_several_copies_the_one_that_the_device_shows_is_read(tmp_path: Path) -> None:
    grey, other = ramp(), deep()
    file = parsed(tmp_path, [motion(other), scan(other), *fda(grey)])
    np.testing.assert_array_equal(voxels(file), grey)
    (told,) = (one for one in file.info.volumes[0].notices if one.code == "copies-ignored")
    assert told.message == (
        "The file holds its B-scans 3 times; the copy that the device shows is read."
    )
    empty = frames(grey[:0])
    np.testing.assert_array_equal(voxels(parsed(tmp_path, [empty, scan(grey)])), grey)


def test_a_file_without_a_mark_at_its_end_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.fda"
    path.write_bytes(write_topcon.file(fda(ramp(2)), end=b""))
    (one,) = parse(path, Limits()).info.volumes
    assert "no-end-mark" in codes(one)
    path.write_bytes(write_topcon.file(fda(ramp(2)), end=b"\0trailing rubbish"))
    (one,) = parse(path, Limits()).info.volumes
    assert "no-end-mark" not in codes(one)
