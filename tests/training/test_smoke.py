"""The whole way on phantom patients: pictures to manifest, run, package, desktop and finding."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with simulated patients, their manifest and a finished run."""
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    place = tmp_path_factory.mktemp("smoke")
    data, manifest = str(place / "data"), str(place / "manifest.csv")
    assert main(["phantoms", data, "--patients", "4", "--bscans", "5"]) == 0
    assert main(["manifest", "csv", data, "--option", "table=labels.csv", "--out", manifest]) == 0
    words = ["run", str(place / "run"), "--config", "smoke", "--data", data,
             "--manifest", manifest, "--key", str(place / "key.pem")]  # fmt: skip
    assert main(words) == 0
    return place


def test_every_patient_is_tested_once_and_the_report_is_complete(place: Path) -> None:
    report = json.loads((place / "run" / "cv_report.json").read_text("utf-8"))
    split = json.loads((place / "run" / "splits.json").read_text("utf-8"))
    tested = [patient for fold in split["folds"] for patient in fold["test"]]
    assert len(tested) == len(set(tested)) == 16
    assert report["split_sha256"] == split["sha256"]
    for name in ("summary.html", "summary.pdf"):
        assert (place / "run" / name).stat().st_size > 10_000
    assert list((place / "run" / "figures").glob("*.png"))


def test_the_same_command_finds_everything_done(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(place / "run"), "--config", "smoke", "--data", str(place / "data"),
             "--manifest", str(place / "manifest.csv"), "--no-export", "--events"]  # fmt: skip
    assert main(words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert not [line for line in lines if "epoch" in line.get("values", {})]
    assert lines[-1]["event"] == "done"


def test_another_configuration_in_the_same_folder_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (place / "run" / "config.json").read_bytes()
    words = ["run", str(place / "run"), "--config", "smoke", "--set", "student.epochs=9",
             "--data", str(place / "data"), "--manifest", str(place / "manifest.csv")]  # fmt: skip
    assert main(words) == 2
    assert "other-configuration" in capsys.readouterr().err
    assert (place / "run" / "config.json").read_bytes() == before


def kdoct(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    import os

    environment = {**os.environ, "KDOCT_HOME": str(place / "home")}
    return subprocess.run(
        [sys.executable, "-m", "kdoct_desktop", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip


def test_the_desktop_installs_the_package_and_reads_a_scan_with_it(place: Path) -> None:
    package = place / "run" / "smoke.kdmodel"
    refused = kdoct(place, "model", "install", str(package))
    assert refused.returncode != 0
    assert "not trusted" in refused.stdout + refused.stderr
    keys = place / "home" / "data" / "keys"
    keys.mkdir(parents=True)
    (keys / "smoke.pub").write_bytes((place / "run" / "smoke.pub").read_bytes())
    installed = kdoct(place, "model", "install", str(package))
    assert installed.returncode == 0, installed.stderr
    name = installed.stdout.split()[1].rstrip(".")
    assert kdoct(place, "model", "activate", name).returncode == 0
    done = kdoct(place, "analyze", str(ROOT / "resources" / "demo" / "study"), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["model"]["name"] == "smoke"
    assert len(result["volumes"]) == 2
    errors = [one["completeness_error"] for volume in result["volumes"] for one in volume["bscans"]]
    assert max(errors) < 1e-3


def test_an_interrupted_run_goes_on_where_it_was(place: Path) -> None:
    """A training of the finished run is begun again elsewhere and stopped after an epoch."""
    run = place / "run"
    words = ["split", str(place / "again"), "--config", "smoke", "--data", str(place / "data"),
             "--manifest", str(place / "manifest.csv"), "--split", str(run / "splits.json"),
             "--cache", str(run / "cache")]  # fmt: skip
    assert main(words) == 0
    stop = place / "again" / "fold-0" / "teacher" / "stop"

    command = [sys.executable, "-m", "training", "teacher", str(place / "again"), "--fold", "0",
               "--events"]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if json.loads(line)["event"] == "progress" and not stop.exists() and "epoch" in line:
                stop.write_text("epoch", "utf-8")
    assert process.returncode == 3
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0
    whole, again = (
        [json.loads(line) for line in (place / name / "fold-0" / "teacher" / "log.jsonl")
         .read_text("utf-8").splitlines()] for name in ("run", "again")
    )  # fmt: skip
    assert whole == again
