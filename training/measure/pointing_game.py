"""Does the student's heatmap point at the lesions that somebody outlined?"""

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
from training.config import Config
from training.data.manifest import Row
from training.data.read_picture import read_outline, read_picture
from training.measure.faithfulness import Pointing, pointing
from training.measure.predicting import exact_float32
from training.measure.resample import Bootstrap, interval

FIGURES = ("hit", "chance_hit", "centre_hit", "energy", "chance_energy", "centre_energy")
"""Of `Pointing`, in the order in which tables show them."""

MOST = 500
NONE = "Not measured: no held-out B-scan of a disease has an outline of its lesion."


def pointing_game(
    network: nn.Module,
    config: Config,
    root: Path,
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    *,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Evidence for the labelled disease against its outline, whatever the student calls it.

    At most `MOST` B-scans; their draw is fixed.

    Args:
        network: Student.
        config: Input and classes.
        root: Data folder.
        rows: Held-out rows.
        labels: Class index of each.
        device: Where to compute.

    Returns:
        ``n``, ``patients``, and `FIGURES` with intervals over patients; ``n`` 0 and ``note`` where
        nothing is outlined.

    Raises:
        TrainingError: ``unreadable-file``.
    """
    network = network.to(device).eval()
    found: list[tuple[str, Pointing]] = []
    for at in _chosen(rows, labels, config.classes.codes.index(NORMAL)):
        one = _compared(network, config, root, rows[at], label=int(labels[at]), device=device)
        if one is not None:
            found.append((rows[at].patient, one))
    if not found:
        return {"n": 0, "note": NONE}
    return _summed_up(found, config.evaluate.resamples)


def _summed_up(found: Sequence[tuple[str, Pointing]], resamples: int) -> dict[str, Any]:
    """Means with intervals over patients."""
    bootstrap = Bootstrap([patient for patient, _ in found], resamples=resamples)
    figures = {
        name: interval(bootstrap.mean(np.array([float(getattr(one, name)) for _, one in found])))
        for name in FIGURES
    }
    return {"n": len(found), "patients": bootstrap.patients, **figures}


def _chosen(rows: Sequence[Row], labels: NDArray[np.int64], normal: int) -> list[int]:
    """Positions of B-scans of a disease that have an outline, at most `MOST`."""
    outlined = [
        at
        for at, row in enumerate(rows)
        if row.outline and int(labels[at]) >= 0 and int(labels[at]) != normal
    ]
    drawn = np.random.default_rng(0).permutation(outlined)[:MOST].astype(np.int64)
    return sorted(drawn.tolist())


def _compared(
    network: nn.Module, config: Config, root: Path, row: Row, *,
    label: int, device: str | torch.device,
) -> Pointing | None:  # fmt: skip
    """One map against its outline; None where the outline marks nothing."""
    bscan = read_picture(root, row.path, row.frame)
    outline = read_outline(root, row.outline, bscan.shape)
    if not outline.any():
        return None
    ready, box = preprocess(bscan, config.input.spec)
    with torch.inference_mode(), exact_float32():
        cam = network(torch.from_numpy(ready[None]).to(device))[1][0, label].float().cpu().numpy()
    return pointing(bscan_evidence(cam, box, outline.shape), outline)
