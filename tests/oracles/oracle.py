"""Ask the readers of others, in the environment where they live."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / ".venv-oracles"
PYTHON = _FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

needs_oracles = pytest.mark.skipif(
    not PYTHON.exists(), reason="the readers of others are not installed (bootstrap.py prepare)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What somebody else's reader says about a file.

    Attributes:
        volumes: Each volume, axes (bscan, depth, ascan).
        eyes: What it says about the eye of each.
        layers: Name to heights of each volume.
        seconds: Of each round, without imports.
    """

    volumes: list[NDArray[Any]]
    eyes: list[str | None]
    layers: list[dict[str, NDArray[np.float64]]]
    seconds: list[float]


class OracleError(Exception):
    """The other reader cannot read the file; the text is its last line."""


def ask(reader: str, path: Path, folder: Path, *, rounds: int = 1) -> Told:
    """Read a file with another reader.

    Args:
        reader: See ``read_with``.
        path: The file.
        folder: Where the answer may be put.
        rounds: How often, to measure time.

    Raises:
        OracleError: It fails.
    """
    out = folder / "told.npz"
    script = Path(__file__).with_name("read_with.py")
    command = [str(PYTHON), "-W", "ignore", str(script), reader, str(path), str(out), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise OracleError((done.stderr.strip().splitlines() or ["no message"])[-1])
    said = json.loads(done.stdout.strip().splitlines()[-1])
    with np.load(out) as arrays:
        volumes = [arrays[f"v{at}"] for at in range(len(said["eyes"]))]
        layers: list[dict[str, NDArray[np.float64]]] = [{} for _ in volumes]
        for name in arrays.files:
            if name.startswith("l"):
                at, _, layer = name[1:].partition(":")
                layers[int(at)][layer] = arrays[name]
    return Told(volumes, said["eyes"], layers, said["seconds"])
