"""The lesions of macular disease, painted with the picture's own grain.

Sizes are in micrometres as the literature gives them: hard drusen below 63 µm, large ones from
125 µm (Ferris et al., Ophthalmology 120 (2013)); pigment epithelial detachments from 200 µm wide.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from training.arrays import Mask, Plane, Random, Rows, plane
from training.painted.canvas import Ground
from training.painted.relief import Easel
from training.painted.texture import grain, level_between, smooth_line, smooth_noise, soft, vitreous


@dataclass(slots=True, eq=False)
class Paint:
    """Colours of one picture.

    Attributes:
        ground: The picture before painting.
        clear: What clear fluid looks like.
        grain: Multiplicative grain.
        retina: Grey value of the inner retina.
        dark: Grey value of the outer nuclear layer.
        bright: Grey value of the pigment epithelium.
        black: Grey value of the vitreous.
    """

    ground: Ground
    clear: Plane
    grain: Plane
    retina: float
    dark: float
    bright: float
    black: float

    @classmethod
    def of(cls, ground: Ground, rng: Random) -> "Paint":
        """Sample the colours of a picture."""
        clear = vitreous(ground, rng)
        return cls(
            ground=ground,
            clear=clear,
            grain=grain(ground, rng),
            retina=level_between(ground, 0.15, 0.45),
            dark=level_between(ground, 0.55, 0.75),
            bright=level_between(ground, 0.88, 0.98),
            black=float(np.median(clear)),
        )

    def material(self, level: float, patchiness: float, rng: Random) -> Plane:
        """Solid stuff of a grey level, uneven on a coarse and a fine scale."""
        shape = self.ground.picture.shape
        coarse = smooth_noise((shape[0], shape[1]), (14.0, 26.0), rng)
        fine = smooth_noise((shape[0], shape[1]), (4.0, 8.0), rng)
        uneven = np.exp(patchiness * (0.7 * coarse + 0.25 * fine))
        value = self.black + (level - self.black) * uneven * self.grain
        return plane(np.clip(value, 0.0, 255.0))

    def fluid(self, haze: float, rng: Random) -> Plane:
        """Fluid, clear (0) to as grey as the retina (1)."""
        shape = self.ground.picture.shape
        cloud = 1.0 + 0.3 * smooth_noise((shape[0], shape[1]), (20.0, 40.0), rng)
        more = haze * (self.retina - self.black) * np.clip(cloud, 0.0, 2.0)
        return plane(self.clear + more * (0.4 + 0.6 * self.grain))


def hump(columns: int, centre: float, width: float, *, height: float, rng: Random) -> Rows:
    """One elevation: from pointed to flat-topped, not quite symmetric."""
    at = np.arange(columns, dtype=np.float32) - centre
    skew = float(rng.uniform(0.75, 1.33))
    half = np.where(at < 0.0, width * skew, width / skew) * 0.5
    share = np.clip(np.abs(at) / np.maximum(half * 1.25, 1.0), 0.0, 1.0)
    power = float(rng.uniform(0.6, 1.8))
    kind = rng.random()
    if kind < 0.5:
        profile = (1.0 - share**2) ** power
    else:
        profile = np.exp(-0.5 * (share * 2.3) ** 2 * power) * (share < 1.0)
    return plane(height * profile)


def ragged(profile: Rows, scale: float, amount: float, rng: Random) -> Rows:
    """A profile with uneven height."""
    line = 1.0 + amount * smooth_line(len(profile), scale, rng)
    return plane(np.maximum(profile * np.clip(line, 0.15, 2.0), 0.0))


def paint_under(easel: Easel, paint: Paint, kind: str, level: float, rng: Random) -> None:
    """Fill the gap beneath the pigment epithelium and keep Bruch's membrane in sight."""
    mask = easel.between(easel.base, easel.bruch)
    if not mask.any():
        return
    stuff = paint.material(level, float(rng.uniform(0.05, 0.3)), rng)
    easel.fill(mask, stuff, edge=0.7)
    high = (easel.bruch - easel.base) > 5.0
    line = easel.between(easel.bruch - 1.2, easel.bruch + 1.0) & high[None]
    line_level = level + float(rng.uniform(0.1, 0.6)) * max(paint.bright - level, 0.0)
    easel.fill(line, line_level * paint.grain, edge=0.7, most=0.8)
    easel.mark(kind, mask)


