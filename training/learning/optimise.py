"""Optimizer: groups of parameters, the rate of each step, freezing."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from timm.models import group_parameters
from torch import nn

from training.errors import TrainingError
from training.recipe import NetworkConfig

_TRUNKS = ("trunk", "fundus")
_HEADS = ("head", "trunk.head", "trunk.fc_norm", "fundus.head", "fundus.fc_norm")
_UNDECAYED = ("pos_embed", "cls_token", "reg_token", "dist_token", "relative_position", "grn.")


def parameter_groups(network: nn.Module, config: NetworkConfig) -> list[dict[str, Any]]:
    """Groups for the optimizer; every parameter is in exactly one.

    The head is the linear layer and whatever norm stands between it and the pooling (ConvNeXt's
    ``head.norm``). The backbone has one rate, or with ``layer_decay`` one for each of timm's
    layers: the last has ``backbone_rate`` and each layer before ``layer_decay`` times the next.
    Norms, biases, GRN's scale and shift, and position embeddings are not decayed, unless
    ``decay_norms`` asks for it.

    Returns:
        Groups with ``params``, ``lr`` and ``peak`` (the peak rate), ``weight_decay`` and ``name``
        (for example ``head``, ``backbone``, ``backbone.3 no decay``), in a fixed order.

    Raises:
        TrainingError: ``bad-configuration`` where timm knows no layers of the model.
    """
    layers = _layers(network) if config.layer_decay else {}
    kept = _undecayed_names(network)
    last = {trunk: max((layer for name, layer in layers.items() if name.startswith(f"{trunk}.")),
                       default=0) for trunk in _TRUNKS}  # fmt: skip
    groups: dict[str, dict[str, Any]] = {}
    for name, weight in network.named_parameters():
        part, peak = "head", config.head_rate
        if not is_head(name):
            part, peak = "backbone", config.backbone_rate
            if layers:
                trunk = name.partition(".")[0]
                depth = last[trunk] - layers[name]
                part, peak = f"{trunk}.{layers[name]}", peak * config.layer_decay**depth
        plain = (weight.ndim <= 1 or name in kept) and not config.decay_norms
        title = f"{part} no decay" if plain else part
        decay = 0.0 if plain else config.weight_decay
        fresh = {"params": [], "lr": peak, "peak": peak, "weight_decay": decay, "name": title}
        groups.setdefault(title, fresh)["params"].append(weight)
    return [groups[title] for title in groups]


def make_optimizer(
    network: nn.Module, config: NetworkConfig, *, scaled: bool = False
) -> torch.optim.AdamW:
    """AdamW over the groups, in one fused kernel.

    Args:
        network: On its device.
        config: Of the network.
        scaled: The loss is scaled for fp16: the fused kernel would take the scale out by itself,
            after the clipping that must come behind it, so it is not used.
    """
    return torch.optim.AdamW(parameter_groups(network, config), fused=None if scaled else True)


def rate_factor(epoch_progress: float, config: NetworkConfig) -> float:
    """Share of the peak rate: linear rise, then half a cosine down to the floor.

    Args:
        epoch_progress: Epochs done at the end of the step: ``epoch + (step + 1) / steps``, so that
            the first step already learns and the last one of the run stands at the floor.
        config: Warm-up, epochs and floor.
    """
    rise = config.warmup_epochs
    if epoch_progress < rise:
        return epoch_progress / rise
    done = min(1.0, (epoch_progress - rise) / max(1e-9, config.epochs - rise))
    return config.floor + (1.0 - config.floor) * 0.5 * (1.0 + math.cos(math.pi * done))


def set_rates(
    optimizer: torch.optim.Optimizer, factor: float, *, swa_rate: float | None = None
) -> None:
    """Set every group's rate to a share of its peak; in the SWA phase to one rate for all."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor if swa_rate is None else swa_rate


def freeze(network: nn.Module, frozen: bool) -> None:
    """Let only the head learn, or everything again.

    A frozen backbone stands in evaluation mode: no drop path, no change of norm statistics. To be
    called after each ``network.train()``, which puts every part back into training mode.
    """
    for name, weight in network.named_parameters():
        weight.requires_grad_(not frozen or is_head(name))
    if frozen:
        for name, module in network.named_modules():
            if name and not is_head(name):
                module.train(False)
        for name, module in network.named_modules():
            if is_head(name):
                module.train(network.training)


def is_head(name: str) -> bool:
    """Whether a parameter or module of that name belongs to the head."""
    return any(name == head or name.startswith(f"{head}.") for head in _HEADS)


def _trunks(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The trunks that the network has, with their names."""
    for name in _TRUNKS:
        trunk = getattr(network, name, None)
        if trunk is not None:
            yield name, trunk


def _layers(network: nn.Module) -> dict[str, int]:
    """Layer of each backbone parameter, from the input on."""
    layers: dict[str, int] = {}
    for prefix, trunk in _trunks(network):
        matcher = getattr(trunk, "group_matcher", None)
        if matcher is None:
            raise TrainingError(
                "bad-configuration",
                "layer_decay has no effect: timm knows no layers of this model; set it to 0.",
            )
        found = group_parameters(trunk, matcher(coarse=False), reverse=True)
        inside = {name: layer for name, layer in found.items() if not is_head(f"{prefix}.{name}")}
        order = {layer: index for index, layer in enumerate(sorted(set(inside.values())))}
        layers |= {f"{prefix}.{name}": order[layer] for name, layer in inside.items()}
    return layers


def _undecayed_names(network: nn.Module) -> set[str]:
    """Names of weights with more than one axis that are no matrices of a layer all the same."""
    names: set[str] = set()
    for prefix, trunk in _trunks(network):
        listed: set[str] = getattr(trunk, "no_weight_decay", set)()
        for name, _ in trunk.named_parameters():
            if name in listed or any(part in name for part in _UNDECAYED):
                names.add(f"{prefix}.{name}")
    return names
