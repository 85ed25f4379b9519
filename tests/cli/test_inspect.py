"""``kdoct inspect``: what a file holds, and nothing about whose eye it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import JPEG2000Lossless

from kdoct_desktop.__main__ import main
from tests.io.dicom_files import opt, ramp, raster_lines, save

NAME, IDENTIFIER, BIRTH = "Quokka^Ada", "Q-4711", "19481224"


def told(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = main(["inspect", str(path), *options])
    said = capsys.readouterr()
    return code, said.out, said.err


def scan(folder: Path, name: str = "Quokka Ada.dcm", **changes: Any) -> Path:
    data = opt(
        ramp(5), lines=raster_lines(5), PatientName=NAME, PatientID=IDENTIFIER,
        PatientBirthDate=BIRTH, **changes,
    )  # fmt: skip
    return save(data, folder / name)


def test_geometry_and_provenance_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(scan(tmp_path), capsys, "--json")
    (volume,) = json.loads(out)["volumes"]

    assert code == 0
    assert volume["shape"] == [5, *ramp(5).shape[1:]]
    assert volume["laterality"] == {"value": "OD", "provenance": "device"}
    assert volume["scan_pattern"] == {"value": "raster", "provenance": "derived"}
    assert volume["format"] == "DICOM OPT"
    assert volume["decoded"] is None


@pytest.mark.parametrize("options", [(), ("--json",), ("--json", "--decode"), ("--decode",)])
def test_no_word_tells_whose_eye_it_is(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(tmp_path)
    (tmp_path / "Quokka notes.dcm").write_bytes(b"no scan")
    code, out, err = told(tmp_path, capsys, *options)

    assert code == 3
    for word in ("Quokka", "Ada", IDENTIFIER, BIRTH, "1948", tmp_path.name):
        assert word not in out + err


def test_the_identity_is_told_when_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = told(scan(tmp_path), capsys, "--json", "--identity")
    (volume,) = json.loads(out)["volumes"]

    assert volume["identity"]["patient_name"] == "Quokka, Ada"
    assert volume["identity"]["patient_id"] == IDENTIFIER
    assert volume["identity"]["birth_date"] == "1948-12-24"
    assert volume["identity"]["name"] == "Quokka Ada.dcm"


def test_visits_are_told_apart_without_naming_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(tmp_path, "a.dcm", StudyInstanceUID="1.2.1", SOPInstanceUID="1.2.1.1")
    scan(tmp_path, "b.dcm", StudyInstanceUID="1.2.2", SOPInstanceUID="1.2.2.1")
    _, out, _ = told(tmp_path, capsys, "--json")

    assert [volume["visit"] for volume in json.loads(out)["volumes"]] == [1, 2]


def test_damage_inside_is_found_by_decoding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(opt(ramp(5), lines=raster_lines(5)), tmp_path / "damaged.dcm", JPEG2000Lossless)
    whole = bytearray(path.read_bytes())
    at = whole.rindex(b"\xff\x4f\xff\x51") + 60  # inside of the last codestream
    whole[at : at + 20] = bytes(20)
    path.write_bytes(bytes(whole))

    code, out, _ = told(path, capsys, "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
    code, out, _ = told(path, capsys, "--json", "--decode")
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["code"]) == (4, "damaged-frame")


def test_what_cannot_be_read_is_told_with_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = told(tmp_path / "nothing", capsys)

    assert code == 4
    assert "does not exist" in err
