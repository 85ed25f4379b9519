"""What it costs to lay evidence over a B-scan of full size, as reports do."""

import statistics

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import upsample
from kdoct_desktop.report import colour
from tests.benchmarks.measures import Measure, at_most, in_turns
from tests.sample_scans import retina

_SHAPE = (496, 768)


def colouring(*, rounds: int) -> list[Measure]:
    """Against the limit of a frame, and against blending every pixel anew."""
    grey = retina(1, *_SHAPE)[0]
    cells = np.zeros((8, 16), dtype=np.float32)
    cells[3:5, 6:10] = 4.0
    evidence = upsample(cells, _SHAPE)
    ours, anew = in_turns(
        [lambda: colour.overlay(grey, evidence), lambda: _blended(grey, evidence)], rounds=rounds
    )
    return [
        at_most("evidence laid over 496 x 768", 1000.0 * min(ours), unit="ms", limit=12.0),
        at_most(
            "evidence laid over / fill alone, blended anew",
            statistics.median(our / other for our, other in zip(ours, anew, strict=True)),
            unit="ratio",
            limit=0.5,
        ),
    ]


def _blended(grey: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The fill without its table of mixtures and without contour lines."""
    level = np.rint(np.clip(evidence / evidence.max(), 0.0, 1.0) * 255.0).astype(np.uint8)
    alpha = colour.opacities()[level][:, :, None]
    mixed = grey[:, :, None] * (1.0 - alpha) + colour.table()[level] * alpha
    blended: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return blended
