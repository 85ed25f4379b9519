"""Mixed precision: weights stay float32, and no other precision is put in its place."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.learning.test_fit import StopAt, outcome, train
from tests.training.tiny_run import tiny_config, tiny_run
from training.errors import TrainingError
from training.learning.stopping import Stopped
from training.networks.checkpoint import read_best
from training.open_run import Run


def run_of(place: Path, precision: str) -> Run:
    over: dict[str, Any] = {"precision": precision, "epochs": 2, "swa_start": -1}
    return tiny_run(place, tiny_config(teacher=over))


def test_half_precision_trains_and_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    whole, again = (run_of(tmp_path / name, "bf16") for name in ("whole", "again"))
    train(whole, "teacher")
    with pytest.raises(Stopped):
        train(again, "teacher", StopAt(again, "teacher", at=3, word="now"))
    train(again, "teacher")
    assert outcome(again, "teacher") == outcome(whole, "teacher")
    weights, _ = read_best(whole.folder.best(0, "teacher"))
    kinds = {str(value.dtype) for value in weights.values() if value.is_floating_point()}
    assert kinds == {"torch.float32"}


def test_fp16_on_a_processor_is_refused_and_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as raised:
        train(run_of(tmp_path, "fp16"), "teacher")
    assert raised.value.code == "no-fp16"
