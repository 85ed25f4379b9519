"""From a fold and a network to a training that can run: what teacher and student share."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from kdoct_desktop.inference.preprocess import preprocessing_hash
from training.config import Config, plain
from training.data.batches import Batch, TrainingBatches, plain_batches
from training.data.cache import Cache
from training.data.outlines import Outlines
from training.events import Events, Silent
from training.learning.averaging import Average
from training.learning.compiling import compiled
from training.learning.compute import is_scaled, seed_from, versions
from training.learning.fit import Fit, Job
from training.learning.fold_data import FoldData, fold_cache
from training.learning.loop import Stepper
from training.learning.optimise import make_optimizer
from training.learning.session import Position, Session
from training.learning.tasks import Task
from training.learning.validate import ValidationSet
from training.networks.initial_weights import InitialWeights
from training.recipe import NetworkConfig
from training.run_folder import RunFolder

STATISTICS_ROWS = 512
"""Training B-scans that batch statistics of averaged weights are taken from."""

STATISTICS_BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a training is put together from.

    Attributes:
        role: ``teacher`` or ``student``.
        config: The whole configuration.
        network: The part of it that describes this network.
        data: The fold.
        folder: The run.
        train: Cache of the training rows.
        validation: Cache of the validation rows.
        extra: What else decides the result, for the identity: the teacher of a student.
    """

    role: str
    config: Config
    network: NetworkConfig
    data: FoldData
    folder: RunFolder
    train: Cache
    validation: Cache
    extra: dict[str, Any]


def open_parts(
    role: str, config: Config, data: FoldData, folder: RunFolder, *,
    cache: Path | None, extra: dict[str, Any], events: Events, fabric: Fabric,
) -> Parts:  # fmt: skip
    """Fill the cache and gather the parts; the first process fills, the others find it filled."""
    network = config.teacher if role == "teacher" else config.student
    if not fabric.is_global_zero:
        fabric.barrier()
    train, validation = fold_cache(config, cache or folder.cache, data, network.augment, events)
    if fabric.is_global_zero:
        fabric.barrier()
    return Parts(role, config, network, data, folder, train, validation, extra)


