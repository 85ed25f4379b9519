"""How much memory, disk and time a run will take: arithmetic on sizes, before anything is spent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from training.config import Config
from training.data.augment import enlarged_size
from training.recipe import NetworkConfig

CHECKPOINTS = 4
"""The last three and the best."""
SLACK = 1.15
"""Of activations: workspaces and fragments that no count of tensors sees."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a network in training.

    Attributes:
        weights: Parameters and buffers.
        parameters: Parameters alone: what gradients and each of AdamW's two moments take.
        averages: Copies of the weights that are averaged: EMA and SWA.
    """

    weights: int
    parameters: int
    averages: int

    @property
    def fixed(self) -> int:
        """Held through a training, whatever the batch."""
        return self.weights * (1 + self.averages) + 3 * self.parameters

    @property
    def checkpoint(self) -> int:
        """One checkpoint on disk: weights, averages, both moments."""
        return self.weights * (1 + self.averages) + 2 * self.parameters


def sizes_of(network: nn.Module, config: NetworkConfig) -> Sizes:
    """Bytes of a network that is trained as `config` says."""
    parameters = sum(one.numel() * one.element_size() for one in network.parameters())
    buffers = sum(one.numel() * one.element_size() for one in network.buffers())
    averages = int(config.ema > 0.0) + int(config.swa_start >= 0)
    return Sizes(parameters + buffers, parameters, averages)


def saved_bytes(network: nn.Module, *shapes: tuple[int, ...]) -> int:
    """Bytes that a forward pass keeps for the backward pass, counted without computing anything.

    The network is copied to torch's ``meta`` device, where tensors have shapes and no values.

    Args:
        network: On any device; it is left alone.
        shapes: Of the inputs, with the batch in front.
    """
    ghost = _ghost(network)
    own = {_storage(one): None for one in (*ghost.parameters(), *ghost.buffers())}
    kept: dict[Any, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage not in own:
            kept[storage] = storage.nbytes()
        return tensor

    inputs = [torch.empty(shape, device="meta") for shape in shapes]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        answer = ghost(*inputs)
    del answer
    return sum(kept.values())


def disk_bytes(config: Config, rows: int, sizes: dict[str, Sizes]) -> dict[str, int]:
    """What a whole run leaves on the disk.

    Args:
        config: Of the run.
        rows: Different B-scans that take part.
        sizes: Of each network that is trained, by role.

    Returns:
        Bytes of the ``cache`` and of the ``checkpoints`` of all folds.
    """
    height, width = config.input.height, config.input.width
    views = {  # a cache for each size of the pictures that random views are cut from
        enlarged_size((height, width), getattr(config, role).augment) for role in sizes
    }
    picture = sum(h * w + 2 * height * width for h, w in views)
    networks = sum(CHECKPOINTS * one.checkpoint for one in sizes.values())
    return {"cache": rows * picture, "checkpoints": config.split.folds * networks}


def largest_batch(fits: Callable[[int], bool], *, most: int = 256) -> int:
    """The largest batch that fits, by doubling and then halving the gap.

    Args:
        fits: Tried with growing numbers; once False, every larger number is taken not to fit.
        most: Nothing above is tried.

    Returns:
        0 where not even one fits.
    """
    good, bad = 0, most + 1
    trial = 1
    while trial <= most and fits(trial):
        good, trial = trial, trial * 2
    bad = min(bad, trial)
    while bad - good > 1:
        middle = (good + bad) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good


def same_effective_batch(config: NetworkConfig, largest: int) -> tuple[int, int] | None:
    """Batch and accumulation with the same product, and a batch of `largest` at most.

    Returns:
        None where `largest` is 0.
    """
    if largest < 1:
        return None
    product = config.batch * config.accumulation
    batch = max(one for one in range(1, min(largest, product) + 1) if product % one == 0)
    return batch, product // batch


@dataclass(frozen=True, slots=True)
class Pace:
    """Measured seconds of one network on one device.

    Attributes:
        batch: B-scans of the micro-batch that was measured.
        micro_s: Forward and backward of a micro-batch; for a student with the teacher's forward.
        update_s: One optimizer step.
        forward_s: Forward of a micro-batch alone, as validation makes it.
    """

    batch: int
    micro_s: float
    update_s: float
    forward_s: float

    def epoch_s(self, config: NetworkConfig, train: int, validation: int, devices: int) -> float:
        """Seconds of an epoch with its validation.

        Args:
            config: Of the network.
            train: Training B-scans.
            validation: Validation B-scans; raw and EMA look at all of them. SWA's looks, late in
                a run, are not counted.
            devices: Share the work; loss by their talk is not counted.
        """
        steps = -(-train // (config.batch * config.accumulation * devices))
        looks = 1 + int(config.ema > 0.0)
        training = train / devices / self.batch * self.micro_s + steps * self.update_s
        return training + looks * validation / devices / self.batch * self.forward_s


def run_s(config: Config, epochs_s: dict[str, float]) -> tuple[float, float]:
    """Seconds of all folds: where each network stops as soon as it may, and where none does."""
    least = most = 0.0
    for name, seconds in epochs_s.items():
        network: NetworkConfig = getattr(config, name)
        least += min(network.patience + 1, network.epochs) * seconds
        most += network.epochs * seconds
    return config.split.folds * least, config.split.folds * most


def without_weights(config: NetworkConfig) -> NetworkConfig:
    """The same network from nothing: sizes and times do not hang on the values."""
    return replace(config, weights="none")


def size_words(amount: float) -> str:
    """Bytes as people say them: ``640 MB``, ``3.1 GB``."""
    if amount < 1e9:
        return f"{amount / 1e6:.0f} MB"
    return f"{amount / 1e9:.1f} GB" if amount < 1e11 else f"{amount / 1e9:.0f} GB"


def _ghost(network: nn.Module) -> nn.Module:
    """A copy without values, in training mode."""
    import copy

    # a copy whose tensors are replaced as they are copied: the values are never doubled
    memo: dict[int, Any] = {}
    for weight in network.parameters():
        memo[id(weight)] = nn.Parameter(
            torch.empty_like(weight, device="meta"), requires_grad=weight.requires_grad
        )
    for one in network.buffers():
        memo[id(one)] = torch.empty_like(one, device="meta")
    return copy.deepcopy(network, memo).train()


def _storage(tensor: Tensor) -> Any:
    return tensor.untyped_storage()
