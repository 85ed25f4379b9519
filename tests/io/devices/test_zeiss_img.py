"""Zeiss cubes: everything but the voxels stands in the name."""

from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.volume import Laterality, Provenance, ScanPattern
from kdoct_desktop.io.devices.claims import is_zeiss_cube
from kdoct_desktop.io.devices.zeiss_img import parse
from kdoct_desktop.io.head import Head, head_of
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.plain_files import cut_everywhere, only, refusal, sentences, told, voxels
from tests.io.devices.write_zeiss_img import write_zeiss, zeiss_name
from tests.sample_scans import retina

CUBE = retina(8, 1024, 64)


def cube(folder: Path, name: str = zeiss_name("Macular Cube 64x8")) -> Path:
    return write_zeiss(folder / name, CUBE)


def test_a_cube_is_turned_upright_and_its_grey_values_are_kept(tmp_path: Path) -> None:
    file = parse(cube(tmp_path), Limits())
    np.testing.assert_array_equal(voxels(file), CUBE)


def test_the_name_tells_size_eye_time_and_patient(tmp_path: Path) -> None:
    volume = only(parse(cube(tmp_path), Limits()))
    assert (len(volume.pictures), volume.depth, volume.ascans) == (8, 1024, 64)
    assert (volume.laterality, volume.laterality_provenance) == ("OD", "derived")
    assert (volume.acquired, volume.acquired_provenance) == ("2013-04-25T09:32:13", "derived")
    assert (volume.pattern, volume.pattern_provenance) == ("raster", "derived")
    assert volume.order_provenance == "assumed"
    assert volume.patient.identifier == "P123"
    assert volume.patient.name is None
    assert told(volume) == ["order-assumed"]


def test_a_macular_cube_is_assumed_to_be_6_by_6_by_2_mm(tmp_path: Path) -> None:
    volume = only(parse(write_sized(tmp_path, "Macular Cube 512x4", (4, 1024, 512)), Limits()))
    assert volume.ascan_mm == pytest.approx(6.0 / 511)
    assert volume.axial_mm == pytest.approx(2.0 / 1023)
    assert volume.bscan_mm is None, "2 mm between B-scans are not believed"
    assert volume.spacing_provenance == "assumed"
    volume = only(parse(write_sized(tmp_path, "Macular Cube 512x128", (128, 1024, 512)), Limits()))
    assert volume.bscan_mm == pytest.approx(0.0472441, rel=1e-5)


def write_sized(folder: Path, protocol: str, shape: tuple[int, int, int], **name: str) -> Path:
    """A file of zeros, which takes no room on the disk."""
    path = folder / zeiss_name(protocol, **name)
    with path.open("wb") as file:
        file.truncate(shape[0] * shape[1] * shape[2])
    return path


@pytest.mark.parametrize(
    ("protocol", "kind", "shape", "pattern"),
    [
        ("Optic Disc Cube 200x200", "cube_z", (200, 1024, 200), "onh"),
        ("Macular Cube 200x200", "cube_z", (200, 1024, 200), "raster"),
        ("Anterior Segment Cube 512x128", "cube_z", (128, 1024, 512), "anterior"),
        ("HD 5 Line Raster", "lineEnhanced", (5, 1024, 1024), "raster"),
        ("HD 5 Line Raster", "raster_z", (5, 1024, 4096), "raster"),
        ("HD 21 Line", "lineEnhanced", (21, 1024, 1024), "raster"),
    ],
)
def test_protocols(
    tmp_path: Path, protocol: str, kind: str, shape: tuple[int, int, int], pattern: str
) -> None:
    path = write_sized(tmp_path, protocol, shape, kind=kind)
    assert is_zeiss_cube(head_of(path))
    volume = only(parse(path, Limits()))
    assert (len(volume.pictures), volume.depth, volume.ascans) == shape
    assert volume.pattern == pattern
    on_retina = "Cube" in protocol and pattern != "anterior"
    assert (volume.axial_mm is not None) == on_retina


