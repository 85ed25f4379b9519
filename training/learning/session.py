"""A training between two steps: everything that must survive a kill, and nothing else."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from training.errors import TrainingError
from training.learning.averaging import Average
from training.learning.optimise import freeze


@dataclass(slots=True)
class Tally:
    """Sums over the steps of an epoch so far.

    Attributes:
        loss: Sum of the steps' losses.
        steps: Their number.
        right: Labelled B-scans whose training view was called right.
        labelled: Labelled B-scans seen.
        seen: B-scans seen.
    """

    loss: float = 0.0
    steps: int = 0
    right: int = 0
    labelled: int = 0
    seen: int = 0


@dataclass(slots=True)
class Position:
    """Where a training is.

    Attributes:
        epoch: From 0; the one that the next step belongs to.
        step: The next step within the epoch.
        updates: Steps done in all.
        waiting: Epochs without a better validation.
        best: Facts of the best candidate so far; empty before the first.
        tally: Of the epoch so far.
        history: One entry a finished epoch.
    """

    epoch: int = 0
    step: int = 0
    updates: int = 0
    waiting: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    history: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Position":
        """What `to_json` gave."""
        return cls(**{**values, "tally": Tally(**values["tally"])})


@dataclass(slots=True, eq=False)
class Session:
    """A network in training.

    Attributes:
        fabric: Device, precision, processes.
        raw: The network itself.
        wrapped: What Fabric made of it; forward passes go through this. None before `ready`.
        frozen: Whether it was wrapped with the backbone frozen.
        optimizer: What Fabric made of AdamW.
        ema: Exponential average.
        swa: Stochastic weight average.
        at: Where it is.
        body: What is wrapped: the network, or its compiled form, which shares its weights.
    """

    fabric: Fabric
    raw: nn.Module
    optimizer: Any
    ema: Average
    swa: Average
    at: Position
    body: nn.Module
    wrapped: Any = None
    frozen: bool = False

    def ready(self, *, frozen: bool) -> nn.Module:
        """The wrapped network, in training mode, with its backbone frozen or free.

        Processes agree on the gradients to exchange when the network is wrapped, so it is wrapped
        anew when the backbone thaws.
        """
        if self.wrapped is None or self.frozen != frozen:
            freeze(self.raw, frozen)
            self.wrapped = None  # the old wrapper's hooks end with it
            self.wrapped = self.fabric.setup_module(self.body)
            self.frozen = frozen
        network: nn.Module = self.wrapped
        network.train()
        freeze(self.raw, frozen)
        return network

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state by a name that says where it belongs."""
        found = {f"network/{name}": value for name, value in self.raw.state_dict().items()}
        for part, average in (("ema", self.ema), ("swa", self.swa)):
            found |= {f"{part}/{name}": value for name, value in average.state().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                found[f"optimizer/{index}/{name}"] = torch.as_tensor(value)
        return found

    def facts(self) -> dict[str, Any]:
        """Every plain value of the state."""
        return {"position": self.at.to_json(), "precision": self._precision().state_dict()}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Put back what `tensors` and `facts` gave.

        Raises:
            TrainingError: ``other-run``: the tensors do not fit.
        """
        try:
            self.raw.load_state_dict(part(tensors, "network/"))
            self.ema.load(part(tensors, "ema/"))
            self.swa.load(part(tensors, "swa/"))
            self._restore_optimizer(part(tensors, "optimizer/"))
        except (RuntimeError, KeyError, ValueError) as error:
            raise TrainingError(
                "other-run", "The checkpoint does not fit this network; choose another run folder."
            ) from error
        self._precision().load_state_dict(facts["precision"])
        self.at = Position.from_json(facts["position"])

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        """Moments in the memory layout of their weights: the fused kernel walks both as they lie.

        A file holds every tensor row by row, weights may be channels-last.
        """
        weights = [one for group in self.optimizer.param_groups for one in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, key = name.split("/")
            laid = laid_like(value, weights[int(index)])
            moments.setdefault(int(index), {})[key] = laid
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": moments})

    def _precision(self) -> Any:
        return self.fabric.strategy.precision


def laid_like(value: Tensor, weight: Tensor) -> Tensor:
    """A tensor in the memory layout of a weight; as it is where it has another shape."""
    if value.shape != weight.shape:
        return value
    return torch.empty_like(weight, dtype=value.dtype, device=value.device).copy_(value)


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
