"""A normal B-scan brought to a random geometry with its surfaces known: the ground to paint on.

One resampling does everything (lateral crop and flip, axial scale, curvature, tilt, position).
What lies beyond the source is continued with the picture's own vitreous and choroid, so that no
edge betrays the change.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.arrays import Plane, Random, Rows, plane
from training.painted.surfaces import Surfaces


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A picture to paint on.

    Attributes:
        picture: float32 grey values 0 … 255, axes (row, column).
        ilm: Inner limiting membrane, one row a column.
        bruch: Bruch's membrane, one row a column.
        um_per_row: Micrometres a row, from the retina's thickness.
        um_per_column: Micrometres a column; a guess from the device's usual field.
        fovea: Column of the fovea, or of the thinnest retina where no pit is in view.
    """

    picture: Plane
    ilm: Rows
    bruch: Rows
    um_per_row: float
    um_per_column: float
    fovea: int

    @property
    def thickness(self) -> Rows:
        """Rows between the surfaces, one value a column, at least 4."""
        return plane(np.maximum(self.bruch - self.ilm, 4.0))


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a ground takes its pixels from.

    Attributes:
        rows: Rows of the ground.
        columns: Columns of the ground.
        left: First source column.
        right: Source column after the last.
        flip: Mirrored left to right.
        scale: Rows of the ground for one source row.
        bend: Share of the source's curvature that stays.
        tilt: Rows that the right edge lies lower than the left one.
        bow: Rows that the middle lies lower than the edges.
        level: Share of the rows above the middle of Bruch's membrane.
    """

    rows: int
    columns: int
    left: int
    right: int
    flip: bool
    scale: float
    bend: float
    tilt: float
    bow: float
    level: float


def random_geometry(surfaces: Surfaces, width: int, rng: Random) -> Geometry:
    """A geometry as devices make them: wide and shallow to narrow and deep."""
    rows = int(rng.choice([400, 420, 496, 360]))
    columns = int(rng.choice([512, 576, 640]))
    share = float(rng.uniform(0.42, 1.0))
    span = int(share * width)
    left = int(rng.integers(0, width - span + 1))
    thick = float(rng.uniform(0.12, 0.25)) * rows
    return Geometry(
        rows=rows,
        columns=columns,
        left=left,
        right=left + span,
        flip=bool(rng.random() < 0.5),
        scale=thick / surfaces.thickness,
        bend=float(rng.choice([0.0, rng.uniform(0.0, 0.5), rng.uniform(0.5, 1.0)])),
        tilt=float(rng.normal(0.0, 0.10)) * rows,
        bow=float(rng.normal(0.02, 0.05)) * rows,
        level=float(rng.uniform(0.42, 0.72)),
    )


def make_ground(
    picture: NDArray[np.uint8],
    surfaces: Surfaces,
    geometry: Geometry,
    rng: Random,
    *,
    field_um: float = 7500.0,
) -> Ground:
    """Resample a normal B-scan.

    Args:
        picture: uint8 grey values, axes (depth, ascan).
        surfaces: Of that picture.
        geometry: What to take and where to put it.
        rng: Source of the random continuation.
        field_um: Width of the whole picture.
    """
    g = geometry
    at = np.linspace(g.left, g.right - 1, g.columns).astype(np.float32)
    at = at[::-1].copy() if g.flip else at
    columns = np.arange(len(surfaces.ilm))
    ilm = np.interp(at, columns, surfaces.ilm).astype(np.float32)
    bruch = np.interp(at, columns, surfaces.bruch).astype(np.float32)
    target = _target(bruch, g)
    source = (np.arange(g.rows, dtype=np.float32)[:, None] - target[None]) / g.scale + bruch[None]
    wanted = source
    source = _continued(source, ilm, bruch, picture.shape[0], rng)
    across = np.broadcast_to(at[None], source.shape).astype(np.float32)
    pixels = cv2.remap(picture.astype(np.float32), across, source, cv2.INTER_CUBIC)
    pixels = _faded(plane(pixels), wanted, picture.shape[0])
    new_ilm = target - (bruch - ilm) * g.scale
    thickness = cv2.blur((target - new_ilm).reshape(1, -1), (15, 1))[0]
    return Ground(
        picture=np.clip(pixels, 0.0, 255.0).astype(np.float32),
        ilm=new_ilm.astype(np.float32),
        bruch=target.astype(np.float32),
        um_per_row=300.0 / max(float(np.median(thickness)), 4.0),
        um_per_column=field_um / len(surfaces.ilm) * (g.right - g.left) / g.columns,
        fovea=int(np.argmin(thickness[g.columns // 8 : -g.columns // 8])) + g.columns // 8,
    )


def _target(bruch: Rows, g: Geometry) -> Rows:
    """Bruch's membrane in the ground."""
    across = np.linspace(-1.0, 1.0, g.columns, dtype=np.float32)
    row = bruch.reshape(1, -1)
    line = cv2.GaussianBlur(row, (0, 0), g.columns / 14.0, borderType=cv2.BORDER_REFLECT)[0]
    detail = (bruch - line) * g.scale
    own = (line - line.mean()) * g.scale * g.bend
    bow = g.bow * (0.33 - across**2)
    shape = own + bow + 0.5 * g.tilt * across
    limit = 0.28 * g.rows
    spread = float(np.abs(shape).max())
    if spread > limit:
        shape = shape * (limit / spread)
    return plane(shape + detail + g.level * g.rows)


def _continued(
    source: Plane, ilm: Rows, bruch: Rows, depth: int, rng: Random
) -> NDArray[np.float32]:
    """Source rows with what lies outside folded back into the vitreous and the choroid."""
    above = np.maximum(ilm - 6.0, 3.0)[None]
    outside = source < 0.0
    source = np.where(outside, _folded(-source, above), source)
    thick = float(np.median(bruch - ilm))
    floor = np.minimum(bruch + 0.5 * thick, depth - 4.0)[None]
    room = depth - 1.0 - floor
    below = source > depth - 1.0
    folded = depth - 1.0 - _folded(source - (depth - 1.0), np.maximum(room, 3.0))
    source = np.where(below, folded, source)
    jitter = rng.uniform(-0.5, 0.5, size=source.shape).astype(np.float32)
    source = np.where(outside | below, source + jitter, source)
    return plane(np.clip(source, 0.0, depth - 1.0))


def _folded(distance: Plane, period: NDArray[np.float32]) -> NDArray[np.float32]:
    """Triangle wave between 0 and `period`."""
    phase = np.mod(distance, 2.0 * period)
    return plane(np.where(phase > period, 2.0 * period - phase, phase))


def _faded(pixels: Plane, wanted: Plane, depth: int) -> Plane:
    """Let the continued choroid sink into the background, as it does with depth."""
    beyond = np.clip(wanted - (depth - 6.0), 0.0, None) / (0.10 * depth)
    low = float(np.percentile(pixels, 5))
    weight = np.exp(-beyond)
    return plane(low + (pixels - low) * weight)
