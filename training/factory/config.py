"""The run's configuration: TOML into frozen dataclasses; an unknown or missing key is an error."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

FACTORY = Path(__file__).parents[1] / "configs" / "shipped" / "supervised.toml"
"""How the shipped model was made; ``configs/factory.toml`` makes the next one by distillation."""


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key."""


@dataclass(frozen=True, slots=True)
class InputConfig:
    """Size of the network's input in rows and columns."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What the network learns from.

    Attributes:
        seed: Everything random about the pictures follows from it.
        shard: New pictures an epoch; each is seen in two epochs.
        painted: Share of lesions painted into real normal B-scans.
        phantom: Share of phantom B-scans.
        real: Share of the real labelled pictures of the training half of ``kermany``.
        balance: Share of each class, in class order.
    """

    seed: int
    shard: int
    painted: float
    phantom: float
    real: float
    balance: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The supervised loop.

    Attributes:
        seed: Of weights, order and light augmentation.
        epochs: Number of epochs.
        small_epochs: First epochs, on smaller inputs: cheap steps first, fine detail last.
        small_height: Rows of those.
        small_width: Columns of those.
        batch: Pictures a step.
        head_rate: Peak learning rate of the head.
        trunk_rate: Peak learning rate of the trunk.
        weight_decay: Not applied to norms and biases.
        warmup: Share of the steps in which the rate rises.
        smoothing: Label smoothing.
        dropout: Before the head.
        focus: Weight of the loss that draws the evidence onto the lesion.
        ema: Decay of the averaged weights.
        clip: Largest gradient norm.
        threads: Of torch.
    """

    seed: int
    epochs: int
    small_epochs: int
    small_height: int
    small_width: int
    batch: int
    head_rate: float
    trunk_rate: float
    weight_decay: float
    warmup: float
    smoothing: float
    dropout: float
    focus: float
    ema: float
    clip: float
    threads: int


@dataclass(frozen=True, slots=True)
class Config:
    """One run."""

    name: str
    version: str
    input: InputConfig
    data: DataConfig
    train: TrainConfig

    def to_json(self) -> dict[str, Any]:
        """Plain values for checkpoints and the manifest."""
        return dataclasses.asdict(self)


T = TypeVar("T")


def load_config(path: Path) -> Config:
    """Read a TOML file.

    Raises:
        ConfigError: The file is no TOML, or a key is unknown, missing or of the wrong type.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from error
    return _build(Config, values, "")


def _build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """One dataclass from one table, by its type hints."""
    hints = get_type_hints(kind)
    if unknown := sorted(set(values) - set(hints)):
        raise ConfigError(f"unknown key {where}{unknown[0]}")
    if missing := sorted(set(hints) - set(values)):
        raise ConfigError(f"missing key {where}{missing[0]}")
    ready = {key: _value(hints[key], values[key], where + key) for key in hints}
    return kind(**ready)


def _value(hint: Any, value: Any, where: str) -> Any:
    """A value of the type that the field asks for."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table")
        return _build(hint, value, where + ".")
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str) and type(value) is hint:
        return value
    if isinstance(value, list) and len(value) == 4:
        return tuple(float(one) for one in value)
    raise ConfigError(f"{where} has the wrong type")
