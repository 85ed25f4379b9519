"""What a package of an evaluated run claims: figures of its own, and none that are blocked."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from kdoct_desktop.inference.package import ModelPackage, read_package
from kdoct_desktop.inference.signing import public_bytes
from tests.training.ship.test_package_site import put_student, small_config
from tests.training.tiny_run import hand_split, tiny_fold, tiny_run, write_data
from training.config import Config
from training.data.manifest import write_manifest
from training.errors import TrainingError
from training.events import Silent
from training.measure import student_operating as student_operating_module
from training.measure.evaluate_fold import evaluate_fold
from training.measure.evaluate_run import evaluate_run
from training.measure.student_operating import student_operating
from training.networks.checkpoint import load_best
from training.open_run import Run
from training.ship import package_measure
from training.ship.export import load_key
from training.ship.package_site import ExportResult, export_run
from training.splits.split import save_split


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    config = small_config()
    views = dataclasses.replace(config.evaluate, views="tta")
    made = tiny_run(tmp_path_factory.mktemp("tta"), dataclasses.replace(config, evaluate=views))
    put_student(made, 0, accuracy=0.80, seed=0)
    put_student(made, 1, accuracy=0.85, seed=1)
    evaluate_run(made.root, made.folder, made.manifest, made.split, made.config, faithful=0)
    return made


def exported(run: Run, config: Config | None = None, **more: Any) -> ExportResult:
    return export_run(
        run.folder, run.root, run.manifest, run.split, config or run.config,
        key_file=run.folder.root / "key.pem", **more,
    )  # fmt: skip


def opened(run: Run, path: Path) -> ModelPackage:
    keys = [public_bytes(load_key(run.folder.root / "key.pem"))]
    return read_package(path, trusted_keys=keys)


def test_the_plain_answers_that_several_views_left_are_not_asked_for_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        student_operating_module, "predict", lambda *_, **__: pytest.fail("asked again")
    )
    held = opened(run, exported(run).path).manifest["metrics"]["held_out"]
    assert held["all_folds"]["unfiltered"]["views"] == "tta"
    assert set(held["fold"]["unfiltered"]) == {"bscan"}


def test_the_package_has_the_eye_rule_that_the_evaluation_fitted_on_whole_eyes(
    tmp_path: Path,
) -> None:
    drawn = write_data(tmp_path / "data", bscans=6)
    rows = [dataclasses.replace(row, label="") if row.bscan == 2 else row for row in drawn.rows]
    manifest = write_manifest(tmp_path / "manifest.csv", rows)
    save_split(tmp_path / "split.json", hand_split(manifest))
    run = tiny_run(tmp_path)
    put_student(run, 0, accuracy=0.80)
    arguments = (run.root, run.folder, 0, run.manifest, run.split, run.config)
    theirs = evaluate_fold(*arguments, faithful=0)["roles"]["student"]["operating"]
    assert theirs["facts"]["eyes"] == 6
    assert theirs["facts"]["bscans"] == 6 * 5  # those without a label are asked about all the same
    shipped = opened(run, exported(run).path).manifest
    assert shipped["metrics"]["operating"]["facts"] == theirs["facts"]
    assert shipped["eye_rule"]["thresholds"] == theirs["eye_rule"]["thresholds"]
    for path in run.folder.fold(0).glob("predictions-*"):
        path.unlink()
    student = load_best(run.folder.best(0, "student"))
    asked = student_operating(student, run.folder, tiny_fold(run), run.config, Silent())
    assert asked.facts == theirs["facts"]


def test_the_variant_claims_no_figure_of_another_network_as_its_own(run: Run) -> None:
    result = exported(run, fold=0)
    assert result.half_path is not None
    whole, half = opened(run, result.path), opened(run, result.half_path)
    assert "### This network, held-out patients of fold 0" in whole.card
    assert "This network" not in half.card
    assert "### The float32 network that this was made from, held-out patients" in half.card
    assert "Graph against network" in whole.card
    assert "Graph against network" not in half.card
    assert "parity" not in half.manifest["metrics"]
    own = half.manifest["metrics"]["half"]
    assert (
        f"whose weights are float16, against the float32 graph on {own['pictures']} validation "
        f"B-scans: largest difference in probability {own['difference']:.1e}"
    ) in half.card
    assert half.card.count("with float32 weights") == 2  # validation accuracy and calibration
    for card in (whole.card, half.card):
        assert "No test score was looked at" not in card  # the fold was named


def test_figures_over_all_folds_are_of_the_exported_weights_or_left_out(run: Run) -> None:
    report = json.loads(run.folder.report.read_text())
    try:
        changed = json.loads(json.dumps(report))
        changed["folds"][0]["roles"]["student"]["model"]["weights_sha256"] = "0" * 64
        run.folder.report.write_text(json.dumps(changed))
        held = opened(run, exported(run, fold=0).path).manifest["metrics"]["held_out"]
    finally:
        run.folder.report.write_text(json.dumps(report))
    assert "all_folds" not in held
    assert held["fold"]


def test_what_the_evaluation_blocks_is_exported_with_a_written_waiver_only(run: Run) -> None:
    report = json.loads(run.folder.report.read_text())
    found = {
        "code": "less-sensitive-than-teacher", "level": "blocks promotion",
        "message": "Finds fewer.", "advice": "Not to be promoted.", "details": [],
    }  # fmt: skip
    blocked = {**report, "signatures": [found, *report["signatures"]],
               "promotion": {"blocked": True, "by": [found["code"]]}}  # fmt: skip
    try:
        run.folder.report.write_text(json.dumps(blocked))
        for waiver in ("", "  "):
            with pytest.raises(TrainingError, match=r"export\.waiver") as refusal:
                exported(run, waived(run, waiver))
            assert refusal.value.code == "blocked"
            assert "Finds fewer." in refusal.value.details[0]
        package = opened(run, exported(run, waived(run, "a study of errors")).path)
    finally:
        run.folder.report.write_text(json.dumps(report))
    assert package.manifest["metrics"]["promotion"] == {
        "blocked_by": [found["code"]], "waiver": "a study of errors",
    }  # fmt: skip
    assert f"({found['code']}).** It was waived: a study of errors" in package.card


def test_a_patient_in_a_waiver_stops_the_package_before_any_work(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = dataclasses.replace(run.manifest.rows[0], patient="tiny:Mueller_Hans")
    manifest = dataclasses.replace(run.manifest, rows=(row, *run.manifest.rows[1:]))
    monkeypatch.setattr(package_measure, "to_onnx", lambda *_: pytest.fail("worked"))
    with pytest.raises(TrainingError) as refusal:
        exported(dataclasses.replace(run, manifest=manifest), waived(run, "eye of Mueller, Hans"))
    assert refusal.value.code == "names-a-patient"
    assert refusal.value.details == ("in: export.waiver",)


def waived(run: Run, text: str) -> Config:
    """The run's configuration with a waiver."""
    export = dataclasses.replace(run.config.export, waiver=text, half=False)
    return dataclasses.replace(run.config, export=export)
