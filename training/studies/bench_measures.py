"""What `bench` measures: the loop, its bare networks, its views, the reference's way."""

import contextlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from training.config import Config
from training.data.augment import enlarged_size
from training.data.batches import Step, TrainingBatches
from training.data.cache import open_cache
from training.data.import_data import import_dataset
from training.data.manifest import Row
from training.events import Events, Silent
from training.learning.assemble import make_session
from training.learning.distill import _half
from training.learning.loop import Stepper
from training.learning.losses import soft_terms
from training.learning.session import Session
from training.learning.tasks import DistillTask, OnlineTeacher
from training.networks.models import build_student, build_teacher
from training.phantom import CONDITIONS
from training.phantoms.patients import write_patients
from training.studies.reference_recipe import Pictures, ReferenceDistillation

EPOCH = 4096
"""Rows of an epoch: the drawn pictures, repeated, so that beginnings of epochs do not count."""
_WARM_STEPS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Pictures to train on.

    Attributes:
        root: Data folder.
        rows: Of the manifest.
        labels: int64 class index of each.
        cache: Folder of decoded pictures.
    """

    root: Path
    rows: tuple[Row, ...]
    labels: NDArray[np.int64]
    cache: Path


class _EnoughError(Exception):
    """The time of a measurement is over."""


def draw(folder: Path, config: Config, *, size: tuple[int, int], events: Events) -> Drawn:
    """Phantom B-scans of every class that the generator knows, as files with a manifest."""
    known = [code for code in config.classes.codes if code in CONDITIONS]
    codes = known or list(CONDITIONS[:2])
    root = folder / "data"
    write_patients(root, codes, patients=1, bscans=4, size=size, events=events)
    rows = import_dataset("csv", root, options={"table": "labels.csv"}).rows
    classes = [row.volume_label for row in rows]
    labels = np.array([sorted(set(classes)).index(name) for name in classes], dtype=np.int64)
    return Drawn(root, tuple(rows), labels, folder / "cache")


class Measures:
    """Everything that is measured, ready to run."""

    def __init__(self, config: Config, drawn: Drawn, fabric: Fabric) -> None:
        self._fabric, self._config = fabric, config
        self._scale = (tuple(config.input.spec.mean), tuple(config.input.spec.std))
        self._count = len(config.classes.codes)
        self._teacher = self._network("teacher")
        self._soft = OnlineTeacher(self._teacher, dtype=_half(fabric))
        self._batches = self._make_batches(drawn)
        self._steps = self._all_steps()
        self._session = self._make_session()
        self._bare = self._make_session()
        task = DistillTask(
            config.distill, config.student, torch.ones(self._count, device=fabric.device),
            self._soft,
        )  # fmt: skip
        self._stepper = Stepper(
            self._session, config.student, task, seed=config.compute.seed, scale=self._scale
        )
        self._ready = self._ready_pictures()
        files = [drawn.root / row.path for row in drawn.rows]
        student = self._network("student")
        self._reference = ReferenceDistillation(
            self._teacher, student,
            Pictures(files, drawn.labels.tolist(), size=self._size(), length=EPOCH),
            device=fabric.device, batch=config.student.batch,
            accumulation=config.student.accumulation,
        ).micro_batches()  # fmt: skip
        self._warm()

    def round(self, seconds: float) -> dict[str, float]:
        """Images per second of every measurement, one after the other."""
        return {
            "loop": self._loop(seconds),
            "teacher_forward": self._timed(self._teacher_forward, seconds / 2),
            "student_step": self._timed(self._student_step, seconds / 2),
            "pipeline": self._timed(lambda: len(next(self._steps).labels), seconds),
            "reference": self._timed(lambda: next(self._reference), seconds),
        }

    def close(self) -> None:
        """End threads and processes."""
        self._steps.close()
        self._reference.close()

    def _loop(self, seconds: float) -> float:
        """The loop as it runs, without its first steps, which wait for the first views."""
        at, batch = self._session.at, self._config.student
        at.epoch, at.step = at.epoch + 1, 0
        begun, seen = 0.0, 0

        def after_step(done: int) -> None:
            nonlocal begun, seen
            if done == _WARM_STEPS:
                begun = self._now()
            elif done > _WARM_STEPS:
                seen += batch.batch * batch.accumulation
                if time.perf_counter() - begun > seconds:
                    raise _EnoughError

        with contextlib.suppress(_EnoughError):
            self._stepper.run_epoch(self._batches, after_step=after_step)
        return seen / (self._now() - begun)

    def _timed(self, one: Callable[[], int], seconds: float) -> float:
        """Images per second of something that returns how many images it did."""
        begun, seen = self._now(), 0
        while not seen or time.perf_counter() - begun < seconds:
            seen += one()
        return seen / (self._now() - begun)

    def _teacher_forward(self) -> int:
        with torch.inference_mode(), self._autocast():
            self._teacher(self._ready)
        return len(self._ready)

    def _student_step(self) -> int:
        """One optimizer step on ready tensors, with the loss but without clipping and averages."""
        config, session = self._config.student, self._bare
        network = session.ready(frozen=False)
        for _ in range(config.accumulation):
            logits = network(self._ready)[0].float()
            loss = soft_terms(logits, torch.zeros_like(logits), 4.0).mean() / config.accumulation
            self._fabric.backward(loss)
        session.optimizer.step()
        session.optimizer.zero_grad(set_to_none=True)
        return len(self._ready) * config.accumulation

    def _warm(self) -> None:
        """Everything once: algorithms are chosen, memory is taken, processes are started."""
        self.round(0.0)

    def _now(self) -> float:
        """The time, when everything that was asked of the device is done."""
        if self._fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def _autocast(self) -> Any:
        dtype = _half(self._fabric)
        return torch.autocast(
            self._fabric.device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None
        )

    def _size(self) -> tuple[int, int]:
        return self._config.input.height, self._config.input.width

    def _network(self, role: str) -> nn.Module:
        torch.manual_seed(self._config.compute.seed)
        config = replace(getattr(self._config, role), weights="none", fundus_model="")
        make = build_teacher if role == "teacher" else build_student
        network: nn.Module = make(config, self._count, size=self._size())[0]
        network = network.to(self._fabric.device)
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)
        return network.eval() if role == "teacher" else network

    def _make_session(self) -> Session:
        return make_session(
            self._network("student"), self._config.student, size=self._size(),
            deterministic=self._config.compute.deterministic, fabric=self._fabric, events=Silent(),
        )  # fmt: skip

    def _make_batches(self, drawn: Drawn) -> TrainingBatches:
        network = self._config.student
        repeats = -(-EPOCH // len(drawn.rows))
        enlarged = enlarged_size(self._size(), network.augment)
        rows = drawn.rows * repeats
        cache = open_cache(
            drawn.cache, drawn.root, rows, self._config.input.spec, enlarged=enlarged
        )
        return TrainingBatches(
            cache, rows, np.tile(drawn.labels, repeats), network=network, size=self._size(),
            compute=self._config.compute, root=drawn.root,
        )  # fmt: skip

    def _all_steps(self) -> Generator[Step]:
        """Views alone, epoch after epoch."""
        epoch = 0
        while True:
            yield from self._batches.epoch(epoch)
            epoch += 1

    def _ready_pictures(self) -> Tensor:
        batch = self._config.student.batch
        ready = torch.randn(batch, 3, *self._size(), device=self._fabric.device)
        if self._config.student.channels_last:
            ready = ready.contiguous(memory_format=torch.channels_last)
        return ready
