"""Retinal vessels: one tree in the en-face plane that B-scans, shadows and the localizer share."""

from dataclasses import dataclass

import numpy as np

from training.phantoms.fields import Floats, stream
from training.phantoms.layers import DISC_CENTRE_MM

CELL_MM = 0.02
HALF_MM = 7.2


@dataclass(frozen=True, slots=True, eq=False)
class VesselMap:
    """Half height of the vessel below each point of a square centred on the fovea.

    Attributes:
        half_mm: Zero where no vessel runs, axes (y upward, x nasal), cells of `CELL_MM`.
    """

    half_mm: Floats

    def at(self, x: Floats, y: Floats) -> Floats:
        """Half height in millimetres at positions (bilinear); zero outside the map."""
        u = np.clip((x + HALF_MM) / CELL_MM, 0, self.half_mm.shape[1] - 1.001)
        v = np.clip((y + HALF_MM) / CELL_MM, 0, self.half_mm.shape[0] - 1.001)
        left, top = u.astype(np.int64), v.astype(np.int64)
        fx, fy = u - left, v - top
        m = self.half_mm
        upper = m[top, left] * (1 - fx) + m[top, left + 1] * fx
        lower = m[top + 1, left] * (1 - fx) + m[top + 1, left + 1] * fx
        return np.asarray(upper * (1 - fy) + lower * fy, np.float32)


def draw_vessels(seed: int) -> VesselMap:
    """The vessel tree of one eye: two arcades, nasal trunks, branches toward the fovea."""
    rng = stream(seed, "vessels")
    points: list[Floats] = []
    for up in (1.0, -1.0):
        for radius, apart in ((0.062, 0.0), (0.075, rng.uniform(0.25, 0.5))):
            _grow_arcade(rng, points, up=up, radius=radius * rng.uniform(0.8, 1.1), apart=apart)
        _grow(rng, points, start=DISC_CENTRE_MM, heading=up * rng.uniform(0.3, 0.9), radius=0.045)
        heading = np.pi - up * rng.uniform(0.25, 0.6)
        start = (DISC_CENTRE_MM[0] - 0.4, DISC_CENTRE_MM[1] + 0.3 * up)
        _grow(rng, points, start=start, heading=heading, radius=0.022, length=3.4)
    return VesselMap(_stamp(np.concatenate(points)))


def _grow_arcade(
    rng: np.random.Generator, points: list[Floats], *, up: float, radius: float, apart: float
) -> None:
    """A vessel from the disc round the macula to the temporal side, with side branches."""
    reach = rng.uniform(2.3, 3.0) + apart
    t = np.linspace(0, 1, 420)
    angle = 0.12 + t * rng.uniform(2.3, 2.8)
    x = DISC_CENTRE_MM[0] - 4.9 * (1 - np.cos(angle)) / 1.35
    rise = reach * np.sin(np.clip(angle * 0.92, 0, np.pi)) ** 0.75
    y = DISC_CENTRE_MM[1] * (1 - t) ** 2 + up * rise
    phase, sway = rng.uniform(0, 6.3), rng.uniform(0.03, 0.07)
    y = y + sway * np.sin(14 * t + phase) + 0.5 * sway * np.sin(37 * t + 2 * phase)
    size = radius * (1 - 0.86 * t)
    points.append(np.stack([x, y, size], axis=1).astype(np.float32))
    for _ in range(int(rng.integers(8, 13))):
        index = int(rng.integers(60, 410))
        inward = rng.random() < 0.7
        bend = rng.uniform(0.6, 1.4) if inward else -rng.uniform(0.4, 1.0)
        heading = np.pi + up * bend
        thin = float(size[index]) * rng.uniform(0.4, 0.7)
        start = (float(x[index]), float(y[index]))
        _grow(rng, points, start=start, heading=heading, radius=thin, length=rng.uniform(1.3, 3.0))


def _grow(
    rng: np.random.Generator,
    points: list[Floats],
    *,
    start: tuple[float, float],
    heading: float,
    radius: float,
    length: float = 3.0,
    depth: int = 0,
) -> None:
    """A wandering vessel that thins out, forks and keeps clear of the avascular zone."""
    steps = max(8, int(length / 0.018))
    t = np.linspace(0, 1, steps)
    turn = np.cumsum(rng.normal(0, 0.045, steps)) + 0.25 * np.sin(
        rng.uniform(5, 11) * t + rng.uniform(0, 6.3)
    )
    x = start[0] + np.cumsum(0.018 * np.cos(heading + turn))
    y = start[1] + np.cumsum(0.018 * np.sin(heading + turn))
    size = np.clip(radius * (1 - 0.6 * t), 0.008, None)
    free = np.hypot(x, y) > rng.uniform(0.35, 0.6)
    stop = steps if free.all() else int(np.argmin(free))
    points.append(np.stack([x, y, size], axis=1)[:stop].astype(np.float32))
    if depth >= 1:
        return
    for _ in range(int(rng.integers(2, 4))):
        index = int(rng.integers(steps // 6, steps))
        if index >= stop:
            continue
        side = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 0.9)
        _grow(
            rng, points, start=(float(x[index]), float(y[index])),
            heading=heading + float(turn[index]) + side,
            radius=float(size[index]) * rng.uniform(0.5, 0.75),
            length=length * rng.uniform(0.3, 0.6), depth=depth + 1,
        )  # fmt: skip


def _stamp(points: Floats) -> Floats:
    """Draw discs of the given radii: half height of a round vessel above its cross-section."""
    count = round(2 * HALF_MM / CELL_MM)
    grid = np.zeros((count, count), np.float32)
    column = (points[:, 0] + HALF_MM) / CELL_MM
    row = (points[:, 1] + HALF_MM) / CELL_MM
    reach = np.ceil(points[:, 2] / CELL_MM).astype(np.int64) + 1
    for size in np.unique(reach):
        chosen = reach == size
        offset = np.arange(-size, size + 1)
        c = np.floor(column[chosen]).astype(np.int64)[:, None, None] + offset[None, None, :]
        r = np.floor(row[chosen]).astype(np.int64)[:, None, None] + offset[None, :, None]
        dc = (c - column[chosen][:, None, None]) * CELL_MM
        dr = (r - row[chosen][:, None, None]) * CELL_MM
        squared = points[chosen, 2][:, None, None] ** 2 - dc**2 - dr**2
        inside = (squared > 0) & (c >= 0) & (c < count) & (r >= 0) & (r < count)
        c, r = np.broadcast_arrays(c, r)
        np.maximum.at(grid, (r[inside], c[inside]), np.sqrt(squared[inside]).astype(np.float32))
    return grid
