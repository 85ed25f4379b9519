"""Does a heatmap point at the lesion, and does the model really use what it points at?

Measures: pointing game (Zhang et al., "Top-down Neural Attention by Excitation Backprop", IJCV
2018), energy inside the lesion (Wang et al., "Score-CAM", CVPR-W 2020), deletion and insertion
(Petsiuk et al., "RISE", BMVC 2018). Each stands beside what chance and a prior on the centre of
the picture would reach, because a lesion in the middle of a macular scan is no discovery.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Evidence = NDArray[np.float32]
Mask = NDArray[np.bool_]
Score = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""From B-scans, axes (n, depth, ascan), to the probability of the class in question, axes (n)."""

TOLERANCE_PX = 15
"""Margin of the pointing game in pixels, as in the paper that defined it."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """How one map compares with one lesion mask.

    Attributes:
        hit: The strongest pixel lies in the lesion or within the margin.
        energy: Share of the evidence in favour that lies in the lesion.
        chance_hit: Probability that a random pixel of the picture would hit.
        chance_energy: Share of the picture that is lesion.
        centre_hit: The middle of the picture would hit.
        centre_energy: Energy of a Gaussian on the middle with a quarter of the picture as width.
    """

    hit: bool
    energy: float
    chance_hit: float
    chance_energy: float
    centre_hit: bool
    centre_energy: float


def pointing(evidence: Evidence, mask: Mask) -> Pointing:
    """Compare a map with a lesion mask.

    Args:
        evidence: Evidence for the lesion's class, axes (depth, ascan).
        mask: Lesion, same shape, not empty.
    """
    if not mask.any():
        raise ValueError("the mask is empty: there is nothing to point at")
    near = _dilated(mask)
    prior = centre_prior(mask.shape)
    return Pointing(
        hit=bool(near.ravel()[int(evidence.argmax())]),
        energy=energy(evidence, mask),
        chance_hit=float(near.mean()),
        chance_energy=float(mask.mean()),
        centre_hit=bool(near.ravel()[int(prior.argmax())]),
        centre_energy=energy(prior, mask),
    )


def energy(evidence: Evidence, mask: Mask) -> float:
    """Share of the evidence in favour that lies in the mask; 0 where nothing is in favour."""
    positive = np.maximum(evidence, 0.0)
    total = float(positive.sum(dtype=np.float64))
    return float(positive[mask].sum(dtype=np.float64)) / total if total > 0.0 else 0.0


def centre_prior(shape: tuple[int, ...]) -> Evidence:
    """A Gaussian on the middle of the picture, a quarter of each side wide."""
    rows, columns = shape
    row = (np.arange(rows) - (rows - 1) / 2) / (rows / 4)
    column = (np.arange(columns) - (columns - 1) / 2) / (columns / 4)
    prior: Evidence = np.exp(-0.5 * (row[:, None] ** 2 + column[None, :] ** 2)).astype(np.float32)
    return prior


@dataclass(frozen=True, slots=True)
class Curves:
    """Areas under the curves of one B-scan, each from 0 to 1.

    Attributes:
        deletion: Strongest evidence is taken away first; small is faithful.
        insertion: Strongest evidence is put back first; large is faithful.
        random_deletion: The same in random order.
        random_insertion: The same in random order.
    """

    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float


def deletion_insertion(
    bscan: NDArray[np.uint8], evidence: Evidence, *, score: Score, seed: int, steps: int = 12
) -> Curves:
    """Take the evidence away, or put it back, and watch the probability.

    What is taken away becomes a strongly blurred copy of the same B-scan, so that no black hole
    plays the part of a cyst. Random order moves blocks of the size of a cell, not single pixels.

    Args:
        bscan: Axes (depth, ascan).
        evidence: For the class that `score` returns, same shape.
        score: Probability of the class.
        seed: Of the random order.
        steps: Pictures a curve.
    """
    blurred = cv2.GaussianBlur(bscan, (0, 0), sigmaX=max(bscan.shape) / 20)
    noise = np.random.default_rng(seed).random((12, 12), dtype=np.float32)
    blocks = cv2.resize(noise, bscan.shape[::-1], interpolation=cv2.INTER_NEAREST)
    curves = []
    for order in (evidence, np.asarray(blocks, dtype=np.float32)):
        removed = _removed(order, steps)
        deleted = np.where(removed, blurred, bscan)
        inserted = np.where(removed, bscan, blurred)
        values = score(np.concatenate([deleted, inserted]).astype(np.uint8))
        curves.append((_area(values[: steps + 1]), _area(values[steps + 1 :])))
    (deletion, insertion), (random_deletion, random_insertion) = curves
    return Curves(deletion, insertion, random_deletion, random_insertion)


def map_similarity(one: Evidence, other: Evidence) -> float:
    """Spearman rank correlation of two maps (Adebayo et al., "Sanity Checks", NeurIPS 2018)."""
    ranks = [np.argsort(np.argsort(values.ravel())).astype(np.float64) for values in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _removed(order: Evidence, steps: int) -> Mask:
    """Which pixels are gone after each step, strongest first; axes (step, depth, ascan)."""
    rank = np.empty(order.size, dtype=np.int64)
    rank[np.argsort(-order.ravel(), kind="stable")] = np.arange(order.size)
    limits = np.linspace(0, order.size, steps + 1)[:, None, None]
    removed: Mask = rank.reshape(order.shape)[None] < limits
    return removed


def _area(values: NDArray[np.float64]) -> float:
    """Area under equally spaced values on an axis from 0 to 1."""
    return float((values[:-1] + values[1:]).mean() / 2)


def _dilated(mask: Mask) -> Mask:
    """The mask with the pointing game's margin."""
    size = 2 * TOLERANCE_PX + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    near: Mask = cv2.dilate(mask.astype(np.uint8), kernel) > 0
    return near
