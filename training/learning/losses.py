"""Loss terms, one value a sample; the loop sums them and divides by the weights of the whole step.

Everything is computed in float32, whatever the precision of the logits or of autocast. A sample
whose label is `UNLABELLED` gives 0 in every term with labels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data.batches import UNLABELLED
from training.errors import TrainingError

_LEAST_INSIDE = 1e-4


def focal_terms(logits: Tensor, labels: Tensor, *, alpha: Tensor, gamma: float) -> Tensor:
    """Focal loss (Lin et al. 2017): ``-alpha_y (1 - p_y)^gamma log p_y`` with alpha outside p.

    The weighted mean is ``sum(terms) / sum(label_weights)``.

    Args:
        logits: (n, class).
        labels: int64 (n).
        alpha: Weight of each class (class).
        gamma: Focusing; 0 is the weighted cross entropy.

    Returns:
        Terms (n).
    """
    log_p = _log_p(logits, labels)
    miss = -torch.expm1(log_p)
    # the lower bound keeps the slope of a fractional power finite where p rounds to 1
    focus = miss.clamp_min(1e-8).pow(gamma) if gamma else torch.ones_like(miss)
    return -label_weights(labels, alpha).to(log_p) * focus * log_p


def cross_entropy_terms(
    logits: Tensor, labels: Tensor, *, alpha: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Cross entropy with class weights and label smoothing.

    With smoothing s over k classes: ``-(1 - s) alpha_y log p_y - s/k sum_c alpha_c log p_c``.

    Args:
        logits: (n, class).
        labels: int64 (n).
        alpha: Weight of each class (class); None is 1 for each.
        smoothing: Share of the target that is spread evenly.

    Returns:
        Terms (n).
    """
    logits = full(logits)
    weight = None if alpha is None else alpha.to(logits)
    with torch.autocast(logits.device.type, enabled=False):
        return nn.functional.cross_entropy(
            logits,
            labels,
            weight=weight,
            ignore_index=UNLABELLED,
            reduction="none",
            label_smoothing=smoothing,
        )


def soft_terms(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Soft targets (Hinton et al. 2015): ``T^2 KL(softmax(z_t / T) || softmax(z_s / T))``.

    Their plain mean is PyTorch's ``batchmean`` times ``T^2``. The teacher gets no gradient; its
    logits may come out of inference mode.

    Args:
        student_logits: (n, class).
        teacher_logits: (n, class).
        temperature: T.

    Returns:
        Terms (n).
    """
    with torch.autocast(student_logits.device.type, enabled=False):
        teacher = torch.log_softmax(full(teacher_logits).detach().clone() / temperature, dim=1)
        student = torch.log_softmax(full(student_logits) / temperature, dim=1)
        return temperature**2 * (teacher.exp() * (teacher - student)).sum(dim=1)


def outline_terms(cam: Tensor, labels: Tensor, outlines: Tensor, *, normal: int) -> Tensor:
    """How little of the evidence for the labelled disease lies in the outlined lesion.

    The map of the labelled class, as a softmax over its cells, is a distribution over places; the
    term is ``-log`` of its share in cells that the outline touches. A softmax does not feel a
    constant, so the gradient sums to zero over the cells: it moves evidence, and leaves the logit,
    which is the mean of the map. The term is 0 for a B-scan that is normal, unlabelled, or without
    an outline in the view.

    Args:
        cam: Activation maps (n, class, row, column).
        labels: int64 (n).
        outlines: bool (n, row, column) of the pictures.
        normal: Index of the class that is no disease.

    Returns:
        Terms (n).
    """
    with torch.autocast(cam.device.type, enabled=False):
        own = full(cam)[torch.arange(len(labels)), labels.clamp_min(0)]
        touched = nn.functional.adaptive_max_pool2d(outlines[:, None].to(own), own.shape[1:])[:, 0]
        places = torch.softmax(own.flatten(1), dim=1)
        inside = (places * touched.flatten(1)).sum(dim=1)
        counts = (labels != UNLABELLED) & (labels != normal) & outlines.any(dim=2).any(dim=1)
        return torch.where(counts, -torch.log(inside.clamp_min(_LEAST_INSIDE)), 0.0)


def label_weights(labels: Tensor, alpha: Tensor) -> Tensor:
    """Weight of each sample's label (n); 0 where it has none. Their sum normalises a step."""
    known = labels != UNLABELLED
    return alpha.to(labels.device)[labels.clamp_min(0)] * known


def class_weights(labels: NDArray[np.int64], classes: int, kind: str) -> Tensor:
    """Weights of the classes from the labels of the training part.

    Args:
        labels: int64 (n); `UNLABELLED` does not count.
        classes: Number of classes.
        kind: ``balanced``: ``n / (classes * n_c)``; ``none``: ones.

    Returns:
        float32 (class).

    Raises:
        TrainingError: ``empty-class``.
    """
    if kind == "none":
        return torch.ones(classes)
    if kind != "balanced":
        raise ValueError(f"unknown kind of class weights: {kind}")
    known = labels[labels != UNLABELLED]
    counts = np.bincount(known, minlength=classes)
    if empty := [str(index) for index in np.flatnonzero(counts == 0)]:
        raise TrainingError(
            "empty-class",
            f"The training part holds no B-scan of {len(empty)} of {classes} classes.",
            [f"class {index}" for index in empty],
        )
    return torch.tensor(len(known) / (classes * counts), dtype=torch.float32)


def full(logits: Tensor) -> Tensor:
    """Half-precision logits as float32; others as they are."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _log_p(logits: Tensor, labels: Tensor) -> Tensor:
    """Log probability of each sample's label (n)."""
    with torch.autocast(logits.device.type, enabled=False):
        log_p = torch.log_softmax(full(logits), dim=1)
    return log_p.gather(1, labels.clamp_min(0)[:, None])[:, 0]
