"""A network of a few hundred weights with the outputs of the real one."""

import torch
from torch import Tensor, nn

from training.networks.models import Network


class ToyTrunk(nn.Module):
    """Two strided convolutions; one cell of the map for 16 x 16 pixels."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=4, padding=2, bias=False),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            nn.Conv2d(8, 12, 5, stride=4, padding=2, bias=False),
            nn.BatchNorm2d(12),
            nn.SiLU(),
        )

    def forward_features(self, picture: Tensor) -> Tensor:
        """Features (n, channel, row, column)."""
        features: Tensor = self.layers(picture)
        return features


class ToyNetwork(Network):
    """The real forward pass over a toy trunk."""

    def __init__(self, classes: int = 4) -> None:
        nn.Module.__init__(self)
        self.trunk = ToyTrunk()
        self.head = nn.Linear(ToyTrunk.num_features, classes)
        self.dropout = 0.0
        nn.init.normal_(self.head.weight, std=0.3)
        nn.init.zeros_(self.head.bias)


def toy(seed: int = 0) -> ToyNetwork:
    """A toy network whose weights follow from the seed."""
    torch.manual_seed(seed)
    return ToyNetwork()
