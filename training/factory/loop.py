"""The supervised loop: light augmentation, one step, averaged weights, checkpoints.

Stands in for distillation until that comes; it knows nothing about where pictures come from.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.factory.config import TrainConfig
from training.networks.models import Network

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(slots=True, eq=False)
class State:
    """Everything that a run needs to go on.

    Attributes:
        network: Weights that are trained.
        averaged: Exponential average of them, the ones that are kept.
        optimizer: AdamW.
        step: Steps done.
        steps: Steps of the whole run.
    """

    network: Network
    averaged: Network
    optimizer: torch.optim.Optimizer
    step: int
    steps: int


def start(network: Network, config: TrainConfig, *, steps: int) -> State:
    """A run before its first step; norms and biases are not decayed."""
    network = network.to(memory_format=torch.channels_last)
    groups = []
    for head in (True, False):
        for decay in (True, False):
            chosen = [
                weight
                for name, weight in network.named_parameters()
                if name.startswith("head") == head and (weight.ndim > 1) == decay
            ]
            rate = config.head_rate if head else config.trunk_rate
            groups.append({"params": chosen, "lr": rate, "peak": rate,
                           "weight_decay": config.weight_decay if decay else 0.0})  # fmt: skip
    averaged = copy.deepcopy(network).eval()
    for weight in averaged.parameters():
        weight.requires_grad_(False)
    return State(network, averaged, torch.optim.AdamW(groups), 0, steps)


def rate_share(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate: linear rise, then a cosine to 1 %."""
    rise = max(1, int(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def to_input(units: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 or unit-scale pictures (n, row, column) as network input (n, 3, row, column)."""
    if isinstance(units, Tensor):
        unit = units
    else:
        unit = torch.from_numpy(np.array(units)).float().div_(255.0)
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    ready = (unit[:, None] - mean) / std
    return ready.contiguous(memory_format=torch.channels_last)


def augment(
    units: NDArray[np.uint8], cells: NDArray[np.uint8], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mirror, shift, grey scale and noise; the map of the lesions is mirrored alike.

    Returns:
        Unit-scale pictures (n, row, column) and shares of lesion (n, row, column).
    """
    unit = torch.from_numpy(np.array(units)).float().div_(255.0)
    share = torch.from_numpy(np.array(cells)).float().div_(255.0)
    for index in range(len(unit)):
        draw = torch.rand(6, generator=generator)
        if draw[0] < 0.5:
            unit[index] = unit[index].flip(-1)
            share[index] = share[index].flip(-1)
        shift = int((draw[1] - 0.5) * 16)
        unit[index] = torch.roll(unit[index], shift, dims=0)
        gamma = float(torch.exp((draw[2] - 0.5) * 0.5))
        unit[index] = unit[index].clamp(0.0, 1.0).pow(gamma) * (0.9 + 0.2 * float(draw[3]))
        noise = torch.randn(unit[index].shape, generator=generator)
        unit[index] += noise * (0.06 * float(draw[4]))
    return unit.clamp_(0.0, 1.0), share


def focus_loss(cam: Tensor, labels: Tensor, share: Tensor) -> Tensor:
    """Penalty on evidence for the class that lies outside the lesion.

    The positive evidence for the true class, as a share of its sum, should lie in cells that hold
    lesion; pictures without a mask do not count.
    """
    known = share.amax(dim=(1, 2)) > 0.0
    if not bool(known.any()):
        return cam.sum() * 0.0
    chosen = cam[known, labels[known]]
    cells = nn.functional.adaptive_max_pool2d(share[known][:, None], chosen.shape[1:])[:, 0]
    wanted = (cells > 0.02).float()
    evidence = torch.softmax(chosen.flatten(1), dim=1)
    inside = (evidence * wanted.flatten(1)).sum(dim=1)
    return -torch.log(inside.clamp_min(1e-4)).mean()


def train_step(
    state: State, config: TrainConfig, batch: tuple[Tensor, Tensor, Tensor]
) -> tuple[float, float]:
    """One step on (input, labels, shares of lesion).

    Returns:
        Loss and share of right answers.
    """
    inputs, labels, share = batch
    factor = rate_share(state.step, state.steps, config.warmup)
    for group in state.optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    state.network.train()
    logits, cam, _ = state.network(inputs)
    loss = nn.functional.cross_entropy(logits, labels, label_smoothing=config.smoothing)
    if config.focus > 0.0:
        loss = loss + config.focus * focus_loss(cam, labels, share)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.network.parameters(), config.clip)
    state.optimizer.step()
    state.step += 1
    average(state, min(config.ema, (1 + state.step) / (10 + state.step)))
    right = float((logits.argmax(dim=1) == labels).float().mean())
    return float(loss.detach()), right


@torch.no_grad()
def average(state: State, decay: float) -> None:
    """Move the averaged weights and norm statistics towards the current ones."""
    new = state.network.state_dict()
    for name, old in state.averaged.state_dict().items():
        if old.dtype.is_floating_point:
            old.lerp_(new[name], 1.0 - decay)
        else:
            old.copy_(new[name])
