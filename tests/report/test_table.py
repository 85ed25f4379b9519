"""The JSON document and the CSV."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.report import table
from tests import samples
from tests.sample_scans import volume

SCHEMA = json.loads(table.SCHEMA_FILE.read_text("utf-8"))
CHECK = jsonschema.Draft202012Validator(SCHEMA)
STATES = samples.every_state()


def document(*analyses: StudyAnalysis) -> dict[str, Any]:
    return table.result_document(analyses, app_version="0.1.0")


def test_the_schema_itself_is_sound_and_allows_nothing_extra() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def objects(node: Any) -> list[dict[str, Any]]:
        found = [node] if isinstance(node, dict) and "properties" in node else []
        children = node.values() if isinstance(node, dict) else node
        if isinstance(node, dict | list):
            for child in children:
                found += objects(child)
        return found

    assert len(objects(SCHEMA)) > 10
    for each in objects(SCHEMA):
        assert each["additionalProperties"] is False
        assert sorted(each["required"]) == sorted(each["properties"])


@pytest.mark.parametrize("name", list(STATES))
def test_every_kind_of_result_fits_the_schema(name: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    table.write_json(document(STATES[name]), path)
    CHECK.validate(json.loads(path.read_text("utf-8")))


def test_the_schema_refuses_what_is_wrong() -> None:
    good = document(STATES["found CNV"])
    for key, value in (("schema", 2), ("extra", 1), ("volumes", None)):
        with pytest.raises(jsonschema.ValidationError):
            CHECK.validate({**good, key: value})
    bad = json.loads(json.dumps(good))
    bad["volumes"][0]["finding"]["probabilities"]["CNV"] = 1.5
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(bad)


def test_the_document_holds_what_the_model_said() -> None:
    study = samples.study_analysis()
    item = study.volumes[0]
    assert item.finding is not None
    assert item.prediction is not None
    entry = document(study)["volumes"][0]
    assert entry["source"] == "scan1.dcm"
    assert entry["laterality"] == {"value": "OD", "provenance": "device"}
    assert entry["shape"] == [25, 240, 256]
    assert entry["finding"]["class"] == "CNV"
    assert entry["finding"]["probabilities"] == item.finding.probabilities
    assert entry["finding"]["strongest_bscan"] == 10
    assert entry["finding"]["evidence_bscans"] == [7, 13]
    assert [each["index"] for each in entry["bscans"]] == list(range(25))
    assert entry["bscans"][10]["probabilities"]["CNV"] == item.prediction.probabilities[10, 2]


def test_several_visits_are_joined_and_their_times_added() -> None:
    joined = document(STATES["found CNV"], STATES["nothing read"], STATES["not analysed"])
    CHECK.validate(joined)
    assert len(joined["volumes"]) == 2
    assert len(joined["problems"]) == 3
    assert joined["timing_s"]["read"] == pytest.approx(0.82)
    assert joined["model"]["name"] == "kdoct-factory"


def test_a_run_without_a_model_says_what_was_asked_for() -> None:
    empty = table.result_document([STATES["nothing read"]], app_version="1", asked="cuda")
    assert empty["model"] is None
    assert empty["provider"]["asked"] == "cuda"
    assert empty["provider"]["ran"] is None
    CHECK.validate(empty)


def test_neither_folder_nor_patient_reaches_the_document(tmp_path: Path) -> None:
    scan = volume(bscans=5, depth=60, ascans=64, label="/clinic/DOE_JANE/scan.dcm")
    study = samples.study_analysis(
        samples.analysed(scan, samples.prediction(scan)),
        problems=(Problem("C:\\data\\DOE_JANE\\bad.dcm", "empty-file", "The file is empty."),),
    )
    table.write_json(document(study), tmp_path / "result.json")
    table.write_csv([study], tmp_path / "bscans.csv")
    for name in ("result.json", "bscans.csv"):
        text = (tmp_path / name).read_text("utf-8")
        for secret in ("DOE_JANE", "clinic", "C:\\", "Olga", "PHANTOM", "00213", "1948"):
            assert secret not in text
    assert document(study)["volumes"][0]["source"] == "scan.dcm"
    assert document(study)["problems"][0]["source"] == "bad.dcm"


def test_a_number_that_is_not_finite_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        table.write_json({"value": float("nan")}, tmp_path / "result.json")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    path.write_text("old", "utf-8")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        table.write_json({}, path)
    assert path.read_text("utf-8") == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


def test_text_that_no_file_system_can_encode_is_still_written(tmp_path: Path) -> None:
    problem = Problem("x\udc80y.dcm", "empty-file", "The file is empty.")
    study = replace(STATES["nothing read"], problems=(problem,))
    table.write_json(document(study), tmp_path / "result.json")
    json.loads((tmp_path / "result.json").read_text("utf-8"))


def test_the_csv_gives_back_every_number(tmp_path: Path) -> None:
    study = samples.study_analysis()
    table.write_csv([study, STATES["not analysed"]], tmp_path / "bscans.csv")
    with (tmp_path / "bscans.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 50
    assert {row["volume"] for row in rows} == {"1", "2"}
    for item, part in zip(study.volumes, (rows[:25], rows[25:]), strict=True):
        assert item.prediction is not None
        for bscan, row in zip(item.prediction.bscans, part, strict=True):
            assert int(row["bscan_index"]) == bscan.index
            values = tuple(float(row[f"probability_{code}"]) for code in samples.CLASSES)
            assert values == bscan.probabilities
            assert float(row["completeness_error"]) == bscan.completeness_error


@pytest.mark.parametrize(
    "lead", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", " =", "\u00a0+"]
)
def test_no_field_of_the_csv_can_be_taken_for_a_formula(lead: str, tmp_path: Path) -> None:
    text = f'{lead}HYPERLINK("x","y")\r\n"z'
    scan = volume(bscans=5, depth=60, ascans=64, label=text)
    weak = Quality(QualityState.POOR, (text,))
    study = samples.study_analysis(samples.analysed(scan, samples.prediction(scan, quality=weak)))
    table.write_csv([study], tmp_path / "bscans.csv")
    with (tmp_path / "bscans.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 5
    for row in rows:
        assert row["source"] == f"'{text}"
        assert row["quality_reasons"] == f"'{text}"


def test_harmless_text_stays_as_it_is() -> None:
    assert table.inert("scan.dcm") == "scan.dcm"
    assert table.inert("a=b") == "a=b"
    assert table.inert("") == ""
