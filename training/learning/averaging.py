"""Averaged weights: exponential (EMA) and equal (SWA), and the norm statistics that they need."""

from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_COUNT = "average.count"


class Average:
    """An average of a network's weights and buffers over updates, kept as plain tensors.

    With a decay it is exponential: ``average += (1 - d) (weights - average)`` with
    ``d = min(decay, (1 + n) / (10 + n))`` at the n-th update (from 1): the first updates forget
    quickly, so that the initial weights do not stay in. Without a decay all updates count the same
    (SWA). Integer buffers are copied. Tensors follow the network's device and keep its precision.

    Attributes:
        decay: Of the exponential average; None for the equal one.
        count: Updates so far.
        tensors: Averaged tensors by their names in the network; empty before the first of an
            equal average.
    """

    def __init__(self, network: nn.Module, *, decay: float | None) -> None:
        self.decay = decay
        self.count = 0
        self.tensors: dict[str, Tensor] = {}
        if decay is not None:
            self.tensors = _copy(network)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's present weights and buffers."""
        self.count += 1
        if not self.tensors:
            self.tensors = _copy(network)
            return
        current = network.state_dict()
        self._follow(current)
        share = 1.0 / self.count
        if self.decay is not None:
            share = 1.0 - min(self.decay, (1 + self.count) / (10 + self.count))
        old: list[Tensor] = []
        new: list[Tensor] = []
        for name, tensor in current.items():
            if tensor.dtype.is_floating_point:
                old.append(self.tensors[name])
                new.append(tensor)
            else:
                self.tensors[name].copy_(tensor)
        torch._foreach_lerp_(old, new, share)

    def state(self) -> dict[str, Tensor]:
        """Everything that is needed to go on, as tensors; they are the average's own."""
        return {**self.tensors, _COUNT: torch.tensor(self.count, dtype=torch.int64)}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave, bit for bit."""
        self.count = int(state[_COUNT])
        self.tensors = {
            name: tensor.detach().clone() for name, tensor in state.items() if name != _COUNT
        }

    def _follow(self, current: dict[str, Tensor]) -> None:
        """Move to where the network is now."""
        for name, tensor in current.items():
            if self.tensors[name].device != tensor.device:
                self.tensors[name] = self.tensors[name].to(tensor.device)

    @torch.no_grad()
    def apply_to(self, network: nn.Module) -> None:
        """Write the average into a network of the same form.

        Raises:
            ValueError: There is none yet.
        """
        if not self.tensors:
            raise ValueError("nothing was averaged yet")
        network.load_state_dict(self.tensors, strict=True)


def has_batch_norm(network: nn.Module) -> bool:
    """Whether the network keeps statistics that an average of weights makes wrong."""
    return any(True for _ in _norms(network))


@torch.no_grad()
def refresh_batch_norm(
    network: nn.Module, batches: Iterable[Tensor | tuple[Tensor | None, ...]]
) -> int:
    """Compute the batch norms' statistics anew, as the plain mean over the batches' statistics.

    Only the batch norms stand in training mode: dropout and drop path are off. Does nothing, and
    draws no batch, where the network has no batch norm.

    Args:
        network: Its modes are as before afterwards.
        batches: What the network takes: pictures, or a tuple of its arguments. Batches of one
            size, since each counts the same.

    Returns:
        Number of batches taken.

    Raises:
        ValueError: There was no batch; the statistics are as before.
    """
    if not has_batch_norm(network):
        return 0
    taken = 0
    with _only_norms_train(network):
        for batch in batches:
            if not taken:
                for norm in _norms(network):
                    norm.reset_running_stats()
            network(*batch) if isinstance(batch, tuple) else network(batch)
            taken += 1
    if not taken:
        raise ValueError("no batch to compute the norm statistics from")
    return taken


@contextmanager
def _only_norms_train(network: nn.Module) -> Any:
    """Batch norms in training mode with a cumulative mean, the rest in evaluation mode."""
    modes = {module: module.training for module in network.modules()}
    norms = list(_norms(network))
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode


def _norms(network: nn.Module) -> Iterable[_BatchNorm]:
    """Batch norms that keep statistics."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            yield module


def _copy(network: nn.Module) -> dict[str, Tensor]:
    """Copies of a network's weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
