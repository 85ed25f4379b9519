"""What a network wants to see: a frozen value, stored in its package and hashed."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from kdoct_desktop.domain.errors import ModelError

PREPROCESSING_VERSION = 1
"""Counts up with every change of ``preprocess`` that changes a bit of the output."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network wants to see; part of its package.

    Attributes:
        height: Rows of the input.
        width: Columns of the input.
        mean: Subtracted from the unit grey scale, one value a channel.
        std: Divides what is left, one value a channel.
        interpolation: ``area``, the only one.
        fill_graphics: Fill white wedges and burned-in position icons with background.
        normalise: Pin the grey scale at background, median tissue and bright tissue; otherwise
            0 to 255 becomes 0 to 1.
        middle: Unit grey value given to the median tissue.
        crop_rows: Cut out the rows that hold tissue.
        margin_above: Rows kept above the tissue, as a share of the frame's rows.
        margin_below: Rows kept below it.
        least_rows: Smallest cut-out, as a share of the frame's rows.
    """

    height: int
    width: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "area"
    fill_graphics: bool = True
    normalise: bool = True
    middle: float = 0.45
    crop_rows: bool = True
    margin_above: float = 0.06
    margin_below: float = 0.10
    least_rows: float = 0.40

    def __post_init__(self) -> None:
        if not (16 <= self.height <= 2048 and 16 <= self.width <= 2048):
            raise ModelError("bad-input-spec", "The model asks for an impossible input size.")
        if self.interpolation != "area":
            raise ModelError("bad-input-spec", "The model asks for an unknown interpolation.")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0.0:
            raise ModelError("bad-input-spec", "The model's mean and deviation are not usable.")

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest, in a fixed order."""
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "InputSpec":
        """Read what `to_json` wrote.

        Raises:
            ModelError: A field is missing, unknown or impossible (``bad-input-spec``).
        """
        try:
            ready: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            return cls(**ready)
        except TypeError as error:
            raise ModelError("bad-input-spec", "The model's input is not described.") from error


def preprocessing_hash(spec: InputSpec) -> str:
    """Hexadecimal sha256 over the options and the version of this file."""
    text = json.dumps({"version": PREPROCESSING_VERSION, "spec": spec.to_json()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
