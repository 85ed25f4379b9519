"""The en-face picture on which the B-scans lie: disc, vessels, macula, a hint of the lesions."""

import numpy as np
from numpy.typing import NDArray

from training.phantoms.fields import Floats, cut, grain_bank, smooth_field, stream
from training.phantoms.layers import DISC_CENTRE_MM, DISC_RADIUS_MM, Positions
from training.phantoms.lesions import Lesions
from training.phantoms.vessels import VesselMap


def draw_localizer(seed: int, size: int, *, at: Positions, vessels: VesselMap,  lesions: Lesions,
                   pattern: str) -> tuple[NDArray[np.uint8], float, Floats]:  # fmt: skip
    """The picture, the size of its pixels in millimetres and the path of each B-scan on it.

    Args:
        seed: Of the phantom.
        size: Rows and columns; 0 gives an empty picture and paths in a frame of one pixel.
        at: Where the A-scans lie.
        vessels: The tree that the B-scans show too.
        lesions: Faintly visible.
        pattern: A circle is centred on the disc, everything else near the fovea.

    Returns:
        Picture uint8 (row, column), pixel size, paths float32 (bscan, ascan, row/column).
    """
    centre = DISC_CENTRE_MM if pattern == "circle" else (0.0, 0.0)
    if pattern != "circle" and float(np.abs(at.x).max()) < 3.5:
        centre = (0.95, 0.0)
    reach = max(float(np.abs(at.x - centre[0]).max()), float(np.abs(at.y - centre[1]).max()))
    field_mm = max(9.0, 2.12 * reach)
    pixel_mm = field_mm / max(size, 1)
    column = (at.x - centre[0]) / pixel_mm + (size - 1) / 2
    row = (centre[1] - at.y) / pixel_mm + (size - 1) / 2
    paths = np.stack([row, column], axis=-1).astype(np.float32)
    if size == 0:
        return np.zeros((0, 0), np.uint8), pixel_mm, paths
    step = ((np.arange(size) - (size - 1) / 2) * pixel_mm).astype(np.float32)
    x, y = np.broadcast_arrays(step[None, :] + centre[0], centre[1] - step[:, None])
    picture = _fundus(
        stream(seed, "localizer"), x.astype(np.float32), y=y.astype(np.float32), vessels=vessels
    )
    _hint_lesions(picture, paths, lesions=lesions)
    rng = stream(seed, "localizer noise")
    picture *= 1 + 0.04 * cut(grain_bank(1.1, 1.1), rng, shape=picture.shape)
    picture += 0.012 * cut(grain_bank(0.5, 0.5), rng, shape=picture.shape)
    grey = np.clip(picture, 0, 1) * 255 + 0.5
    return grey.astype(np.uint8), pixel_mm, paths


def _fundus(rng: np.random.Generator, x: Floats, *, y: Floats, vessels: VesselMap) -> Floats:
    """Infrared reflectance: grey fundus, dark vessels, pale disc with a cup, dark macula."""
    r = np.hypot(x, y)
    d = np.hypot(x - DISC_CENTRE_MM[0], (y - DISC_CENTRE_MM[1]) * 0.92)
    mottle = smooth_field(rng, x[::4, ::4], y=y[::4, ::4], scale_mm=0.6, waves=20)
    mottle = np.repeat(np.repeat(mottle, 4, axis=0), 4, axis=1)[: x.shape[0], : x.shape[1]]
    base = 0.46 + 0.016 * mottle - 0.004 * r * r
    base -= 0.10 * np.exp(-((r / 0.55) ** 2)) + 0.05 * np.exp(-((r / 1.3) ** 2))
    base += 0.05 * np.exp(-((r / 0.06) ** 2))
    fibres = np.exp(-(((d - 1.3) / 0.8) ** 2)) * np.abs(y - DISC_CENTRE_MM[1]) / (d + 0.1)
    base += 0.06 * fibres
    rim = 0.5 - 0.5 * np.tanh((d - DISC_RADIUS_MM) / 0.07)
    cup = 0.5 - 0.5 * np.tanh((d - 0.38) / 0.12)
    base = base * (1 - rim) + rim * (0.5 + 0.2 * cup)
    half = vessels.at(x, y)
    near_disc = np.clip(1 - 0.4 * rim, 0.5, 1)
    base = base * (1 - near_disc * np.clip(half / 0.045, 0, 1) ** 0.7 * 0.52)
    reflex = np.clip(half / 0.06, 0, 1) ** 6
    return np.asarray(base + 0.08 * reflex, np.float32)


def _hint_lesions(picture: Floats, paths: Floats, *, lesions: Lesions) -> None:
    """Drusen pale, fluid and detachments dark, at the sampled positions and spread between them."""
    change = 0.10 * np.clip(lesions.druse / 0.06, 0, 1) - 0.12 * np.clip(lesions.srf / 0.12, 0, 1)
    change = change - 0.08 * np.clip(lesions.ped / 0.15, 0, 1)
    change = change + 0.06 * np.clip(lesions.shrm / 0.06, 0, 1)
    if not change.any():
        return
    size = picture.shape[0]
    total, weight = np.zeros_like(picture), np.full(picture.shape, 1e-3, np.float32)
    row = np.clip(np.round(paths[..., 0]), 0, size - 1).astype(np.int64)
    column = np.clip(np.round(paths[..., 1]), 0, picture.shape[1] - 1).astype(np.int64)
    np.add.at(total, (row, column), change)
    np.add.at(weight, (row, column), np.float32(1))
    radius = max(2, size // 80)
    for _ in range(2):
        total, weight = _box(total, radius), _box(weight, radius)
    picture += total / np.maximum(weight, 1e-3)


def _box(values: Floats, radius: int) -> Floats:
    """Moving sum over a square, edges padded with zero."""
    window = 2 * radius + 1
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(values, pad), axis=axis, dtype=np.float64)
        upper = [slice(None), slice(None)]
        lower = [slice(None), slice(None)]
        upper[axis], lower[axis] = slice(window, None), slice(None, -window)
        values = np.asarray(total[tuple(upper)] - total[tuple(lower)], np.float32)
    return np.asarray(values / window**2, np.float32)
