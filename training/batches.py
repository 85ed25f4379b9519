"""From cached pictures to batches: order, random views and prefetching."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNLABELLED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One micro-batch of one process.

    Attributes:
        units: uint8 views before mean and deviation, axes (B-scan, row, column).
        labels: int64 class index; `UNLABELLED` where the label is not used.
        rows: int64 index of each B-scan among the rows of the data.
        weights: float32; 1, or 0 for a filler that only keeps processes in step.
        fundus: uint8 fundus photographs, axes (B-scan, row, column, channel); None without.
    """

    units: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    weights: NDArray[np.float32]
    fundus: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one optimizer step sees.

    Attributes:
        index: Of the step within the epoch.
        batches: Micro-batches of this process, the same number in every process.
        labels: int64 labels of the whole step over all processes, fillers left out: what a
            weighted mean is normalised by.
    """

    index: int
    batches: tuple[Batch, ...]
    labels: NDArray[np.int64]
