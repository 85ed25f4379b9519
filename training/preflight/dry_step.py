"""One real step of teacher and student on this machine, timed, with its memory: see before running.

Pictures are noise of the configured size; neither sizes nor times hang on what they show. On a GPU
the largest batch is found by trying, because running out of memory there is an exception. On a CPU
it would be the end of this process or of another one, so there it is computed.
"""

import contextlib
import ctypes
import gc
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from training.preflight.forecast import (
    SLACK,
    Pace,
    Sizes,
    largest_batch,
    saved_bytes,
    sizes_of,
)
from training.recipe import NetworkConfig

SHARE = 0.85
"""Of the free memory that a training may plan with."""
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_SLOW_S = 5.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a network will take, before it is tried.

    Attributes:
        sizes: Bytes of weights and optimizer.
        sample: Bytes that a B-scan of a micro-batch adds.
        beside: Bytes held beside the network: the frozen teacher of a student.
        free: Bytes that are free on the device.
    """

    sizes: Sizes
    sample: int
    beside: int
    free: int

    def needed(self, batch: int) -> int:
        """Bytes at a micro-batch."""
        return self.sizes.fixed + self.beside + batch * self.sample

    def fits(self, batch: int) -> bool:
        """True where a micro-batch leaves the rest of the machine alone."""
        return self.needed(batch) <= SHARE * self.free


@dataclass(frozen=True, slots=True)
class Measured:
    """What a step took.

    Attributes:
        pace: Its times.
        peak: Bytes on the device at its height.
    """

    pace: Pace
    peak: int


class Bench:
    """One network ready for a step, its teacher beside it where it is a student's."""

    def __init__(
        self, network: nn.Module, config: NetworkConfig, *, classes: int, size: tuple[int, int],
        device: torch.device, precision: str, teacher: nn.Module | None = None, fundus: bool = False
    ) -> None:  # fmt: skip
        """Put nothing on the device yet.

        Args:
            network: `training.networks.models.Teacher` or `training.networks.models.Network`.
            config: How it is trained.
            classes: Number of classes.
            size: Rows and columns of a picture.
            device: Where it runs.
            precision: ``bf16``, ``fp16`` or ``fp32``.
            teacher: Frozen; looks at the student's pictures.
            fundus: The network sees a fundus photograph too.
        """
        self.network, self.config, self.device = network, config, device
        self._classes, self._size, self._teacher, self._fundus = classes, size, teacher, fundus
        self._dtype = _DTYPES.get(precision)

    def forecast(self) -> Forecast:
        """What it will take."""
        shape = (2, 3, *self._size)
        shapes = [shape, shape] if self._fundus else [shape]
        kept = saved_bytes(self.network, *shapes) // 2
        shrink = 0.65 if self._dtype is not None else 1.0  # half of what autocast reaches
        return Forecast(
            sizes_of(self.network, self.config),
            int(kept * SLACK * shrink) + 4 * 3 * self._size[0] * self._size[1],
            self._beside,
            free_memory(self.device),
        )

    def measure(self, batch: int) -> Measured:
        """Take steps at a micro-batch; raises what torch raises where memory ends."""
        self.network.to(self.device).train()
        if self._teacher is not None:
            self._teacher.to(self.device).eval()
        optimizer = self._optimizer()
        meter = Meter(self.device)
        averages = [
            _copies(self.network) for _ in range(sizes_of(self.network, self.config).averages)
        ]
        pictures = self._pictures(batch)
        self._micro([one[:2] for one in pictures], meter)
        optimizer.step()  # from here on its moments are there, as in every step but the first
        optimizer.zero_grad(set_to_none=True)
        micro_s = self._timed(lambda: self._micro(pictures, meter))
        update_s = self._timed(optimizer.step)
        meter.look()
        optimizer.zero_grad(set_to_none=True)
        forward_s = self._timed(lambda: self._forward(pictures))
        del averages, optimizer
        peak = meter.peak
        if self.device.type != "cuda":  # the networks were there before the meter
            peak += sizes_of(self.network, self.config).weights + self._beside
        return Measured(Pace(batch, micro_s, update_s, forward_s), peak)

    def largest(self, forecast: Forecast, measured: Measured | None, *, most: int = 256) -> int:
        """The largest micro-batch: tried on a GPU, computed on a CPU."""
        if self.device.type == "cuda":
            return largest_batch(self._survives, most=most)
        sample = forecast.sample
        if measured is not None:
            grown = measured.peak - forecast.sizes.fixed - forecast.beside
            sample = max(sample, grown // measured.pace.batch)
        room = SHARE * forecast.free - forecast.sizes.fixed - forecast.beside
        return largest_batch(lambda batch: batch * sample <= room, most=most)

    def close(self) -> None:
        """Give the memory back."""
        self.network.to("cpu")
        if self._teacher is not None:
            self._teacher.to("cpu")
        self.network.zero_grad(set_to_none=True)
        _empty(self.device)

    @property
    def _beside(self) -> int:
        return 0 if self._teacher is None else sizes_of(self._teacher, self.config).weights

    def _survives(self, batch: int) -> bool:
        survived = False
        with contextlib.suppress(torch.OutOfMemoryError):
            self.measure(batch)
            survived = True
        self.network.zero_grad(set_to_none=True)
        _empty(self.device)  # outside the handler: the exception holds the frames and their tensors
        return survived

    def _optimizer(self) -> torch.optim.Optimizer:
        from training.learning.optimise import make_optimizer

        optimizer: torch.optim.Optimizer = make_optimizer(self.network, self.config)
        return optimizer

    def _pictures(self, batch: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = (batch, 3, *self._size)
        found = [torch.randn(shape, generator=generator).to(self.device)]
        if self._fundus:
            found.append(found[0].clone())
        if self.config.channels_last:
            self.network.to(memory_format=torch.channels_last)
            found = [one.contiguous(memory_format=torch.channels_last) for one in found]
        return found

    def _micro(self, pictures: list[Tensor], meter: "Meter") -> None:
        """Forward and backward."""
        labels = torch.arange(len(pictures[0]), device=self.device) % self._classes
        theirs = None
        if self._teacher is not None:
            with torch.inference_mode(), self._autocast():
                theirs = _logits(self._teacher(pictures[0])).float().softmax(dim=1)
            theirs = theirs.clone()
        with self._autocast():
            logits = _logits(self.network(*pictures))
        target = labels if theirs is None else theirs
        loss = nn.functional.cross_entropy(logits.float(), target)
        new = [one for one in self.network.parameters() if one.grad is None]
        meter.look(more=sum(one.numel() * one.element_size() for one in new))
        loss.backward()  # type: ignore[no-untyped-call]
        meter.look()

    def _forward(self, pictures: list[Tensor]) -> None:
        self.network.eval()
        with torch.inference_mode():
            self.network(*pictures)
        self.network.train()

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(
            self.device.type, dtype=self._dtype or torch.bfloat16, enabled=self._dtype is not None
        )

    def _timed(self, work: Callable[[], Any]) -> float:
        """Seconds of the faster of two calls after a first one; of a call that is slow enough."""
        taken: list[float] = []
        for _ in range(3):
            _wait(self.device)
            begun = time.perf_counter()
            work()
            _wait(self.device)
            taken.append(time.perf_counter() - begun)
            if taken[-1] > _SLOW_S:
                break
        return min(taken[1:] or taken)


class Meter:
    """Bytes taken on a device since it was made."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.peak = 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._start = 0
        else:
            _empty(device)  # what was freed and kept would be used again and not be seen
            self._start = _rss()

    def look(self, *, more: int = 0) -> None:
        """Keep the height.

        Args:
            more: Bytes that will soon be added, and that a look afterwards would come too late for:
                gradients grow while activations go. A GPU keeps its own height.
        """
        if self._device.type == "cuda":
            self.peak = int(torch.cuda.max_memory_allocated(self._device))
        else:
            self.peak = max(self.peak, _rss() - self._start + more)


def free_memory(device: torch.device) -> int:
    """Bytes that may still be taken on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _logits(answer: Any) -> Tensor:
    logits: Tensor = answer[0] if isinstance(answer, tuple) else answer
    return logits


def _copies(network: nn.Module) -> list[Tensor]:
    """Room for an average, really taken."""
    return [one.detach().clone() for one in network.state_dict().values()]


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


def _empty(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
