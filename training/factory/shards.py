"""Training pictures made ahead, shard by shard, in a process of its own.

Shard k holds the new pictures of epoch k and follows from (seed, k) alone, so a run is the same
however fast the machine. Epoch k sees shard k and shard k-1: each picture is seen twice.
"""

import dataclasses
import hashlib
import json
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.preprocess import InputSpec, preprocessing_hash
from training.factory.config import DataConfig
from training.factory.samples import GRID, Pool, load_pool, make_sample
from training.factory.sources import labelled, normals, read_manifest

KINDS = ("painted", "phantom", "real")


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Ready pictures.

    Attributes:
        units: uint8 inputs before mean and deviation, axes (picture, row, column).
        labels: int64.
        cells: uint8 share of lesion behind each cell, axes (picture, row, column).
        kinds: int64 index into `KINDS`.
    """

    units: NDArray[np.uint8]
    labels: NDArray[np.int64]
    cells: NDArray[np.uint8]
    kinds: NDArray[np.int64]


def make_shard(pool: Pool, config: DataConfig, spec: InputSpec, *, index: int, count: int) -> Shard:
    """Make shard `index` of `count` pictures."""
    units = np.zeros((count, spec.height, spec.width), dtype=np.uint8)
    grid = (-(-spec.height // GRID), -(-spec.width // GRID))
    cells = np.zeros((count, *grid), dtype=np.uint8)
    labels = np.zeros(count, dtype=np.int64)
    kinds = np.zeros(count, dtype=np.int64)
    for at in range(count):
        sample = make_sample(pool, config, spec, seed=(config.seed, index, at))
        units[at], cells[at], labels[at] = sample.unit, sample.cells, sample.label
        kinds[at] = KINDS.index(sample.kind)
    return Shard(units, labels, cells, kinds)


def save_shard(shard: Shard, folder: Path) -> None:
    """Write a shard as a folder of .npy files that appears all at once."""
    draft = folder.with_name(folder.name + ".draft")
    draft.mkdir(parents=True, exist_ok=True)
    for name in Shard.__slots__:
        np.save(draft / f"{name}.npy", getattr(shard, name))
    draft.replace(folder)


def load_shard(folder: Path) -> Shard:
    """Open a shard; the pictures stay on disk until they are used."""
    units = np.load(folder / "units.npy", mmap_mode="r")
    rest = (np.load(folder / f"{name}.npy") for name in ("labels", "cells", "kinds"))
    return Shard(units, *rest)


def shard_folder(cache: Path, config: DataConfig, spec: InputSpec) -> Path:
    """Folder for the shards of one configuration; another one gets another folder."""
    text = json.dumps(dataclasses.asdict(config))
    mark = f"{text}{preprocessing_hash(spec)}".encode()
    return cache / f"shards-{hashlib.sha256(mark).hexdigest()[:12]}"


def fill_cache(
    data: Path, cache: Path, config: DataConfig, spec: InputSpec, *, shards: int
) -> None:
    """Make the shards that are not there yet; runs in its own process."""
    if multiprocessing.parent_process() is not None and hasattr(os, "setsid"):
        os.setsid()
    folder = shard_folder(cache, config, spec)
    missing = [k for k in range(shards) if not (folder / f"{k:04d}").is_dir()]
    if not missing:
        return
    rows = read_manifest(data)
    pool = load_pool(normals(rows), labelled(rows))
    for index in missing:
        shard = make_shard(pool, config, spec, index=index, count=config.shard)
        save_shard(shard, folder / f"{index:04d}")


def start_filling(
    data: Path, cache: Path, config: DataConfig, spec: InputSpec, *, shards: int
) -> multiprocessing.process.BaseProcess:
    """Start the process that makes the shards."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=fill_cache, args=(data, cache, config, spec), kwargs={"shards": shards}, daemon=True
    )
    process.start()
    return process


def wait_for(
    folder: Path, index: int, maker: multiprocessing.process.BaseProcess, *, poll_s: float = 1.0
) -> Shard:
    """The shard, as soon as it is there.

    Raises:
        RuntimeError: The process that makes the shards has ended without it.
    """
    target = folder / f"{index:04d}"
    while not target.is_dir():
        if not maker.is_alive() and not target.is_dir():
            raise RuntimeError(f"shard {index} was not made")
        time.sleep(poll_s)
    return load_shard(target)
