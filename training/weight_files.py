"""Files with weights: safetensors and PyTorch's, read without running anything in them."""

import hashlib
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from training.errors import TrainingError

RUN_WEIGHTS = "weights.safetensors"
RUN_FACTS = "model.json"
_IN_FOLDER = (RUN_WEIGHTS, "model.safetensors", "pytorch_model.bin")
_WRAPPED = ("state_dict_ema", "model_ema", "state_dict", "model")


@dataclass(frozen=True, slots=True, eq=False)
class WeightFile:
    """What a file holds.

    Attributes:
        tensors: By name.
        facts: ``model.json`` of a run; None for a file from elsewhere.
        file: Its name.
        sha256: Of its bytes.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any] | None
    file: str
    sha256: str


def read_weights(path: Path) -> WeightFile:
    """Read a file of weights, or the one in a folder.

    Raises:
        TrainingError: ``no-such-weights`` or ``damaged-weights``.
    """
    file = _find(path)
    data = file.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if file.name == RUN_WEIGHTS and (file.parent / RUN_FACTS).is_file():
        facts = _facts(file.parent / RUN_FACTS)
        if facts.get("weights_sha256", sha256) != sha256:
            raise _damaged(file)
        return WeightFile(_safetensors(data, file), facts, file.name, sha256)
    tensors = _safetensors(data, file) if file.suffix == ".safetensors" else _pytorch(file)
    return WeightFile(tensors, None, file.name, sha256)


def _find(path: Path) -> Path:
    """The file itself, or the known one in a folder."""
    if path.is_file():
        if path.suffix in (".safetensors", ".bin", ".pth", ".pt"):
            return path
        raise TrainingError(
            "no-such-weights",
            f"{path.name} is no file of weights (.safetensors, .bin, .pth, .pt, .kdmodel).",
        )
    for name in _IN_FOLDER:
        if (path / name).is_file():
            return path / name
    if path.is_dir():
        raise TrainingError(
            "no-such-weights", f"The folder {path.name} holds none of {', '.join(_IN_FOLDER)}."
        )
    raise TrainingError(
        "no-such-weights",
        f"weights: {path.name} is neither a file nor a folder, nor timm, none or lite2.",
    )


def _safetensors(data: bytes, file: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise _damaged(file) from error
    return tensors


def _pytorch(file: Path) -> dict[str, Tensor]:
    """Tensors of a PyTorch file; other objects in it are never made."""
    try:
        content: Any = torch.load(file, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise _damaged(file) from error
    for key in _WRAPPED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise _damaged(file)
    tensors = {str(name).removeprefix("module."): one for name, one in content.items()}
    if not tensors or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise _damaged(file)
    return tensors


def _facts(file: Path) -> dict[str, Any]:
    try:
        facts = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise _damaged(file) from error
    if not isinstance(facts, dict):
        raise _damaged(file)
    return facts


def _damaged(file: Path) -> TrainingError:
    return TrainingError(
        "damaged-weights", f"{file.name} is damaged, was changed, or holds more than weights."
    )
