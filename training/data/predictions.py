"""What a network answered about some rows of the manifest; the metrics start from here."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.files import write_whole


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


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write answers as npz without pickled values."""
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(predictions.facts).encode(), dtype=np.uint8)
    arrays: dict[str, Any] = {name: getattr(predictions, name) for name in _ARRAYS}
    np.savez_compressed(buffer, facts=text, **arrays)
    write_whole(path, buffer.getvalue())


def load_predictions(path: Path, *, split_sha256: str) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        TrainingError: ``bad-predictions``: missing, damaged or of another split.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(file["facts"].tobytes())
            ready = Predictions(
                file["rows"], file["labels"], file["logits"], file["embeddings"], facts
            )
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError("bad-predictions", f"{path.name} cannot be read.") from error
    if facts["split_sha256"] != split_sha256:
        raise TrainingError("bad-predictions", f"{path.name} belongs to another split.")
    return ready
