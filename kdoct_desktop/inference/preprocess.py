"""From a B-scan to the network's input: the only such function, training imports it.

Everything before the last step is integer arithmetic and the last step is one float32 subtraction
and division a pixel, so the same picture gives the same bits on every machine.

The order: burned-in graphics are filled, the grey scale is pinned at three points (background,
median tissue, bright tissue) so that devices look alike, the rows that hold tissue are cut out,
and the cut-out is averaged down to the size of the network. The cut-out is a box, never a warp, so
an activation map is laid back exactly.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.inference.area_average import FINE, area_average
from kdoct_desktop.inference.burned_in import Valid, without_graphics, without_wedges
from kdoct_desktop.inference.grey_levels import Grey, histogram, quantile
from kdoct_desktop.inference.input_spec import (
    PREPROCESSING_VERSION,
    InputSpec,
    preprocessing_hash,
)

__all__ = [
    "PREPROCESSING_VERSION",
    "VIEWS",
    "InputSpec",
    "preprocess",
    "preprocessing_hash",
    "unit_picture",
    "unit_pictures",
    "unview",
    "view",
    "without_wedges",
]

VIEWS: tuple[str, ...] = ("identity", "hflip", "zoom110", "rotate+5", "rotate-5")
"""Deterministic test-time views, made from the ready input."""

Matrix = NDArray[np.float64]

_LEVELS = np.arange(255 * FINE + 1, dtype=np.float32)


def preprocess(bscan: Grey, spec: InputSpec) -> tuple[NDArray[np.float32], Box]:
    """Make the network's input from one B-scan.

    Args:
        bscan: uint8 grey values, axes (depth, ascan).
        spec: What the network wants.

    Returns:
        float32 input, axes (channel, row, column), and the half-open box (top, bottom, left,
        right) of B-scan pixels that it shows.
    """
    fine, box = unit_picture(bscan, spec)
    mean = np.array(spec.mean, dtype=np.float32).reshape(3, 1, 1)
    std = np.array(spec.std, dtype=np.float32).reshape(3, 1, 1)
    tensor: NDArray[np.float32] = fine[None] - mean
    tensor /= std
    return tensor, box


def unit_picture(bscan: Grey, spec: InputSpec) -> tuple[NDArray[np.float32], Box]:
    """The input before mean and deviation: float32 from 0 to 1, axes (row, column), and its box."""
    pictures, box = unit_pictures(bscan, spec, [(spec.height, spec.width)])
    return pictures[0], box


def unit_pictures(
    bscan: Grey, spec: InputSpec, sizes: Sequence[tuple[int, int]]
) -> tuple[list[NDArray[np.float32]], Box]:
    """`unit_picture` at several sizes, to the bit; all but the averaging is done once.

    Args:
        bscan: uint8 grey values, axes (depth, ascan).
        spec: What the network wants; its size is not looked at.
        sizes: Rows and columns of each picture.

    Returns:
        float32 pictures from 0 to 1, axes (row, column), and the box that they all show.
    """
    if bscan.ndim != 2 or bscan.dtype != np.uint8 or min(bscan.shape) < 2:
        raise ValueError("a B-scan is a uint8 array with axes (depth, ascan)")
    picture = np.ascontiguousarray(bscan)
    valid: Valid = None
    if spec.fill_graphics:
        picture, valid = without_wedges(picture)
    low, middle, high = _anchors(picture, valid)
    if spec.fill_graphics:
        picture = without_graphics(picture, low, high)
    top, bottom = _tissue_rows(picture, valid, (low, high), spec)
    box = (top, bottom, 0, picture.shape[1])
    small = [area_average(picture[top:bottom], rows, columns) for rows, columns in sizes]
    if not spec.normalise:
        return [one.astype(np.float32) / np.float32(255 * FINE) for one in small], box
    # few levels, many pixels: the line is worked out for each level and looked up for each pixel
    line = _pinned(_LEVELS, (low * FINE, middle * FINE, high * FINE), spec.middle)
    return [np.take(line, one) for one in small], box


def view(tensor: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """A test-time view of a ready input.

    Args:
        tensor: Axes (channel, row, column).
        name: One of `VIEWS`.

    Returns:
        float32 of the same shape.
    """
    if name == "identity":
        return tensor
    if name == "hflip":
        return np.ascontiguousarray(tensor[..., ::-1])
    return _warp(tensor, _matrix(name, tensor.shape[-2:]))


def unview(cam: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Map the activation map of a view back onto the frame of the identity view.

    Args:
        cam: Axes (…, row, column).
        name: The view it was computed on.

    Returns:
        float32 of the same shape; 0 where the view saw nothing.
    """
    if name == "identity":
        return cam
    if name == "hflip":
        return np.ascontiguousarray(cam[..., ::-1])
    forth = _matrix(name, cam.shape[-2:])
    back = np.asarray(cv2.invertAffineTransform(forth), dtype=np.float64)
    flat = cam.reshape(-1, *cam.shape[-2:])
    return _warp(flat, back).reshape(cam.shape)


