"""Checkpoints and chosen weights: safetensors and JSON, hashed, written beside and put in place.

``checkpoints/step-N/`` holds everything that a training needs to go on; the last three are kept.
``best/`` holds the chosen weights: ``model.json`` names a weights file by its hash, so the pair is
replaced by the replacement of one small file.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kdoct_desktop.domain.whole_file import sync_folder
from training.errors import TrainingError
from training.events import Events
from training.files import file_sha256, write_json

SCHEMA = 1
KEPT = 3


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """Chosen weights, built into a network in evaluation mode.

    Attributes:
        network: `training.networks.models.Teacher` or `training.networks.models.Network`.
        role: ``teacher`` or ``student``.
        facts: What ``model.json`` says.
    """

    network: nn.Module
    role: str
    facts: dict[str, Any]


def save_state(
    folder: Path, number: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> Path:
    """Write a checkpoint and drop those before the last `KEPT`.

    Args:
        folder: ``checkpoints`` of a role.
        number: Steps done so far; names the checkpoint.
        tensors: Everything that is a tensor.
        facts: Plain values.

    Returns:
        Folder of the checkpoint.
    """
    target = folder / f"step-{number:08d}"
    draft = folder / f".draft-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _save_tensors(draft / "state.safetensors", tensors)
    sealed = {"schema": SCHEMA, **facts, "sha256": file_sha256(draft / "state.safetensors")}
    write_json(draft / "state.json", sealed)
    shutil.rmtree(target, ignore_errors=True)
    draft.replace(target)
    sync_folder(folder)
    for old in _found(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def load_state(
    folder: Path, *, identity: str, events: Events
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest whole checkpoint; damaged ones are stepped over with a warning.

    Args:
        folder: ``checkpoints`` of a role.
        identity: Hash of what is trained; a checkpoint of something else is refused.
        events: Told about damaged ones.

    Returns:
        Tensors and facts; None where there is no checkpoint.

    Raises:
        TrainingError: ``other-run`` (it belongs to another configuration or split) or
            ``no-whole-checkpoint`` (every one is damaged).
    """
    found = _found(folder)
    for place in reversed(found):
        state = _read_state(place)
        if state is None:
            events.warning("damaged-checkpoint", f"The checkpoint {place.name} is damaged; "
                           "going on from the one before.")  # fmt: skip
            continue
        if state[1]["identity"] != identity:
            raise TrainingError(
                "other-run",
                "The folder holds checkpoints of another configuration, split or teacher; "
                "choose another run folder, or remove them.",
            )
        return state
    if found:
        raise TrainingError(
            "no-whole-checkpoint",
            "Every checkpoint of this training is damaged; remove them to start again.",
            [place.name for place in found],
        )
    return None


def _read_state(place: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """A checkpoint; None where it is damaged or of another schema."""
    try:
        facts: dict[str, Any] = json.loads((place / "state.json").read_text("utf-8"))
        whole = facts["sha256"] == file_sha256(place / "state.safetensors")
        if not whole or facts["schema"] != SCHEMA:
            return None
        return load_file(place / "state.safetensors"), facts
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def save_best(folder: Path, weights: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Replace the chosen weights and what is said about them."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".draft-{os.getpid()}.safetensors"
    _save_tensors(draft, weights)
    sha256 = file_sha256(draft)
    name = f"weights-{sha256[:12]}.safetensors"
    draft.replace(folder / name)
    sync_folder(folder)
    sealed = {"schema": SCHEMA, **facts, "weights": name, "weights_sha256": sha256}
    write_json(folder / "model.json", sealed)
    for old in folder.glob("*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)


def read_best(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Chosen weights and their facts, verified by hash.

    Raises:
        TrainingError: ``no-model`` (nothing there) or ``tampered-model``.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise TrainingError("no-model", f"{folder.parent.name} has no finished weights.") from error
    except (OSError, ValueError) as error:
        raise TrainingError("tampered-model", "The model's description is damaged.") from error
    path = folder / str(facts.get("weights", "weights.safetensors"))
    try:
        if path.parent != folder or file_sha256(path) != facts["weights_sha256"]:
            raise ValueError("other bytes")
        return load_file(path), facts
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise TrainingError(
            "tampered-model",
            "The weights are not those that the training wrote; train again or restore them.",
        ) from error


def load_best(folder: Path) -> LoadedModel:
    """Chosen weights as a network in evaluation mode.

    Raises:
        TrainingError: See `read_best`.
    """
    from training.config import InputConfig
    from training.networks.models import build_student, build_teacher
    from training.recipe import NetworkConfig
    from training.settings_file import build

    weights, facts = read_best(folder)
    described = {**facts["network"], "weights": "none"}
    config = build(NetworkConfig, described)
    size = InputConfig(facts["input"]["height"], facts["input"]["width"])
    make = build_teacher if facts["role"] == "teacher" else build_student
    network, _ = make(config, len(facts["classes"]), size=(size.height, size.width))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            "tampered-model", "The weights do not fit the network that they name."
        ) from error
    return LoadedModel(network.eval(), facts["role"], facts)


def _save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file({name: value.clone() for name, value in ready.items()}, path)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _found(folder: Path) -> list[Path]:
    """Checkpoints, oldest first."""
    return sorted(folder.glob("step-*"))
