"""Does the student use what its heatmap shows, and does it notice what it was never taught?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kdoct_desktop.domain.finding import NORMAL
from kdoct_desktop.domain.heatmap import bscan_evidence
from kdoct_desktop.inference.preprocess import preprocess
from kdoct_desktop.inference.probability import softmax
from training.config import LEFT_OUT, Config
from training.data.manifest import Row
from training.data.read_picture import read_picture
from training.measure.faithfulness import Curves, deletion_insertion
from training.measure.predicting import answer, ask, exact_float32
from training.measure.resample import Bootstrap, interval
from training.measure.thresholds import Operating
from training.splits.split import Fold

STEPS = 8
MOST_UNLIKE = 300


def faithfulness(
    network: nn.Module,
    config: Config,
    root: Path,
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    called: NDArray[np.int64],
    *,
    temperature: float,
    most: int,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Deletion and insertion on diseased B-scans that the student calls right.

    At most one B-scan a patient and disease, so that the sample spreads; its draw is fixed.

    Args:
        network: Student.
        config: Input and classes.
        root: Data folder.
        rows: Held-out rows.
        labels: Class index of each.
        called: What the student called each.
        temperature: Of the probabilities.
        most: Number of B-scans at most; 0 measures nothing.
        device: Where to compute.

    Returns:
        ``n``, ``patients``, the four areas and their differences to random order with intervals.
    """
    chosen = _sample(rows, labels, called, config, most)
    found = [
        _curves(network, config, root, rows[at], int(labels[at]), temperature, device)
        for at in chosen
    ]
    if not found:
        return {"n": 0}
    return _summed_up(found, [rows[at].patient for at in chosen], config)


def _summed_up(found: Sequence[Curves], patients: Sequence[str], config: Config) -> dict[str, Any]:
    """Mean areas and their gains over random order, with intervals over the patients."""
    bootstrap = Bootstrap(patients, resamples=config.evaluate.resamples)
    values = {
        name: np.array([getattr(one, name) for one in found])
        for name in ("deletion", "random_deletion", "insertion", "random_insertion")
    }
    values["deletion_gain"] = values["random_deletion"] - values["deletion"]
    values["insertion_gain"] = values["insertion"] - values["random_insertion"]
    figures = {name: interval(bootstrap.mean(one)) for name, one in values.items()}
    return {
        "n": len(found),
        "patients": bootstrap.patients,
        "steps": STEPS,
        **figures,
    }


def _sample(
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    called: NDArray[np.int64],
    config: Config,
    most: int,
) -> list[int]:
    """Positions of diseased B-scans that were called right, one a patient and disease."""
    normal = config.classes.codes.index(NORMAL)
    right = np.flatnonzero((labels == called) & (labels != normal) & (labels >= 0))
    order = np.random.default_rng(0).permutation(right)
    seen: set[tuple[str, int]] = set()
    chosen: list[int] = []
    for at in order.tolist():
        key = (rows[at].patient, int(labels[at]))
        if key not in seen and len(chosen) < most:
            seen.add(key)
            chosen.append(at)
    return sorted(chosen)


def _curves(
    network: nn.Module,
    config: Config,
    root: Path,
    row: Row,
    label: int,
    temperature: float,
    device: str | torch.device,
) -> Curves:
    """Deletion and insertion of one B-scan."""
    spec = config.input.spec
    bscan = read_picture(root, row.path, row.frame)
    ready, box = preprocess(bscan, spec)

    def run(inputs: NDArray[np.float32]) -> Any:
        return torch.from_numpy(inputs).to(device)

    with torch.inference_mode(), exact_float32():
        cam = network.to(device).eval()(run(ready[None]))[1][0, label].float().cpu().numpy()

        def score(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
            inputs = np.stack([preprocess(picture, spec)[0] for picture in pictures])
            logits, _ = answer(network, run(inputs), None)
            return softmax(logits, temperature)[:, label]

        evidence = bscan_evidence(cam, box, (bscan.shape[0], bscan.shape[1]))
        return deletion_insertion(bscan, evidence, score=score, seed=0, steps=STEPS)


def left_out_rows(rows: Sequence[Row], config: Config, fold: Fold) -> list[Row]:
    """B-scans of classes that the network was not taught, of patients it did not learn from.

    At most `MOST_UNLIKE`; their draw is fixed.
    """
    learned = {*fold.train, *fold.validation}
    found = [
        row
        for row in rows
        if config.classes.labels.get(row.label) == LEFT_OUT and row.patient not in learned
    ]
    if len(found) <= MOST_UNLIKE:
        return found
    at = np.random.default_rng(0).choice(len(found), MOST_UNLIKE, replace=False)
    return [found[k] for k in sorted(at.tolist())]


def unlike(
    network: nn.Module,
    config: Config,
    root: Path,
    rows: Sequence[Row],
    operating: Operating,
    *,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """How the student calls what it was never taught, and how much of it is flagged, by label.

    Args:
        network: Student.
        config: Input and classes.
        root: Data folder.
        rows: From `left_out_rows`.
        operating: Chosen on the validation part.
        device: Where to compute.
    """
    if not rows:
        return {}
    logits, embeddings = ask(network, config, root, rows, device=device, step="unlike")
    called = logits[:, 0].argmax(axis=1)
    flags = operating.unlike(embeddings)
    made = {}
    for label in sorted({row.label for row in rows}):
        here = np.flatnonzero([row.label == label for row in rows])
        patients = [rows[k].patient for k in here.tolist()]
        flagged = None if flags is None else flags[here]
        made[label] = _strange(called[here], flagged, patients, config)
    return made


def _strange(
    called: NDArray[np.int64], flags: NDArray[np.bool_] | None, patients: Sequence[str],
    config: Config,
) -> dict[str, Any]:  # fmt: skip
    """What was called what, and how much of it was flagged."""
    codes = config.classes.codes
    bootstrap = Bootstrap(patients, resamples=config.evaluate.resamples)
    counts = np.bincount(called, minlength=len(codes)).tolist()
    as_normal = (called == codes.index(NORMAL)).astype(np.float64)
    flagged = None if flags is None else interval(bootstrap.mean(flags.astype(np.float64)))
    return {
        "n": len(called),
        "patients": bootstrap.patients,
        "called": dict(zip(codes, counts, strict=True)),
        "called_normal": interval(bootstrap.mean(as_normal)),
        "unlike_training": flagged,
    }
