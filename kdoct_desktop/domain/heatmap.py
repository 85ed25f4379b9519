"""From activation maps to evidence on the B-scan and on the en face; numbers, no colours.

EfficientNet ends in a global average pooling and a linear layer, so for class c
``logit_c = bias_c + mean_xy(sum_k W_ck F_k(x, y))``: the activation map is the logit, cell by
cell (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016).
"""

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


def upsample(cam: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Lay an activation map over a picture by bilinear interpolation between cell centres.

    Args:
        cam: Axes (row, column).
        shape: Rows and columns of the picture.

    Returns:
        float32 of `shape`; constant beyond the outermost cell centres.
    """
    rows = _positions(cam.shape[0], shape[0])
    columns = _positions(cam.shape[1], shape[1])
    by_row = _interpolate(cam, rows)
    return np.ascontiguousarray(_interpolate(by_row.T, columns).T)


def bscan_evidence(
    cam: NDArray[np.float32], frame: Box, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Evidence for one class at each pixel of a B-scan.

    Args:
        cam: Activation map of the class, axes (row, column).
        frame: Box (top, bottom, left, right) of pixels that the network saw, half open.
        shape: Depth and number of A-scans of the B-scan.

    Returns:
        float32 of `shape` in the unit of the logit; 0 where the network saw nothing.
    """
    top, bottom, left, right = frame
    evidence = np.zeros(shape, dtype=np.float32)
    evidence[top:bottom, left:right] = upsample(cam, (bottom - top, right - left))
    return evidence


def relative(evidence: NDArray[np.float32], peak: float | None = None) -> NDArray[np.float32]:
    """Evidence in favour as a share of its maximum.

    Args:
        evidence: Any shape; negative values are evidence against and become 0.
        peak: Value that becomes 1; the array's own maximum where None.

    Returns:
        float32 from 0 to 1; all 0 where nothing speaks in favour.
    """
    top = float(evidence.max(initial=0.0)) if peak is None else peak
    if top <= 0.0:
        return np.zeros_like(evidence)
    share: NDArray[np.float32] = np.clip(evidence / np.float32(top), 0.0, 1.0)
    return share


def en_face_evidence(
    cams: NDArray[np.float32], frames: NDArray[np.int32], ascans: int
) -> NDArray[np.float32]:
    """Evidence in favour of one class seen from the front: summed along depth.

    Args:
        cams: Activation maps of the class, axes (bscan, row, column).
        frames: Boxes that the network saw, axes (bscan, top/bottom/left/right).
        ascans: Number of A-scans.

    Returns:
        float32, axes (bscan, ascan): share of the logit that each A-scan contributes, in units of
        the logit; a row sums to the part of the logit that speaks in favour.
    """
    result = np.zeros((len(cams), ascans), dtype=np.float32)
    cells = np.float32(cams.shape[1] * cams.shape[2])
    columns = np.maximum(cams, 0.0).sum(axis=1, dtype=np.float32) / cells
    spans = frames[:, 2:]
    for left, right in {(left, right) for left, right in spans.tolist()}:  # one for most scans
        rows = np.flatnonzero((spans == (left, right)).all(axis=1))
        column = columns[rows]
        spread = _interpolate(column.T, _positions(column.shape[1], right - left)).T
        spread = np.ascontiguousarray(spread)
        total = spread.sum(axis=1).astype(np.float64)
        share = column.sum(axis=1) / np.where(total > 0.0, total, 1.0)
        result[rows, left:right] = spread * share.astype(np.float32)[:, None]
    return result


def _positions(cells: int, pixels: int) -> NDArray[np.float64]:
    """Where pixel centres fall on the axis of cell centres, from 0 to ``cells - 1``."""
    centres = (np.arange(pixels) + 0.5) * cells / pixels - 0.5
    return np.clip(centres, 0.0, cells - 1.0)


def _interpolate(values: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """Linear interpolation of `values` along their first axis."""
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, len(values) - 1)
    weight = (at - low).astype(np.float32).reshape((-1,) + (1,) * (values.ndim - 1))
    result: NDArray[np.float32] = values[low] * (1.0 - weight) + values[high] * weight
    return result
