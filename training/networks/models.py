"""The two networks: any timm trunk, an average and a linear head.

The student answers with logits, activation maps and the embedding. Its activation map is the
linear head applied cell by cell, so the average of the map plus the bias is the logit: exact
evidence without gradients. That holds only for a trunk whose own network ends in a global average
and a linear layer; others are refused when the student is built (`check_exact`).

Neither network knows what its classes mean: their order lies with the run.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.networks.initial_weights import InitialWeights, start_from
from training.networks.trunks import check_exact, make_trunk
from training.recipe import NetworkConfig

FUNDUS_DROP = 0.25
"""Share of training samples whose fundus photograph the teacher does not get to see."""

_HEAD_DEVIATION = 0.01


class Network(nn.Module):
    """A student that answers with logits, activation maps and the embedding.

    Attributes:
        trunk: timm model without its classifier.
        head: Linear layer from the averaged features to the classes.
        dropout: Share of the embedding that is dropped in training.
        rows_last: True where the trunk's features have the axes (n, row, column, channel).
    """

    rows_last = False

    def __init__(
        self,
        classes: int,
        *,
        model: str = "efficientnet_b2",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        trunk = make_trunk(model, drop_path=drop_path, size=size)
        self.trunk: Any = trunk
        self.rows_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
        self.head = fresh_head(trunk.num_features, classes)
        self.dropout = dropout

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, class), activation maps (n, class, row, column), embedding (n, channel)."""
        features = self.trunk.forward_features(picture)
        if self.rows_last:
            features = features.permute(0, 3, 1, 2)
        embedding = features.mean(dim=(2, 3))
        cam = nn.functional.conv2d(features, self.head.weight[:, :, None, None])
        kept = nn.functional.dropout(embedding, self.dropout, self.training)
        return self.head(kept), cam, embedding


class Teacher(nn.Module):
    """A teacher over any timm model, with an optional second trunk for a fundus photograph.

    Late fusion: the embeddings of both pictures stand side by side before one linear head. In
    training, a share `FUNDUS_DROP` of the photographs is left out and their embedding is zero, as
    it is where no photograph is given, so that the teacher also answers from a B-scan alone.

    Attributes:
        trunk: timm model without its classifier; its last norm, where it has one, stays.
        fundus: The same for the photograph; None without.
        head: Linear layer from the embeddings to the classes: B-scan first, then photograph.
        dropout: Share of the embeddings that is dropped in training.
    """

    def __init__(
        self,
        classes: int,
        *,
        model: str,
        fundus_model: str = "",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.trunk: Any = make_trunk(model, drop_path=drop_path, size=size)
        self.fundus: Any = None
        width = int(self.trunk.head_hidden_size)
        self.fundus_width = 0
        if fundus_model:
            self.fundus = make_trunk(fundus_model, drop_path=drop_path, size=size)
            self.fundus_width = int(self.fundus.head_hidden_size)
        self.head = fresh_head(width + self.fundus_width, classes)
        self.dropout = dropout

    def forward(self, picture: Tensor, fundus: Tensor | None = None) -> Tensor:
        """Logits (n, class).

        Args:
            picture: B-scans (n, 3, row, column).
            fundus: Photographs (n, 3, row, column); None where there are none.
        """
        embedding: Tensor = self.trunk(picture)
        if self.fundus is not None:
            embedding = torch.cat((embedding, self._fundus_embedding(embedding, fundus)), dim=1)
        elif fundus is not None:
            raise ValueError("this teacher has no trunk for fundus photographs")
        kept = nn.functional.dropout(embedding, self.dropout, self.training)
        logits: Tensor = self.head(kept)
        return logits

    def _fundus_embedding(self, like: Tensor, fundus: Tensor | None) -> Tensor:
        """Embedding (n, channel) of the photographs; zero where one is missing or left out."""
        if fundus is None:
            return like.new_zeros(len(like), self.fundus_width)
        embedding: Tensor = self.fundus(fundus)
        if self.training:
            seen = torch.rand(len(fundus), 1, device=fundus.device) >= FUNDUS_DROP
            embedding = embedding * seen
        return embedding


def fresh_head(width: int, classes: int) -> nn.Linear:
    """A linear head that starts near even odds: weights N(0, 0.01), bias 0.

    timm draws EfficientNet's classifier from +-1/sqrt(classes), which starts three classes at a
    loss of 3 instead of ln 3.
    """
    head = nn.Linear(width, classes)
    nn.init.normal_(head.weight, std=_HEAD_DEVIATION)
    nn.init.zeros_(head.bias)
    return head


def build_student(
    config: NetworkConfig,
    classes: int,
    *,
    size: tuple[int, int],
    codes: tuple[str, ...] = (),
) -> tuple[Network, InitialWeights]:
    """The student with its initial weights.

    Args:
        config: The network's part of the configuration.
        classes: Outputs.
        size: Rows and columns of the picture.
        codes: Class codes in the order of the outputs; they let the head of earlier weights be
            carried over class by class. Empty: the head starts anew.

    Raises:
        TrainingError: ``unknown-model``, ``inexact-student``, or that of the weights.
    """
    check_exact(config.model, size)
    network = Network(
        classes,
        model=config.model,
        dropout=config.dropout,
        drop_path=config.drop_path,
        size=size,
    )
    return network, start_from(network, config, codes=codes)


def build_teacher(
    config: NetworkConfig,
    classes: int,
    *,
    size: tuple[int, int],
    codes: tuple[str, ...] = (),
) -> tuple[Teacher, InitialWeights]:
    """The teacher with its initial weights; arguments as `build_student`.

    Raises:
        TrainingError: ``unknown-model``, or that of the weights.
    """
    network = Teacher(
        classes,
        model=config.model,
        fundus_model=config.fundus_model,
        dropout=config.dropout,
        drop_path=config.drop_path,
        size=size,
    )
    return network, start_from(network, config, codes=codes)


@torch.no_grad()
def run_network(
    network: Network, inputs: Tensor, *, batch: int = 16
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Logits, activation maps and embeddings of ready inputs, as arrays."""
    network.eval()
    parts = [network(inputs[at : at + batch]) for at in range(0, len(inputs), batch)]
    logits, cams, embeddings = (torch.cat(one).numpy() for one in zip(*parts, strict=True))
    return logits, cams, embeddings
