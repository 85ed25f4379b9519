"""Neovascular age-related macular degeneration: detachment, fluid, scar, and the damage around."""

import numpy as np

from training.phantoms.drusen import scatter_drusen, scatter_foci
from training.phantoms.fields import smooth_field
from training.phantoms.layers import Positions
from training.phantoms.lesions import Lesions, anchor, blob, dome, heap, island
from training.phantoms.surfaces import smooth_along

Point = tuple[float, float]


def draw_neovascular(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions
) -> None:
    """An eye with choroidal neovascularisation, often with drusen beside it."""
    centre = anchor(rng, at, spread_mm=0.45)
    chance = rng.random(6)
    detached, material = chance[0] < 0.85, chance[1] < 0.5
    wet = chance[2] < 0.6 or not (detached or material)
    if detached:
        _detachment(rng, lesions, severity=severity, at=at, centre=centre)
    if material:
        _material(rng, lesions, severity=severity, at=at, centre=centre)
    if wet:
        _subretinal_fluid(rng, lesions, severity=severity, at=at, centre=centre)
    if chance[3] < 0.2 + 0.35 * severity:
        _cysts(rng, lesions, severity=severity, centre=centre)
    if chance[4] < 0.6:
        kind = str(rng.choice(["soft", "hard", "low", "confluent"]))
        scatter_drusen(rng, lesions, at=at, kind=kind, severity=0.4 * severity)
    if chance[5] < 0.75:
        count = int(rng.integers(3, 8 + round(26 * severity)))
        scatter_foci(rng, lesions, centre=centre, count=count, spread_mm=0.45)
    _damage(rng, lesions, severity=severity, at=at, centre=centre)


