"""What a step minimises: the teacher's supervised loss, the student's distillation.

A step may be spread over micro-batches and processes, so a task gives each micro-batch's share of
the step's loss: sums over samples, divided by what the whole step's mean is divided by. The sum of
the shares is then the same however the step is spread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data.batches import UNLABELLED, Batch, Step
from training.learning.losses import (
    cross_entropy_terms,
    focal_terms,
    outline_terms,
    soft_terms,
)
from training.learning.mixing import Mixed
from training.recipe import DistillConfig, NetworkConfig

TermsOf = Callable[[Tensor], Tensor]
"""From labels to a float32 term a B-scan."""


@dataclass(slots=True, eq=False)
class Inputs:
    """A micro-batch on the device.

    Attributes:
        pictures: float32, normalised, axes (B-scan, channel, row, column).
        fundus: float32, the same axes; None without.
        labels: int64; `UNLABELLED` where the label is not used.
        weights: float32; 0 for fillers.
        rows: int64 positions among the training rows, on the CPU.
        mix: How the pictures were mixed; None where they were not.
        outlines: Where the lesions are, axes (B-scan, row, column); None where not asked for.
    """

    pictures: Tensor
    fundus: Tensor | None
    labels: Tensor
    weights: Tensor
    rows: NDArray[np.int64]
    mix: Mixed | None = None
    outlines: Tensor | None = None


class Task(Protocol):
    """A loss over a network."""

    def share(self, network: nn.Module, inputs: Inputs, step: Step) -> tuple[Tensor, Tensor]:
        """This micro-batch's share of the step's loss, and the network's logits (n, class)."""


class SupervisedTask:
    """Focal loss or cross entropy with the labels, weighted by class.

    The mean of a step is ``sum(L) / sum(alpha)`` over its labelled B-scans.
    """

    def __init__(self, config: NetworkConfig, alpha: Tensor) -> None:
        self._config = config
        self._alpha = alpha

    def share(self, network: nn.Module, inputs: Inputs, step: Step) -> tuple[Tensor, Tensor]:
        """See `Task`."""
        logits = logits_of(network, inputs)
        terms = self.terms(logits, inputs)
        return (terms * inputs.weights).sum() / alpha_sum(self._alpha, step), logits

    def terms(self, logits: Tensor, inputs: Inputs) -> Tensor:
        """Loss of each B-scan, already times its alpha; 0 where unlabelled."""
        if self._config.loss == "focal":

            def one(labels: Tensor) -> Tensor:
                return focal_terms(logits, labels, alpha=self._alpha, gamma=self._config.gamma)
        else:

            def one(labels: Tensor) -> Tensor:
                return cross_entropy_terms(
                    logits, labels, alpha=self._alpha, smoothing=self._config.smoothing
                )

        return labelled_terms(one, inputs)


class DistillTask:
    """``soft_weight * T^2 * KL(teacher || student) + hard_weight * CE + outline_weight * outside``.

    The soft and the last term are means over every B-scan of a step, the hard term over its
    labelled ones.
    """

    def __init__(
        self,
        distill: DistillConfig,
        student: NetworkConfig,
        alpha: Tensor,
        soft: "SoftTargets | None",
        *,
        normal: int = 0,
    ) -> None:
        """Put the loss together.

        Args:
            distill: Weights and temperature.
            student: Its smoothing.
            alpha: Weight of each class in the hard term.
            soft: Where the teacher's answers come from; None without a teacher.
            normal: Index of the class that is no disease.
        """
        self._normal = normal
        self._distill = distill
        self._student = student
        self._alpha = alpha
        self._soft = soft

    def share(self, network: nn.Module, inputs: Inputs, step: Step) -> tuple[Tensor, Tensor]:
        """See `Task`."""
        answer = network(inputs.pictures)  # the student sees OCT alone
        logits = (answer[0] if isinstance(answer, tuple) else answer).float()
        loss = logits.sum() * 0.0
        if self._soft is not None and self._distill.soft_weight:
            theirs = self._soft.logits(inputs)
            soft = soft_terms(logits, theirs, self._distill.temperature)
            loss = loss + self._distill.soft_weight * (soft * inputs.weights).sum() / len(
                step.labels
            )
        if self._distill.hard_weight and bool((step.labels != UNLABELLED).any()):

            def one(labels: Tensor) -> Tensor:
                return cross_entropy_terms(
                    logits, labels, alpha=self._alpha, smoothing=self._student.smoothing
                )

            hard = (labelled_terms(one, inputs) * inputs.weights).sum()
            loss = loss + self._distill.hard_weight * hard / alpha_sum(self._alpha, step)
        if self._distill.outline_weight and inputs.outlines is not None:
            outside = outline_terms(answer[1], inputs.labels, inputs.outlines, normal=self._normal)
            loss = loss + self._distill.outline_weight * (outside * inputs.weights).sum() / len(
                step.labels
            )
        return loss, logits


