"""Names for the arrays that pictures are made of, and the one conversion to float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""Grey values or weights, axes (row, column)."""

Rows = NDArray[np.float32]
"""One row position or height a column."""

Mask = NDArray[np.bool_]
"""Chosen pixels, axes (row, column)."""

Grey = NDArray[np.uint8]
"""Grey values of a picture file, axes (row, column)."""

Random = np.random.Generator


def plane(values: Any) -> Plane:
    """The same values as float32."""
    return np.asarray(values, dtype=np.float32)