def _detachment(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """Serous (smooth, dark), fibrovascular (uneven, filled) or flat and irregular."""
    kind = str(rng.choice(["serous", "fibrovascular", "flat"], p=[0.17, 0.48, 0.35]))
    if kind == "flat":
        radius, height, power = rng.uniform(0.6, 1.6), rng.uniform(0.024, 0.055), 0.45
    else:
        radius = rng.uniform(0.35, 0.6 + 0.9 * severity)
        height = rng.uniform(0.05, 0.1 + 0.24 * severity) * min(1.0, 0.5 + 0.5 * radius / 0.6)
        power = rng.uniform(0.6, 1.1)
    rough, ragged = {"serous": (0.03, 0.0), "fibrovascular": (0.28, 0.16), "flat": (0.42, 0.3)}[
        kind
    ]
    shape = dome(island(rng, at, centre=centre, radius_mm=radius, uneven=0.3), power)
    coarse = smooth_field(rng, at.x, y=at.y, scale_mm=0.32)
    fine = smooth_field(rng, at.x, y=at.y, scale_mm=rng.uniform(0.05, 0.14), waves=20)
    fine = fine * np.clip(1 + smooth_field(rng, at.x, y=at.y, scale_mm=0.3), 0, 2)
    ped = height * shape * np.clip(1 + rough * coarse, 0.25, 2)
    for _ in range(int(rng.integers(0, 4))):
        aside = (centre[0] + rng.normal(0, radius), centre[1] + rng.normal(0, radius))
        bump = dome(island(rng, at, centre=aside, radius_mm=radius * rng.uniform(0.2, 0.6)), power)
        ped = heap(ped, height * rng.uniform(0.3, 0.9) * bump)
    ped = smooth_along(np.asarray(ped, np.float32), round(0.03 / at.spacing_mm[1]))
    crumbs = np.clip(0.04 * ragged * rng.uniform(0, 1.4) * fine, -0.3 * ped, 0.025)
    lesions.ped = np.asarray(ped + crumbs * (ped > 0.008), np.float32)
    content = 0.06 if kind == "serous" else rng.uniform(0.5, 1.1)
    mix = smooth_field(rng, at.x, y=at.y, scale_mm=0.35)
    lesions.ped_content = np.clip(content * (1 + 0.35 * mix), 0.02, 1.4).astype(np.float32)


def _subretinal_fluid(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """Clear fluid that spans the valleys of the lesion under a smooth roof."""
    aside = (centre[0] + rng.normal(0, 0.3), centre[1] + rng.normal(0, 0.15))
    radius = rng.uniform(0.35, 0.6 + 0.9 * severity)
    height = rng.uniform(0.04, 0.06 + 0.16 * severity)
    own = height * dome(
        island(rng, at, centre=aside, radius_mm=radius, uneven=0.2), rng.uniform(0.7, 1.3)
    )
    below = lesions.ped + lesions.druse + lesions.shrm
    roof = own + 0.75 * smooth_along(below, round(0.06 / at.spacing_mm[1])) * (own > 0)
    roof = smooth_along(np.asarray(roof, np.float32), round(0.06 / at.spacing_mm[1]))
    lesions.srf = np.asarray(np.clip(roof - below, 0, None) * (own > 0), np.float32)
    if float(lesions.srf.max()) < 0.03:
        lesions.srf = np.asarray(own, np.float32)


def _material(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """Hyperreflective material under the retina; in gross disease a disciform scar."""
    scar = rng.random() < 0.35 * severity
    aside = (centre[0] + rng.normal(0, 0.15), centre[1] + rng.normal(0, 0.1))
    radius = rng.uniform(0.25, 0.45 + (1.0 if scar else 0.6) * severity)
    height = rng.uniform(0.035, 0.07 + (0.2 if scar else 0.08) * severity)
    height *= min(1.0, radius / 0.35)
    shape = dome(
        island(rng, at, centre=aside, radius_mm=radius, uneven=0.25), rng.uniform(0.45, 1.0)
    )
    rough = 1 + 0.25 * smooth_field(rng, at.x, y=at.y, scale_mm=rng.uniform(0.1, 0.25))
    raised = np.asarray(height * shape * np.clip(rough, 0.3, 2), np.float32)
    lesions.shrm = smooth_along(raised, round(0.02 / at.spacing_mm[1]))


def _cysts(rng: np.random.Generator, lesions: Lesions, *, severity: float, centre: Point) -> None:
    """Cysts in the retina over the lesion."""
    for _ in range(int(rng.integers(4, 10 + round(26 * severity)))):
        place = (centre[0] + rng.normal(0, 0.4), centre[1] + rng.normal(0, 0.4))
        layers = ("OPL", "ELM") if rng.random() < 0.55 else ("IPL", "INL")
        size = rng.uniform(0.03, 0.08 + 0.06 * severity)
        item = blob(
            rng, place, layers=layers, size_mm=(float(size), float(size * rng.uniform(0.5, 1.2))),
            fraction=float(rng.uniform(0.35, 0.6)), reflectivity=0.0,
        )  # fmt: skip
        lesions.cysts.append(item)


def _damage(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """Loss of photoreceptors over the lesion, gaps of the epithelium, swollen unclear layers."""
    height = lesions.ped + lesions.shrm + 0.5 * lesions.srf
    mottle = smooth_field(rng, at.x, y=at.y, scale_mm=0.12)
    beyond = smooth_along(height, round(0.12 / at.spacing_mm[1]))
    lost = np.clip(np.maximum(height, beyond) / rng.uniform(0.03, 0.09), 0, 1)
    lost = np.clip(lost * (0.8 + 0.4 * mottle), 0, 0.97)
    lesions.ez_loss = np.maximum(lesions.ez_loss, lost).astype(np.float32)
    if rng.random() < 0.5 + 0.3 * severity:
        patch = dome(
            island(rng, at, centre=centre, radius_mm=rng.uniform(0.4, 1.2), uneven=0.4), 0.5
        )
        grain = smooth_field(rng, at.x, y=at.y, scale_mm=rng.uniform(0.04, 0.14))
        holes = np.clip(grain - rng.uniform(0.0, 0.8), 0, 1.2)
        lesions.rpe_loss = np.clip(patch * holes, 0, 0.92).astype(np.float32)
    swell = dome(island(rng, at, centre=centre, radius_mm=rng.uniform(0.7, 1.6), uneven=0.1), 1.6)
    lesions.swell("ONL", np.float32(rng.uniform(-0.012, 0.04 * severity + 0.005)) * swell)
    lesions.swell("OPL", np.float32(0.02 * severity * rng.random()) * swell)
    lesions.swell("GCL", np.float32(0.03 * severity * rng.random()) * swell)
    near = np.clip(height / 0.06, 0, 1) * swell
    lesions.disorder = np.clip(rng.uniform(0, 0.75) * near, 0, 0.8).astype(np.float32)