class SoftTargets(Protocol):
    """Where the teacher's logits come from."""

    def logits(self, inputs: Inputs) -> Tensor:
        """float32 logits of the teacher for a micro-batch, axes (B-scan, class)."""


class OnlineTeacher:
    """The frozen teacher looks at the very view that the student sees."""

    def __init__(self, teacher: nn.Module, *, dtype: torch.dtype | None) -> None:
        self._teacher = teacher.eval().requires_grad_(False)
        self._dtype = dtype

    def logits(self, inputs: Inputs) -> Tensor:
        """See `SoftTargets`; mixed precision inside, float32 outside."""
        device = inputs.pictures.device.type
        enabled = self._dtype is not None
        with (
            torch.inference_mode(),
            torch.autocast(device, dtype=self._dtype or torch.bfloat16, enabled=enabled),
        ):
            answer = logits_of(self._teacher, inputs)
        return answer.float().clone()  # out of inference mode: autograd refuses such tensors


class StoredTargets:
    """The teacher's answers to the plain views, computed once."""

    def __init__(self, table: Tensor) -> None:
        self._table = table

    def logits(self, inputs: Inputs) -> Tensor:
        """See `SoftTargets`."""
        at = torch.from_numpy(inputs.rows).to(self._table.device)
        return self._table[at]


def logits_of(network: nn.Module, inputs: Inputs) -> Tensor:
    """float32 logits of a teacher or a student, axes (B-scan, class)."""
    if inputs.fundus is None:
        answer = network(inputs.pictures)
    else:
        answer = network(inputs.pictures, inputs.fundus)
    logits: Tensor = answer[0] if isinstance(answer, tuple) else answer
    return logits.float()


def labelled_terms(one: TermsOf, inputs: Inputs) -> Tensor:
    """Terms of the B-scans, with both labels where the views were mixed; 0 where unlabelled."""
    return one(inputs.labels) if inputs.mix is None else inputs.mix.terms(one)


def alpha_sum(alpha: Tensor, step: Step) -> float:
    """What the weighted mean of a step is divided by; 1 where nothing is labelled."""
    known = step.labels[step.labels != UNLABELLED]
    total = float(alpha.detach().cpu().double().numpy()[known].sum())
    return total if total > 0.0 else 1.0


def to_inputs(
    batch: Batch,
    *,
    device: torch.device,
    mean: Tensor,
    std: Tensor,
    channels_last: bool,
) -> Inputs:
    """Move a micro-batch to the device and make the networks' input of it there.

    Args:
        batch: uint8 views, or float32 shares of white.
        device: Where to.
        mean: Of the three channels, shape (1, 3, 1, 1), on the device.
        std: Likewise.
        channels_last: Memory layout of the result.
    """
    unit = torch.from_numpy(np.ascontiguousarray(batch.units)).to(device, non_blocking=True)
    shares = unit.float().div_(255.0) if batch.units.dtype == np.uint8 else unit
    pictures = (shares[:, None] - mean) / std
    fundus = None
    if batch.fundus is not None:
        colour = torch.from_numpy(np.ascontiguousarray(batch.fundus)).to(device)
        fundus = (colour.permute(0, 3, 1, 2).float().div_(255.0) - mean) / std
    if channels_last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(batch.labels).to(device)
    weights = torch.from_numpy(batch.weights).to(device)
    outlines = None if batch.outlines is None else torch.from_numpy(batch.outlines).to(device)
    return Inputs(pictures, fundus, labels, weights, batch.rows, outlines=outlines)
