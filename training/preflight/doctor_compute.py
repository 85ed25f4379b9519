"""Device, initial weights, memory and time of a run: the checks of `doctor` with torch."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psutil
import torch
from torch import nn

from training.config import Config
from training.data.manifest import Row
from training.events import clock_words
from training.learning.compute import fabric_precision, gpu_works
from training.preflight.checks import FAILED, OK, WARNING, Check
from training.preflight.dry_step import Bench, Forecast, Measured, free_memory
from training.preflight.forecast import (
    Pace,
    Sizes,
    largest_batch,
    run_s,
    same_effective_batch,
    size_words,
    sizes_of,
    without_weights,
)
from training.preflight.scope import trained_roles
from training.recipe import NetworkConfig

LONG_S = 14 * 24 * 3600.0
_GIB = 2**30


def device_check(config: Config) -> Check:
    """Where it will run, and that this place computes."""
    asked = config.compute.accelerator
    works, why = (False, "not asked for") if asked == "cpu" else gpu_works()
    memory = psutil.virtual_memory()
    here = f"{psutil.cpu_count(logical=False)} cores, {memory.total / _GIB:.0f} GiB"
    values: dict[str, Any] = {"accelerator": "cpu", "memory_bytes": memory.total}
    if works:
        names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
        free = free_memory(torch.device("cuda"))
        values = {"accelerator": "cuda", "gpus": names, "free_bytes": free}
        shown = ", ".join(names)
        return Check("device", OK, f"{shown}: computes; {size_words(free)} are free.", values)
    if asked == "cuda":
        return Check("device", FAILED, f"A GPU was asked for and none can be used: {why}.", values)
    if asked == "auto" and shutil.which("nvidia-smi"):
        text = (
            f"This machine seems to have an NVIDIA card, but torch {torch.__version__} cannot use "
            f"it ({why}); the run would be on the processor ({here})."
        )
        return Check("device", WARNING, text, values)
    return Check("device", OK, f"No GPU: runs on the processor ({here}).", values)


def weight_checks(config: Config) -> list[Check]:
    """Whether the initial weights of what is trained can be had, and their licence."""
    from training.preflight.weights_at_hand import weights_at_hand

    checks = []
    for role in trained_roles(config):
        state, sentence, values = weights_at_hand(getattr(config, role))
        checks.append(Check(f"{role} weights", state, sentence, values))
    return checks


class Benches:
    """The networks that are trained, built once, tried one after the other."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.sizes: dict[str, Sizes] = {}

    def checks(self, rows: Sequence[Row], *, quick: bool = False) -> list[Check]:
        """Memory, batch and time of each network; the time of the whole run where rows are known.

        Args:
            rows: B-scans that take part; none where they are not known.
            quick: Take no step: the sizes are found and nothing else.

        Raises:
            TrainingError: A network cannot be built.
        """
        config = self._config
        kind = "cuda" if config.compute.accelerator != "cpu" and gpu_works()[0] else "cpu"
        if config.compute.threads:
            torch.set_num_threads(config.compute.threads)
        networks = build_networks(config)
        self.sizes = {
            role: sizes_of(network, getattr(config, role)) for role, network in networks.items()
        }
        if quick:
            return []
        checks, paces = [], {}
        for role, network in networks.items():
            one: NetworkConfig = getattr(config, role)
            beside = networks["teacher"] if role == "student" and _is_online(config) else None
            word = str(fabric_precision(one.precision, kind))
            bench = Bench(
                network, one, classes=len(config.classes.codes),
                size=(config.input.height, config.input.width), device=torch.device(kind),
                precision={"bf16-mixed": "bf16", "16-mixed": "fp16"}.get(word, "fp32"),
                teacher=beside, fundus=bool(one.fundus_model),
            )  # fmt: skip
            try:
                check, measured = network_check(role, one, bench)
            finally:
                bench.close()
            checks.append(check)
            if measured is not None:
                paces[role] = measured.pace
        return [*checks, *self._times(rows, paces)]

    def _times(self, rows: Sequence[Row], paces: dict[str, Pace]) -> list[Check]:
        if not rows or len(paces) < len(self.sizes):
            return []
        return [time_check(self._config, len(rows), paces)]


