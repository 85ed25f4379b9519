"""Mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019) on a batch, from a seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.batches import UNLABELLED
from training.recipe import NetworkConfig

_STREAM = 0x6D6978  # keeps these draws apart from others of the same seed


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """A mixed batch.

    Attributes:
        pictures: Mixed pictures, shape and type as given.
        labels_a: int64 (n), the samples' own labels.
        labels_b: int64 (n), labels of their partners.
        partner: int64 (n), index of the partner.
        share: float32 (n), share of the picture, and so of the loss, that is the sample's own.
        kind: ``mixup``, ``cutmix``, or ``none``: this step does not mix.
    """

    pictures: Tensor
    labels_a: Tensor
    labels_b: Tensor
    partner: Tensor
    share: Tensor
    kind: str

    def blend(self, values: Tensor) -> Tensor:
        """Other values of the samples (n, ...) blended by the same shares."""
        own = self.share.to(values).view(-1, *[1] * (values.ndim - 1))
        return own * values + (1.0 - own) * values[self.partner]

    def terms(self, term: Callable[[Tensor], Tensor]) -> Tensor:
        """Terms (n) with both labels: ``share * term(a) + (1 - share) * term(b)``.

        Args:
            term: Terms (n) for labels (n), for example a cross entropy or the labels' weights.
        """
        own = term(self.labels_a)
        if self.kind == "none":
            return own
        share = self.share.to(own)
        return share * own + (1.0 - share) * term(self.labels_b)

    def targets(self, classes: int) -> Tensor:
        """Target probabilities float32 (n, class); zero rows where there is no label."""
        target = torch.zeros(len(self.share), classes, device=self.share.device)
        for labels, share in ((self.labels_a, self.share), (self.labels_b, 1.0 - self.share)):
            known = (labels != UNLABELLED).to(share)
            target.scatter_add_(1, labels.clamp_min(0)[:, None], (share * known)[:, None])
        return target


def mix(
    pictures: Tensor,
    labels: Tensor,
    config: NetworkConfig,
    *,
    seed: int,
    epoch: int,
    step: int,
    part: int = 0,
) -> Mixed:
    """Mix a batch, or leave it where the step's draw says so.

    Whether a step mixes and how is the same for all its parts. Labelled samples mix with labelled
    ones, so that each keeps a whole target or none. Shares are drawn for each sample from
    Beta(alpha, alpha); that of cutmix is then set to the area that is really left.

    Args:
        pictures: Floating point, axes (n, ..., row, column).
        labels: int64 (n).
        config: ``mixup``, ``cutmix`` and ``mix_probability``.
        seed: Of the run.
        epoch: From 0.
        step: Of the epoch, from 0.
        part: Number of the micro-batch among those of the step in all processes.
    """
    kind = _kind(config, np.random.default_rng((_STREAM, seed, epoch, step)))
    if kind == "none":
        return _unmixed(pictures, labels)
    rng = np.random.default_rng((_STREAM, seed, epoch, step, part + 1))
    known = labels.cpu().numpy() != UNLABELLED
    partner = torch.from_numpy(_partners(known, rng)).to(labels.device)
    alpha = config.mixup if kind == "mixup" else config.cutmix
    share = rng.beta(alpha, alpha, len(labels))
    if kind == "cutmix":
        mixed, share = _cut(pictures, partner, share, rng)
    else:
        own = torch.from_numpy(share).to(pictures).view(-1, *[1] * (pictures.ndim - 1))
        mixed = own * pictures + (1.0 - own) * pictures[partner]
    shares = torch.from_numpy(share.astype(np.float32)).to(labels.device)
    return Mixed(mixed, labels, labels[partner], partner, shares, kind)


def _kind(config: NetworkConfig, rng: np.random.Generator) -> str:
    """What this step does."""
    kinds = [kind for kind in ("mixup", "cutmix") if getattr(config, kind) > 0.0]
    if not kinds or rng.random() >= config.mix_probability:
        return "none"
    return kinds[int(rng.integers(len(kinds)))]


def _unmixed(pictures: Tensor, labels: Tensor) -> Mixed:
    partner = torch.arange(len(labels), device=labels.device)
    share = torch.ones(len(labels), device=labels.device)
    return Mixed(pictures, labels, labels, partner, share, "none")


def _partners(known: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """A partner for each sample: the next one in a random circle of its own kind.

    In a circle nobody is his own partner, unless he is alone.
    """
    partner = np.arange(len(known))
    for kind in (True, False):
        circle = rng.permutation(np.flatnonzero(known == kind))
        partner[circle] = np.roll(circle, 1)
    return partner


def _cut(
    pictures: Tensor, partner: Tensor, share: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Tensor, NDArray[np.float64]]:
    """Paste a rectangle of the partner's picture; its centre may lie anywhere in the picture.

    Returns:
        Pictures, and the share of each that is left of its own.
    """
    rows, columns = pictures.shape[-2:]
    mixed, left = pictures.clone(), np.ones(len(share))
    for index, own in enumerate(share):
        side = np.sqrt(1.0 - own)
        top, bottom = _span(rows, side, rng)
        first, last = _span(columns, side, rng)
        mixed[index, ..., top:bottom, first:last] = pictures[
            int(partner[index]), ..., top:bottom, first:last
        ]
        left[index] = 1.0 - (bottom - top) * (last - first) / (rows * columns)
    return mixed, left


def _span(length: int, side: float, rng: np.random.Generator) -> tuple[int, int]:
    """Begin and end of a rectangle's side around a random centre, cut off at the border."""
    centre, extent = int(rng.integers(length)), round(length * side)
    begin = centre - extent // 2
    return max(0, begin), min(length, begin + extent)
