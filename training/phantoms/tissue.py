"""Paints what the tissue of one B-scan reflects, and what it keeps from the tissue below."""

import numpy as np

from training.phantoms.canvas import ABSORPTION_PER_MM, RPE, Canvas, Slice
from training.phantoms.fields import Floats, line_noise

PAST_RPE = 1.65
"""Makes up for the light that an intact pigment epithelium keeps from the choroid."""

DISORDERED = ("IPL", "INL", "OPL", "HENLE", "ONL")
CAPILLARIES_PER_MM = (("RNFL", "IPL", 7.0), ("IPL", "OPL", 6.0))


def paint_reflection(rng: np.random.Generator, s: Slice) -> Canvas:
    """Reflectivity of the layers, the vessels and the hyaloid."""
    paint = Canvas(s.depth, s.ascans)
    paint.layers([*_inner_layers(rng, s), *_outer_layers(rng, s)])
    _paint_vessels(paint, s)
    _paint_capillaries(rng, s, paint=paint)
    if s.hyaloid is not None:
        noise = line_noise(rng, s.ascans, length=0.3 / s.ascan_mm)
        glow = s.shade("HYALOID") * np.clip(1 + 0.6 * noise, 0, 2)
        glow = glow * (s.hyaloid < s.surfaces["ILM"] - s.rows(0.004))
        paint.jump(s.hyaloid, glow)
        paint.jump(s.hyaloid + s.rows(0.004), -glow)
    return paint


def _tone(s: Slice, name: str, *, like: str | None = None) -> Floats:
    """Reflectivity of a layer along the scan; it changes slowly together with the layer `like`."""
    full = s.shade(name) * s.tone[like or name]
    if name in DISORDERED:
        full = full + s.lesion["disorder"] * (s.shade("MIXED") - full)
    return np.asarray(full, np.float32)


def _inner_layers(rng: np.random.Generator, s: Slice) -> list[tuple[Floats, Floats | np.float32]]:
    """Vitreous to outer nuclear layer; the inner limiting membrane mirrors where it lies flat."""
    f = s.surfaces
    slope = np.gradient(f["ILM"]) * np.float32(s.axial_mm / s.ascan_mm)
    patch = np.clip(line_noise(rng, s.ascans, length=0.3 / s.ascan_mm) - 0.4, 0, 2)
    mirror = 0.9 + 7.0 * np.exp(-((slope / 0.035) ** 2)) * patch
    first = np.minimum(f["ILM"] + s.rows(0.005), f["IPL"])

    def ragged(name: str) -> Floats:
        noise = line_noise(rng, s.ascans, length=0.02 / s.ascan_mm)
        return np.asarray(np.maximum(f[name] + s.rows(0.0025) * noise, first), np.float32)

    henle_end = f["OPL"] + np.float32(0.45) * (f["ELM"] - f["OPL"])
    return [
        (np.zeros_like(f["ILM"]), np.float32(s.style.vitreous)),
        (f["ILM"], _tone(s, "RNFL") * mirror.astype(np.float32)),
        (first, _tone(s, "RNFL")),
        (ragged("RNFL"), _tone(s, "GCL")),
        (ragged("GCL"), _tone(s, "IPL", like="GCL")),
        (ragged("IPL"), _tone(s, "INL")),
        (ragged("INL"), _tone(s, "OPL", like="INL")),
        (ragged("OPL"), _tone(s, "HENLE")),
        (henle_end, _tone(s, "ONL", like="HENLE")),
    ]


def _outer_layers(rng: np.random.Generator, s: Slice) -> list[tuple[Floats, Floats | np.float32]]:
    """Limiting membrane to sclera, with what disease puts between the layers."""
    f, lesion = s.surfaces, s.lesion
    alive, disc, dark = 1 - lesion["ez_loss"], 1 - s.disc, s.shade("ONL")
    uneven = np.clip((lesion["ped"] + lesion["shrm"] + lesion["druse"]) / 0.03, 0, 1)
    patchy = np.exp(0.55 * uneven * line_noise(rng, s.ascans, length=0.035 / s.ascan_mm))
    rpe = np.float32(RPE) * s.tone["RPE"] * patchy * (1 - 0.85 * lesion["rpe_loss"]) * disc
    filling = s.shade("FLUID") + (s.shade("DRUSE") - s.shade("FLUID")) * lesion["ped_content"]
    ped, druse = lesion["ped"] ** 4, lesion["druse"] ** 4
    share = ped / np.maximum(ped + druse, np.float32(1e-12))
    content = share * filling + (1 - share) * s.shade("DRUSE")
    bare = f["BM"] - f["RPE_BOTTOM"] > s.rows(0.008)
    bruch = np.where(bare, s.shade("BM"), s.shade("CAPILLARIS"))
    past = np.float32(PAST_RPE)
    return [
        (f["ELM"] - s.rows(0.004), _tone(s, "ELM", like="HENLE") * (0.35 + 0.65 * alive)),
        (f["ELM"] + s.rows(0.004), _tone(s, "IS", like="HENLE")),
        (f["EZ"], dark + (_tone(s, "EZ") - dark) * alive * disc),
        (f["EZ_BOTTOM"], dark + (_tone(s, "OS", like="EZ") - dark) * alive * disc),
        (f["OS"], s.shade("FLUID")),
        (s.crust, s.shade("MATERIAL")),
        (f["RPE"], np.asarray(rpe, np.float32)),
        (f["RPE_BOTTOM"], np.asarray(content, np.float32)),
        (f["BM"], past * bruch * disc),
        (f["BM"] + s.rows(0.005), past * _tone(s, "CAPILLARIS", like="RPE")),
        (f["BM"] + s.rows(0.014), past * _tone(s, "CHOROID")),
        (f["CSI"], past * _tone(s, "SCLERA", like="CHOROID")),
    ]