def identity(role: str, config: Config, data: FoldData, extra: dict[str, Any]) -> str:
    """Hash of everything that decides the weights of a training."""
    values = config.to_json()
    decisive = {name: values[name] for name in ("classes", "input", "data", role)}
    decisive |= {"seed": config.compute.seed, "split": data.split.sha256, "fold": data.fold}
    if role == "student":
        gate = {"gate", "warn_below", "waiver"}  # decide whether, not what is learned
        decisive["distill"] = {k: v for k, v in values["distill"].items() if k not in gate}
    text = json.dumps([role, decisive, extra], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def network_seed(config: Config, role: str, fold: int) -> int:
    """Seed of a network's first weights and of its dropout."""
    return seed_from(config.compute.seed, role, fold)


def make_fit(
    parts: Parts, network: nn.Module, initial: InitialWeights, *,
    task: Task, fabric: Fabric, events: Events,
) -> Fit:  # fmt: skip
    """The training, before its first step."""
    config, data = parts.config, parts.data
    spec = config.input.spec
    heard = events if fabric.is_global_zero else Silent()
    scale = (tuple(spec.mean), tuple(spec.std))
    warn_of_start(initial, data, heard)
    session = make_session(
        network, parts.network, size=_size(parts),
        deterministic=config.compute.deterministic, fabric=fabric, events=heard,
    )  # fmt: skip
    stepper = Stepper(
        session, parts.network, task, seed=network_seed(config, parts.role, data.fold), scale=scale
    )
    job = Job(
        parts.role, data.fold, parts.network, parts.folder, job_facts(parts, initial),
        identity(parts.role, config, data, parts.extra), config.compute.checkpoint_minutes,
    )  # fmt: skip
    return Fit(
        job,
        session,
        stepper,
        batches=TrainingBatches(
            parts.train, data.train.rows, data.train.labels, network=parts.network,
            size=(spec.height, spec.width), compute=config.compute, root=data.root,
            rank=fabric.global_rank, world=fabric.world_size, fundus=_sees_fundus(parts),
            outlines=_outlines(parts),
        ),
        validation=ValidationSet(
            lambda: _validation_batches(parts, fabric), device=fabric.device, scale=scale,
            channels_last=parts.network.channels_last,
        ),
        plain=lambda: _statistics_batches(parts),
        events=heard,
    )  # fmt: skip


def make_session(
    network: nn.Module, config: NetworkConfig, *,
    size: tuple[int, int], deterministic: bool, fabric: Fabric, events: Events,
) -> Session:  # fmt: skip
    """Network, optimizer and averages on the device, before the first step."""
    if config.channels_last:
        network = network.to(memory_format=torch.channels_last)
    network = fabric.to_device(network)  # before the optimizer, which asks where the weights are
    optimizer = make_optimizer(network, config, scaled=is_scaled(fabric))
    body = compiled(
        network, config, device=fabric.device, size=size, deterministic=deterministic, events=events
    )
    ema, swa = (Average(network, decay=decay) for decay in (config.ema, None))
    ready = fabric.setup_optimizers(optimizer)
    return Session(fabric, network, ready, ema, swa, Position(), body)


def warn_of_start(initial: InitialWeights, data: FoldData, events: Events) -> None:
    """Earlier weights may have learned from this fold's held-out patients."""
    if not initial.split:
        return
    same = data.split.sha256.startswith(initial.split)
    if same and initial.fold == data.fold:
        return
    where = f"fold {initial.fold} of this split" if same else f"the split {initial.split}"
    sure = "and has learned" if same else "and may have learned"
    events.warning(
        "start-saw-held-out",
        f"{initial.name} was trained on {where}, {sure} from patients that are held out here: the "
        "held-out figures flatter. Start from weights of this fold, or of other patients.",
    )


def job_facts(parts: Parts, initial: InitialWeights) -> dict[str, Any]:
    """What ``model.json`` says whatever is chosen."""
    config, data = parts.config, parts.data
    spec = config.input.spec
    return {
        "classes": list(config.classes.codes),
        "input": spec.to_json(),
        "preprocessing": preprocessing_hash(spec),
        "split_sha256": data.split.sha256,
        "manifest_sha256": data.manifest.sha256,
        "network": plain(asdict(parts.network)),
        "config": config.to_json(),
        "initial_weights": initial.to_json(),
        "seeds": {"run": config.compute.seed, "split": config.split.seed},
        "versions": versions(),
        "waiver": config.distill.waiver if parts.role == "student" else "",
        **parts.extra,
    }


def _sees_fundus(parts: Parts) -> bool:
    """Photographs are loaded for a teacher that takes them, also while it teaches online."""
    if parts.role == "teacher" or not parts.extra.get("teacher"):
        return bool(parts.network.fundus_model)
    online = parts.config.distill.soft_targets == "online"
    return online and bool(parts.config.teacher.fundus_model)


def _outlines(parts: Parts) -> Outlines | None:
    """Outlines for a student whose loss looks at them."""
    if parts.role == "teacher" or not parts.config.distill.outline_weight:
        return None
    return Outlines(parts.data.root, parts.data.train.rows, parts.train)


def _validation_batches(parts: Parts, fabric: Fabric) -> Iterator[Batch]:
    """This process's share of the validation rows."""
    validation = parts.data.validation
    mine = validation.at(np.arange(fabric.global_rank, len(validation.rows), fabric.world_size))
    return plain_batches(
        parts.validation, mine.rows, mine.labels, batch=max(8, parts.network.batch),
        root=parts.data.root, fundus=bool(parts.network.fundus_model),
    )  # fmt: skip


def _statistics_batches(parts: Parts) -> Iterator[Batch]:
    """Plain views of some training rows, the same in every process; whole batches only."""
    order = np.random.default_rng(parts.config.compute.seed).permutation(len(parts.data.train.rows))
    count = min(STATISTICS_ROWS, len(order))
    batch = min(STATISTICS_BATCH, count)
    some = parts.data.train.at(np.sort(order[: count - count % batch]))
    return plain_batches(
        parts.train, some.rows, some.labels, batch=batch, root=parts.data.root,
        fundus=bool(parts.network.fundus_model),
    )  # fmt: skip


def _size(parts: Parts) -> tuple[int, int]:
    return parts.config.input.height, parts.config.input.width