def build_networks(config: Config) -> dict[str, nn.Module]:
    """The networks that are trained, by role, as configured and from nothing."""
    from training.networks.models import build_student, build_teacher

    size, classes = (config.input.height, config.input.width), len(config.classes.codes)
    make = {"teacher": build_teacher, "student": build_student}
    return {
        role: make[role](without_weights(getattr(config, role)), classes, size=size)[0]
        for role in trained_roles(config)
    }


def network_check(role: str, config: NetworkConfig, bench: Bench) -> tuple[Check, Measured | None]:
    """Forecast, one real step, and the batch that fits."""
    forecast = bench.forecast()
    batch = config.batch
    tried = batch if bench.device.type == "cuda" or forecast.fits(batch) else _fitting(forecast)
    values: dict[str, Any] = {
        "forecast_bytes": forecast.needed(batch), "free_bytes": forecast.free,
        "weights_bytes": forecast.sizes.weights, "batch": batch,
    }  # fmt: skip
    needs = f"{role}: a micro-batch of {batch} needs about {size_words(forecast.needed(batch))}"
    if tried < 1:
        text = (
            f"{needs}, not even 1 fits into {size_words(forecast.free)}; choose a smaller {role}."
        )
        return Check(f"{role} step", FAILED, text, values), None
    measured = _try(bench, tried)
    largest = bench.largest(forecast, measured)
    values |= {"largest_batch": largest}
    if measured is None:
        text = f"{needs} and memory ended; {_advice(config, role, largest)}"
        return Check(f"{role} step", FAILED, text, values), None
    rate = tried / (measured.pace.micro_s + measured.pace.update_s / config.accumulation)
    values |= {"measured_bytes": measured.peak, "pace": asdict(measured.pace), "per_s": rate}
    text = (
        f"{role}: {rate:.3g} B-scans/s at a micro-batch of {tried}; memory forecast "
        f"{size_words(forecast.needed(tried))}, measured {size_words(measured.peak)}; "
    )
    if tried < batch or largest < batch:
        text += _advice(config, role, min(largest, tried) if tried < batch else largest)
        return Check(f"{role} step", FAILED, text, values), measured
    text += f"the largest that fits is {largest}{' or more' if largest >= 256 else ''}."
    return Check(f"{role} step", OK, text, values), measured


def time_check(config: Config, bscans: int, paces: dict[str, Pace]) -> Check:
    """Time of an epoch and of the whole run, from the measured steps.

    Args:
        config: Of the run.
        bscans: That take part.
        paces: Of each network that is trained, by role.
    """
    rest = bscans * (1.0 - 1.0 / max(2, config.split.folds))
    train, validation = rest * (1.0 - config.split.validation), rest * config.split.validation
    devices = max(1, config.compute.devices * config.compute.nodes)
    epochs = {
        role: pace.epoch_s(getattr(config, role), round(train), round(validation), devices)
        for role, pace in paces.items()
    }
    least, most = run_s(config, epochs)
    shown = ", ".join(f"{role} {clock_words(seconds)}" for role, seconds in epochs.items())
    text = (
        f"An epoch takes about: {shown}. All {config.split.folds} folds take between "
        f"{clock_words(least)} (no network gets better) and {clock_words(most)} (every epoch is "
        "used), if reading and augmenting keep up; `kdoct-train bench` measures that."
    )
    values = {"epoch_s": epochs, "least_s": least, "most_s": most, "devices": devices}
    return Check("time", WARNING if least > LONG_S else OK, text, values)


def _is_online(config: Config) -> bool:
    return bool(config.distill.soft_weight) and config.distill.soft_targets == "online"


def _fitting(forecast: Forecast) -> int:
    """The largest batch of the forecast; 0 where none fits."""
    return largest_batch(forecast.fits)


def _try(bench: Bench, batch: int) -> Measured | None:
    """A real step; None where a GPU's memory ends."""
    try:
        return bench.measure(batch)
    except torch.OutOfMemoryError:
        pass
    bench.close()
    return None


def _advice(config: NetworkConfig, role: str, largest: int) -> str:
    """What to write into the configuration."""
    found = same_effective_batch(config, largest)
    if found is None:
        return f"Not even a micro-batch of 1 fits; choose a smaller {role} or picture."
    return (
        f"a micro-batch of {config.batch} does not fit: use {role}.batch={found[0]} "
        f"{role}.accumulation={found[1]}, which learns the same."
    )
