"""Where the scan samples the retina, and how thick each layer is there.

Everything is computed in the frame of a right eye: x in millimetres from the fovea toward the nose,
y upward, depth downward. A left eye is the mirror image and is mirrored at the very end.
"""

from dataclasses import dataclass

import numpy as np

from training.phantoms.fields import Floats, smooth_field, stream

DISC_CENTRE_MM = (4.45, 0.75)
DISC_RADIUS_MM = 0.85

SURFACES = (
    "ILM", "RNFL", "GCL", "IPL", "INL", "OPL", "ELM", "EZ", "OS", "RPE", "RPE_BOTTOM", "BM", "CSI",
)  # fmt: skip
"""From the inside out: each name is the lower border of the layer, but ILM, EZ and RPE, which are
the upper borders of the retina, the ellipsoid zone and the pigment epithelium; OS is the tip of the
photoreceptors, BM Bruch's membrane, CSI the border of choroid and sclera."""


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Where the A-scans lie: nasal and superior millimetres from the fovea.

    Attributes:
        x: Toward the nose, axes (bscan, ascan).
        y: Upward, axes (bscan, ascan).
        spacing_mm: Between B-scans (None unless they are parallel) and between A-scans.
    """

    x: Floats
    y: Floats
    spacing_mm: tuple[float | None, float]


def scan_positions(
    pattern: str, *, bscans: int, ascans: int, extent_mm: tuple[float, float]
) -> Positions:
    """Sampling positions of a scan pattern.

    Args:
        pattern: ``raster`` (first B-scan uppermost), ``line`` (0.25 mm between lines), ``radial``
            or ``circle`` (around the disc, 3.5 mm and more in diameter).
        bscans: Number of B-scans.
        ascans: A-scans in each.
        extent_mm: Length of a B-scan, and height of a raster.

    Raises:
        ValueError: The pattern is unknown.
    """
    length, height = extent_mm
    along = ((np.arange(ascans) + 0.5) / ascans - 0.5) * length
    if pattern in ("raster", "line"):
        step = 0.25 if pattern == "line" else height / max(bscans, 1)
        down = (np.arange(bscans) - (bscans - 1) / 2) * -step
        x, y = np.broadcast_arrays(along[None, :], down[:, None])
        spacing: tuple[float | None, float] = (step, length / ascans)
    elif pattern == "radial":
        angle = (np.arange(bscans) * np.pi / max(bscans, 1))[:, None]
        x, y = along * np.cos(angle), along * np.sin(angle)
        spacing = (None, length / ascans)
    elif pattern == "circle":
        angle = np.pi - np.arange(ascans)[None, :] * 2 * np.pi / ascans
        radius = (1.73 + 0.3 * np.linspace(0, 1, bscans) * (bscans > 1))[:, None]
        x = DISC_CENTRE_MM[0] + radius * np.cos(angle)
        y = DISC_CENTRE_MM[1] + radius * np.sin(angle)
        spacing = (None, float(2 * np.pi * radius[0, 0] / ascans))
    else:
        raise ValueError(f"unknown scan pattern {pattern!r}")
    return Positions(np.array(x, np.float32), np.array(y, np.float32), spacing)


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """The healthy eye at the sampled positions; lengths in millimetres, axes (bscan, ascan).

    Attributes:
        thickness: Layers from RNFL to OS, RPE and choroid, by name.
        bruch: Depth of Bruch's membrane, zero on average, before it is placed in the frame.
        disc: One inside the optic disc, zero outside.
        tilt: Slope of the retina against the beam, for directional reflection.
    """

    thickness: dict[str, Floats]
    bruch: Floats
    disc: Floats


def _hump(r: Floats, peak: float, *, width: float) -> Floats:
    return np.asarray(np.exp(-(((r - peak) / width) ** 2)), np.float32)


def _ramp(value: Floats, low: float, *, high: float) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def healthy_anatomy(seed: int, at: Positions) -> Anatomy:
    """Layers of a healthy eye that is different for every `seed`.

    The radial course of each layer follows the population means of macular spectral-domain OCT
    (foveal centre near 0.22 mm, parafoveal rim near 0.33 mm).
    """
    rng = stream(seed, "anatomy")
    pit, size = rng.uniform(0.30, 0.52), rng.normal(1.05, 0.04)
    oval = rng.uniform(0.92, 1.1)
    r = np.asarray(np.hypot(at.x, at.y * oval), np.float32)
    opening = 1 - np.exp(-((r / pit) ** 2) * np.float32(rng.uniform(0.55, 0.8)))
    disc_x, disc_y = at.x - DISC_CENTRE_MM[0], at.y - DISC_CENTRE_MM[1]
    d = np.asarray(np.hypot(disc_x, disc_y), np.float32)
    disc = 1 - _ramp(d, DISC_RADIUS_MM - 0.15, high=DISC_RADIUS_MM + 0.12)
    bulge = _hump(r, 0, width=0.32)
    far = np.clip(r - 1.0, 0, 4)
    um = {
        "RNFL": _nerve_fibres(rng, at, opening=opening, disc_distance=d),
        "GCL": opening * (14 + 36 * _hump(r, 0.95, width=1.0) + 6 * _hump(r, 2.0, width=1.2)),
        "IPL": opening * (22 + 18 * _hump(r, 1.0, width=1.1)) + 3,
        "INL": opening * (25 + 13 * _hump(r, 0.95, width=1.1)) + 5,
        "OPL": opening * 20 + 8 + 5 * _hump(r, 0.7, width=0.4),
        "ONL": 58 + 46 * _hump(r, 0, width=0.75) - 3.5 * far,
        "IS": 19 + 5 * bulge,
        "EZ": 13 + 0 * r,
        "OS": 19 + 15 * bulge,
        "RPE": 19 + 0 * r,
        "CHOROID": np.clip(rng.normal(265, 65), 120, 420) * (1 - 0.06 * at.x - 0.012 * r * r),
    }
    for name, value in um.items():
        wave = smooth_field(rng, at.x, y=at.y, scale_mm=rng.uniform(1.0, 2.5), waves=8)
        rough = 0.18 if name == "CHOROID" else 0.045
        um[name] = np.clip(value * size * (1 + rough * wave), 1.0, None)
    for name in ("GCL", "IPL", "INL", "OPL", "ONL", "IS", "EZ", "OS", "RPE"):
        um[name] = um[name] * (1 - 0.97 * disc)
    um["CHOROID"] = np.clip(um["CHOROID"], 60, None) * (1 - 0.3 * disc)
    um["RNFL"] = um["RNFL"] * (1 - disc) + disc * (150 + 190 * _ramp(d, 0.15, high=0.85))
    thickness = {name: (value / 1000).astype(np.float32) for name, value in um.items()}
    return Anatomy(thickness, _bruch(rng, at, disc=disc), disc)


def _nerve_fibres(
    rng: np.random.Generator, at: Positions, *, opening: Floats, disc_distance: Floats
) -> Floats:
    """Nerve fibre layer in micrometres: thin temporally, thick in the arcuate bundles."""
    nasal = np.clip(at.x + 0.4, 0, None)
    arcuate = np.clip(np.abs(at.y) - 0.5, 0, 2.5)
    macula = 7 + 3.5 * nasal + 7 * arcuate * (0.6 + 0.12 * at.x) + 2.5 * nasal**1.5
    angle = np.arctan2(at.y - DISC_CENTRE_MM[1], at.x - DISC_CENTRE_MM[0])
    above = np.cos(angle - np.deg2rad(rng.normal(108, 6)))
    below = np.cos(angle - np.deg2rad(rng.normal(-108, 6)))
    humps = 62 + 85 * np.exp(-(1 - above) / 0.16) + 88 * np.exp(-(1 - below) / 0.16)
    near = np.exp(-np.clip(disc_distance - 1.7, 0, None) / 0.9)
    ring = humps * np.clip(1.7 / np.maximum(disc_distance, 0.9), 0.5, 1.5)
    return np.asarray(opening * np.clip(macula, 4, None) * (1 - near) + ring * near, np.float32)


def _bruch(rng: np.random.Generator, at: Positions, *, disc: Floats) -> Floats:
    """Course of Bruch's membrane: curvature of the eye, tilt of the beam, slow undulation."""
    curvature = float(np.clip(0.02 * np.exp(rng.normal(0, 0.45)), 0.006, 0.05))
    tilt_x, tilt_y = rng.normal(0, 0.035), rng.normal(0, 0.015)
    centre_x, centre_y = rng.normal(0, 0.6), rng.normal(0, 0.4)
    bowl = -0.5 * curvature * ((at.x - centre_x) ** 2 + (at.y - centre_y) ** 2)
    wave = 0.008 * smooth_field(rng, at.x, y=at.y, scale_mm=2.2, waves=8)
    fine = 0.0012 * smooth_field(rng, at.x, y=at.y, scale_mm=0.5, waves=12)
    depth = bowl + tilt_x * at.x + tilt_y * at.y + wave + fine + 0.18 * disc
    return np.asarray(depth - np.median(depth), np.float32)


def bscan_motion(seed: int, bscans: int, *, amount: float = 1.0) -> tuple[Floats, Floats]:
    """Axial and lateral displacement of each B-scan in millimetres: drift, tremor, saccades."""
    rng = stream(seed, "motion")
    drift = np.cumsum(rng.normal(0, 0.0035, bscans)) + rng.normal(0, 0.002, bscans)
    jumps = np.cumsum((rng.random(bscans) < 0.06) * rng.normal(0, 0.035, bscans))
    axial = (drift + jumps) * amount
    lateral = rng.normal(0, 0.006, bscans) * amount
    lateral += np.cumsum((rng.random(bscans) < 0.03) * rng.normal(0, 0.04, bscans)) * amount
    return (axial - axial.mean()).astype(np.float32), lateral.astype(np.float32)
