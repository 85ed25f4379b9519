"""Raising the layers of a normal retina, column by column, and filling the gaps that open.

What lies beneath the pigment epithelium (drusen, detachments), between it and the retina
(material, fluid) and inside the retina (thickening) is planned as heights in rows a column. One
resampling moves the layers; the gaps are then filled, so that every mask is exact.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from training.arrays import Mask, Plane, Rows, plane
from training.painted.canvas import Ground
from training.painted.texture import soft

_INNER, _OUTER = 0.15, 0.75  # share of the retina between which thickening takes place


@dataclass(slots=True, eq=False)
class Relief:
    """Heights in rows, one value a column.

    Attributes:
        under: Between Bruch's membrane and the pigment epithelium.
        material: On the pigment epithelium.
        fluid: Between that and the retina.
        thicker: Thickening of the middle retina; negative for thinning.
        give: Share of the heights beneath that lifts the inner border too.
        spread_um: How far a height beneath is smoothed before it lifts the inner border.
    """

    under: Rows
    material: Rows
    fluid: Rows
    thicker: Rows
    give: float = 0.5
    spread_um: float = 150.0

    @classmethod
    def flat(cls, columns: int) -> "Relief":
        """Nothing raised."""
        under, material, fluid, thicker = np.zeros((4, columns), dtype=np.float32)
        return cls(under, material, fluid, thicker)


@dataclass(slots=True, eq=False)
class Easel:
    """A picture while it is painted.

    Attributes:
        picture: float32 grey values, axes (row, column).
        ilm: Inner limiting membrane.
        neural: Lower border of the neural retina.
        epithelium: Upper border of the pigment epithelium.
        base: Lower border of the pigment epithelium.
        bruch: Bruch's membrane.
        masks: Lesion masks by kind (drusen, ped, material, fluid, cysts, foci).
    """

    picture: Plane
    ilm: Rows
    neural: Rows
    epithelium: Rows
    base: Rows
    bruch: Rows
    masks: dict[str, Mask] = field(default_factory=dict)

    def between(self, upper: Rows, lower: Rows) -> Mask:
        """Pixels from `upper` down to `lower`."""
        at = np.arange(self.picture.shape[0], dtype=np.float32)[:, None]
        return np.asarray((at >= upper[None]) & (at < lower[None]), dtype=bool)

    def fill(
        self, mask: Mask, value: Plane | float, *, edge: float = 0.8, most: float = 1.0
    ) -> None:
        """Lay grey values over a region with a soft edge; `most` is the opacity inside."""
        weight = soft(mask.astype(np.float32), edge) * most
        self.picture = (self.picture * (1.0 - weight) + value * weight).astype(np.float32)

    def mark(self, kind: str, mask: Mask) -> None:
        """Add a region to the mask of its kind."""
        known = self.masks.get(kind)
        self.masks[kind] = mask.copy() if known is None else known | mask


def raise_layers(ground: Ground, relief: Relief) -> Easel:
    """Move the layers as planned; the gaps hold stretched pixels until they are filled."""
    thick = ground.thickness
    band = np.maximum(0.09 * thick, 2.5).astype(np.float32)
    top = ground.bruch - band
    beneath = relief.under + relief.material + relief.fluid
    reach = max(2.0, relief.spread_um / ground.um_per_column)
    wide = cv2.GaussianBlur(beneath.reshape(1, -1), (0, 0), reach)[0]
    lift = relief.give * wide + relief.thicker
    room = (_OUTER - _INNER) * thick
    lift = np.maximum(lift, beneath - 0.6 * room)
    lift = np.minimum(lift, np.maximum(ground.ilm - 4.0, 0.0))
    source = _source_rows(ground, (top, lift, beneath, relief.under))
    rows, columns = ground.picture.shape
    across = np.broadcast_to(np.arange(columns, dtype=np.float32)[None], (rows, columns))
    moved = cv2.remap(
        ground.picture, np.ascontiguousarray(across), source, cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    return Easel(
        picture=np.clip(moved, 0.0, 255.0).astype(np.float32),
        ilm=(ground.ilm - lift).astype(np.float32),
        neural=(top - beneath).astype(np.float32),
        epithelium=(top - relief.under).astype(np.float32),
        base=(ground.bruch - relief.under).astype(np.float32),
        bruch=ground.bruch,
    )


def _source_rows(ground: Ground, plan: tuple[Rows, Rows, Rows, Rows]) -> Plane:
    """Row of the ground that each pixel shows."""
    top, lift, beneath, under = plan
    thick = top - ground.ilm
    knots = [ground.ilm, ground.ilm + _INNER * thick, ground.ilm + _OUTER * thick, top]
    outer = np.maximum(0.65 * beneath + 0.35 * lift, beneath - 0.2 * thick)
    outer = np.minimum(outer, beneath + 0.2 * thick)
    moved = [knots[0] - lift, knots[1] - lift, knots[2] - outer, knots[3] - beneath]
    at = np.arange(ground.picture.shape[0], dtype=np.float32)[:, None]
    source = at + lift[None]
    for index in range(3):
        length = np.maximum(moved[index + 1] - moved[index], 0.5)
        share = (at - moved[index]) / length
        inside = knots[index] + share * (knots[index + 1] - knots[index])
        source = np.where(at >= moved[index], inside, source)
    source = np.where(at >= moved[3], top[None] + np.zeros_like(at), source)
    source = np.where(at >= (top - under)[None], at + under[None], source)
    return plane(np.where(at >= (ground.bruch - under)[None], at, source))
