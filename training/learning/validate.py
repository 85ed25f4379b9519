"""Choosing weights: the raw ones, their exponential and their stochastic average, on validation."""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from training.data.batches import Batch
from training.learning.averaging import refresh_batch_norm
from training.learning.compute import summed
from training.learning.losses import cross_entropy_terms
from training.learning.session import Session
from training.learning.tasks import Inputs, logits_of, to_inputs

Batches = Callable[[], Iterable[Batch]]


def measure(
    network: nn.Module, batches: Iterable[Inputs], fabric: Fabric, classes: int
) -> dict[str, float]:
    """Accuracy, balanced accuracy and mean cross entropy over all processes, in float32.

    Args:
        network: Teacher or student, on the device.
        batches: This process's part of the validation rows.
        fabric: Adds the parts up.
        classes: Number of classes.
    """
    network.eval()
    confusion = torch.zeros(classes, classes, dtype=torch.float64, device=fabric.device)
    loss = torch.zeros(1, dtype=torch.float64, device=fabric.device)
    with torch.inference_mode():
        for inputs in batches:
            logits = logits_of(network, inputs)
            terms = cross_entropy_terms(logits, inputs.labels, alpha=None)
            loss += terms.double().sum()
            called = logits.argmax(dim=1)
            confusion.index_put_(
                (inputs.labels, called),
                torch.ones_like(terms, dtype=torch.float64),
                accumulate=True,
            )
    sums = summed(fabric, torch.cat([loss, confusion.flatten()])).cpu()
    table = sums[1:].reshape(classes, classes).numpy()
    counts = table.sum(axis=1)
    recalls = np.diag(table)[counts > 0] / counts[counts > 0]
    total = float(counts.sum())
    return {
        "accuracy": float(np.diag(table).sum()) / total,
        "balanced_accuracy": float(recalls.mean()),
        "loss": float(sums[0]) / total,
    }


def candidates(
    session: Session, plain: Callable[[], Iterator[Tensor]]
) -> Iterator[tuple[str, nn.Module]]:
    """Name and network of each candidate, one at a time.

    Averages get their own batch statistics, from plain views of training B-scans: those of the raw
    weights do not belong to them.

    Args:
        session: The training.
        plain: Fresh iterator over ready inputs for the statistics.
    """
    yield "raw", session.raw
    for name, average in (("ema", session.ema), ("swa", session.swa)):
        if not average.count:
            continue
        network = copy.deepcopy(session.raw)
        average.apply_to(network)
        refresh_batch_norm(network, plain())
        yield name, network
        del network


def better(one: dict[str, float], other: dict[str, float] | None) -> bool:
    """Higher validation accuracy; between equals the lower loss."""
    if other is None:
        return True
    return (one["accuracy"], -one["loss"]) > (other["accuracy"], -other["loss"])


class ValidationSet:
    """The validation rows of this process, as ready inputs."""

    def __init__(
        self,
        batches: Batches,
        *,
        device: torch.device,
        scale: tuple[tuple[float, ...], tuple[float, ...]],
        channels_last: bool,
    ) -> None:
        self._batches = batches
        self._device = device
        self._mean, self._std = (torch.tensor(v).view(1, 3, 1, 1).to(device) for v in scale)
        self._channels_last = channels_last

    def __iter__(self) -> Iterator[Inputs]:
        """Pass over the rows once."""
        for batch in self._batches():
            yield to_inputs(
                batch, device=self._device, mean=self._mean, std=self._std,
                channels_last=self._channels_last,
            )  # fmt: skip


def shown(candidate: dict[str, float]) -> dict[str, Any]:
    """Figures of a candidate, rounded for people."""
    return {name: round(value, 4) for name, value in candidate.items()}
