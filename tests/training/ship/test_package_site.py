"""From a finished student to a package that the real desktop installs and reads a scan with."""

import dataclasses
import json
import stat
from pathlib import Path

import numpy as np
import pytest
import torch

from kdoct_desktop.app.analysis import Analyzer, analyse_path
from kdoct_desktop.app.models import ModelRegistry
from kdoct_desktop.app.settings import load_urgency
from kdoct_desktop.inference.package import ModelPackage, read_package
from kdoct_desktop.inference.preprocess import preprocess, preprocessing_hash
from kdoct_desktop.inference.signing import load_trusted_keys, public_bytes
from tests.training.tiny_run import CODES, tiny_config, tiny_fold, tiny_run
from training.config import Config, plain
from training.data.predictions import Predictions, save_predictions
from training.data.read_picture import read_picture
from training.errors import TrainingError
from training.measure.student_operating import validation_answers
from training.networks.checkpoint import save_best
from training.networks.models import build_student
from training.open_run import Run
from training.phantom import PhantomSpec, generate
from training.phantoms.dicom import write_opt
from training.ship.export import load_key
from training.ship.half import HALF_LIMIT
from training.ship.package_measure import (
    GOLDEN_STYLES,
    best_fold,
    check_student,
    phantom_inputs,
)
from training.ship.package_site import ExportResult, export_run, file_name

TEACHER = {
    "model": "test_convnext", "weights_sha256": "c" * 64, "split_sha256": "", "fold": 1,
    "chosen": "swa", "validation": {"accuracy": 0.87, "loss": 0.4},
    "initial_weights": {
        "name": "convnextv2_large", "licence": "CC-BY-NC-4.0", "source": "timm",
        "pretrained": True, "notice": "Started from these: not for commercial use.",
    },
}  # fmt: skip


def put_student(run: Run, fold: int, *, accuracy: float, loss: float = 0.5, seed: int = 0) -> None:
    """A student as the training leaves it: random, but with an opinion."""
    torch.manual_seed(seed)
    config = run.config
    size = (config.input.height, config.input.width)
    network, initial = build_student(config.student, len(CODES), size=size)
    torch.nn.init.normal_(network.head.weight, std=0.3)
    torch.nn.init.normal_(network.head.bias, std=0.3)
    spec = config.input.spec
    facts = {
        "role": "student", "fold": fold, "epoch": 2, "chosen": "ema",
        "validation": {
            "raw": {"accuracy": accuracy - 0.1, "loss": loss + 0.1},
            "ema": {"accuracy": accuracy, "loss": loss},
        },
        "classes": list(CODES), "input": spec.to_json(),
        "preprocessing": preprocessing_hash(spec), "split_sha256": run.split.sha256,
        "manifest_sha256": run.manifest.sha256,
        "network": plain(dataclasses.asdict(config.student)), "config": config.to_json(),
        "initial_weights": initial.to_json(), "seeds": {"run": 5, "split": 43},
        "versions": {"torch": torch.__version__}, "waiver": "a test", "teacher": TEACHER,
    }  # fmt: skip
    save_best(run.folder.best(fold, "student"), network.state_dict(), facts)
    (run.folder.role(fold, "student") / "finished.json").write_text("{}")


