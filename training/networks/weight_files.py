"""Files with weights: safetensors and PyTorch's, read without running anything in them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from training.errors import TrainingError
from training.files import file_sha256
from training.networks.checkpoint import read_best

_RUN = "model.json"
_Refused: Any = torch.serialization.pickle.UnpicklingError  # type: ignore[attr-defined]
_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")
_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")
_WRAPPED = ("state_dict_ema", "model_ema", "state_dict", "model")


@dataclass(frozen=True, slots=True, eq=False)
class WeightFile:
    """What a file holds.

    Attributes:
        tensors: By name.
        facts: ``model.json`` of a run; None for a file from elsewhere.
        file: Its name.
        sha256: Of its bytes.
        licence: What the description beside it states (``config.json`` of timm's files), as it is
            written there; empty without.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any] | None
    file: str
    sha256: str
    licence: str = ""


def read_weights(path: Path) -> WeightFile:
    """Read a file of weights, or the one in a folder.

    Args:
        path: A file; a folder with a file of timm's; the ``best`` folder of a run, the folder
            that holds it, or its weights.

    Raises:
        TrainingError: ``no-such-weights``, ``damaged-weights``, or ``tampered-model`` for a run.
    """
    for place in (path, path / "best"):
        if (place / _RUN).is_file():
            return _of_run(*read_best(place))
    file = _find(path)
    if _named_by_run(file):
        return _of_run(*read_best(file.parent))
    safe = file.suffix == ".safetensors"
    return WeightFile(
        tensors=_safetensors(file) if safe else _pytorch(file),
        facts=None,
        file=file.name,
        sha256=file_sha256(file),
        licence=_stated_licence(file.parent / "config.json"),
    )


def _of_run(tensors: dict[str, Tensor], facts: dict[str, Any]) -> WeightFile:
    """What `read_best` found."""
    return WeightFile(tensors, facts, str(facts["weights"]), str(facts["weights_sha256"]))


def _named_by_run(file: Path) -> bool:
    """Whether the description of a run beside a file speaks of this very file.

    A damaged one may: it is left to `read_best`, which refuses it.
    """
    try:
        facts = json.loads((file.parent / _RUN).read_text("utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return isinstance(facts, dict) and facts.get("weights") == file.name


def _find(path: Path) -> Path:
    """The file itself, or the known one in a folder."""
    if path.is_file():
        if path.suffix in _SUFFIXES:
            return path
        raise TrainingError(
            "no-such-weights",
            f"{path.name} is no file of weights ({', '.join(_SUFFIXES)}, .kdmodel).",
        )
    for name in _IN_FOLDER:
        if (path / name).is_file():
            return path / name
    if path.is_dir():
        raise TrainingError(
            "no-such-weights",
            f"The folder {path.name} holds no weights ({', '.join((_RUN, *_IN_FOLDER))}).",
        )
    raise TrainingError(
        "no-such-weights",
        f"weights: {path.name} is neither a file nor a folder, nor timm, none or lite2.",
    )


def _safetensors(file: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(file)
    except SafetensorError as error:
        raise _damaged(file) from error
    return tensors


def _pytorch(file: Path) -> dict[str, Tensor]:
    """Tensors of a PyTorch file; other objects in it are never made."""
    try:
        content: Any = torch.load(file, weights_only=True, map_location="cpu")
    except (_Refused, RuntimeError, EOFError, KeyError, ValueError) as error:
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


def _stated_licence(file: Path) -> str:
    """Licence in the description that timm writes beside its weights; empty without one."""
    try:
        stated = json.loads(file.read_text("utf-8"))["pretrained_cfg"]["license"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return stated if isinstance(stated, str) else ""


def _damaged(file: Path) -> TrainingError:
    return TrainingError(
        "damaged-weights", f"{file.name} is damaged, was changed, or holds more than weights."
    )
