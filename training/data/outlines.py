"""Outlines of lesions in the geometry of the cached pictures, for losses that look at the place."""

import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.augment import View, apply_to_outline
from training.data.cache import Cache
from training.data.manifest import Row
from training.data.read_picture import read_outline
from training.errors import TrainingError

Outline = NDArray[np.bool_]

_COVERED = 0.02
"""Share of a pixel of the small outline that must be lesion: a druse is smaller than such a pixel.
"""


class Outlines:
    """The outlines of some rows; may be used by several threads.

    An outline is read when it is first asked for, and kept in memory as bits: 7 kB at 192 x 256.
    """

    def __init__(self, root: Path, rows: Sequence[Row], cache: Cache) -> None:
        """Check that there are any.

        Args:
            root: Data folder.
            rows: B-scans; row indices count in them.
            cache: Of their pictures, and perhaps of more.

        Raises:
            TrainingError: ``missing-outlines``: no row has one; ``not-in-cache``.
        """
        if not any(row.outline for row in rows):
            text = "No B-scan has an outline of its lesion, which this training asks for."
            raise TrainingError("missing-outlines", text)
        self._root, self._rows, self._cache = root, rows, cache
        self._places = cache.positions(rows)
        self._bits: dict[int, NDArray[np.uint8]] = {}
        self._turn = threading.Lock()

    def plain(self, row_index: int) -> Outline:
        """Of the enlarged picture, axes (row, column); nothing where the row has no outline.

        Raises:
            TrainingError: ``unreadable-file``.
        """
        size, row = self._cache.enlarged_size, self._rows[row_index]
        if not row.outline:
            return np.zeros(size, dtype=np.bool_)
        with self._turn:
            bits = self._bits.get(row_index)
        if bits is None:
            bits = np.packbits(self._read(row_index, row))
            with self._turn:
                self._bits[row_index] = bits
        return np.unpackbits(bits, count=size[0] * size[1]).reshape(size).astype(np.bool_)

    def varied(self, row_index: int, size: tuple[int, int], view: View) -> Outline:
        """What a view of a row shows of it, axes (row, column) of the view."""
        if not self._rows[row_index].outline:
            return np.zeros(size, dtype=np.bool_)
        return apply_to_outline(self.plain(row_index), size, view)

    def _read(self, row_index: int, row: Row) -> Outline:
        top, bottom, left, right = self._cache.box(int(self._places[row_index]))
        marked = read_outline(self._root, row.outline, None)[top:bottom, left:right]
        return shrunk(marked, self._cache.enlarged_size)


def shrunk(marked: Outline, size: tuple[int, int]) -> Outline:
    """An outline at another size, axes (row, column): every pixel that the lesion touches."""
    shares = cv2.resize(marked.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(shares > _COVERED, dtype=np.bool_)
