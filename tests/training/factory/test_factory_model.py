"""The factory model that ships: accepted by the desktop, honest on its card, right on real eyes."""

from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.inference.package import ModelPackage, read_package
from kdoct_desktop.inference.preprocess import preprocess, preprocessing_hash
from kdoct_desktop.inference.probability import completeness_errors
from kdoct_desktop.inference.signing import load_trusted_keys
from training.factory.sources import held_out, read_grey, read_manifest
from training.painted.painting import CLASSES
from training.ship.card_tables import figure
from training.ship.export import onnx_runner

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "resources" / "models" / "factory.kdmodel"
REAL = ROOT / ".." / "shared" / "data"


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return read_package(PACKAGE, trusted_keys=load_trusted_keys(ROOT / "resources" / "keys"))


def test_the_shipped_model_is_signed_and_fits_this_preprocessing(package: ModelPackage) -> None:
    assert package.identity.classes == CLASSES
    assert package.identity.demonstration
    assert "not for any decision about a patient" in package.identity.notice
    assert package.preprocessing == preprocessing_hash(package.input_spec)


def test_the_shipped_card_prints_the_measured_figures_and_the_licences(
    package: ModelPackage,
) -> None:
    metrics = package.manifest["metrics"]
    outside = metrics["outside"]
    for name in ("kermany", "clinic_a", "duke_dme", "all of them"):
        table = outside["sets"][name]["bscan"]
        assert figure(table["figures"]["macro_sensitivity"]) in package.card
        assert table["patients"] > 0
    assert set(outside["unlike"]["clinic_a"]) == {"RVO"}
    assert set(outside["unlike"]["octdl"]) >= {"ERM", "MACULAR_HOLE"}
    assert outside["sets"]["clinic_a"]["pointing"]["n"] > 200
    assert figure(outside["sets"]["clinic_a"]["pointing"]["hit"]) in package.card
    assert metrics["held_out"]["evidence"]["pointing"]["n"] > 200
    assert metrics["parity"]["difference"] <= 1e-5
    assert metrics["parity"]["pictures"] >= 200
    assert {one["name"] for one in package.manifest["training"]["data"]} == {
        "phantoms", "octdl", "kermany",
    }  # fmt: skip
    for one in package.manifest["training"]["data"]:
        assert one["licence"] in package.card


def test_the_shipped_model_is_a_student_and_nothing_it_started_from_binds_its_use(
    package: ModelPackage,
) -> None:
    training = package.manifest["training"]
    assert training["teacher"]["validation"]["accuracy"] >= 0.9
    assert training["waiver"] == ""
    assert training["config"]["distill"]["soft_weight"] > 0.0
    for one in (training["initial_weights"], training["teacher"]["initial_weights"]):
        assert one["licence"] == "Apache-2.0"


def test_the_private_key_is_not_in_the_repository() -> None:
    folders = ("resources", "training", "kdoct_desktop", "installer", "tests")
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {".pem", ".key", ".pub"}:
                assert b"PRIVATE KEY" not in path.read_bytes()


def test_the_shipped_model_reads_held_out_real_eyes_and_explains_itself(
    package: ModelPackage,
) -> None:
    if not (REAL / "bscans" / "manifest.csv").is_file():
        pytest.skip("the development data is not beside the repository")
    rows = [r for r in read_manifest(REAL) if r.dataset == "kermany" and held_out(r.group)]
    inputs = np.stack([preprocess(read_grey(row.path), package.input_spec)[0] for row in rows])
    logits, cams, _ = onnx_runner(package.onnx_bytes)(inputs)
    truth = np.array([CLASSES.index(row.label) for row in rows])
    assert float((logits.argmax(axis=1) == truth).mean()) >= 0.8
    assert float(completeness_errors(logits, cams, package.bias).max()) < 1e-3
