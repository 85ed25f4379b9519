"""What a network answered about some rows of the manifest; the metrics start from here."""

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.whole_file import write_whole
from training.errors import TrainingError

SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Answers to one part of one fold.

    Attributes:
        rows: int64 index of each B-scan in the manifest.
        labels: int64 class index of each.
        logits: float32, mean over the views, axes (B-scan, class).
        embeddings: float32, axes (B-scan, feature); of the plain view.
        facts: role, fold, part, views, classes, split_sha256, weights_sha256, ...
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    facts: dict[str, Any]


_ARRAYS = ("rows", "labels", "logits", "embeddings")
_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write answers as npz without pickled values."""
    buffer = io.BytesIO()
    facts = {"schema": SCHEMA, **predictions.facts}
    text = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    arrays: dict[str, Any] = {name: getattr(predictions, name) for name in _ARRAYS}
    np.savez_compressed(buffer, facts=text, **arrays)
    write_whole(path, buffer.getvalue())


def load_predictions(path: Path, *, split_sha256: str) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        TrainingError: ``bad-predictions``: missing, damaged, of another version or split.
    """
    try:
        with zipfile.ZipFile(path) as file:
            facts: dict[str, Any] = dict(json.loads(_array(file, "facts").tobytes()))
            arrays = {name: _array(file, name) for name in _ARRAYS}
        schema, split = facts.pop("schema"), facts["split_sha256"]
    except _DAMAGE as error:
        raise TrainingError("bad-predictions", f"{path.name} cannot be read.") from error
    if schema != SCHEMA:
        raise TrainingError("bad-predictions", f"{path.name} was written by another version.")
    if split != split_sha256:
        raise TrainingError("bad-predictions", f"{path.name} belongs to another split.")
    return Predictions(**arrays, facts=facts)


def _array(file: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array, its bytes checked by the archive before they are understood."""
    stored: NDArray[Any] = np.load(io.BytesIO(file.read(f"{name}.npy")), allow_pickle=False)
    return stored
