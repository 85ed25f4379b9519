"""``kdoct convert`` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydicom import dcmread

from kdoct_desktop.__main__ import main
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, save

TIMED = {"AcquisitionDateTime": "20261120094100"}


def write_scan(path: Path, *, eye: str | None = "R", **tags: Any) -> Path:
    """A small tomography."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(opt(ramp(3), eye=eye, **tags), path)


def convert(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a conversion."""
    code = main(["convert", *map(str, words), "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def codes(document: dict[str, Any]) -> list[str]:
    """Codes of what was refused."""
    return [problem["code"] for problem in document["problems"]]


def test_a_scan_becomes_objects_that_are_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "Doe_Jane_1950.dcm", **TIMED)
    out = tmp_path / "new" / "out"

    code, document = convert(capsys, scan, "--to", "dicom", "--out", out)

    assert code == 0
    (volume,) = document["volumes"]
    assert (document["schema"], document["to"], document["problems"]) == (1, "dicom", [])
    assert (volume["laterality"], volume["shape"]) == ("OD", [3, 40, 48])
    names = [file["name"] for file in volume["files"]]
    assert names == [path.name for path in out.iterdir()]
    assert "Doe" not in "".join(names)
    (study,) = open_volumes(out).studies
    assert study.patient.name == "Phantom, Test"
    assert (study.volumes[0].voxels == ramp(3)).all()


def test_a_person_is_told_what_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "a.dcm", **TIMED)

    assert main(["convert", str(scan), "--out", str(tmp_path / "out"), "--anonymous"]) == 0

    printed = capsys.readouterr().out
    (path,) = (tmp_path / "out").iterdir()
    assert "a.dcm  OD  3 B-scans" in printed
    assert f"tomography  {path.name}" in printed
    assert dcmread(path).PatientName == ""


def test_what_nobody_knows_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = write_scan(tmp_path / "a.dcm", eye=None)
    call = (scan, "--out", tmp_path / "out")

    code, document = convert(capsys, *call)
    assert (code, codes(document)) == (4, ["eye-unknown"])
    code, document = convert(capsys, *call, "--eye", "OS")
    assert (code, codes(document)) == (4, ["time-unknown"])
    assert not (tmp_path / "out").exists()
    code, document = convert(capsys, *call, "--eye", "OS", "--acquired", "2026-11-20T09:41")
    assert (code, codes(document)) == (0, [])
    (path,) = (tmp_path / "out").iterdir()
    data = dcmread(path)
    assert (data.ImageLaterality, data.AcquisitionDateTime) == ("L", "20261120094100")


def test_a_time_that_the_scan_states_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "a.dcm", **TIMED)
    convert(capsys, scan, "--out", tmp_path / "out", "--acquired", "1999-01-01")
    (path,) = (tmp_path / "out").iterdir()
    assert dcmread(path).AcquisitionDateTime == "20261120094100"


def test_pictures_need_a_look_for_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(ramp(1, 64, 80)[0]).save(tmp_path / "b.png")
    known = (tmp_path / "b.png", "--out", tmp_path, "--eye", "OD", "--acquired", "2026-11-20")

    code, document = convert(capsys, *known)
    assert (code, codes(document)) == (4, ["text-unknown"])
    code, document = convert(capsys, *known, "--no-burned-in-text", "--compress")
    assert (code, codes(document)) == (0, [])
    (path,) = tmp_path.glob("*.dcm")
    assert dcmread(path).file_meta.TransferSyntaxUID.name == "JPEG-LS Lossless Image Compression"


def test_nothing_is_replaced_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = (write_scan(tmp_path / "a.dcm", **TIMED), "--out", tmp_path / "out")

    assert convert(capsys, *call)[0] == 0
    code, document = convert(capsys, *call)
    assert (code, codes(document)) == (4, ["exists"])
    assert convert(capsys, *call, "--force")[0] == 0


def test_what_cannot_be_converted_stops_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_scan(tmp_path / "in" / "good.dcm", **TIMED)
    (tmp_path / "in" / "half.dcm").write_bytes(good.read_bytes()[:5000])
    write_scan(tmp_path / "in" / "eyeless.dcm", eye=None, StudyInstanceUID="1.2.9", **TIMED)

    code, document = convert(capsys, tmp_path / "in", "--out", tmp_path / "out")

    assert (code, len(document["volumes"])) == (3, 1)
    assert sorted(codes(document)) == ["eye-unknown", "truncated-file"]


def test_what_is_not_there_or_cannot_be_written_is_a_problem_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = convert(capsys, tmp_path / "nowhere.e2e", "--out", tmp_path)
    assert (code, codes(document)) == (4, ["missing-path"])
    scan = write_scan(tmp_path / "a.dcm", **TIMED)
    code, document = convert(capsys, scan, "--out", scan)
    assert (code, codes(document)) == (4, ["cannot-write"])


@pytest.mark.parametrize(
    "words", [("--eye", "left"), ("--acquired", "yesterday"), ("--acquired", "2026-01-01T00:00Z")]
)
def test_a_wrong_option_is_a_usage_error(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["convert", "scan.dcm", *words])
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_standard_output_holds_the_document_and_nothing_else(tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "a.dcm", **TIMED)
    command = [sys.executable, "-m", "kdoct_desktop", "convert", str(scan), "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = json.loads(done.stdout)["volumes"][0]["files"]
    assert (tmp_path / "dicom" / file["name"]).is_file()
