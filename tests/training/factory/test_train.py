"""The whole factory run, on a drawn data folder and a toy network."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.drawn import normal_bscan
from tests.training.toy import toy
from training.factory import train as factory
from training.factory.checkpoint import read_facts
from training.factory.config import FACTORY, Config, InputConfig, load_config
from training.factory.loop import start
from training.factory.shards import Shard
from training.factory.sources import held_out
from training.factory.train import run_epoch, train_factory

WHOLE = load_config(FACTORY)
CONFIG = replace(
    WHOLE,
    input=InputConfig(64, 96),
    data=replace(WHOLE.data, shard=16, painted=0.8, phantom=0.0, real=0.2),
    train=replace(
        WHOLE.train, epochs=2, small_epochs=1, small_height=48, small_width=64, batch=4, threads=1
    ),
)


def write_data(folder: Path) -> Path:
    """Two normal eyes of one device and one picture of each class of another."""
    group = next(f"kermany-g{k:03d}" for k in range(50) if not held_out(f"kermany-g{k:03d}"))
    places = [("octdl", "NORMAL", "octdl-g1"), ("octdl", "NORMAL", "octdl-g2")]
    places += [("kermany", label, group) for label in ("NORMAL", "DRUSEN", "CNV", "DME")]
    root = folder / "bscans"
    root.mkdir(parents=True)
    names = ["path", "dataset", "label", "group", "mask_cysts"]
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        for index, (dataset, label, name) in enumerate(places):
            picture, _, _ = normal_bscan(seed=index)
            (root / f"{index}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
            table.writerow(
                dict(zip(names, (f"{index}.png", dataset, label, name, ""), strict=True))
            )
    return folder


def shard(seed: int) -> Shard:
    rng = np.random.default_rng(seed)
    return Shard(
        rng.integers(0, 255, (12, 64, 96)).astype(np.uint8),
        rng.integers(0, 4, 12),
        rng.integers(0, 255, (12, 2, 3)).astype(np.uint8),
        np.zeros(12, np.int64),
    )


@pytest.mark.parametrize("epoch", [0, 1])
def test_an_epoch_is_the_same_each_time_it_is_run(epoch: int) -> None:
    results = []
    for _ in range(2):
        state = start(toy(), CONFIG.train, steps=6)
        results.append(run_epoch(state, CONFIG, [shard(0), shard(1)], epoch=epoch))
        assert state.step == 6
    assert results[0] == pytest.approx(results[1], abs=1e-5)


def test_a_run_writes_a_checkpoint_that_names_its_data_and_is_not_trained_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factory, "create_network", lambda *_, **__: (toy(), 0))
    data, out = write_data(tmp_path / "data"), tmp_path / "out"
    checkpoint = train_factory(CONFIG, data, out, random_start=True)
    facts = read_facts(checkpoint)
    assert facts["epoch"] == 1
    assert facts["step"] == facts["steps"] == 12
    assert facts["classes"] == ["NORMAL", "DRUSEN", "CNV", "DME"]
    assert facts["initial_weights"]["name"] == "random"
    assert len(facts["split_sha256"]) == 64
    assert len((out / "log.jsonl").read_text("utf-8").splitlines()) == 2
    before = (checkpoint / "state.safetensors").read_bytes()
    train_factory(CONFIG, data, out, random_start=True)
    assert (checkpoint / "state.safetensors").read_bytes() == before


def test_the_configuration_of_the_test_is_a_whole_one() -> None:
    assert isinstance(CONFIG, Config)
    assert CONFIG.to_json()["train"]["small_height"] == 48
