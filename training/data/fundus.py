"""Fundus photographs beside B-scans: the second modality of a teacher.

A photograph is squeezed to the size of the network, kept in memory (they are few and large to
decode), and varied mildly: it is mirrored with its B-scan, so that both show the same eye.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.manifest import Row
from training.data.read_picture import read_fundus
from training.errors import TrainingError

_KEPT = 2048
"""Photographs in memory: 0.9 GB at 384 pixels."""

_TURN_DEGREES, _SCALE, _LIGHT = 10.0, 0.05, 0.1


@functools.lru_cache(maxsize=_KEPT)
def _photograph(root: Path, path: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    shape = (size[1], size[0])
    full = read_fundus(root, path)
    small = np.asarray(cv2.resize(full, shape, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    small.flags.writeable = False
    return small


class FundusPictures:
    """The photographs of some rows; may be used by several threads."""

    def __init__(self, root: Path, rows: Sequence[Row], size: tuple[int, int]) -> None:
        """Check that every row has its photograph.

        Args:
            root: Data folder.
            rows: B-scans; row indices count in them.
            size: Rows and columns that the network sees.

        Raises:
            TrainingError: ``missing-fundus``, with the list of all B-scans without one.
        """
        absent = [row.name for row in rows if not row.fundus]
        if absent:
            text = f"{len(absent)} B-scans have no fundus photograph, which this network needs."
            raise TrainingError("missing-fundus", text, absent)
        self._root, self._rows, self.size = root, rows, size

    def plain(self, row_index: int) -> NDArray[np.uint8]:
        """uint8, axes (row, column, RGB); to read only."""
        return _photograph(self._root, self._rows[row_index].fundus, self.size)

    def stacked(self, row_indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Plain photographs of some rows: uint8, axes (B-scan, row, column, RGB)."""
        return np.stack([self.plain(int(row)) for row in row_indices])

    def varied(
        self, row_index: int, *, flip: bool, strength: float, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """A random view: turned, scaled and lit a little, mirrored where the B-scan is."""
        turn, scale, light = rng.uniform(-1.0, 1.0, 3) * strength
        picture = self.plain(row_index)
        if strength > 0.0:
            rows, columns = self.size
            centre = ((columns - 1) / 2.0, (rows - 1) / 2.0)
            factor = 1.0 + float(scale) * _SCALE
            matrix = cv2.getRotationMatrix2D(centre, float(turn) * _TURN_DEGREES, factor)
            moved = cv2.warpAffine(picture, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
            picture = np.asarray(cv2.convertScaleAbs(moved, alpha=1.0 + light * _LIGHT), np.uint8)
        return np.ascontiguousarray(picture[:, ::-1]) if flip else picture.copy()
