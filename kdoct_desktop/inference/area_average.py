"""Exact area average in integers: the same bits on every machine, whatever the sizes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.grey_levels import Grey

FINE = 16
"""Sub-steps of a grey level in the averaged picture."""

_FIXED = 64  # sub-steps of a source pixel


def area_average(picture: Grey, rows: int, columns: int) -> NDArray[np.int32]:
    """Average a picture down, or up, to `rows` and `columns`.

    Args:
        picture: uint8, axes (row, column).
        rows: Of the result.
        columns: Of the result.

    Returns:
        int32, axes (row, column), in units of 1/16 grey level.
    """
    whole, part, lengths = _cuts(picture.shape[0], rows)
    # a wide and tall picture's sum does not fit into 32 bits; doubles hold it exactly
    sums = cv2.integral(picture, sdepth=cv2.CV_64F if picture.size >= 2**23 else cv2.CV_32S)
    above = np.diff(np.asarray(sums)[whole], axis=1).astype(np.int32)
    running = above * np.int32(_FIXED) + picture[whole] * part[:, None]
    by_row = _divided(np.diff(running, axis=0), lengths[:, None], scale=FINE)
    whole, part, lengths = _cuts(picture.shape[1], columns)
    before = np.zeros((rows, picture.shape[1] + 1), dtype=np.int32)
    np.cumsum(by_row, axis=1, out=before[:, 1:])
    whole_sums = np.diff(before[:, whole], axis=1) * np.int32(_FIXED)
    return _divided(whole_sums + np.diff(by_row[:, whole] * part, axis=1), lengths, scale=1)


def _cuts(size: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Where `count` equal pieces of an axis begin and end, in sub-steps of a pixel.

    Returns:
        Pixel of each cut and sub-steps into it (``count + 1`` values), and the pieces' lengths.
    """
    edges = (np.arange(count + 1, dtype=np.int64) * (size * _FIXED)) // count
    whole = np.minimum(edges // _FIXED, size - 1)
    part = (edges - whole * _FIXED).astype(np.int32)
    return whole, part, np.diff(edges).astype(np.int32)


def _divided(
    sums: NDArray[np.int32], lengths: NDArray[np.int32], *, scale: int
) -> NDArray[np.int32]:
    """``sums * scale / lengths``, rounded; in doubles, which are exact far beyond such numbers."""
    quotient = sums * float(scale)
    quotient += lengths // 2
    quotient /= lengths
    return quotient.astype(np.int32)