def test_a_usual_size_without_a_telling_name_leaves_place_and_scale_unknown(
    tmp_path: Path,
) -> None:
    for size, shape in ((67_108_864, (128, 1024, 512)), (40_960_000, (200, 1024, 200))):
        path = tmp_path / "scan.img"
        with path.open("wb") as file:
            file.truncate(size)
        assert is_zeiss_cube(head_of(path))
        volume = only(parse(path, Limits()))
        assert (len(volume.pictures), volume.depth, volume.ascans) == shape
        assert (volume.pattern, volume.laterality, volume.axial_mm) == ("unknown", None, None)
        assert told(volume) == ["order-assumed", "pattern-unknown"]


def usual(folder: Path, name: str) -> Path:
    """A file of zeros as large as a usual cube of 200 x 200."""
    path = folder / name
    with path.open("wb") as file:
        file.truncate(40_960_000)
    return path


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("anon01_OD_cube_raw.img", "zeiss-raw"),
        ("anon01_OD_CUBE_RAW.img", "zeiss-raw"),
        ("raw.img", "zeiss-raw"),
        ("anon01-raw.img", "zeiss-raw"),
        ("anon01_OD_cube_raw (1).img", "zeiss-raw"),
        ("anon01_OD_FlowCube_z.img", "not-bscans"),
        ("anon01_flow.img", "not-bscans"),
        ("anon01_Angiography 3x3 mm_OD_cube_z.img", "unknown-size"),
        ("anon01_angio_OD_z.img", "unknown-size"),
    ],
)
def test_what_is_not_read_is_refused_though_its_name_was_changed(
    tmp_path: Path, name: str, code: str
) -> None:
    assert refusal(parse, usual(tmp_path, name)) == code


@pytest.mark.parametrize("name", ["Drawn_OD_cube_z.img", "Flowers_OD_cube_z.img"])
def test_a_persons_name_is_no_kind(tmp_path: Path, name: str) -> None:
    assert only(parse(usual(tmp_path, name), Limits())).pattern == "unknown"


@pytest.mark.parametrize(
    ("name", "pattern", "scaled"),
    [
        ("anon_Optic Disc Cube 200x200_OD_cube_z.img", "onh", True),
        ("anon_optic_disc_cube_200x200_OD_z.img", "onh", True),
        ("anon_Macular Cube 200x200_OD_cube_z.img", "raster", True),
        ("anon_Anterior Segment Cube 200x200_OD_cube_z.img", "anterior", False),
        ("anon_Optic Disc_OD_cube_z.img", "onh", False),
        ("anon_anterior_OD_cube_z.img", "anterior", False),
        ("anon_OD_cube_z.img", "unknown", False),
    ],
)
def test_a_protocol_that_is_left_in_a_changed_name_counts(
    tmp_path: Path, name: str, pattern: str, scaled: bool
) -> None:
    volume = only(parse(usual(tmp_path, name), Limits()))
    assert (len(volume.pictures), volume.depth, volume.ascans) == (200, 1024, 200)
    assert (volume.pattern, volume.laterality) == (pattern, "OD")
    assert (volume.axial_mm is not None) == scaled
    assert ("pattern-unknown" in told(volume)) == (pattern == "unknown")


def test_a_changed_name_that_contradicts_the_size_is_refused(tmp_path: Path) -> None:
    path = usual(tmp_path, "anon_Macular Cube 512x128_OD_cube_z.img")
    assert refusal(parse, path) == "truncated-file"
    path = usual(tmp_path, "anon_Macular Cube 200x100_OD_cube_z.img")
    assert refusal(parse, path) == "size-mismatch"


@pytest.mark.parametrize(
    ("date", "acquired"),
    [
        ("25-4-2013", "2013-04-25T09:32:13"),  # devices set up to write the day first
        ("04-25-2013", "2013-04-25T09:32:13"),
        ("5-5-2013", "2013-05-05T09:32:13"),
        ("1-2-2013", None),  # January or February
        ("31-31-2013", None),
        ("30-2-2013", None),
    ],
)
def test_a_date_is_used_only_where_it_can_be_read_in_one_way(
    tmp_path: Path, date: str, acquired: str | None
) -> None:
    path = cube(tmp_path, zeiss_name("Macular Cube 64x8", date=date))
    volume = only(parse(path, Limits()))
    assert volume.acquired == acquired
    assert ("date-ambiguous" in told(volume)) == (date == "1-2-2013")