def _matrix(name: str, shape: tuple[int, ...]) -> Matrix:
    """Affine matrix of a view about the centre of a frame of (rows, columns)."""
    turns = {"zoom110": (0.0, 1.1), "rotate+5": (5.0, 1.0), "rotate-5": (-5.0, 1.0)}
    if name not in turns:
        raise ValueError(f"unknown view {name}")
    angle, scale = turns[name]
    centre = ((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    return np.asarray(cv2.getRotationMatrix2D(centre, angle, scale), dtype=np.float64)


def _warp(planes: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    """Apply an affine matrix to every plane; what comes from outside is the plane's minimum."""
    size = (planes.shape[2], planes.shape[1])
    moved = [
        cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_LINEAR, borderValue=_edge(plane))
        for plane in planes
    ]
    return np.stack(moved).astype(np.float32)


def _edge(plane: NDArray[np.float32]) -> float:
    """Value for what a view cannot see: background for an input, nothing for a small map."""
    return float(plane.min()) if plane.size > 4096 else 0.0


def _anchors(picture: Grey, valid: Valid) -> tuple[int, int, int]:
    """Grey levels of the background, the median tissue and bright tissue."""
    counts = histogram(np.asarray(cv2.blur(picture, (5, 5)), dtype=np.uint8), valid)
    low = quantile(counts, 10)
    high = max(quantile(counts, 99), low + 8)
    counts[: low + (high - low) // 4 + 1] = 0
    middle = quantile(counts, 50) if counts.any() else (low + high) // 2
    span = high - low
    return low, min(max(middle, low + span // 4), high - span // 4), high


def _pinned(
    value: NDArray[np.float32], anchors: tuple[int, int, int], middle: float
) -> NDArray[np.float32]:
    """Broken line through (low, 0), (median tissue, middle), (high, 1); clipped to 0 … 1."""
    low, centre, high = (np.float32(v) for v in anchors)
    below = (value - low) / (centre - low) * np.float32(middle)
    above = (value - centre) / (high - centre) * np.float32(1.0 - middle) + np.float32(middle)
    pinned: NDArray[np.float32] = np.clip(np.where(value < centre, below, above), 0.0, 1.0)
    return pinned.astype(np.float32)


def _tissue_rows(
    picture: Grey,
    valid: Valid,
    levels: tuple[int, int],
    spec: InputSpec,
) -> tuple[int, int]:
    """First row and the row after the last of the band that holds tissue; all when unsure."""
    rows = picture.shape[0]
    low, high = levels
    if not spec.crop_rows or high - low < 24:
        return 0, rows
    level = low + (high - low) * 3 // 10
    bright = cv2.threshold(cv2.blur(picture, (9, 9)), level, 1, cv2.THRESH_BINARY)[1]
    if valid is not None:
        bright = cv2.bitwise_and(bright, valid.view(np.uint8))
    profile = np.cumsum(cv2.reduce(bright, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S), dtype=np.int64)
    total = int(profile[-1])
    if total < bright.size // 100:
        return 0, rows
    first = int(np.searchsorted(profile, total // 200))
    last = int(np.searchsorted(profile, total - total // 200)) + 1
    top = max(0, first - int(rows * spec.margin_above))
    bottom = min(rows, last + int(rows * spec.margin_below))
    missing = int(rows * spec.least_rows) - (bottom - top)
    if missing > 0:
        top = max(0, min(top - missing // 2, rows - int(rows * spec.least_rows)))
        bottom = min(rows, top + int(rows * spec.least_rows))
    return top, bottom
