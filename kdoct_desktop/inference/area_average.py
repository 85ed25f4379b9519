"""Exact area average in integers: the same bits on every machine, whatever the sizes."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.grey_levels import Grey

FINE = 16
"""Sub-steps of a grey level in the averaged picture."""

_FIXED = 64  # sub-steps of a source pixel
_CACHED = 64  # cut-outs of one volume differ by some rows


@dataclass(frozen=True, slots=True, eq=False)
class _Cuts:
    """How an axis is cut into equal pieces.

    Attributes:
        pixels: The pixels under each piece, axes (k, piece): the first ones, the second ones, …
        weights: Sub-steps of each such pixel that lie in its piece, axes (k, piece, 1).
        lengths: Sub-steps of each piece, axes (piece, 1), in the narrowest kind of float in which
            nothing is rounded but the result.
        halves: Half of them, rounded down.
    """

    pixels: NDArray[np.intp]
    weights: NDArray[Any]
    lengths: NDArray[np.floating[Any]]
    halves: NDArray[np.floating[Any]]


def area_average(picture: Grey, rows: int, columns: int) -> NDArray[np.uint16]:
    """Average a picture down, or up, to `rows` and `columns`.

    Args:
        picture: uint8, axes (row, column).
        rows: Of the result.
        columns: Of the result.

    Returns:
        uint16, axes (row, column), in units of 1/16 grey level.
    """
    by_row = _averaged(picture, _cuts(picture.shape[0], rows, largest=255), scale=FINE)
    turned = cv2.transpose(by_row)
    cuts = _cuts(picture.shape[1], columns, largest=255 * FINE)
    return np.asarray(cv2.transpose(_averaged(np.asarray(turned), cuts, scale=1)), dtype=np.uint16)


def _averaged(values: NDArray[Any], cuts: _Cuts, *, scale: int) -> NDArray[np.uint16]:
    """Means over the pieces of the first axis, times `scale`, rounded half up.

    Few pixels lie under a piece, so adding them one after the other beats running sums.
    """
    ready = values.astype(cuts.weights.dtype)
    sums = np.take(ready, cuts.pixels[0], axis=0)
    sums *= cuts.weights[0]
    for pixels, weights in zip(cuts.pixels[1:], cuts.weights[1:], strict=True):
        part = np.take(ready, pixels, axis=0)
        part *= weights
        sums += part
    quotient: NDArray[np.floating[Any]] = sums.astype(cuts.lengths.dtype)
    if scale != 1:
        quotient *= scale
    quotient += cuts.halves
    quotient /= cuts.lengths
    return quotient.astype(np.uint16)


@lru_cache(_CACHED)
def _cuts(size: int, count: int, *, largest: int) -> _Cuts:
    """Cut an axis of `size` pixels, whose values are at most `largest`, into `count` pieces."""
    edges = (np.arange(count + 1, dtype=np.int64) * (size * _FIXED)) // count
    spare = int(np.gcd.reduce(np.append(edges, _FIXED)))  # mostly coarser sub-steps will do
    edges, pixel = edges // spare, _FIXED // spare
    begin, end = edges[:-1], edges[1:]
    first = begin // pixel
    most = int((-(-end // pixel) - first).max())
    pixels = first + np.arange(most)[:, None]
    weights = np.minimum(end, (pixels + 1) * pixel) - np.maximum(begin, pixels * pixel)
    lengths = (end - begin)[:, None]
    longest = int(lengths.max())
    exact = np.float32 if (255 * FINE + 1) * longest < 2**24 else np.float64
    whole = np.uint16 if largest * longest < 2**16 else exact
    return _Cuts(
        pixels=np.minimum(pixels, size - 1),
        weights=np.maximum(weights, 0)[:, :, None].astype(whole),
        lengths=lengths.astype(exact),
        halves=(lengths // 2).astype(exact),
    )