def small_config() -> Config:
    """Big enough for a scan to be shown, with the float16 variant."""
    return tiny_config(
        input={"height": 64, "width": 96},
        classes={"codes": list(CODES), "display": {"CNV": "Neovascular"}},
        export={"name": "Ward 3 model", "half": True, "credits": {"tiny": "CC BY 4.0, A. Author"}},
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    made = tiny_run(place, small_config())
    put_student(made, 0, accuracy=0.80, seed=0)
    put_student(made, 1, accuracy=0.85, seed=1)
    return made


@pytest.fixture(scope="module")
def result(run: Run, place: Path) -> ExportResult:
    return export_run(
        run.folder, run.root, run.manifest, run.split, run.config, key_file=place / "me" / "key.pem"
    )


@pytest.fixture(scope="module")
def package(result: ExportResult, place: Path) -> ModelPackage:
    return read_package(
        result.path, trusted_keys=[public_bytes(load_key(place / "me" / "key.pem"))]
    )


def test_the_desktop_installs_it_and_analyses_a_phantom_scan(
    result: ExportResult, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / result.public_key.name).write_bytes(result.public_key.read_bytes())
    registry = ModelRegistry(data=data, resources=tmp_path / "resources")
    model = registry.install(result.path, provider="cpu")
    assert registry.activate(model.reference).active
    assert model.identity.display_names == ("NORMAL", "DRUSEN", "Neovascular")
    spec = PhantomSpec(seed=7, condition="CNV", bscans=5, depth=248, ascans=256, localizer_size=0)
    (scan,) = write_opt(generate(spec), tmp_path / "scan.dcm")
    with Analyzer(trusted_keys=registry.trusted_keys(), urgency=load_urgency()) as analyzer:
        analyzer.load_model(model.path, provider="cpu")
        (analysis,) = analyse_path(analyzer, scan)
    (volume,) = analysis.volumes
    assert volume.prediction is not None
    assert volume.finding is not None
    assert volume.prediction.probabilities.shape == (5, 3)
    assert all(bscan.evidence_holds for bscan in volume.prediction.bscans)


def test_the_fold_is_the_best_on_validation_and_the_card_says_so(
    result: ExportResult, package: ModelPackage
) -> None:
    assert result.fold == 1
    training = package.manifest["training"]
    assert training["fold"] == 1
    assert training["chosen"] == "ema"
    assert package.manifest["metrics"]["fold_chosen_by"].startswith("best validation accuracy")
    assert "No test score was looked at" in package.card


def test_graph_and_network_agree_on_all_validation_bscans(result: ExportResult, run: Run) -> None:
    assert result.parity.pictures == len(tiny_fold(run, 1).validation.rows) == 18
    assert result.parity.difference <= 1e-5
    assert result.parity.same_class


def test_no_picture_and_no_key_of_a_patient_is_in_it(
    package: ModelPackage, run: Run, result: ExportResult
) -> None:
    spec = package.input_spec
    golden = package.golden.inputs
    assert np.array_equal(golden, phantom_inputs(spec))
    for row in run.manifest.rows[::5]:
        ready, _ = preprocess(read_picture(run.root, row.path, row.frame), spec)
        assert np.abs(golden - ready).mean(axis=(1, 2, 3)).min() > 0.05
    content = result.path.read_bytes()
    for row in run.manifest.rows:
        for text in (row.patient, row.volume, row.path, row.patient.partition(":")[2]):
            assert text.encode() not in content
    assert "no picture of a patient is in this package" in package.card


def test_the_chain_of_licences_and_the_waiver_stand_in_manifest_and_card(
    package: ModelPackage,
) -> None:
    training = package.manifest["training"]
    assert training["initial_weights"]["licence"] == "none"
    assert training["teacher"]["initial_weights"]["licence"] == "CC-BY-NC-4.0"
    assert training["waiver"] == "a test"
    assert "licence CC-BY-NC-4.0" in package.card
    assert "not for commercial use" in package.card
    assert "Waiver: a test" in package.card


def test_counts_hashes_and_calibration_are_those_of_the_fold(
    package: ModelPackage, run: Run
) -> None:
    training = package.manifest["training"]
    (data,) = training["data"]
    assert data == {
        "name": "tiny",
        "train": {"patients": 9, "bscans": 27},
        "validation": {"patients": 6, "bscans": 18},
        "licence": "CC BY 4.0, A. Author",
    }
    assert training["test_patients"] == 3
    assert training["split_sha256"] == run.split.sha256
    assert training["manifest_sha256"] == run.manifest.sha256
    assert set(package.eye_rule.thresholds) == {"DRUSEN", "CNV"}
    assert package.ood_means.shape == (3, package.golden.embeddings.shape[1])
    assert 0.0 < package.ood_threshold <= 2.0


def test_a_run_that_was_not_evaluated_says_so(package: ModelPackage) -> None:
    assert package.manifest["metrics"]["held_out"] == {}
    assert "**Not evaluated.**" in package.card


def test_the_half_variant_is_a_package_of_its_own_and_smaller(
    result: ExportResult, package: ModelPackage, place: Path
) -> None:
    assert result.half is not None
    assert result.half.difference <= HALF_LIMIT
    assert result.half_path is not None
    assert result.half_path.name == "Ward_3_model-half.kdmodel"
    keys = [public_bytes(load_key(place / "me" / "key.pem"))]
    half = read_package(result.half_path, trusted_keys=keys)
    assert len(half.onnx_bytes) < 0.75 * len(package.onnx_bytes)
    assert half.identity.version == "1.0.0-half"
    assert half.manifest["metrics"]["half"]["difference"] == result.half.difference


def test_the_key_is_made_once_for_its_owner_and_the_public_half_lies_beside_the_package(
    result: ExportResult, place: Path
) -> None:
    private = place / "me" / "key.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert result.public_key == result.path.with_suffix(".pub")
    assert load_trusted_keys(result.path.parent) == (public_bytes(load_key(private)),)
    assert result.public_key.name in result.install
    assert f"kdoct model install {result.path.name}" in result.install


def test_ties_between_folds_go_to_the_lower_loss(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    with pytest.raises(TrainingError) as nothing:
        best_fold(run.folder, run.split)
    assert nothing.value.code == "no-model"
    put_student(run, 0, accuracy=0.9, loss=0.3)
    put_student(run, 1, accuracy=0.9, loss=0.2)
    assert best_fold(run.folder, run.split) == 1
    put_student(run, 1, accuracy=0.9, loss=0.3)
    assert best_fold(run.folder, run.split) == 0


@pytest.mark.parametrize("part", ["validation", "validation-single"])
def test_stored_answers_of_these_weights_are_used_and_others_are_not(run: Run, part: str) -> None:
    data = tiny_fold(run, 0)
    facts = json.loads((run.folder.best(0, "student") / "model.json").read_text())
    path = run.folder.predictions(0, "student", part)
    assert validation_answers(run.folder, data, data.validation, facts) is None
    labels, rows = data.validation.labels, data.validation.indices
    logits = np.eye(3, dtype=np.float32)[labels]
    known = {"split_sha256": run.split.sha256, "views": "single"}
    for change, used in (({}, True), ({"weights_sha256": "0"}, False), ({"views": "tta"}, False)):
        said = {**known, "weights_sha256": facts["weights_sha256"], **change}
        save_predictions(path, Predictions(rows, labels, logits, logits, said))
        assert (validation_answers(run.folder, data, data.validation, facts) is not None) is used
    said = {**known, "weights_sha256": facts["weights_sha256"]}
    save_predictions(path, Predictions(rows[::-1], labels, logits, logits, said))
    assert validation_answers(run.folder, data, data.validation, facts) is None  # of other rows
    path.unlink()


def test_a_student_whose_training_was_stopped_is_not_chosen(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    put_student(run, 0, accuracy=0.8)
    put_student(run, 1, accuracy=0.9)
    (run.folder.role(1, "student") / "finished.json").unlink()
    assert best_fold(run.folder, run.split) == 0
    (run.folder.role(0, "student") / "finished.json").unlink()
    with pytest.raises(TrainingError) as nothing:
        best_fold(run.folder, run.split)
    assert nothing.value.code == "no-model"


def test_a_student_of_another_run_is_refused_with_what_differs(run: Run) -> None:
    facts = json.loads((run.folder.best(0, "student") / "model.json").read_text())
    check_student(facts, run.config, run.manifest, run.split, 0)
    with pytest.raises(TrainingError, match="fold"):
        check_student(facts, run.config, run.manifest, run.split, 1)
    for name in ("split_sha256", "classes", "input", "role"):
        with pytest.raises(TrainingError, match=name) as refusal:
            check_student({**facts, name: "other"}, run.config, run.manifest, run.split, 0)
        assert refusal.value.code == "wrong-student"


def test_a_name_of_a_patient_in_the_configuration_stops_the_package_before_it_is_written(
    run: Run, place: Path
) -> None:
    named = dataclasses.replace(
        run.config, export=dataclasses.replace(run.config.export, name="for CNV4-OD", half=False)
    )
    row = dataclasses.replace(run.manifest.rows[0], volume="CNV4-OD")
    manifest = dataclasses.replace(run.manifest, rows=(row, *run.manifest.rows[1:]))
    with pytest.raises(TrainingError) as refusal:
        export_run(run.folder, run.root, manifest, run.split, named, key_file=place / "me/key.pem")
    assert refusal.value.code == "names-a-patient"
    assert "CNV4" not in str(refusal.value.details) + refusal.value.message
    assert not list(run.folder.root.glob("for*"))


def test_names_become_files_and_golden_pictures_cover_devices() -> None:
    assert file_name("Ward 3 / OCT") == "Ward_3_OCT"
    assert file_name("../..") == "model"
    assert len(GOLDEN_STYLES) == 2
