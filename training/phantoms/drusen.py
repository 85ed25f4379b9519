"""Drusen of several kinds, and the small bright foci that go with many diseases."""

import numpy as np

from training.phantoms.fields import Floats, smooth_field
from training.phantoms.layers import Positions
from training.phantoms.lesions import Lesions, anchor, blob, dome, heap, island
from training.phantoms.surfaces import smooth_along

KINDS = ("hard", "soft", "low", "confluent", "cuticular", "reticular", "mixed")
SHARES = (0.13, 0.24, 0.13, 0.18, 0.08, 0.08, 0.16)


def draw_drusen(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions
) -> None:
    """An eye with drusen and nothing worse."""
    kind = str(rng.choice(KINDS, p=SHARES))
    for part in ("hard", "soft", "reticular") if kind == "mixed" else (kind,):
        scatter_drusen(rng, lesions, at=at, kind=part, severity=severity)
    if rng.random() < 0.4 * severity:
        count = int(rng.integers(1, 6))
        scatter_foci(
            rng, lesions, centre=anchor(rng, at, spread_mm=0.8), count=count, spread_mm=0.35
        )


def scatter_drusen(
    rng: np.random.Generator, lesions: Lesions, *, at: Positions, kind: str, severity: float
) -> None:
    """Add drusen of one kind over the macula; the first ones lie on a scanned line."""
    count, on_scan, radius, height, power = {
        "hard": (12 + 45 * severity, 3, (0.03, 0.07), (0.022, 0.05), 1.0),
        "soft": (5 + 32 * severity, 3, (0.07, 0.24), (0.03, 0.05 + 0.08 * severity), 0.8),
        "low": (10 + 40 * severity, 4, (0.06, 0.2), (0.018, 0.03 + 0.02 * severity), 0.8),
        "confluent": (8 + 36 * severity, 4, (0.12, 0.34), (0.04, 0.06 + 0.1 * severity), 0.75),
        "cuticular": (60 + 200 * severity, 8, (0.03, 0.055), (0.022, 0.05), 0.9),
        "reticular": (40 + 120 * severity, 7, (0.04, 0.09), (0.02, 0.055), 1.1),
    }[kind]
    focus = anchor(rng, at, spread_mm=0.7)
    spread = {"confluent": 0.55, "cuticular": 1.0, "reticular": 1.4}.get(kind, 1.1)
    total: Floats = np.zeros(at.x.shape, np.float32)
    for number in range(round(count * rng.uniform(0.7, 1.3))):
        if number < on_scan:
            place = anchor(rng, at, spread_mm=0.9)
        else:
            place = (focus[0] + rng.normal(0, spread), focus[1] + rng.normal(0, spread))
        size = rng.uniform(*radius)
        tall = rng.uniform(*height) * min(1.0, 0.55 + 0.45 * size / radius[1])
        shape = island(rng, at, centre=place, radius_mm=size)
        total = heap(total, tall * dome(shape, power * rng.uniform(0.75, 1.3)))
    total = total * (1 + 0.08 * smooth_field(rng, at.x, y=at.y, scale_mm=0.08))
    soft_mm = 0.025 if kind in ("soft", "confluent", "low") else 0.006
    total = np.clip(smooth_along(total, round(soft_mm / at.spacing_mm[1])), 0, None)
    if kind == "reticular":
        lesions.deposit = heap(lesions.deposit, total)
        lesions.ez_loss = np.maximum(lesions.ez_loss, np.clip(total / 0.05, 0, 0.8))
    else:
        lesions.druse = heap(lesions.druse, total)
        lost = rng.uniform(0.4, 0.95) * np.clip((total - 0.02) / 0.05, 0, 1)
        lesions.ez_loss = np.maximum(lesions.ez_loss, lost)


def scatter_foci(
    rng: np.random.Generator,
    lesions: Lesions,
    *,
    centre: tuple[float, float],
    count: int,
    spread_mm: float,
) -> None:
    """Small bright dots in the outer retina, in loose groups; they have no mask of their own."""
    for _ in range(count):
        place = (centre[0] + rng.normal(0, spread_mm), centre[1] + rng.normal(0, spread_mm))
        size = float(rng.uniform(0.009, 0.022))
        layers = ("IPL", "OPL") if rng.random() < 0.4 else ("OPL", "ELM")
        item = blob(
            rng, place, layers=layers, size_mm=(size, size * float(rng.uniform(0.5, 0.9))),
            fraction=float(rng.uniform(0.1, 0.9)), reflectivity=float(rng.uniform(0.12, 0.4)),
        )  # fmt: skip
        lesions.foci.append(item)