def _paint_vessels(paint: Canvas, s: Slice) -> None:
    """A bright cap, a greyer lumen, a bright floor."""
    columns = np.flatnonzero(s.vessel > 0.004)
    if not columns.size:
        return
    half = s.vessel[columns] / s.axial_mm
    top = s.surfaces["ILM"][columns] + s.rows(0.018)
    strength = np.clip(s.vessel[columns] / 0.03, 0.2, 1.2)
    full, rows = np.zeros((2, s.ascans), np.float32)
    for offset, amount in ((0.0, 0.9), (0.6, -0.7), (1.5, 0.3), (2.0, -0.5)):
        full[columns] = np.float32(amount) * s.shade("VESSEL") * strength
        rows[columns] = top + np.float32(offset) * half
        paint.jump(rows, full)


def _paint_capillaries(rng: np.random.Generator, s: Slice, *, paint: Canvas) -> None:
    """Bright points where capillaries cross the B-scan, in the two inner plexuses."""
    for upper, lower, per_mm in CAPILLARIES_PER_MM:
        count = min(int(rng.poisson(per_mm * s.ascans * s.ascan_mm)), s.ascans // 3)
        columns = np.sort(rng.choice(s.ascans, count, replace=False))
        room = (s.surfaces[lower] - s.surfaces[upper])[columns]
        full, rows = np.zeros((2, s.ascans), np.float32)
        rows[columns] = s.surfaces[upper][columns] + room * rng.random(count)
        full[columns] = s.shade("VESSEL") * rng.uniform(0.1, 0.6, count) * (room > s.rows(0.02))
        paint.jump(rows, full)
        paint.jump(rows + s.rows(0.008), -full)


def paint_absorption(rng: np.random.Generator, s: Slice) -> Canvas:
    """Loss of light per millimetre, on the way in and out together."""
    f, lesion, mu = s.surfaces, s.lesion, ABSORPTION_PER_MM
    absorb = Canvas(s.depth, s.ascans)
    fade = s.style.fade_per_mm
    filled = 0.8 + 2.5 * lesion["ped_content"]
    absorb.layers(
        [
            (f["ILM"], mu["RNFL"] + mu["DISC"] * s.disc),
            (f["RNFL"], mu["GCL"]),
            (f["IPL"], mu["INL"]),
            (f["OPL"], mu["ONL"]),
            (f["EZ"], mu["EZ"]),
            (f["OS"], mu["MATERIAL"] * (lesion["shrm"] > 0.01)),
            (f["RPE"], mu["RPE"] * (1 - lesion["rpe_loss"]) * (1 - s.disc)),
            (f["RPE_BOTTOM"], np.where(lesion["ped"] > 0, filled, mu["DRUSE"])),
            (f["BM"], mu["CHOROID"] + fade),
            (f["CSI"], mu["SCLERA"] + 0.6 * fade),
        ]
    )
    streak = np.clip(line_noise(rng, s.ascans, length=0.015 / s.ascan_mm) - 0.7, 0, 2)
    absorb.jump(f["IPL"], mu["STREAK"] * streak)
    absorb.jump(f["IPL"] + s.rows(0.03), -mu["STREAK"] * streak)
    if s.vessel.any():
        top = f["ILM"] + s.rows(0.018)
        dim = mu["VESSEL"] * np.clip(s.vessel / 0.02, 0, 1)
        absorb.jump(top, dim)
        absorb.jump(top + 2 * s.vessel / np.float32(s.axial_mm), -dim)
    for item in s.bright:
        height = (item.bottom - item.top) * np.float32(s.axial_mm)
        shadow = np.float32(mu["SPOT"]) * np.clip(height / 0.03, 0.1, 1)
        absorb.jump(item.top, shadow, columns=item.columns)
        absorb.jump(item.bottom, -shadow, columns=item.columns)
    return absorb
