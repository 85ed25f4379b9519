"""Compiled or not: the same weights, and only where it was asked for or pays."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.tiny_run import tiny_config, tiny_fold, tiny_run
from tests.training.toy import toy
from training.events import Silent
from training.learning import compiling
from training.learning.teacher import train_teacher
from training.networks.checkpoint import read_best

CPU = torch.device("cpu")


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[Any] = []

    def metric(self, step: str, values: Mapping[str, Any]) -> None:
        self.said.append(dict(values))

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        self.said.append(code)


def chosen(word: str, *, deterministic: bool = False) -> nn.Module:
    config = replace(tiny_config().teacher, compile=word)
    return compiling.compiled(
        network, config, device=CPU, size=(32, 48), deterministic=deterministic, events=Silent()
    )


network = toy()


def test_a_cpu_compiles_only_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    assert chosen("off") is network
    assert chosen("auto") is network
    assert chosen("on") is not network


def test_a_compiled_form_that_is_no_faster_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.0])
    monkeypatch.setattr(compiling, "_step_s", lambda *_: next(times))
    heard = Heard()
    assert compiling.faster(network, torch.zeros(1, 3, 32, 48), heard) is network
    assert heard.said == [{"gain": 1.0, "kept": False}]


def test_a_compiled_form_that_pays_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 0.5])
    monkeypatch.setattr(compiling, "_step_s", lambda *_: next(times))
    assert compiling.faster(network, torch.zeros(1, 3, 32, 48), Silent()) is not network


def test_a_compiler_that_fails_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(compiling, "_step_s", fail)
    heard = Heard()
    assert compiling.faster(network, torch.zeros(1, 3, 32, 48), heard) is network
    assert heard.said == ["not-compiled"]


def test_a_compiled_training_writes_the_weights_of_the_plain_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    found = []
    for word in ("off", "on"):
        run = tiny_run(tmp_path / word, tiny_config(teacher={"compile": word, "epochs": 2}))
        train_teacher(run.config, tiny_fold(run), run.folder, events=Silent(), cache=run.cache)
        found.append(read_best(run.folder.best(0, "teacher"))[0])
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], atol=1e-5), name
