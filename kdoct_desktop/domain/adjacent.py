"""Runs of B-scans that really lie beside each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def adjacent_means(
    values: NDArray[np.float64], length: int, numbers: Sequence[int] = ()
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Mean of each run of neighbouring B-scans; no run reaches over a B-scan that is missing.

    A stretch between two gaps that is shorter than the wanted length is one run by itself: what it
    shows must not be overlooked because its neighbours are missing.

    Args:
        values: Axes (bscan, ...).
        length: Wanted length of the runs.
        numbers: Position of each B-scan in the scan as planned, ascending; empty where none is
            missing.

    Returns:
        The means, axes (run, ...), the first B-scan of each run, and the length of each.
    """
    means, starts, lengths = [], [], []
    for first, end in _stretches(len(values), numbers):
        size = min(length, end - first)
        windows = np.lib.stride_tricks.sliding_window_view(values[first:end], size, axis=0)
        means.append(windows.mean(axis=-1))
        starts.append(np.arange(first, end - size + 1, dtype=np.int64))
        lengths.append(np.full(end - size + 1 - first, size, dtype=np.int64))
    return np.concatenate(means), np.concatenate(starts), np.concatenate(lengths)


def _stretches(count: int, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First B-scan and end of each stretch without a gap."""
    breaks = [at + 1 for at in range(count - 1) if not _beside(at, numbers)]
    return list(zip([0, *breaks], [*breaks, count], strict=True))


def run_around(above: NDArray[np.bool_], peak: int, numbers: Sequence[int] = ()) -> tuple[int, int]:
    """First and last B-scan of the unbroken run of `above` around `peak`.

    Args:
        above: One a B-scan.
        peak: Where the run is; it counts whether above or not.
        numbers: As in `adjacent_means`.
    """
    first = last = peak
    while first > 0 and above[first - 1] and _beside(first - 1, numbers):
        first -= 1
    while last < len(above) - 1 and above[last + 1] and _beside(last, numbers):
        last += 1
    return first, last


def _beside(index: int, numbers: Sequence[int]) -> bool:
    """Whether nothing is missing between a B-scan and the next one."""
    return not len(numbers) or numbers[index + 1] - numbers[index] == 1
