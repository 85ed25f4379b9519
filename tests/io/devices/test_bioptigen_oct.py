"""Bioptigen files: a chain of tags, then one record a B-scan."""

import struct
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.volume import Laterality, ScanPattern
from kdoct_desktop.io.devices.bioptigen_oct import parse
from kdoct_desktop.io.devices.claims import is_bioptigen, is_optovue
from kdoct_desktop.io.head import head_of
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.plain_files import cut_everywhere, only, refusal, sentences, told, voxels
from tests.io.devices.write_bioptigen import MAGIC, Bioptigen, real, tag, whole
from tests.sample_scans import retina

GREY = retina(5, 96, 40)
DEEP = GREY.astype(np.uint16) * 257 + 100
NAME = "site_OD_V_12x12_0_0000036.OCT"


def test_stored_values_become_grey_linearly(tmp_path: Path) -> None:
    file = parse(Bioptigen(DEEP).write(tmp_path / NAME), Limits())
    expected = np.floor(DEEP / 65535 * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(voxels(file), expected)
    file = parse(Bioptigen(GREY).write(tmp_path / NAME), Limits())
    np.testing.assert_array_equal(voxels(file), GREY)


def test_header_and_name_tell_what_is_known(tmp_path: Path) -> None:
    volume = only(parse(Bioptigen(DEEP).write(tmp_path / NAME), Limits()))
    assert (len(volume.pictures), volume.depth, volume.ascans) == (5, 96, 40)
    assert (volume.pattern, volume.pattern_provenance) == ("raster", "device")
    assert volume.axial_mm == pytest.approx(0.0033)
    assert volume.ascan_mm == pytest.approx(0.012)
    assert volume.bscan_mm == pytest.approx(0.1)
    assert volume.spacing_provenance == "derived"
    assert (volume.laterality, volume.laterality_provenance) == ("OD", "derived")
    assert (volume.acquired, volume.acquired_provenance) == ("2014-03-18T09:05:07", "device")
    assert (volume.device, volume.software) == ("Bioptigen", "file format 0x010a")
    assert told(volume) == ["order-assumed"]
    assert volume.narrow_check
    assert volume.patient.name is None


@pytest.mark.parametrize(
    ("code", "pattern"), [(0, "line"), (1, "raster"), (3, "radial"), (2, "unknown"), (9, "unknown")]
)
def test_scan_types(tmp_path: Path, code: int, pattern: str) -> None:
    path = Bioptigen(GREY, {"SCANTYPE": whole(code)}).write(tmp_path / NAME)
    volume = only(parse(path, Limits()))
    assert volume.pattern == pattern
    assert ("pattern-unknown" in told(volume)) == (pattern == "unknown")
    assert (volume.bscan_mm is not None) == (pattern == "raster")


def test_the_eye_stands_only_in_the_name(tmp_path: Path) -> None:
    for name, eye in (("a_OS_V.OCT", "OS"), ("a_od.oct", "OD"), ("scan.OCT", None)):
        volume = only(parse(Bioptigen(GREY).write(tmp_path / name), Limits()))
        assert volume.laterality == eye
    volume = only(parse(Bioptigen(GREY).write(tmp_path / "OS_to_OD_V.OCT"), Limits()))
    assert volume.refused is not None
    assert volume.refused.code == "laterality-conflict"


def test_what_is_not_stated_stays_unknown(tmp_path: Path) -> None:
    bare: dict[str, bytes | None] = dict.fromkeys(
        ("SCANTYPE", "SCANDEPTH", "AZSCANLENGTH", "ELSCANLENGTH", "SCANS", "FRAMES", "SAMPLEFORMAT")
    )
    path = Bioptigen(DEEP, bare, {"FRAMEDATETIME": None, "FRAMELINES": None}).write(tmp_path / NAME)
    volume = only(parse(path, Limits()))
    assert (volume.axial_mm, volume.ascan_mm, volume.bscan_mm) == (None, None, None)
    assert (volume.pattern, volume.acquired) == ("unknown", None)
    assert volume.spacing_provenance == volume.acquired_provenance == "unknown"


@pytest.mark.parametrize("length", [0.0, -1.0, 1e300, float("nan"), float("inf")])
def test_a_scale_that_cannot_be_true_is_not_believed(tmp_path: Path, length: float) -> None:
    path = Bioptigen(GREY, {"SCANDEPTH": real(length)}).write(tmp_path / NAME)
    volume = only(parse(path, Limits()))
    assert volume.axial_mm is None
    assert volume.ascan_mm == pytest.approx(0.012)


@pytest.mark.parametrize(
    "time", [(0,) * 8, (2014, 13, 0, 1, 0, 0, 0, 0), (65535,) * 8, (1601, 1, 1, 1, 0, 0, 0, 0)]
)
def test_a_time_that_cannot_be_true_is_unknown(tmp_path: Path, time: tuple[int, ...]) -> None:
    path = Bioptigen(GREY, time=time).write(tmp_path / NAME)
    assert only(parse(path, Limits())).acquired is None


def test_tags_that_are_not_known_are_passed_over(tmp_path: Path) -> None:
    more: dict[str, bytes | None] = {"SUBFRAMES": whole(3), "DOPPLERFLAG": whole(1)}
    doppler: dict[str, bytes | None] = {"DOPPLERSAMPLES": GREY[0].tobytes()}
    file = parse(Bioptigen(GREY, more, doppler).write(tmp_path / NAME), Limits())
    np.testing.assert_array_equal(voxels(file), GREY)
    assert "doppler-left-out" in told(only(file))


def test_repeated_and_mixed_scans_are_refused_by_name(tmp_path: Path) -> None:
    repeated: dict[str, bytes | None] = {"SCANS": whole(1), "FRAMES": whole(5)}
    path = Bioptigen(GREY, repeated).write(tmp_path / NAME)
    assert only(parse(path, Limits())).refused is None
    path = Bioptigen(GREY, {"SCANS": whole(2), "FRAMES": whole(2)}).write(tmp_path / NAME)
    refused = only(parse(path, Limits())).refused
    assert refused is not None
    assert refused.code == "repeated-bscans"
    path = Bioptigen(GREY, {"SCANTYPE": whole(6)}).write(tmp_path / NAME)
    assert refusal(parse, path) == "unsupported-scan"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"FRAMECOUNT": whole(0)}, "no-bscans"),
        ({"LINECOUNT": whole(0)}, "no-bscans"),
        ({"LINELENGTH": whole(0)}, "no-bscans"),
        ({"FRAMECOUNT": whole(2**32 - 1)}, "too-many-bscans"),
        ({"LINECOUNT": whole(2**32 - 1)}, "too-large"),
        ({"LINELENGTH": whole(2**32 - 1)}, "too-large"),
        ({"LINECOUNT": whole(65536), "LINELENGTH": whole(65536)}, "too-large"),
        ({"FRAMECOUNT": whole(6)}, "truncated-file"),
        ({"FRAMECOUNT": whole(8192), "LINECOUNT": whole(41)}, "size-mismatch"),
        ({"LINECOUNT": whole(41)}, "size-mismatch"),
        ({"FRAMECOUNT": None}, "damaged-file"),
        ({"FRAMECOUNT": b"12345678"}, "damaged-file"),
        ({"SAMPLEFORMAT": whole(4)}, "unsupported-depth"),
        ({"X" * 65: b""}, "damaged-file"),
        ({"no name": b""}, "damaged-file"),
    ],
)
def test_sizes_that_the_file_does_not_hold_are_refused(
    tmp_path: Path, header: dict[str, bytes | None], code: str
) -> None:
    assert refusal(parse, Bioptigen(GREY, header).write(tmp_path / NAME)) == code


