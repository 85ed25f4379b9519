"""The factory's data set in the pipeline: imported, split by patient, taught and distilled."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from kdoct_desktop.inference.package import read_package
from kdoct_desktop.inference.signing import public_bytes
from tests.training.factory.drawn_bscans import write_bscans
from training.__main__ import main
from training.config import load_config
from training.data.manifest import Manifest, read_manifest
from training.painted.painting import CLASSES
from training.ship.export import load_key
from training.splits.draw_split import draw_split
from training.splits.split import PARTS, Fold

AMOUNTS = ("--seed", "1", "--painted", "64", "--phantoms", "16", "--bscans", "2", "--views", "8")
TOYS = (
    *("teacher.model=test_convnext", "teacher.weights=none", "teacher.epochs=1"),
    *("student.model=test_efficientnet", "student.weights=none", "student.epochs=1"),
    *("teacher.warmup_epochs=0", "student.warmup_epochs=0", "input.height=32", "input.width=48"),
    *("evaluate.resamples=20", "evaluate.faithful=0", "distill.waiver=a test"),
    *("export.waiver=a test", "split.validation=0.3"),
    *("compute.threads=1", "compute.loader_threads=1"),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    root: Path
    manifest: Manifest

    def words(self, command: str, *more: str) -> list[str]:
        data = ("--data", str(self.root / "data"), "--manifest", str(self.root / "manifest.csv"))
        over = [word for toy in TOYS for word in ("--set", toy)]
        return [command, *more, "--config", "factory-cpu", *data, *over]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    root = tmp_path_factory.mktemp("factory-set")
    write_bscans(root / "bscans", octdl=10)
    data, manifest = str(root / "data"), str(root / "manifest.csv")
    words = ["factory-data", data, "--data", str(root / "bscans"), *AMOUNTS, "--workers", "1"]
    assert main(words) == 0
    assert main(["manifest", "csv", data, "--option", "table=labels.csv", "--out", manifest]) == 0
    return Place(root, read_manifest(root / "manifest.csv"))


def parts_of_origins(place: Place, fold: Fold) -> dict[str, set[str]]:
    """Parts in which a real picture, or anything made of it, stands."""
    part = {name: key for key in PARTS for name in getattr(fold, key)}
    found: dict[str, set[str]] = {}
    for row in place.manifest.rows:
        if row.patient in part:
            group = row.path.split("/")[1]
            found.setdefault(group, set()).add(part[row.patient])
    return found


def test_the_importer_reads_every_line_with_its_label_and_patient(place: Place) -> None:
    rows = place.manifest.rows
    assert len(rows) == 28 + 64 + 8 + 32  # real ones, paintings, views, B-scans of simulated eyes
    assert {row.dataset for row in rows} == {"octdl", "kermany", "phantoms"}
    assert {row.label for row in rows} == {"NORMAL", "DRUSEN", "CNV", "DME"}
    for row in rows:
        assert row.patient == f"{row.dataset}:{row.path.split('/')[1]}" or row.volume
        assert bool(row.volume) == (row.dataset == "phantoms") == bool(row.volume_label)


@pytest.mark.parametrize("words", [(), ("split.official_test=false", "split.folds=3")])
def test_no_group_stands_on_two_sides_of_a_split(place: Place, words: tuple[str, ...]) -> None:
    config = load_config("factory-cpu", [*TOYS, *words])
    split = draw_split(place.manifest, config)
    assert len(split.folds) == config.split.folds
    for fold in split.folds:
        parts = parts_of_origins(place, fold)
        assert all(len(where) == 1 for where in parts.values())
        assert {one for where in parts.values() for one in where} == set(PARTS)
    if not words:
        tested = {row.patient for row in place.manifest.rows if row.part == "test"}
        assert set(split.folds[0].test) == tested


def test_the_doctor_finds_nothing_against_it(place: Place) -> None:
    assert main(place.words("doctor", "--quick", "--run", str(place.root / "new"))) == 0


def test_one_command_teaches_distils_evaluates_and_exports(place: Place) -> None:
    run, key = place.root / "run", place.root / "me" / "key.pem"
    assert main(place.words("run", str(run), "--key", str(key))) == 0
    report = json.loads((run / "cv_report.json").read_text("utf-8"))
    assert report["folds_of_the_split"] == 1
    assert not report["missing"]
    test = report["folds"][0]["data"]["test"]
    assert set(test["datasets"]) == {"octdl", "phantoms"}
    trusted = [public_bytes(load_key(key))]
    package = read_package(run / "kdoct-factory.kdmodel", trusted_keys=trusted)
    assert package.identity.classes == CLASSES
    assert package.identity.demonstration
    credits = load_config("factory-cpu").export.credits
    assert {one["name"]: one["licence"] for one in package.manifest["training"]["data"]} == credits
    assert all(f"- {name}: {text}." in package.card for name, text in credits.items())
