"""Whole trainings: stopped, killed, damaged and resumed ones end with the same bits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tensors import tensors_sha256
from tests.training.tiny_run import tiny_config, tiny_fold, tiny_run
from training.config import Config
from training.errors import TrainingError
from training.events import Silent
from training.learning.distill import distill_student
from training.learning.fit import only_here
from training.learning.stopping import Stopped
from training.learning.teacher import train_teacher
from training.networks.checkpoint import read_best
from training.open_run import Run

ROOT = Path(__file__).resolve().parents[3]


def train(run: Run, role: str, events: Silent | None = None) -> dict[str, Any]:
    function = train_teacher if role == "teacher" else distill_student
    return function(
        run.config, tiny_fold(run), run.folder, events=events or Silent(), cache=run.cache
    )


def outcome(run: Run, role: str) -> tuple[str, list[dict[str, Any]]]:
    """Hash of the chosen weights, and the log."""
    weights, _ = read_best(run.folder.best(0, role))
    log = run.folder.log(0, role).read_text("utf-8").splitlines()
    return tensors_sha256(weights), [json.loads(line) for line in log]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Teacher and student of fold 0, never interrupted."""
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    run = tiny_run(tmp_path_factory.mktemp("whole"))
    train(run, "teacher")
    train(run, "student")
    return run


def test_a_teacher_learns_and_says_everything_about_itself(whole: Run) -> None:
    _, facts = read_best(whole.folder.best(0, "teacher"))
    assert facts["role"] == "teacher"
    assert facts["chosen"] in facts["validation"]
    assert set(facts["validation"]) == {"raw", "ema", "swa"}
    assert facts["split_sha256"] == whole.split.sha256
    assert facts["classes"] == ["NORMAL", "DRUSEN", "CNV"]
    assert facts["initial_weights"]["name"]
    assert {"torch", "timm", "python"} <= set(facts["versions"])
    assert max(v["accuracy"] for v in facts["validation"].values()) > 0.5


def test_the_log_has_one_line_an_epoch_with_every_candidate(whole: Run) -> None:
    _, log = outcome(whole, "student")
    assert [line["epoch"] for line in log] == [0, 1, 2]
    assert set(log[0]["validation"]) == {"raw", "ema"}
    assert set(log[2]["validation"]) == {"raw", "ema", "swa"}
    rows = len(tiny_fold(whole).train.rows)
    assert [line["seen"] for line in log] == [rows] * 3
    assert log[0]["updates"] == -(-rows // 8)


def test_the_student_remembers_its_teacher(whole: Run) -> None:
    _, teacher = read_best(whole.folder.best(0, "teacher"))
    _, student = read_best(whole.folder.best(0, "student"))
    assert student["teacher"]["weights_sha256"] == teacher["weights_sha256"]
    assert student["waiver"] == "a test"


def test_what_is_done_is_found_done(whole: Run) -> None:
    class NoEpochs(Silent):
        def metric(self, step: str, values: Mapping[str, Any]) -> None:
            raise AssertionError("trained again")

    train(whole, "teacher", NoEpochs())
    train(whole, "student", NoEpochs())


class StopAt(Silent):
    """Asks for a stop at some step, as `kdoct-train stop` does."""

    def __init__(self, run: Run, role: str, *, at: int, word: str) -> None:
        self._file = run.folder.stop(0, role)
        self._at, self._word, self._seen = at, word, 0

    def progress(self, done: int, total: int, step: str) -> None:
        self._seen += "epoch" in step
        if self._seen == self._at and "epoch" in step:
            self._file.write_text(self._word, "utf-8")


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_training_stopped_in_every_epoch_ends_with_the_same_bits(
    whole: Run, tmp_path: Path, role: str
) -> None:
    run = tiny_run(tmp_path)
    if role == "student":
        train(run, "teacher")
    for at, word in ((2, "now"), (1, "now"), (1, "epoch"), (3, "now")):
        with pytest.raises(Stopped):
            train(run, role, StopAt(run, role, at=at, word=word))
        assert not (run.folder.role(0, role) / "finished.json").exists()
    train(run, role)
    assert outcome(run, role) == outcome(whole, role)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 as on Linux")
def test_a_training_killed_at_any_moment_ends_with_the_same_bits(
    whole: Run, tmp_path: Path
) -> None:
    """Real processes, kill -9 a little later each time, a checkpoint after every step."""
    run = tiny_run(tmp_path, tiny_config(compute={"checkpoint_minutes": 0.0}))
    command = [sys.executable, "-m", "training", "teacher", str(run.folder.root),
               "--fold", "0", "--events"]  # fmt: skip
    checkpoints = run.folder.role(0, "teacher") / "checkpoints"
    for wanted in (1, 5, 9):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and newest(checkpoints) < wanted:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    assert outcome(run, "teacher") == outcome(whole, "teacher")


def newest(folder: Path) -> int:
    """Steps of the newest checkpoint; 0 without one."""
    return max((int(path.name.split("-")[1]) for path in folder.glob("step-*")), default=0)


def test_a_damaged_newest_checkpoint_costs_an_epoch_and_no_bit(whole: Run, tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    for at in (4, 4):
        with pytest.raises(Stopped):
            train(run, "teacher", StopAt(run, "teacher", at=at, word="epoch"))
    folder = run.folder.role(0, "teacher") / "checkpoints"
    (folder / f"step-{newest(folder):08d}" / "state.safetensors").write_bytes(b"damaged")
    train(run, "teacher")
    assert outcome(run, "teacher") == outcome(whole, "teacher")


def other(run: Run, config: Config, role: str) -> None:
    function = train_teacher if role == "teacher" else distill_student
    function(config, tiny_fold(run), run.folder, events=Silent(), cache=run.cache)


def test_another_configuration_does_not_touch_what_is_there(whole: Run) -> None:
    before = outcome(whole, "teacher")
    with pytest.raises(TrainingError) as raised:
        other(whole, tiny_config(teacher={"epochs": 2}), "teacher")
    assert raised.value.code == "other-run"
    assert outcome(whole, "teacher") == before


def test_two_jobs_on_one_network_do_not_step_on_each_other(whole: Run) -> None:
    with (
        only_here(whole.folder, 1, "teacher", leads=True),
        pytest.raises(TrainingError) as raised,
        only_here(whole.folder, 1, "teacher", leads=True),
    ):
        pass
    assert raised.value.code == "busy"


def test_a_run_that_diverges_is_said_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, tiny_config(teacher={"head_rate": 1e30, "backbone_rate": 1e30,
                                                  "clip": 0.0}))  # fmt: skip
    with pytest.raises(TrainingError) as raised:
        train(run, "teacher")
    assert raised.value.code == "diverged"


def test_early_stopping_waits_as_many_epochs_as_asked(tmp_path: Path) -> None:
    config = tiny_config(teacher={"epochs": 30, "patience": 2, "head_rate": 1e-9,
                                  "backbone_rate": 1e-9, "ema": 0.0, "swa_start": -1})  # fmt: skip
    run = tiny_run(tmp_path, config)
    best = train(run, "teacher")
    _, log = outcome(run, "teacher")
    assert len(log) == best["epoch"] + 1 + 2