def paint_material(easel: Easel, paint: Paint, level: float, rng: Random, *, top: Rows) -> None:
    """Fill the lower part of the gap above the pigment epithelium with bright stuff."""
    mask = easel.between(easel.epithelium - top, easel.epithelium) & (top > 1.0)[None]
    if mask.any():
        stuff = paint.material(level, float(rng.uniform(0.1, 0.35)), rng)
        easel.fill(mask, stuff, edge=float(rng.uniform(0.7, 2.5)))
        easel.mark("material", mask)


def paint_fluid(easel: Easel, paint: Paint, rng: Random, *, height: Rows) -> None:
    """Fill the upper part of the gap with fluid; its borders are sharp."""
    mask = easel.between(easel.neural, easel.neural + height) & (height > 1.0)[None]
    if mask.any():
        easel.fill(mask, paint.fluid(float(rng.choice([0.0, 0.06, 0.15, 0.3])), rng), edge=0.7)
        easel.mark("fluid", mask)


def disrupt_epithelium(easel: Easel, where: Rows, strength: float, rng: Random) -> None:
    """Gaps and clumps in the bright band where `where` is positive (0 … 1)."""
    columns = len(where)
    line = smooth_line(columns, float(rng.uniform(8.0, 25.0)), rng)
    change = np.exp(strength * np.minimum(line, 0.8)) * (1.0 - 0.25 * strength)
    gain = 1.0 + where * (np.clip(change, 0.35, 1.25) - 1.0)
    thick = easel.bruch - easel.ilm
    band = soft(easel.between(easel.epithelium - 0.04 * thick, easel.base + 1.0), 1.0)
    easel.picture = (easel.picture * (1.0 + band * (gain[None] - 1.0))).astype(np.float32)


def shade(easel: Easel, from_row: Rows, gain: Rows) -> None:
    """Multiply the signal beneath a row: shadow below 1, increased transmission above."""
    at = np.arange(easel.picture.shape[0], dtype=np.float32)[:, None]
    ramp = np.clip((at - from_row[None]) / 4.0, 0.0, 1.0)
    low = float(np.percentile(easel.picture, 5))
    signal = (easel.picture - low) * (1.0 + ramp * (gain[None] - 1.0))
    easel.picture = np.clip(low + signal, 0.0, 255.0).astype(np.float32)


def ellipse_mask(
    shape: tuple[int, ...], centre: tuple[float, float], radii: tuple[float, float], rng: Random
) -> Mask:
    """A rounded blob: an ellipse whose radius varies with the angle; (row, column) order."""
    angle = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    radius = np.ones_like(angle)
    for order in (2, 3, 4, 5):
        radius += rng.normal(0.0, 0.26 / order) * np.cos(order * angle + rng.uniform(0.0, 6.28))
    points = np.stack(
        [
            centre[1] + radii[1] * radius * np.cos(angle),
            centre[0] + radii[0] * radius * np.sin(angle),
        ],
        axis=1,
    )
    canvas = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(canvas, [np.round(points * 8).astype(np.int32)], 1, shift=3)
    return canvas > 0


def paint_foci(easel: Easel, paint: Paint, spots: list[tuple[float, float, float]],
               rng: Random, *, shadow: float) -> None:  # fmt: skip
    """Small bright spots (row, column, radius), with shadows beneath."""
    shape = easel.picture.shape
    gain = np.ones(shape[1], dtype=np.float32)
    lowest = np.full(shape[1], float(shape[0]), dtype=np.float32)
    level = min(245.0, paint.retina + (paint.bright - paint.retina) * float(rng.uniform(0.4, 1.4)))
    every = np.zeros(shape, dtype=bool)
    for row, column, radius in spots:
        wide = radius * float(rng.uniform(0.7, 1.6))
        every |= ellipse_mask(shape, (row, column), (max(radius, 0.8), max(wide, 0.9)), rng)
        left, right = max(0, int(column - wide)), min(shape[1], int(column + wide) + 1)
        gain[left:right] *= 1.0 - shadow * float(rng.uniform(0.3, 1.0)) * min(1.0, radius / 3.0)
        lowest[left:right] = np.minimum(lowest[left:right], row + radius)
    if every.any():
        shade(
            easel, lowest, np.clip(cv2.GaussianBlur(gain.reshape(1, -1), (0, 0), 1.5)[0], 0.4, 1.0)
        )
        easel.fill(every, np.clip(level * (0.5 + 0.5 * paint.grain), 0.0, 255.0), edge=0.6)
        easel.mark("foci", every)