def test_b_scans_of_different_size_are_refused(tmp_path: Path) -> None:
    path = Bioptigen(GREY, frames={"FRAMELINES": whole(39)}).write(tmp_path / NAME)
    assert refusal(parse, path) == "size-mismatch"
    path = Bioptigen(GREY, frames={"FRAMESAMPLES": None}).write(tmp_path / NAME)
    assert refusal(parse, path) == "size-mismatch"


def test_a_chain_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    for body in (
        b"".join(tag(f"K{i}", b"") for i in range(100_000)),
        tag("SCANTYPE", whole(1)) * 2,
        b"\xff\xff\xff\x7f",
        tag("FRAMECOUNT", b"")[:-4] + b"\xff\xff\xff\xff",
        b"",
    ):
        path.write_bytes(MAGIC + tag("FRAMEHEADER", b"") + body)
        assert refusal(parse, path) in ("damaged-file", "truncated-file")
    path.write_bytes(MAGIC + tag("FRAMEDATA", b""))
    assert refusal(parse, path) == "damaged-file"
    path.write_bytes(bytes(4096))
    assert refusal(parse, path) == "damaged-file"


def test_a_cut_file_is_never_read(tmp_path: Path) -> None:
    path = Bioptigen(DEEP).write(tmp_path / NAME)
    size = path.stat().st_size
    codes = cut_everywhere(parse, path, [*range(0, 1200, 3), *range(1024, size - 4, 1024)])
    assert codes <= {"truncated-file", "damaged-file"}
    path.write_bytes(path.read_bytes()[: size - 4])
    assert len(voxels(parse(path, Limits()))) == 5, "all voxels are there"


def test_both_vendors_of_the_extension_are_told_apart(tmp_path: Path) -> None:
    head = head_of(Bioptigen(GREY).write(tmp_path / NAME))
    assert is_bioptigen(head)
    assert not is_optovue(head)


def test_files_are_opened_with_what_is_known(tmp_path: Path) -> None:
    Bioptigen(GREY).write(tmp_path / "one_OD_V.OCT")
    Bioptigen(DEEP).write(tmp_path / "two_OS_V.OCT")
    Bioptigen(GREY, {"SCANTYPE": whole(6)}).write(tmp_path / "mixed.OCT")
    (tmp_path / "cut.OCT").write_bytes(MAGIC + struct.pack("<I", 11))
    opened = open_volumes(tmp_path)
    codes = {problem.source: problem.code for problem in opened.problems}
    assert codes == {"mixed.OCT": "unsupported-scan", "cut.OCT": "truncated-file"}
    volumes = [volume for study in opened.studies for volume in study.volumes]
    eyes = {volume.source.label: volume.laterality for volume in volumes}
    assert eyes == {"one_OD_V.OCT": Laterality.OD, "two_OS_V.OCT": Laterality.OS}
    for volume in volumes:
        assert volume.scan_pattern is ScanPattern.RASTER
        assert volume.source.format == "Bioptigen .OCT"
        assert volume.notices[0].code == "experimental-format"
        assert all("1950" not in notice.message for notice in volume.notices)


def test_no_patient_in_what_is_told(tmp_path: Path) -> None:
    told_of = sentences(only(parse(Bioptigen(GREY).write(tmp_path / NAME), Limits())))
    assert "Jane" not in told_of
    assert "1950" not in told_of
