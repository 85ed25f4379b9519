"""The factory run: from a data folder to a checkpoint of the factory model."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kdoct_desktop.inference.preprocess import InputSpec, preprocessing_hash
from training.factory.checkpoint import load_checkpoint, save_checkpoint, seed_everything
from training.factory.config import Config
from training.factory.loop import State, augment, start, to_input, train_step
from training.factory.shards import Shard, shard_folder, start_filling, wait_for
from training.factory.sources import read_manifest, split_hash
from training.networks.lite2 import INITIAL_WEIGHTS, lite2_file
from training.networks.models import create_network
from training.painted.painting import CLASSES


def train_factory(config: Config, data: Path, out: Path, *, random_start: bool = False) -> Path:
    """Run the training, or go on with it where a checkpoint lies in `out`.

    Args:
        config: The run.
        data: Folder of the data.
        out: Where the pictures, the log and the checkpoint go.
        random_start: Begin from random weights instead of EfficientNet-Lite2's.

    Returns:
        Folder of the checkpoint.
    """
    torch.set_num_threads(config.train.threads)
    spec = InputSpec(config.input.height, config.input.width)
    maker = start_filling(data, out, config.data, spec, shards=config.train.epochs)
    folder = shard_folder(out, config.data, spec)
    state, facts = _prepare(config, data, spec, random_start=random_start)
    checkpoint = out / "checkpoint"
    first = 0
    if (checkpoint / "state.safetensors").is_file():
        first = int(load_checkpoint(state, checkpoint)["epoch"]) + 1
    for epoch in range(first, config.train.epochs):
        shards = [wait_for(folder, k, maker) for k in (epoch, epoch - 1) if k >= 0]
        loss, right = run_epoch(state, config, shards, epoch=epoch)
        facts.update(epoch=epoch)
        save_checkpoint(state, checkpoint, facts)
        _log(out, {"epoch": epoch, "step": state.step, "loss": loss, "right": right})
    maker.join()
    return checkpoint


def _prepare(
    config: Config, data: Path, spec: InputSpec, *, random_start: bool
) -> tuple[State, dict[str, object]]:
    """The run before its first step, and the facts that every checkpoint carries."""
    seed_everything(config.train.seed)
    network, carried = create_network(
        len(CLASSES),
        dropout=config.train.dropout,
        lite2=None if random_start else lite2_file(),
    )
    epochs = config.train.epochs
    pictures = config.data.shard * (2 * epochs - 1)
    state = start(network, config.train, steps=pictures // config.train.batch)
    rows = read_manifest(data)
    names = "\n".join(f"{row.path.name} {row.group}" for row in rows)
    facts: dict[str, object] = {
        "config": config.to_json(),
        "classes": list(CLASSES),
        "preprocessing": preprocessing_hash(spec),
        "split_sha256": split_hash(rows),
        "manifest_sha256": hashlib.sha256(names.encode()).hexdigest(),
        "initial_weights": INITIAL_WEIGHTS if carried else {"name": "random", "licence": ""},
        "torch": torch.__version__,
    }
    return state, facts


def run_epoch(
    state: State, config: Config, shards: list[Shard], *, epoch: int
) -> tuple[float, float]:
    """One pass over the pictures of the shards in an order that follows from seed and epoch.

    Returns:
        Mean loss and share of right answers while training.
    """
    rng = np.random.default_rng((config.train.seed, epoch))
    generator = torch.Generator().manual_seed(config.train.seed * 1000 + epoch)
    torch.manual_seed(config.train.seed * 1000 + epoch)
    where = [(k, i) for k, shard in enumerate(shards) for i in range(len(shard.labels))]
    order = rng.permutation(len(where))
    batch = config.train.batch
    results = []
    begun = time.monotonic()
    for at in range(0, len(order) - batch + 1, batch):
        units, labels, cells = _gather(shards, [where[k] for k in order[at : at + batch]])
        pictures, share = augment(units, cells, generator)
        if epoch < config.train.small_epochs:
            size = (config.train.small_height, config.train.small_width)
            pictures = nn.functional.interpolate(pictures[:, None], size=size, mode="area")[:, 0]
        ready = (to_input(pictures), torch.from_numpy(labels), share)
        results.append(train_step(state, config.train, ready))
        if len(results) % 25 == 0:
            loss, right = np.mean(results[-25:], axis=0)
            speed = batch * len(results) / (time.monotonic() - begun)
            print(f"epoch {epoch} step {state.step}/{state.steps} loss {loss:.3f} "
                  f"right {right:.3f} {speed:.1f}/s", flush=True)  # fmt: skip
    loss, right = np.mean(results, axis=0)
    return float(loss), float(right)


def _gather(
    shards: list[Shard], chosen: list[tuple[int, int]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8]]:
    """Pictures, labels and cells of a batch."""
    units = np.stack([shards[k].units[i] for k, i in chosen])
    labels = np.array([shards[k].labels[i] for k, i in chosen], dtype=np.int64)
    cells = np.stack([shards[k].cells[i] for k, i in chosen])
    return units, labels, cells


def _log(out: Path, line: dict[str, object]) -> None:
    """Append one JSON line to the run's log."""
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
