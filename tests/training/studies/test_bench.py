"""The speed measurement: what it says and how it is put together; no test looks at a speed."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.tiny_run import tiny_config
from tests.training.toy import ToyNetwork
from training.config import load_config
from training.events import Silent
from training.studies.bench import GOALS, ROUNDS, bench_config, measure_speed
from training.studies.reference_recipe import Pictures, ReferenceDistillation, student_views


def test_every_figure_and_ratio_of_a_run_is_there() -> None:
    found = measure_speed(tiny_config(), seconds=0.05, events=Silent(), size=(64, 64))
    speeds = found["images_per_s"]
    assert set(speeds) == {
        "loop", "teacher_forward", "student_step", "pipeline", "reference", "bare",
    }  # fmt: skip
    assert all(value > 0.0 for value in speeds.values())
    assert set(found["ratios"]) == set(GOALS)
    for name, one in found["ratios"].items():
        assert one["low"] <= one["median"] <= one["high"]
        assert one["goal"] == GOALS[name].get("cpu")
        assert (one["met"] is None) == (one["goal"] is None)
    assert found["device"] == "cpu"
    assert found["measured"]["rounds"] == ROUNDS
    assert found["measured"]["teacher"] == "test_convnext"
    assert {"torch", "threads", "cores"} <= set(found["machine"])


def test_small_networks_are_measured_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.studies.bench.choose_accelerator", lambda asked: "cpu")
    assert bench_config(None, []) == load_config("bench")
    monkeypatch.setattr("training.studies.bench.choose_accelerator", lambda asked: "cuda")
    assert bench_config(None, []) == load_config("generic")
    assert bench_config("smoke", ["student.batch=3"]).student.batch == 3


def files(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    made = [folder / f"{k}.png" for k in range(3)]
    for path in made:
        Image.fromarray(rng.integers(0, 256, (40, 50), dtype=np.uint8)).save(path)
    return made


def test_the_reference_s_views_have_the_size_of_the_network(tmp_path: Path) -> None:
    with Image.open(files(tmp_path)[0]) as file:
        view = student_views((32, 48))(file.convert("RGB"))
    assert view.shape == (3, 32, 48)
    assert view.dtype == torch.float32


def test_the_reference_trains_its_student_and_leaves_its_teacher(tmp_path: Path) -> None:
    pictures = Pictures(files(tmp_path), [0, 1, 2], size=(32, 48), length=8)
    torch.manual_seed(0)
    teacher, student = ToyNetwork(3), ToyNetwork(3)
    before = [{k: v.clone() for k, v in net.state_dict().items()} for net in (teacher, student)]
    answers = ReferenceDistillation(
        teacher_of(teacher), student, pictures, device=torch.device("cpu"), batch=2, accumulation=2
    ).micro_batches()
    assert list(itertools.islice(answers, 5)) == [2] * 5
    same = [
        all(torch.equal(v, old[k]) for k, v in net.state_dict().items())
        for net, old in zip((teacher, student), before, strict=True)
    ]
    assert same == [True, False]


def teacher_of(network: ToyNetwork) -> torch.nn.Module:
    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(picture)[0]
            return logits

    return Logits()