@pytest.mark.parametrize(
    ("name", "eye"),
    [
        (zeiss_name("Macular Cube 64x8", eye="OS"), "OS"),
        (zeiss_name("Macular Cube 64x8", patient="P7TMS_015"), "OD"),
        (zeiss_name("Macular Cube 64x8")[len("P123_") :], "OD"),
    ],
)
def test_names_with_more_or_fewer_parts(tmp_path: Path, name: str, eye: str) -> None:
    assert only(parse(cube(tmp_path, name), Limits())).laterality == eye


def test_a_name_with_both_eyes_is_refused(tmp_path: Path) -> None:
    path = cube(tmp_path, zeiss_name("Macular Cube 64x8", patient="P1_OS"))
    volume = only(parse(path, Limits()))
    assert volume.refused is not None
    assert volume.refused.code == "laterality-conflict"
    assert volume.laterality is None


def test_what_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    for kind, code in (
        ("cube_raw", "zeiss-raw"),
        ("FlowCube_z", "not-bscans"),
        ("hidef", "unknown-size"),
    ):
        path = cube(tmp_path, zeiss_name("Macular Cube 64x8", kind=kind))
        assert refusal(parse, path) == code
    for protocol in ("Angiography 3x3 mm", "Angio (6mmx6mm)", "Macular Thickness"):
        assert refusal(parse, cube(tmp_path, zeiss_name(protocol))) == "unknown-size"
    assert refusal(parse, cube(tmp_path, "scan_od_z.img")) == "unknown-size"


def test_a_name_that_contradicts_the_size_is_refused(tmp_path: Path) -> None:
    assert refusal(parse, cube(tmp_path, zeiss_name("Macular Cube 64x7"))) == "size-mismatch"
    assert refusal(parse, cube(tmp_path, zeiss_name("Macular Cube 64x9"))) == "truncated-file"
    assert refusal(parse, cube(tmp_path, zeiss_name("Macular Cube 0x8"))) in (
        "no-bscans",
        "size-mismatch",
    )
    huge = zeiss_name("Macular Cube 99999x99999")
    assert refusal(parse, cube(tmp_path, huge)) == "truncated-file"


def test_a_cut_cube_is_never_read(tmp_path: Path) -> None:
    path = cube(tmp_path)
    assert cut_everywhere(parse, path, range(0, CUBE.size, 1024)) == {"truncated-file"}


def test_limits_hold_before_anything_is_read(tmp_path: Path) -> None:
    path = cube(tmp_path)
    assert refusal(parse, path, Limits(frames=7)) == "too-many-bscans"
    assert refusal(parse, path, Limits(rows=1000)) == "too-large"
    assert refusal(parse, path, Limits(volume_bytes=CUBE.size - 1)) == "too-large"


@pytest.mark.parametrize("name", ["disk.img", "a_od.img", "notes_od_x.txt", "a_od_cube_z.img.gz"])
def test_other_images_are_not_claimed(name: str) -> None:
    assert not is_zeiss_cube(Head(b"\0" * 512, name, 4096))


def test_a_folder_of_cubes_is_opened_with_what_is_known(tmp_path: Path) -> None:
    patient = "P98SECRET76"
    cube(tmp_path, zeiss_name("Macular Cube 64x8", patient=patient))
    cube(tmp_path, zeiss_name("Macular Cube 64x8", patient=patient, eye="OS"))
    cube(tmp_path, zeiss_name("Macular Cube 64x8", patient=patient, kind="cube_raw"))
    opened = open_volumes(tmp_path)
    assert [problem.code for problem in opened.problems] == ["zeiss-raw"]
    assert {study.patient.identifier for study in opened.studies} == {patient}
    volumes = [volume for study in opened.studies for volume in study.volumes]
    assert {volume.laterality for volume in volumes} == {Laterality.OD, Laterality.OS}
    for volume in volumes:
        np.testing.assert_array_equal(volume.voxels, CUBE)
        assert volume.scan_pattern is ScanPattern.RASTER
        assert volume.spacing.provenance is Provenance.ASSUMED
        assert volume.notices[0].code == "experimental-format"
        assert all(patient not in notice.message for notice in volume.notices)
    assert all(patient not in problem.message for problem in opened.problems)


def test_no_patient_in_what_is_told(tmp_path: Path) -> None:
    path = cube(tmp_path, zeiss_name("Macular Cube 64x8", patient="P98SECRET76", date="1-2-2013"))
    assert "SECRET" not in sentences(only(parse(path, Limits())))
