"""Optovue files: numbers alone, described by a text file of the same name."""

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import Laterality, Provenance, ScanPattern
from kdoct_desktop.io.devices.claims import is_optovue
from kdoct_desktop.io.devices.optovue_oct import BLACK, WHITE, parse
from kdoct_desktop.io.head import Head, head_of
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.plain_files import cut_everywhere, only, refusal, sentences, told, voxels
from tests.io.devices.write_optovue import NAME, Optovue
from tests.sample_scans import retina

GREY = retina(6, 80, 40)


def values(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored values that become these grey values."""
    return (BLACK + grey.astype(np.float32) / 255.0 * (WHITE - BLACK)).astype(np.float32)


STORED = values(GREY)


def test_b_scans_stand_upright_and_grey_is_linear_between_black_and_white(tmp_path: Path) -> None:
    file = parse(Optovue([STORED]).write(tmp_path), Limits())
    np.testing.assert_array_equal(voxels(file), GREY)


def test_values_beyond_black_and_white_and_no_numbers_are_cut(tmp_path: Path) -> None:
    odd = STORED.copy()
    odd[0, :6, 0] = [0.0, -1e30, 1e30, np.inf, -np.inf, np.nan]
    file = parse(Optovue([odd]).write(tmp_path), Limits())
    assert voxels(file)[0, :6, 0].tolist() == [0, 0, 255, 255, 0, 0]


def test_text_file_and_name_tell_what_is_known(tmp_path: Path) -> None:
    file = parse(Optovue([STORED]).write(tmp_path), Limits())
    volume = only(file)
    assert file.info.beside == (f"{NAME}.txt",)
    assert (len(volume.pictures), volume.depth, volume.ascans) == (6, 80, 40)
    assert (volume.pattern, volume.pattern_provenance) == ("raster", "derived")
    assert (volume.laterality, volume.laterality_provenance) == ("OS", "device")
    assert volume.axial_mm == pytest.approx(0.003071, rel=1e-2)
    assert volume.ascan_mm == pytest.approx(0.018)
    assert volume.bscan_mm == pytest.approx(0.05)
    assert (volume.acquired, volume.acquired_provenance) == ("2014-09-12T10:21:36", "derived")
    assert (volume.patient.name, volume.patient.identifier) == ("Doe, Jane", "27")
    assert told(volume) == ["order-assumed", "grey-assumed"]
    assert volume.narrow_check


def test_every_step_of_every_group_is_a_volume(tmp_path: Path) -> None:
    line = values(retina(1, 80, 64, seed=3))
    file = parse(Optovue([STORED, line], groups=2).write(tmp_path), Limits())
    assert [volume.key for volume in file.info.volumes] == [f"step {i}" for i in (1, 2, 3, 4)]
    for volume in file.info.volumes:
        expected = GREY if volume.ascans == 40 else retina(1, 80, 64, seed=3)
        np.testing.assert_array_equal(voxels(file, volume), expected)
    assert [volume.pattern for volume in file.info.volumes] == ["raster", "line"] * 2
    assert file.info.volumes[1].bscan_mm is None


@pytest.mark.parametrize(
    ("protocol", "pattern"),
    [
        ("RT - 3D Retina", "raster"),
        ("RT - Raster", "raster"),
        ("RT - 3D Disc", "onh"),
        ("GL - ONH", "onh"),
        ("RT - Radial Lines", "radial"),
        ("CL - 3D Cornea", "anterior"),
        ("CL - Angle", "anterior"),
        ("RT - HD Angio Retina", "angiography"),
        ("GL - GCC", "unknown"),
    ],
)
def test_protocols(tmp_path: Path, protocol: str, pattern: str) -> None:
    path = Optovue([STORED], protocol).write(tmp_path, "scan")
    volume = only(parse(path, Limits()))
    assert volume.pattern == pattern
    assert ("pattern-unknown" in told(volume)) == (pattern == "unknown")


@pytest.mark.parametrize(
    ("stated", "name", "eye", "provenance"),
    [
        ("OD", "scan", "OD", "device"),
        ("OD", NAME.replace("_OS_", "_OD_"), "OD", "device"),
        (None, NAME, "OS", "derived"),
        ("both", NAME, "OS", "derived"),
        ("X", "scan", None, "unknown"),
        (None, "scan", None, "unknown"),
    ],
)
def test_the_eye(
    tmp_path: Path, stated: str | None, name: str, eye: str | None, provenance: str
) -> None:
    path = Optovue([STORED], general={"Eye Scanned": stated}).write(tmp_path, name)
    volume = only(parse(path, Limits()))
    assert (volume.laterality, volume.laterality_provenance) == (eye, provenance)
    assert volume.refused is None


def test_text_and_name_that_contradict_about_the_eye_are_refused(tmp_path: Path) -> None:
    path = Optovue([STORED], general={"Eye Scanned": "OD"}).write(tmp_path)
    refused = only(parse(path, Limits())).refused
    assert refused is not None
    assert refused.code == "laterality-conflict"


@pytest.mark.parametrize("name", ["scan", NAME])
@pytest.mark.parametrize("eyes", [("OS", "OD"), ("OD", "OS"), ("OD", "X", "OS")])
def test_a_text_that_contradicts_itself_about_the_eye_is_refused(
    tmp_path: Path, eyes: tuple[str, ...], name: str
) -> None:
    lines = "\r\nEye Scanned=".join(eyes)
    path = Optovue([STORED], general={"Eye Scanned": lines}).write(tmp_path, name)
    volume = only(parse(path, Limits()))
    assert volume.refused is not None
    assert volume.refused.code == "laterality-conflict"
    assert volume.laterality is None


def test_a_text_that_says_the_same_eye_twice_is_believed(tmp_path: Path) -> None:
    path = Optovue([STORED], general={"Eye Scanned": "OD\r\nEye Scanned=od"}).write(tmp_path, "a")
    volume = only(parse(path, Limits()))
    assert (volume.laterality, volume.refused) == ("OD", None)


@pytest.mark.parametrize("scale", ["0.0 mm", "-3 mm", "99 mm", "nonsense", "1e-3 mm", ""])
def test_a_scale_that_cannot_be_true_is_not_believed(tmp_path: Path, scale: str) -> None:
    path = Optovue([STORED], detail={"XY Scan Size1": scale}).write(tmp_path)
    volume = only(parse(path, Limits()))
    assert volume.ascan_mm is None
    assert volume.axial_mm is not None


def test_names_without_time_or_patient(tmp_path: Path) -> None:
    for name in ("scan", NAME.replace("2014-09-12", "2014-13-12"), "a_b_c"):
        volume = only(parse(Optovue([STORED]).write(tmp_path, name), Limits()))
        assert volume.acquired is None


def test_without_its_text_file_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = Optovue([STORED]).write(tmp_path)
    path.with_suffix(".txt").rename(path.with_suffix(".TXT"))
    np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)
    path.with_suffix(".TXT").unlink()
    assert refusal(parse, path) == "missing-text-file"


@pytest.mark.parametrize(
    ("general", "code"),
    [
        ({"OCT Window Height": None}, "unknown-size"),
        ({"OCT Window Height": "0"}, "unknown-size"),
        ({"OCT Window Height": "-80"}, "no-bscans"),
        ({"OCT Window Height": "81"}, "truncated-file"),
        ({"OCT Window Height": "79"}, "size-mismatch"),
        ({"OCT Window Height": "999999999"}, "too-large"),
        ({"OCT Window Height": "1e3"}, "unknown-size"),
        ({"Total Data Groups": "2"}, "truncated-file"),
        ({"Total Data Groups": "0"}, "damaged-file"),
        ({"Total Data Groups": "999999999"}, "damaged-file"),
    ],
)
def test_sizes_that_the_file_does_not_hold_are_refused(
    tmp_path: Path, general: dict[str, str | None], code: str
) -> None:
    assert refusal(parse, Optovue([STORED], general=general).write(tmp_path)) == code


def rewritten(folder: Path, old: str, new: str) -> Path:
    """A file with a changed description."""
    path = Optovue([STORED]).write(folder)
    text = path.with_suffix(".txt").read_text(encoding="latin-1")
    assert old in text
    path.with_suffix(".txt").write_text(text.replace(old, new), encoding="latin-1")
    return path


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("XY Scan Usage=6", "XY Scan Usage=0", "unknown-size"),
        ("XY Scan Usage=6", "XY Scan Usage=999999999", "too-many-bscans"),
        ("XY Scan Usage=6", "XY Scan Usage=8000", "truncated-file"),
        ("XY Scan Usage=6", "XY Scan Usage=-1", "no-bscans"),
        ("XY Scan Length=40", "XY Scan Length=999999999", "too-large"),
        ("XY Scan Length=40", "", "unknown-size"),
        ("Step 1]", "Step]", "unknown-size"),
    ],
)
def test_steps_that_the_file_does_not_hold_are_refused(
    tmp_path: Path, old: str, new: str, code: str
) -> None:
    assert refusal(parse, rewritten(tmp_path, old, new)) == code


def test_a_description_of_endless_steps_is_refused(tmp_path: Path) -> None:
    path = Optovue([STORED]).write(tmp_path)
    text = "".join(f"[a Step {i}]\nXY Scan Usage=1\n" for i in range(9999))
    path.with_suffix(".txt").write_text(text)
    assert refusal(parse, path) == "damaged-file"
    path.with_suffix(".txt").write_bytes(b"\xff\0[" * 2**20)
    assert refusal(parse, path) == "unknown-size"


@pytest.mark.parametrize("start", ["[", "[a step 1", "OCT Window Height=8", "Scan Depth=1 "])
def test_long_lines_take_no_time_and_say_nothing(tmp_path: Path, start: str) -> None:
    path = rewritten(tmp_path, "[General]", f"{start}{' ' * 200_000}x\r\n[General]")
    before = time.process_time()
    assert len(only(parse(path, Limits())).pictures) == 6
    assert time.process_time() - before < 1.0


def test_a_long_section_ends_the_one_before(tmp_path: Path) -> None:
    odd = f"[{'a' * 300}]\r\nXY Scan Length=40"
    assert refusal(parse, rewritten(tmp_path, "XY Scan Length=40", odd)) == "unknown-size"


def test_a_cut_file_is_never_read(tmp_path: Path) -> None:
    path = Optovue([STORED]).write(tmp_path)
    sizes = range(0, path.stat().st_size, 1024)
    assert cut_everywhere(parse, path, sizes) == {"truncated-file"}


@pytest.mark.parametrize(
    ("name", "data", "claimed"),
    [
        ("a.oct", struct.pack("<4f", 0.0, 812.5, 1999.0, 3e4), True),
        ("a.oct", b"PK\x03\x04" + bytes(100), False),
        ("a.oct", b"OCT scan of a patient in plain letters", False),
        ("a.oct", struct.pack("<4I", 1, 2, 3, 4), False),
        ("a.oct", struct.pack("<4f", 0.0, float("nan"), 1.0, 1.0), False),
        ("a.bin", struct.pack("<4f", 0.0, 812.5, 1999.0, 3e4), False),
    ],
)
def test_only_numbers_that_may_be_a_scans_are_claimed(
    name: str, data: bytes, claimed: bool
) -> None:
    assert is_optovue(Head(data, name, len(data))) == claimed


def test_files_are_opened_with_what_is_known(tmp_path: Path) -> None:
    path = Optovue([STORED]).write(tmp_path)
    assert is_optovue(head_of(path))
    alone = tmp_path / "alone.OCT"
    alone.write_bytes(path.read_bytes())
    opened = open_volumes(tmp_path)
    codes = {problem.source: problem.code for problem in opened.problems}
    assert codes == {"alone.OCT": "missing-text-file"}
    (study,) = opened.studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, GREY)
    assert (study.patient.name, study.patient.identifier) == ("Doe, Jane", "27")
    assert (volume.laterality, volume.laterality_provenance) == (
        Laterality.OS,
        Provenance.DEVICE,
    )
    assert volume.scan_pattern is ScanPattern.RASTER
    assert [notice.code for notice in volume.notices] == [
        "experimental-format",
        "order-assumed",
        "grey-assumed",
    ]


def test_the_hash_covers_the_text_file_too(tmp_path: Path) -> None:
    path = Optovue([STORED]).write(tmp_path)
    before = open_volumes(path).studies[0].volumes[0].source.sha256
    with path.with_suffix(".txt").open("a") as text:
        text.write("Operator=somebody else\r\n")
    assert open_volumes(path).studies[0].volumes[0].source.sha256 != before


def test_no_patient_in_what_is_told(tmp_path: Path) -> None:
    told_of = sentences(only(parse(Optovue([STORED]).write(tmp_path), Limits())))
    assert "Jane" not in told_of
    assert "1950" not in told_of
