"""The demo study is complete, synthetic, small, and the one that the phantoms give."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from training.demo_study import LEFT, RIGHT, VISIT, boxes_of, main, write_demo
from training.phantom import generate

BUNDLED = Path(__file__).resolve().parents[2] / "resources" / "demo"
SMALL = tuple(
    replace(spec, bscans=5, depth=124, ascans=128, axial_mm=0.0156, localizer_size=64)
    for spec in (RIGHT, LEFT)
)


def test_boxes_hold_exactly_the_mask() -> None:
    mask = np.zeros((10, 12), bool)
    mask[2:4, 1:3] = True
    mask[6, 8:12] = True
    assert boxes_of(mask) == [
        {"top": 2, "bottom": 4, "left": 1, "right": 3, "pixels": 4},
        {"top": 6, "bottom": 7, "left": 8, "right": 12, "pixels": 4},
    ]
    assert boxes_of(np.zeros((4, 4), bool)) == []


def test_the_study_has_both_eyes_their_localizers_and_the_truth(tmp_path: Path) -> None:
    files = write_demo(tmp_path, SMALL)
    sets = [dcmread(file) for file in files[:-1]]
    assert [(ds.Modality, ds.ImageLaterality) for ds in sets] == [
        ("OPT", "R"), ("OP", "R"), ("OPT", "L"), ("OP", "L"),
    ]  # fmt: skip
    assert len({ds.StudyInstanceUID for ds in sets}) == 1
    assert len({ds.SeriesInstanceUID for ds in sets}) == 4
    assert {str(ds.PatientID) for ds in sets} == {VISIT.patient_id}
    assert not any(ds.PatientBirthDate for ds in sets)
    truth = json.loads(files[-1].read_text(encoding="utf-8"))
    for volume, spec in zip(truth["volumes"], SMALL, strict=True):
        phantom = generate(spec)
        assert volume["labels"] == list(phantom.labels)
        assert volume["laterality"] == spec.laterality
        total = sum(box["pixels"] for box in volume["boxes"])
        assert total == sum(int(mask.sum()) for mask in phantom.masks.values())


def test_writing_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_demo(tmp_path / "a", SMALL)
    second = write_demo(tmp_path / "b", SMALL)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_the_command_line_wants_one_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_bundled_study_is_small_and_shows_what_its_truth_says() -> None:
    files = sorted((BUNDLED / "study").iterdir())
    assert [file.name for file in files] == [
        "OD_localizer.dcm", "OD_volume.dcm", "OS_localizer.dcm", "OS_volume.dcm",
    ]  # fmt: skip
    assert sum(file.stat().st_size for file in files) <= 8_000_000
    truth = json.loads((BUNDLED / "truth.json").read_text(encoding="utf-8"))
    right, left = truth["volumes"]
    assert {"CNV", "NORMAL"} <= set(right["labels"])
    assert set(left["labels"]) == {"DRUSEN", "NORMAL"}
    for volume in truth["volumes"]:
        ds = dcmread(BUNDLED / "study" / volume["volume"])
        assert (ds.NumberOfFrames, ds.Rows, ds.Columns) == (25, 496, 512)
        assert str(ds.PatientName) == VISIT.patient_name
        assert len(volume["labels"]) == 25


def test_the_bundled_study_is_the_one_that_the_code_makes() -> None:
    phantom = generate(replace(RIGHT, depth=2))
    stored = dcmread(BUNDLED / "study" / "OD_localizer.dcm").pixel_array
    difference = np.abs(stored.astype(int) - phantom.localizer)
    assert difference.max() <= 2
    specs = json.loads((BUNDLED / "truth.json").read_text(encoding="utf-8"))["volumes"]
    for volume, spec in zip(specs, (RIGHT, LEFT), strict=True):
        assert volume["spec"] == json.loads(json.dumps(asdict(spec)))
