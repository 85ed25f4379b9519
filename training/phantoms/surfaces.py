"""Stacks the layers on Bruch's membrane, lifts them over lesions and places them in the frame."""

import numpy as np

from training.phantoms.fields import Floats, stream
from training.phantoms.layers import SURFACES, Anatomy
from training.phantoms.lesions import Lesions

UPWARD = ("OS", "EZ", "IS", "ONL", "OPL", "INL", "IPL", "GCL", "RNFL")
ABOVE = {
    "OS": "EZ_BOTTOM", "EZ": "EZ", "IS": "ELM", "ONL": "OPL", "OPL": "INL", "INL": "IPL",
    "IPL": "GCL", "GCL": "RNFL", "RNFL": "ILM",
}  # fmt: skip
LEAST_SHARE = 0.12
"""A squeezed layer keeps this share of its thickness."""


def smooth_along(values: Floats, radius: int) -> Floats:
    """Three passes of a moving mean along the last axis, edges repeated."""
    if radius < 1:
        return values
    window = 2 * radius + 1
    for _ in range(3):
        padded = np.pad(values, ((0, 0), (radius + 1, radius)), mode="edge")
        total = np.cumsum(padded, axis=1, dtype=np.float64)
        values = ((total[:, window:] - total[:, :-window]) / window).astype(np.float32)
    return values


def stack_layers(anatomy: Anatomy, lesions: Lesions, *, ascan_mm: float) -> dict[str, Floats]:
    """Surfaces in millimetres above Bruch's membrane (positive upward), axes (bscan, ascan).

    A narrow elevation pushes into the outer nuclear layer, a wide one lifts the whole retina. The
    result holds every name of `SURFACES` and ``EZ_BOTTOM``; because all thicknesses are at least
    zero, the surfaces cannot cross.
    """
    thickness = dict(anatomy.thickness)
    for layer, extra in lesions.swelling.items():
        thickness[layer] = thickness[layer] + extra
    thickness["OS"] = thickness["OS"] * (1 - 0.5 * lesions.ez_loss)
    lift = lesions.lift()
    lifts = _lifts(thickness, lift, ascan_mm=ascan_mm)
    height = {"BM": np.zeros_like(lift), "CSI": -thickness["CHOROID"]}
    height["RPE_BOTTOM"] = lesions.druse + lesions.ped + lesions.ripple
    height["RPE"] = height["RPE_BOTTOM"] + thickness["RPE"] * (1 - 0.5 * lesions.rpe_loss)
    height["OS"] = height["RPE"] + lesions.deposit + lesions.srf + lesions.shrm
    flat = height["OS"] - lift
    below = height["OS"]
    for layer in UPWARD:
        flat = flat + thickness[layer]
        below = np.maximum(flat + lifts[layer], below + LEAST_SHARE * thickness[layer])
        height[ABOVE[layer]] = below
    return height


def _lifts(thickness: dict[str, Floats], lift: Floats, *, ascan_mm: float) -> dict[str, Floats]:
    """How far the upper border of each layer rises above an elevation `lift` of the outer retina.

    A border further from the elevation follows a wider mean of it, unless the layers between are
    already squeezed.
    """
    rising = dict.fromkeys(("OS", "EZ", "IS"), lift)
    level = lift
    if not lift.any():
        return rising | dict.fromkeys(UPWARD[3:], lift)
    for layers, reach_mm, give, soft_mm in (
        (("ONL",), 0.14, 0.75, 0.02),
        (("OPL",), 0.26, 0.45, 0.03),
        (("INL",), 0.36, 0.4, 0.045),
        (("IPL", "GCL"), 0.5, 0.35, 0.06),
        (("RNFL",), 0.6, 0.3, 0.08),
    ):
        wide = smooth_along(lift, round(reach_mm / ascan_mm / 2))
        room = sum((thickness[layer] for layer in layers), np.float32(0))
        level = smooth_along(np.maximum(wide, level - give * room), round(soft_mm / ascan_mm))
        rising |= dict.fromkeys(layers, level)
    return rising


def place_in_frame(
    seed: int,
    height: dict[str, Floats],
    *,
    bruch: Floats,
    motion: Floats,
    depth: int,
    axial_mm: float,
    clipped: bool,
) -> dict[str, Floats]:
    """Surfaces in pixels from the top of the frame.

    Args:
        seed: Of the phantom.
        height: Result of `stack_layers`.
        bruch: Course of Bruch's membrane, millimetres downward.
        motion: Axial displacement of each B-scan, millimetres.
        depth: Rows of the frame.
        axial_mm: Size of a row.
        clipped: Push part of the retina out of the frame, as a badly set scan does.
    """
    rng = stream(seed, "placement")
    base = bruch + motion[:, None]
    frame = depth * axial_mm
    upper = float(np.percentile(base - height["ILM"], 0.5))
    lower = float(np.percentile(base, 99.5))
    if clipped:
        away = rng.uniform(0.3, 0.75) * (lower - upper)
        top = -away if rng.random() < 0.6 else frame - (lower - upper) + away
    else:
        room = max(frame - (lower + 0.12 - upper), 0.0)
        top = room * float(np.clip(rng.normal(0.34, 0.14), 0.06, 0.8))
    shift = top - upper
    return {
        name: ((base + shift - height[name]) / axial_mm).astype(np.float32)
        for name in (*SURFACES, "EZ_BOTTOM")
    }
