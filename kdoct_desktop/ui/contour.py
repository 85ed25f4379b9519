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

_SEGMENTS = np.array([(case, *ends) for case, lines in _LINES.items() for ends in lines])
_FIRST = np.array([(0, 0), (0, 1), (1, 0), (0, 0)])  # corner at which each edge begins
_ALONG = np.array([(0, 1), (1, 0), (0, 1), (1, 0)])


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
    field = np.full((values.shape[0] + 2, values.shape[1] + 2), -np.inf, dtype=np.float32)
    field[1:-1, 1:-1] = values
    above = (field >= level).view(np.uint8)
    code = above[:-1, :-1] * 8 + above[:-1, 1:] * 4 + above[1:, 1:] * 2 + above[1:, :-1]
    crossed = np.flatnonzero((code > 0) & (code < 15))  # few: all that follows is about them only
    cases = code.ravel()[crossed]
    found = [crossed[cases == case] for case in _SEGMENTS[:, 0]]
    ends = np.repeat(_SEGMENTS[:, 1:], [len(squares) for squares in found], axis=0)
    corners = np.stack(np.divmod(np.concatenate(found), code.shape[1]), axis=1)
    segments: NDArray[np.float32] = _crossings(field, corners, ends, level) - np.float32(1.0)
    limit = np.array(values.shape, dtype=np.float32) - 1.0
    return np.clip(segments, 0.0, limit)


def _crossings(
    field: NDArray[np.float32], corners: NDArray[np.intp], edges: NDArray[np.intp], level: float
) -> NDArray[np.float32]:
    """Where the level is met on edges of squares.

    Args:
        field: Values, axes (row, column).
        corners: Upper left corner of each square, axes (square, row/column).
        edges: Edges to look at, axes (square, edge).
        level: The value of the line.

    Returns:
        float32, axes (square, edge, row/column).
    """
    start, along = corners[:, None] + _FIRST[edges], _ALONG[edges]
    end = start + along
    low, high = field[start[..., 0], start[..., 1]], field[end[..., 0], end[..., 1]]
    with np.errstate(invalid="ignore", over="ignore"):
        share = (level - low) / (high - low)
    share = np.where(np.isfinite(low), share, 1.0)
    share = np.where(np.isfinite(high), share, 0.0)
    points: NDArray[np.float32] = (start + share[..., None] * along).astype(np.float32)
    return points
