"""Shapes that disease puts into the retina: elevations of a layer and blobs inside one.

An elevation is a height in millimetres at each sampled position; a blob is an uneven ellipsoid that
hangs between two layer surfaces and is cut by every B-scan that passes through it.
"""

from dataclasses import dataclass, field

import numpy as np

from training.phantoms.fields import Floats
from training.phantoms.layers import Positions

KINDS = (
    "drusen",
    "ped",
    "subretinal_fluid",
    "intraretinal_fluid",
    "hyperreflective_material",
    "exudates",
)

FIELDS = (
    "druse", "ped", "deposit", "srf", "shrm", "ped_content", "rpe_loss", "ez_loss", "ripple",
    "disorder",
)  # fmt: skip
"""The fields of `Lesions` that are an array over the sampled positions."""


@dataclass(frozen=True, slots=True)
class Blob:
    """An uneven ellipsoid between two surfaces.

    Attributes:
        x: Centre, nasal millimetres.
        y: Centre, superior millimetres.
        upper: Name of the surface above it.
        lower: Name of the surface below it.
        fraction: Where the centre hangs between the two, 0 (upper) to 1 (lower).
        radius_mm: Lateral radius.
        stretch: Length against width.
        turn: Direction of the length, radians.
        half_height_mm: Axial half height at the centre.
        lobes: Amplitude and phase of the outline's second and third harmonic.
        reflectivity: Linear reflectivity inside.
    """

    x: float
    y: float
    upper: str
    lower: str
    fraction: float
    radius_mm: float
    stretch: float
    turn: float
    half_height_mm: float
    lobes: tuple[float, float, float, float]
    reflectivity: float


@dataclass(slots=True, eq=False)
class Lesions:
    """What one eye has; heights in millimetres, axes (bscan, ascan).

    Attributes:
        druse: Drusen below the pigment epithelium.
        ped: Pigment-epithelial detachment.
        deposit: Reticular deposits above the pigment epithelium.
        srf: Fluid above the pigment epithelium.
        shrm: Hyperreflective material above the pigment epithelium.
        ped_content: Zero for clear fluid, one for fibrovascular tissue below the detachment.
        rpe_loss: Share of the pigment epithelium that is gone (light passes into the choroid).
        ez_loss: Share of the ellipsoid zone that is gone.
        ripple: Fine unevenness of the pigment epithelium, below the size of a lesion.
        disorder: How far the inner layers have lost their contrast.
        swelling: Extra thickness of a layer, by name.
        cysts: Fluid inside the retina.
        spots: Hard exudates.
        foci: Small bright dots without a mask of their own.
    """

    druse: Floats
    ped: Floats
    deposit: Floats
    srf: Floats
    shrm: Floats
    ped_content: Floats
    rpe_loss: Floats
    ez_loss: Floats
    ripple: Floats
    disorder: Floats
    swelling: dict[str, Floats] = field(default_factory=dict)
    cysts: list[Blob] = field(default_factory=list)
    spots: list[Blob] = field(default_factory=list)
    foci: list[Blob] = field(default_factory=list)

    @classmethod
    def none(cls, at: Positions) -> "Lesions":
        """A healthy eye."""
        none = np.zeros(at.x.shape, np.float32)
        none.flags.writeable = False
        return cls(none, none, none, none, none, none, none, none, none, none)

    def lift(self) -> Floats:
        """How far the photoreceptors stand above their place."""
        below = self.druse + self.ped + self.ripple
        return np.asarray(below + self.deposit + self.srf + self.shrm, np.float32)

    def swell(self, layer: str, height: Floats) -> None:
        """Thicken `layer` by `height` millimetres."""
        self.swelling[layer] = self.swelling.get(layer, np.float32(0)) + height


def anchor(rng: np.random.Generator, at: Positions, *, spread_mm: float) -> tuple[float, float]:
    """A sampled point near the fovea, so that some B-scan passes through what is put there."""
    squared = (at.x**2 + at.y**2).ravel()
    weight = np.exp(-(squared - squared.min()) / (2 * spread_mm**2)).astype(np.float64)
    index = int(rng.choice(weight.size, p=weight / weight.sum()))
    return float(at.x.flat[index]), float(at.y.flat[index])


