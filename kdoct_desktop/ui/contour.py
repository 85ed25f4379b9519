"""Contour lines as line segments (marching squares), so that they stay sharp at every zoom."""

import numpy as np
from numpy.typing import NDArray

_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
_LINES = {
    1: ((_LEFT, _BOTTOM),),
    2: ((_BOTTOM, _RIGHT),),
    3: ((_LEFT, _RIGHT),),
    4: ((_TOP, _RIGHT),),
    5: ((_LEFT, _TOP), (_BOTTOM, _RIGHT)),
    6: ((_TOP, _BOTTOM),),
    7: ((_LEFT, _TOP),),
    8: ((_LEFT, _TOP),),
    9: ((_TOP, _BOTTOM),),
    10: ((_LEFT, _BOTTOM), (_TOP, _RIGHT)),
    11: ((_TOP, _RIGHT),),
    12: ((_LEFT, _RIGHT),),
    13: ((_BOTTOM, _RIGHT),),
    14: ((_LEFT, _BOTTOM),),
}


def contour(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Where a field crosses a level.

    Args:
        values: The field, axes (row, column); at least one by one.
        level: The value of the line.

    Returns:
        float32 segments, axes (segment, start/end, row/column), in array coordinates: value
        ``[r, c]`` lies at ``(r, c)``. A field that leaves the array above the level is closed
        along the border.
    """
    field = np.pad(values.astype(np.float32), 1, constant_values=-np.inf)
    above = field >= level
    corner = (slice(None, -1), slice(1, None))
    tl, tr = above[corner[0], corner[0]], above[corner[0], corner[1]]
    bl, br = above[corner[1], corner[0]], above[corner[1], corner[1]]
    code = tl * 8 + tr * 4 + br * 2 + bl * 1
    found = []
    for case, lines in _LINES.items():
        rows, columns = np.nonzero(code == case)
        if len(rows):
            for start, end in lines:
                ends = [_crossing(field, rows, columns, edge, level) for edge in (start, end)]
                found.append(np.stack(ends, axis=1))
    if not found:
        return np.zeros((0, 2, 2), dtype=np.float32)
    segments: NDArray[np.float32] = np.concatenate(found).astype(np.float32) - 1.0
    limit = np.array(values.shape, dtype=np.float32) - 1.0
    return np.clip(segments, 0.0, limit)


def _crossing(
    field: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    edge: int,
    level: float,
) -> NDArray[np.float32]:
    """Where the level is met on one edge of some squares, axes (square, row/column)."""
    first = {_TOP: (0, 0), _RIGHT: (0, 1), _BOTTOM: (1, 0), _LEFT: (0, 0)}[edge]
    along = {_TOP: (0, 1), _RIGHT: (1, 0), _BOTTOM: (0, 1), _LEFT: (1, 0)}[edge]
    start = np.stack([rows + first[0], columns + first[1]], axis=1)
    low = field[start[:, 0], start[:, 1]]
    high = field[start[:, 0] + along[0], start[:, 1] + along[1]]
    with np.errstate(invalid="ignore", over="ignore"):
        share = (level - low) / (high - low)
    share = np.where(np.isfinite(low), share, 1.0)
    share = np.where(np.isfinite(high), share, 0.0)
    points: NDArray[np.float32] = start + share[:, None] * np.array(along, dtype=np.float32)
    return points
