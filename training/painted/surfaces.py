"""Where the retina lies in a B-scan without lesions: its inner border and Bruch's membrane.

Two smooth paths through a B-scan, found by dynamic programming on simple contrast scores (the
graph search of Chiu et al., "Automatic segmentation of seven retinal layers in SDOCT images",
Opt. Express 18 (2010), reduced to two layers). Made for normal pictures: where the result is not
plausible the picture is refused, because lesions painted at a wrong place teach the wrong thing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.arrays import Rows, plane


class NoRetinaError(ValueError):
    """The two surfaces cannot be found with confidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """Rows of the surfaces, one value a column, float32, counted from the top of the picture.

    Attributes:
        ilm: Inner limiting membrane.
        bruch: Bruch's membrane: the lower edge of the bright band of the pigment epithelium.
    """

    ilm: Rows
    bruch: Rows

    @property
    def thickness(self) -> float:
        """Median distance between the surfaces in rows."""
        return float(np.median(self.bruch - self.ilm))


def find_surfaces(picture: NDArray[np.uint8]) -> Surfaces:
    """Find the surfaces of a normal retina.

    Args:
        picture: uint8 grey values, axes (depth, ascan).

    Raises:
        NoRetinaError: No plausible pair of surfaces.
    """
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2.5, sigmaY=1.2)
    low = float(np.percentile(smooth, 10))
    smooth = np.clip(smooth - low, 0.0, None)
    if float(np.percentile(smooth, 98)) < 20.0:
        raise NoRetinaError("no contrast")
    band = _bright_band(smooth)
    ilm = _inner_border(smooth, band)
    bruch = _lower_edge(smooth, band, ilm)
    surfaces = Surfaces(_smoothed(ilm, 3.0), _smoothed(bruch, 5.0))
    _check(surfaces, smooth)
    return surfaces


def shortest_path(cost: NDArray[np.float32], *, step: int = 2, stiffness: float = 0.15) -> Rows:
    """Row in each column of the path of least cost from left to right.

    Args:
        cost: Axes (row, column); not finite where the path must not go.
        step: Largest change of row between columns.
        stiffness: Cost of one row of change.

    Returns:
        float32 rows, one a column.
    """
    rows, columns = cost.shape
    total = cost[:, 0].astype(np.float64)
    moves = np.zeros((columns, rows), dtype=np.int8)
    shifts = np.arange(-step, step + 1)
    for column in range(1, columns):
        padded = np.pad(total, step, constant_values=np.inf)
        choices = np.stack(
            [padded[step + s : step + s + rows] + stiffness * abs(s) for s in shifts]
        )
        best = np.argmin(choices, axis=0)
        moves[column] = shifts[best]
        total = choices[best, np.arange(rows)] + cost[:, column]
    path = np.zeros(columns, dtype=np.float32)
    row = int(np.argmin(total))
    for column in range(columns - 1, -1, -1):
        path[column] = row
        row = min(max(row + int(moves[column, row]), 0), rows - 1)
    return path


def _bright_band(smooth: NDArray[np.float32]) -> Rows:
    """The pigment epithelium: bright, with retina above it."""
    energy = np.cumsum(smooth, axis=0)
    share = energy / np.maximum(energy[-1:], 1.0)
    retina_above = 1.0 / (1.0 + np.exp(-(share - 0.22) * 30.0))
    bright = smooth / np.maximum(smooth.max(axis=0, keepdims=True), 1.0)
    fall = np.clip(-cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), 0.0, None)
    fall = plane(fall / max(float(np.percentile(fall, 99)), 1e-3))
    score = (bright + 0.3 * np.clip(fall, 0.0, 1.0)) * retina_above
    return shortest_path((-score).astype(np.float32))


def _inner_border(smooth: NDArray[np.float32], band: Rows) -> Rows:
    """The first rise from dark to bright above the pigment epithelium."""
    rows = smooth.shape[0]
    rise = np.clip(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), 0.0, None)
    rise = np.clip(rise / max(float(np.percentile(rise, 98)), 1e-3), 0.0, 1.0)
    tissue = float(np.percentile(smooth, 90))
    darkness = np.cumsum(np.clip(smooth / tissue - 0.25, 0.0, 1.0), axis=0) / (0.05 * rows)
    score = rise * np.exp(-darkness)
    at = np.arange(rows, dtype=np.float32)[:, None]
    score = np.where(at < band[None] - 0.04 * rows, score, -5.0)
    return shortest_path((-score).astype(np.float32), step=3, stiffness=0.05)


def _lower_edge(smooth: NDArray[np.float32], band: Rows, ilm: Rows) -> Rows:
    """The steepest fall at or below the middle of the bright band."""
    rows = smooth.shape[0]
    reach = max(4.0, 0.18 * float(np.median(band - ilm)))
    fall = np.clip(-cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), 0.0, None)
    fall = plane(fall / max(float(np.percentile(fall, 98)), 1e-3))
    at = np.arange(rows, dtype=np.float32)[:, None]
    inside = (at >= band[None]) & (at <= band[None] + reach)
    score = np.where(inside, np.clip(fall, 0.0, 1.5), -5.0)
    return shortest_path((-score).astype(np.float32), step=2, stiffness=0.1)


def _smoothed(path: Rows, sigma: float) -> Rows:
    """Path without its steps of one row."""
    row = path.reshape(1, -1).astype(np.float32)
    return np.asarray(
        cv2.GaussianBlur(row, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0], dtype=np.float32
    )


def _check(surfaces: Surfaces, smooth: NDArray[np.float32]) -> None:
    """Refuse what a normal retina cannot be."""
    rows = smooth.shape[0]
    depth = surfaces.bruch - surfaces.ilm
    typical = float(np.median(depth))
    if not 0.06 * rows < typical < 0.5 * rows:
        raise NoRetinaError("implausible thickness")
    if float(np.mean((depth < 0.3 * typical) | (depth > 2.2 * typical))) > 0.10:
        raise NoRetinaError("uneven thickness")
    columns = np.arange(len(depth))
    inside = np.clip((surfaces.ilm + 0.5 * depth).astype(int), 0, rows - 1)
    above = np.clip((surfaces.ilm - 0.2 * typical).astype(int), 0, rows - 1)
    if float(np.mean(smooth[inside, columns] <= smooth[above, columns])) > 0.25:
        raise NoRetinaError("no tissue between the surfaces")