def island(
    rng: np.random.Generator,
    at: Positions,
    *,
    centre: tuple[float, float],
    radius_mm: float,
    uneven: float = 0.18,
    stretch: float | None = None,
) -> Floats:
    """Distance from `centre` in units of an uneven outline: 0 in the middle, 1 on the border."""
    turn = rng.uniform(0, np.pi)
    long = rng.uniform(1.0, 1.5) if stretch is None else stretch
    amplitude = uneven * rng.uniform(0.3, 1, 4) / np.array([1, 1.3, 1.8, 2.3])
    phase = rng.uniform(0, 2 * np.pi, 4)
    result = np.full(at.x.shape, 9, np.float32)
    dx, dy = at.x - centre[0], at.y - centre[1]
    near = np.nonzero(np.maximum(np.abs(dx), np.abs(dy)) < 2.2 * radius_mm * long)
    dx, dy = dx[near], dy[near]
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / (radius_mm * long)
    v = (dy * np.cos(turn) - dx * np.sin(turn)) / radius_mm
    angle = np.arctan2(v, u)
    outline = 1 + sum(
        a * np.cos(k * angle + p) for k, a, p in zip((2, 3, 5, 7), amplitude, phase, strict=True)
    )
    result[near] = np.hypot(u, v) / np.maximum(outline, 0.3)
    return result


def heap(base: Floats, extra: Floats) -> Floats:
    """Smooth maximum of two height fields."""
    return np.asarray((base**4 + extra**4) ** 0.25, np.float32)


def dome(distance: Floats, power: float) -> Floats:
    """Height profile from the distance of `island`: 1 in the middle, 0 from the border on."""
    return np.asarray(np.clip(1 - distance**2, 0, 1) ** power, np.float32)


def blob(
    rng: np.random.Generator,
    place: tuple[float, float],
    *,
    layers: tuple[str, str],
    size_mm: tuple[float, float],
    fraction: float,
    reflectivity: float,
) -> Blob:
    """A blob with a random outline; `size_mm` is its lateral radius and axial half height."""
    return Blob(
        x=place[0],
        y=place[1],
        upper=layers[0],
        lower=layers[1],
        fraction=fraction,
        radius_mm=size_mm[0],
        stretch=float(rng.uniform(1.0, 1.35)),
        turn=float(rng.uniform(0, np.pi)),
        half_height_mm=size_mm[1],
        lobes=(
            float(rng.uniform(0, 0.16)),
            float(rng.uniform(0, 6.3)),
            float(rng.uniform(0, 0.12)),
            float(rng.uniform(0, 6.3)),
        ),
        reflectivity=reflectivity,
    )


@dataclass(frozen=True, slots=True, eq=False)
class BlobCut:
    """A blob as one B-scan sees it: columns, and upper and lower border in pixels."""

    columns: slice
    top: Floats
    bottom: Floats
    reflectivity: float


def cut_blob(
    item: Blob, x: Floats, *, y: Floats, surfaces: dict[str, Floats], axial_mm: float
) -> BlobCut | None:
    """The section of a blob by the B-scan at `x`, `y` with the `surfaces` (pixels) of that B-scan.

    None where the B-scan misses it or less than half a pixel is left between the surfaces.
    """
    reach = 1.35 * item.radius_mm * item.stretch
    dx, dy = x - np.float32(item.x), y - np.float32(item.y)
    inside = np.flatnonzero((np.abs(dx) < reach) & (np.abs(dy) < reach))
    if not inside.size:
        return None
    columns = slice(int(inside[0]), int(inside[-1]) + 1)
    dx, dy = dx[columns], dy[columns]
    cos, sin = np.float32(np.cos(item.turn)), np.float32(np.sin(item.turn))
    u = (dx * cos + dy * sin) / np.float32(item.radius_mm * item.stretch)
    v = (dy * cos - dx * sin) / np.float32(item.radius_mm)
    angle = np.arctan2(v, u)
    second, phase2, third, phase3 = item.lobes
    outline = 1 + second * np.cos(2 * angle + phase2) + third * np.cos(3 * angle + phase3)
    squared = (u * u + v * v) / (outline * outline)
    upper, lower = surfaces[item.upper][columns], surfaces[item.lower][columns]
    room = lower - upper
    share = 0.92 * min(item.fraction, 1 - item.fraction)
    tallest = min(item.half_height_mm / axial_mm, share * float(np.median(room)))
    height = np.sqrt(np.clip(1 - squared, 0, None)) * tallest
    centre = upper + item.fraction * room
    tail = 1 + 0.5 * second * np.cos(phase3)
    margin = np.minimum(0.08 * room, 0.006 / axial_mm)
    top = np.maximum(centre - height * tail, upper + margin)
    bottom = np.minimum(centre + height * (2 - tail), lower - margin)
    bottom = np.where((height > 0) & (bottom - top > 0.5), bottom, top)
    if not np.any(bottom > top):
        return None
    return BlobCut(columns, top.astype(np.float32), bottom.astype(np.float32), item.reflectivity)
