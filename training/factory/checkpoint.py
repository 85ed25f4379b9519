"""Checkpoints: safetensors and JSON, written beside and put in place at once."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.factory.loop import State


def save_checkpoint(state: State, folder: Path, facts: dict[str, Any]) -> None:
    """Write weights, averaged weights, optimizer and facts; replaces an older checkpoint.

    Args:
        state: The run.
        folder: Where ``state.safetensors`` and ``state.json`` go.
        facts: Plain values that describe the run (configuration, epoch, hashes).
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for part, network in (("network", state.network), ("averaged", state.averaged)):
        for name, tensor in network.state_dict().items():
            tensors[f"{part}/{name}"] = tensor.contiguous()
    for index, moments in state.optimizer.state_dict()["state"].items():
        for name, tensor in moments.items():
            tensors[f"optimizer/{index}/{name}"] = tensor.contiguous()
    facts = {"schema": 1, **facts, "step": state.step, "steps": state.steps}
    draft = folder / "state.safetensors.draft"
    save_file(tensors, draft, metadata={"facts": json.dumps(facts)})
    _sync(draft)
    draft.replace(folder / "state.safetensors")
    text = folder / "state.json.draft"
    text.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    text.replace(folder / "state.json")


def load_checkpoint(state: State, folder: Path) -> dict[str, Any]:
    """Put a checkpoint back into a run that was started alike; returns its facts.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is of another schema or another length.
    """
    tensors = load_file(folder / "state.safetensors")
    facts = read_facts(folder)
    if facts["schema"] != 1 or facts["steps"] != state.steps:
        raise ValueError("the checkpoint belongs to another run")
    state.network.load_state_dict(_part(tensors, "network/"))
    state.averaged.load_state_dict(_part(tensors, "averaged/"))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer/").items():
        index, key = name.split("/")
        moments.setdefault(int(index), {})[key] = tensor
    whole = state.optimizer.state_dict()
    state.optimizer.load_state_dict({**whole, "state": moments})
    state.step = int(facts["step"])
    return facts


def load_averaged(folder: Path) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint, the ones to export."""
    return _part(load_file(folder / "state.safetensors"), "averaged/")


def read_facts(folder: Path) -> dict[str, Any]:
    """Facts of a checkpoint, from the tensors' own file so that both belong together."""
    from safetensors import safe_open

    with safe_open(folder / "state.safetensors", framework="pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    return facts


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _sync(path: Path) -> None:
    """Make sure that a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch's own generator and return one for the light augmentation."""
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed + 1)
