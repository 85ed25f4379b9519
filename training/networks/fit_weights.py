"""Tensors from elsewhere into a network: all of a trunk or none, the head class by class."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.errors import TrainingError

_OPTIONAL = "num_batches_tracked"


def fit_timm(
    network: nn.Module, tensors: dict[str, Tensor], *, trunk: str = "trunk"
) -> tuple[int, tuple[str, ...]]:
    """Put a published file of timm into a trunk; its classifier is left out.

    Args:
        network: A `Network` or `Teacher`.
        tensors: As timm names them, or as a file that timm can convert.
        trunk: Which trunk.

    Returns:
        Number of tensors carried over, and what was left out.

    Raises:
        TrainingError: ``weights-do-not-fit``.
    """
    model: Any = getattr(network, trunk)
    convert: Callable[..., Any] | None = getattr(
        sys.modules[type(model).__module__], "checkpoint_filter_fn", None
    )
    if convert is not None and len(inspect.signature(convert).parameters) >= 2:
        try:
            tensors = convert(dict(tensors), model)
        except (KeyError, ValueError, RuntimeError, AttributeError, IndexError) as error:
            raise do_not_fit([f"timm cannot convert them: {type(error).__name__}"]) from error
    classifier = model.pretrained_cfg.get("classifier") or ()
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    own = model.state_dict()
    theirs = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own or not any(name.startswith(f"{head}.") for head in heads)
    }
    carried = _fit(model, theirs)
    left = len(tensors) - len(theirs)
    return carried, (f"{left} tensors of the published classifier",) if left else ()


def fit_network(network: nn.Module, tensors: dict[str, Tensor]) -> tuple[int, tuple[str, ...]]:
    """Put the trunks of an earlier network of ours into this one; the head is left to others.

    Returns:
        Number of tensors carried over, and what was left out or is random.

    Raises:
        TrainingError: ``weights-do-not-fit``.
    """
    left: list[str] = []
    carried = _fit(network.trunk, inside(tensors, "trunk."))
    theirs = inside(tensors, "fundus.")
    if getattr(network, "fundus", None) is not None:
        if theirs:
            carried += _fit(network.fundus, theirs)
        else:
            left.append("fundus trunk: random")
    elif theirs:
        left.append(f"{len(theirs)} tensors of a fundus trunk")
    return carried, tuple(left)


@torch.no_grad()
def carry_head(
    network: nn.Module,
    weight: Tensor,
    bias: Tensor,
    *,
    theirs: Sequence[str],
    ours: Sequence[str],
) -> tuple[int, tuple[str, ...]]:
    """Carry over the head's rows of classes that both know; the other rows stay as they are.

    Where the head of one is wider (a fundus trunk), the columns of the B-scan are carried over.

    Args:
        network: With ``head``.
        weight: (class, channel) of the earlier head.
        bias: (class) of the earlier head.
        theirs: Class codes of the earlier head; empty where not known.
        ours: Class codes of this head; empty where not known.

    Returns:
        Number of tensors carried over (2 or 0), and what started anew or was left out.
    """
    head: Any = network.head
    if len(theirs) != len(weight) or len(ours) != len(head.weight):
        return 0, ("head: starts anew, the classes are not known",)
    width = min(weight.shape[1], head.weight.shape[1])
    shared = [code for code in ours if code in theirs]
    for code in shared:
        head.weight[ours.index(code), :width] = weight[theirs.index(code), :width]
        head.bias[ours.index(code)] = bias[theirs.index(code)]
    lines = [f"head: {code} starts anew" for code in ours if code not in theirs]
    lines += [f"head: {code} is left out" for code in theirs if code not in ours]
    return (2 if shared else 0), tuple(lines)


def do_not_fit(problems: Sequence[str]) -> TrainingError:
    """The error for weights of another network."""
    return TrainingError(
        "weights-do-not-fit",
        f"The weights are those of another network: {len(problems)} tensors do not fit. Name the "
        "model that they belong to.",
        problems,
    )


def fitting_problems(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> list[str]:
    """What a module's tensors find missing or of another shape, one line each."""
    problems = [f"missing: {name}" for name in own
                if name not in tensors and not name.endswith(_OPTIONAL)]  # fmt: skip
    return problems + [
        f"other shape: {name} {tuple(tensors[name].shape)} instead of {tuple(place.shape)}"
        for name, place in own.items()
        if name in tensors and tensors[name].shape != place.shape
    ]


def inside(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()
            if name.startswith(prefix)}  # fmt: skip


@torch.no_grad()
def _fit(module: Any, tensors: dict[str, Tensor]) -> int:
    """Copy tensors whose names and shapes are exactly the module's."""
    own: dict[str, Tensor] = module.state_dict()
    problems = fitting_problems(own, tensors)
    problems += [f"without a place: {name}" for name in tensors if name not in own]
    if problems:
        raise do_not_fit(problems)
    for name, tensor in tensors.items():
        own[name].copy_(tensor)
    return len(tensors)
