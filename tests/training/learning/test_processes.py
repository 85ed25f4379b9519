"""Two processes with gloo on the CPU: the gradients, samples and files of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.tiny_run import tiny_config, tiny_run
from training.config import Config
from training.networks.checkpoint import read_best

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="gloo as on Linux")


def run_processes(count: int, *words: str) -> None:
    command = [sys.executable, *words]
    if count > 1:
        command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}",
                   "--master-port=0", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0",
                   *words]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                          timeout=240)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def config(*, batch: int) -> Config:
    """No dropout, and a network without batch norm: what one process computes is what two do."""
    over = {"dropout": 0.0, "drop_path": 0.0, "batch": batch, "accumulation": 2, "clip": 0.0,
            "freeze_epochs": 1, "epochs": 2}  # fmt: skip
    return tiny_config(teacher=over, compute={"deterministic": True})


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    script = str(ROOT / "tests" / "training" / "learning" / "two_processes.py")
    for count, batch in ((1, 4), (2, 2)):
        run = tiny_run(tmp_path / str(count), config(batch=batch))
        run_processes(count, script, str(run.folder.root), str(tmp_path / f"of{count}"))
    one = load_file(tmp_path / "of1-0.safetensors")
    first, second = (load_file(tmp_path / f"of2-{rank}.safetensors") for rank in (0, 1))
    assert one.keys() == first.keys() == second.keys()
    assert one
    for name, gradient in one.items():
        assert torch.equal(first[name], second[name]), name
        assert torch.allclose(gradient, first[name], rtol=1e-4, atol=1e-7), name
    assert (tmp_path / "of1-0.txt").read_text().split() == [
        "1",
        "8",
        _right(tmp_path / "of1-0.txt"),
    ]
    assert (tmp_path / "of2-0.txt").read_text().split()[:2] == ["2", "8"]
    assert _right(tmp_path / "of1-0.txt") == _right(tmp_path / "of2-0.txt")


def _right(path: Path) -> str:
    return path.read_text().split()[2]


def test_two_processes_train_like_one_and_only_the_first_writes(tmp_path: Path) -> None:
    logs, weights = [], []
    for count, batch in ((1, 4), (2, 2)):
        run = tiny_run(tmp_path / str(count), config(batch=batch))
        words = ("-m", "training", "teacher", str(run.folder.root), "--fold", "0",
                 "--events")  # fmt: skip
        run_processes(count, *words)
        lines = run.folder.log(0, "teacher").read_text("utf-8").splitlines()
        logs.append([json.loads(line) for line in lines])
        weights.append(read_best(run.folder.best(0, "teacher"))[0])
        drafts = [path for path in run.folder.root.rglob("*") if "draft" in path.name]
        assert not drafts
    one, two = logs
    assert [line["seen"] for line in one] == [line["seen"] for line in two]
    assert [line["updates"] for line in one] == [line["updates"] for line in two]
    for a, b in zip(one, two, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-3)
        assert a["validation"]["raw"]["loss"] == pytest.approx(
            b["validation"]["raw"]["loss"], rel=1e-3
        )
    for name, value in weights[0].items():
        assert torch.allclose(value, weights[1][name], rtol=1e-2, atol=1e-3), name
