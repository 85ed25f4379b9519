"""``kdoct analyze`` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from kdoct_desktop.__main__ import main
from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.cli.analyze import _print_table
from kdoct_desktop.domain.volume import Laterality
from tests import samples
from tests.cli.conftest import write_scan
from tests.sample_scans import volume

CNV_EYE = ["NORMAL"] * 4 + ["CNV"] * 4 + ["NORMAL"] * 4


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one JSON document on standard output, checked against the schema."""
    text = capsys.readouterr().out
    result: dict[str, Any] = json.loads(text)
    schema = json.loads(resource_path("result.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(result, schema)
    return result


def test_a_scan_gives_a_finding_in_one_json_document(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)

    code = main(["analyze", str(scan), "--model", str(model), "--json", "--provider", "cpu"])

    result = document(capsys)
    assert code == 0
    (volume,) = result["volumes"]
    assert volume["laterality"] == {"value": "OD", "provenance": "device"}
    assert volume["shape"] == [12, 120, 160]
    assert (volume["finding"]["class"], volume["finding"]["urgency"]) == ("CNV", "urgent")
    assert volume["finding"]["strongest_bscan"] in range(4, 8)
    assert len(volume["bscans"]) == 12
    assert max(b["completeness_error"] for b in volume["bscans"]) < 1e-3
    assert result["provider"]["ran"] == "cpu"
    assert result["problems"] == []


def test_both_eyes_of_a_folder_are_analysed_and_written(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    write_scan(tmp_path / "in" / "left.dcm", ["NORMAL"] * 12, eye="L")
    out = tmp_path / "out"

    code = main(["analyze", str(tmp_path / "in"), "--model", str(model), "--out", str(out)])

    printed = capsys.readouterr().out
    assert code == 0
    assert "CNV" in printed
    assert "Research use only" in printed
    text = "\n".join(page.extract_text() for page in PdfReader(out / "report.pdf").pages)
    assert "Research use only. Not a medical device." in text
    assert {path.suffix for path in (out / "heatmaps").iterdir()} == {".png"}
    written = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert {v["laterality"]["value"] for v in written["volumes"]} == {"OD", "OS"}
    assert (out / "bscans.csv").read_text(encoding="utf-8-sig").count("\n") == 25


def test_an_unknown_eye_is_analysed_but_not_reported_until_it_is_given(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "in" / "eye.dcm", CNV_EYE, eye=None)
    call = ["analyze", str(scan), "--model", str(model), "--json", "--out", str(tmp_path / "out")]

    assert main(call) == 3
    result = document(capsys)
    assert result["volumes"][0]["laterality"] == {"value": None, "provenance": "unknown"}
    assert [problem["code"] for problem in result["problems"]] == ["eye-unknown"]
    assert not (tmp_path / "out" / "report.pdf").exists()

    assert main([*call, "--eye", "OS"]) == 0
    assert document(capsys)["volumes"][0]["laterality"] == {"value": "OS", "provenance": "user"}
    assert (tmp_path / "out" / "report.pdf").exists()


def test_an_eye_that_contradicts_the_file_blocks_the_scan(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE, eye="R")

    code = main(["analyze", str(scan), "--model", str(model), "--json", "--eye", "OS"])

    result = document(capsys)
    assert code == 4
    assert result["volumes"] == []
    assert result["problems"][0]["code"] == "laterality-conflict"


def test_a_bad_file_is_named_and_the_good_one_is_done(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    (tmp_path / "in" / "half.dcm").write_bytes(good.read_bytes()[:5000])

    code = main(["analyze", str(tmp_path / "in"), "--model", str(model), "--json"])

    result = document(capsys)
    assert code == 3
    assert len(result["volumes"]) == 1
    assert [problem["source"] for problem in result["problems"]] == ["half.dcm"]


def test_a_photograph_alone_leaves_nothing_to_analyse(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "holiday.png")

    code = main(["analyze", str(tmp_path / "holiday.png"), "--model", str(model), "--json"])

    assert code == 4
    assert document(capsys)["problems"][0]["code"] == "not-an-oct-picture"


def test_a_missing_path_is_a_problem_and_not_a_traceback(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["analyze", str(tmp_path / "nowhere"), "--model", str(model), "--json"])

    assert code == 4
    assert document(capsys)["problems"][0]["code"] == "missing-path"


def test_a_tampered_model_is_not_used(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(bytes(data))

    code = main(["analyze", str(scan), "--model", str(model), "--json"])

    result = document(capsys)
    assert code == 5
    assert result["model"] is None
    assert result["problems"][0]["source"] == "model"


def test_a_wrong_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["analyze", "scan.dcm", "--eye", "left"])

    assert stopped.value.code == 2


def test_test_time_views_change_the_answer_little_and_never_between_runs(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    call = ["analyze", str(scan), "--model", str(model), "--json", "--tta"]

    main(call)
    first = document(capsys)["volumes"][0]["finding"]
    main(call)

    assert document(capsys)["volumes"][0]["finding"] == first
    assert first["class"] == "CNV"


def test_standard_output_of_the_program_holds_the_document_and_nothing_else(
    tmp_path: Path, model: Path
) -> None:
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)

    done = subprocess.run(
        [sys.executable, "-m", "kdoct_desktop", "analyze", scan, "--model", model, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0
    assert json.loads(done.stdout)["volumes"][0]["finding"]["class"] == "CNV"
    assert done.stderr == ""


def test_the_table_says_where_a_finding_is_doubtful(capsys: pytest.CaptureFixture[str]) -> None:
    doubtful = volume(Laterality.OD, scaled=False, located=False, label="pictures")
    sure = volume(Laterality.OS, label="raster")
    items = [samples.analysed(scan, samples.prediction(scan)) for scan in (doubtful, sure)]
    _print_table([samples.study_analysis(*items)])
    lines = capsys.readouterr().out.splitlines()
    (one,) = [line for line in lines if line.startswith("pictures")]
    (two,) = [line for line in lines if line.startswith("raster")]
    assert "observe, needs human read" in one
    assert "observe" in two
    assert "human" not in two
