"""Ask a network about B-scans: the desktop's preprocessing and views, float32, nothing random."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kdoct_desktop.inference.input_spec import InputSpec, preprocessing_hash
from kdoct_desktop.inference.preprocess import VIEWS, preprocess, view
from training.config import Config
from training.data.manifest import Manifest, Row
from training.data.predictions import Predictions, load_predictions
from training.data.read_picture import read_fundus, read_picture
from training.data.select_rows import Selected
from training.errors import TrainingError
from training.events import Events, Silent

Array = NDArray[np.float32]

_AHEAD = 2
"""B-scans made ready while the network works, in batches."""


def views_of(name: str) -> tuple[str, ...]:
    """The desktop's names of the views behind ``single`` or ``tta``."""
    return VIEWS if name == "tta" else VIEWS[:1]


def predict(
    network: nn.Module,
    config: Config,
    root: Path,
    manifest: Manifest,
    selected: Selected,
    *,
    facts: dict[str, Any],
    views: str = "single",
    device: str | torch.device = "cpu",
    batch: int = 16,
    events: Events | None = None,
) -> Predictions:
    """Answers of a network to rows of the manifest.

    Args:
        network: Loaded; a teacher answers with logits, a student with logits, maps and embedding.
        config: For the input and the fundus branch.
        root: Data folder.
        manifest: Its hash goes into the facts.
        selected: Which rows; labels are carried along and not looked at.
        facts: Of the answers; what is known here is added.
        views: ``single``, or ``tta`` for the mean of the logits over the desktop's five views.
        device: Where to compute.
        batch: Pictures at a time.
        events: Told of the progress.

    Raises:
        TrainingError: ``unreadable-file``.
    """
    logits, embeddings = ask(
        network, config, root, selected.rows,
        views=views_of(views), device=device, batch=batch, events=events,
        step=f"predict {facts.get('role', '')} {facts.get('part', '')}".strip(),
    )  # fmt: skip
    ready = {**facts, "views": views, **known_facts(config, manifest)}
    return Predictions(selected.indices, selected.labels, logits.mean(axis=1), embeddings, ready)


def known_facts(config: Config, manifest: Manifest) -> dict[str, Any]:
    """What answers rest on beside the network: classes, rows and preprocessing."""
    return {
        "classes": list(config.classes.codes),
        "manifest_sha256": manifest.sha256,
        "preprocessing": preprocessing_hash(config.input.spec),
    }


def ask(
    network: nn.Module,
    config: Config,
    root: Path,
    rows: Sequence[Row],
    *,
    views: Sequence[str] = VIEWS[:1],
    device: str | torch.device = "cpu",
    batch: int = 16,
    events: Events | None = None,
    step: str = "predict",
) -> tuple[Array, Array]:
    """Logits, axes (B-scan, view, class), and embeddings of the plain view, (B-scan, feature).

    A network without embedding gives embeddings without features.
    """
    spec, speak = config.input.spec, events or Silent()
    network = network.to(device).eval()
    fundus = wants_fundus(network)
    logits: list[Array] = []
    embeddings: list[Array] = []
    with torch.inference_mode(), exact_float32():
        for done, pictures, eyes in _ready_batches(root, rows, spec, fundus=fundus, batch=batch):
            answers = [
                _answer(network, np.stack([view(one, name) for one in pictures]), eyes, device)
                for name in views
            ]
            logits.append(np.stack([one for one, _ in answers], axis=1))
            embeddings.append(answers[0][1])
            speak.progress(done, len(rows), step)
    classes = len(config.classes.codes)
    if not logits:
        return np.zeros((0, len(views), classes), np.float32), np.zeros((0, 0), np.float32)
    return np.concatenate(logits), np.concatenate(embeddings)


def _answer(
    network: nn.Module, pictures: Array, eyes: list[Array | None], device: str | torch.device
) -> tuple[Array, Array]:
    """Answers to one batch; B-scans without a fundus photograph are asked about without one."""
    having = np.array([eye is not None for eye in eyes])
    parts = []
    for there in (True, False):
        at = np.flatnonzero(having == there)
        if len(at):
            photographs = [eye for eye in eyes if eye is not None] if there else []
            second = torch.from_numpy(np.stack(photographs)).to(device) if there else None
            seen = torch.from_numpy(pictures[at]).to(device)
            parts.append((at, *answer(network, seen, second)))
    order = np.argsort(np.concatenate([at for at, _, _ in parts]))
    logits, embeddings = (np.concatenate([one[k] for one in parts])[order] for k in (1, 2))
    return logits, embeddings


def answer(network: nn.Module, pictures: Tensor, fundus: Tensor | None) -> tuple[Array, Array]:
    """Logits and embeddings of ready inputs; no features where the network has no embedding."""
    found = network(pictures) if fundus is None else network(pictures, fundus)
    logits, embedding = (found[0], found[2]) if isinstance(found, tuple) else (found, None)
    ours: Array = logits.float().cpu().numpy()
    if embedding is None:
        return ours, np.zeros((len(ours), 0), dtype=np.float32)
    return ours, embedding.float().cpu().numpy()


def exact_float32() -> Any:
    """Convolutions in true float32: no TF32, no search for another algorithm."""
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )


def wants_fundus(network: nn.Module) -> bool:
    """Whether a teacher looks at a fundus photograph, too."""
    return getattr(network, "fundus", None) is not None


def fundus_input(root: Path, row: Row, spec: InputSpec) -> Array | None:
    """The fundus photograph as input, axes (channel, row, column); None where there is none."""
    if not row.fundus:
        return None
    picture = read_fundus(root, row.fundus)
    small = cv2.resize(picture, (spec.width, spec.height), interpolation=cv2.INTER_AREA)
    mean, std = (np.array(v, dtype=np.float32).reshape(3, 1, 1) for v in (spec.mean, spec.std))
    ready: Array = (small.transpose(2, 0, 1).astype(np.float32) / np.float32(255) - mean) / std
    return ready


def _ready_batches(
    root: Path, rows: Sequence[Row], spec: InputSpec, *, fundus: bool, batch: int
) -> Iterator[tuple[int, list[Array], list[Array | None]]]:
    """Batches of inputs, made a little ahead of the network, with the number done after each."""

    def one(row: Row) -> tuple[Array, Array | None]:
        picture, _ = preprocess(read_picture(root, row.path, row.frame), spec)
        return picture, fundus_input(root, row, spec) if fundus else None

    waiting: deque[Future[tuple[Array, Array | None]]] = deque()
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            upcoming = iter(rows)
            done = 0
            while done < len(rows):
                for row in upcoming:
                    waiting.append(pool.submit(one, row))
                    if len(waiting) >= _AHEAD * batch:
                        break
                taken = [waiting.popleft().result() for _ in range(min(batch, len(waiting)))]
                done += len(taken)
                yield done, [picture for picture, _ in taken], [eye for _, eye in taken]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def stored_answers(path: Path, selected: Selected, facts: dict[str, Any]) -> Predictions | None:
    """Saved answers of the same weights to the same rows; None where there are none."""
    if not path.is_file():
        return None
    try:
        found = load_predictions(path, split_sha256=facts["split_sha256"])
    except TrainingError:
        return None  # of another split, or half a file: asked again and replaced
    same = all(found.facts.get(name) == value for name, value in facts.items())
    rows = np.array_equal(found.rows, selected.indices)
    return found if same and rows and np.array_equal(found.labels, selected.labels) else None
