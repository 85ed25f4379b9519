"""From B-scan results, in any order, to the prediction of a volume; numpy only."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import (
    BscanPrediction,
    ModelIdentity,
    Prediction,
    ProviderReport,
)

BscanListener = Callable[[BscanPrediction, NDArray[np.float32], Box], None]
"""Called with each B-scan's prediction, its activation maps (class, row, column) and its frame.

When the graphics card fails in the middle of a volume every B-scan comes a second time, from the
processor; the later one counts.
"""


def ignore_bscan(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
    """The listener where nobody listens."""


def reading_order(count: int) -> list[int]:
    """The middle B-scan first, because it is shown first, then the others in order."""
    middle = count // 2
    return [middle, *(index for index in range(count) if index != middle)]


class Collector:
    """Gathers the results of one volume."""

    def __init__(self, count: int, cam_shape: tuple[int, int, int]) -> None:
        """Make room.

        Args:
            count: Number of B-scans.
            cam_shape: Class, row, column.
        """
        self._bscans: list[BscanPrediction | None] = [None] * count
        self._cams = np.zeros((count, *cam_shape), dtype=np.float32)
        self._frames = np.zeros((count, 4), dtype=np.int32)

    @property
    def done(self) -> int:
        """B-scans that are there."""
        return sum(bscan is not None for bscan in self._bscans)

    def add(self, bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        """Keep the result of one B-scan."""
        self._bscans[bscan.index] = bscan
        self._cams[bscan.index] = cams
        self._frames[bscan.index] = frame

    def clear(self) -> None:
        """Forget everything: the volume is done again from its start."""
        self._bscans = [None] * len(self._bscans)

    def cams(self, index: int) -> NDArray[np.float32]:
        """Activation maps of one B-scan, axes (class, row, column)."""
        maps: NDArray[np.float32] = self._cams[index]
        return maps

    def prediction(
        self,
        model: ModelIdentity,
        provider: ProviderReport,
        *,
        preprocessing: str,
        views: tuple[str, ...],
    ) -> Prediction:
        """The prediction of the volume.

        Raises:
            ValueError: A B-scan is missing.
        """
        bscans = tuple(bscan for bscan in self._bscans if bscan is not None)
        if len(bscans) != len(self._bscans):
            raise ValueError("a B-scan has no prediction")
        self._cams.flags.writeable = False
        self._frames.flags.writeable = False
        return Prediction(
            model=model,
            provider=provider,
            preprocessing=preprocessing,
            views=views,
            bscans=bscans,
            cams=self._cams,
            frames=self._frames,
        )
