"""Boundaries of retinal layers as the device segmented them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LayerSurfaces:
    """Heights of layer boundaries in every A-scan; shown and converted, never corrected here.

    Attributes:
        names: Name of each boundary as the device gives it, for example ``"ILM"``.
        rows: float32, axes (boundary, bscan, ascan), in pixels of depth from 0, read-only; NaN
            where the device found none.
    """

    names: tuple[str, ...]
    rows: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.rows.ndim != 3 or self.rows.dtype != np.float32:
            raise ValueError("rows must be a float32 array (boundary, bscan, ascan)")
        if len(self.names) != len(self.rows) or 0 in self.rows.shape:
            raise ValueError("every boundary needs a name and heights")
        self.rows.flags.writeable = False
