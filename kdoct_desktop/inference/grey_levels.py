"""Grey levels of a picture by counting: the same picture gives the same numbers anywhere."""

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def histogram(picture: Grey, valid: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """How many valid pixels, all where None, have each grey level."""
    mask = None if valid is None else valid.view(np.uint8)
    counts = cv2.calcHist([picture], [0], mask, [256], [0.0, 256.0])
    return np.asarray(counts, dtype=np.int64).ravel()


def quantile(counts: NDArray[np.int64], percent: int) -> int:
    """Grey level below or at which `percent` of the counted pixels lie."""
    running = np.cumsum(counts)
    return int(np.searchsorted(running, (int(running[-1]) * percent + 99) // 100))
