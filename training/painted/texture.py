"""Grain of a picture, taken from the picture itself, and smooth random fields."""

import cv2
import numpy as np

from training.arrays import Mask, Plane, Random, Rows, plane
from training.painted.canvas import Ground


def smooth_noise(shape: tuple[int, int], scale: tuple[float, float], rng: Random) -> Plane:
    """Gaussian field of zero mean and unit deviation, correlated over `scale` (rows, columns)."""
    coarse = (
        max(2, int(np.ceil(shape[0] / scale[0])) + 3),
        max(2, int(np.ceil(shape[1] / scale[1])) + 3),
    )
    field = rng.standard_normal(coarse).astype(np.float32)
    large = cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return plane((large - large.mean()) / max(float(large.std()), 1e-4))


def smooth_line(count: int, scale: float, rng: Random) -> Rows:
    """Gaussian line of zero mean and unit deviation, correlated over `scale` columns."""
    line: Rows = smooth_noise((2, count), (2.0, scale), rng)[0]
    return line


def soft(mask: Plane | Mask, sigma: float) -> Plane:
    """Mask with an edge of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma), dtype=np.float32)


def vitreous(ground: Ground, rng: Random) -> Plane:
    """The picture's own vitreous laid over the whole frame: what clear fluid looks like."""
    picture = ground.picture
    rows, columns = picture.shape
    shift = int(rng.integers(0, columns))
    take = np.roll(np.arange(columns), shift)
    room = np.maximum(ground.ilm[take] - 6.0, 0.0)
    usable = room > 14.0
    if float(usable.mean()) < 0.2:
        level = float(np.percentile(picture, 5))
        grain = rng.gamma(4.0, 0.25, size=picture.shape).astype(np.float32)
        return plane(level * grain)
    take = take[
        np.interp(np.arange(columns), np.flatnonzero(usable), np.flatnonzero(usable))
        .round()
        .astype(int)
    ]
    room = np.maximum(ground.ilm[take] - 6.0, 3.0).astype(np.float32)
    at = np.arange(rows, dtype=np.float32)[:, None] + 7.0
    phase = np.mod(at, 2.0 * room[None])
    source = np.where(phase > room[None], 2.0 * room[None] - phase, phase).astype(np.float32)
    across = np.broadcast_to(take[None].astype(np.float32), source.shape)
    return plane(cv2.remap(picture, np.ascontiguousarray(across), source, cv2.INTER_NEAREST))


def grain(ground: Ground, rng: Random) -> Plane:
    """Multiplicative grain of the retina, mean about 1, laid over the whole frame."""
    local = cv2.GaussianBlur(ground.picture, (0, 0), 2.5)
    ratio = np.clip(ground.picture / np.maximum(local, 4.0), 0.2, 2.5)
    rows, columns = ratio.shape
    take = np.roll(np.arange(columns), int(rng.integers(0, columns)))
    thick = ground.thickness[take]
    at = np.arange(rows, dtype=np.float32)[:, None]
    period = np.maximum(0.55 * thick, 4.0)[None]
    phase = np.mod(at, 2.0 * period)
    inside = np.where(phase > period, 2.0 * period - phase, phase)
    source = (ground.ilm[take] + 0.12 * thick)[None] + inside
    across = np.broadcast_to(take[None].astype(np.float32), source.shape)
    taken = cv2.remap(plane(ratio), np.ascontiguousarray(across), plane(source), cv2.INTER_LINEAR)
    return plane(taken)


def level_between(ground: Ground, upper: float, lower: float) -> float:
    """Median grey value between two relative depths (0 the inner border, 1 Bruch's membrane)."""
    rows = ground.picture.shape[0]
    depth = (np.arange(rows, dtype=np.float32)[:, None] - ground.ilm) / ground.thickness
    chosen = ground.picture[(depth > upper) & (depth < lower)]
    return float(np.median(chosen)) if chosen.size else 60.0
