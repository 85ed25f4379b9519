"""Diabetic macular oedema: cysts between thin walls, swelling, lipid, bright foci, some fluid."""

import numpy as np

from training.phantoms.drusen import scatter_foci
from training.phantoms.fields import smooth_field
from training.phantoms.layers import Positions
from training.phantoms.lesions import Blob, Lesions, anchor, blob, dome, island

Point = tuple[float, float]
MOST_SWELLING_MM = {"INL": 0.12, "OPL": 0.08, "ONL": 0.27}


def draw_diabetic(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions
) -> None:
    """An eye with diabetic macular oedema; the pigment epithelium stays smooth."""
    centres = [anchor(rng, at, spread_mm=0.5)]
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2]))):
        centres.append(anchor(rng, at, spread_mm=1.3))
    for number, centre in enumerate(centres):
        strength = severity * (1.0 if number == 0 else float(rng.uniform(0.3, 0.9)))
        _oedema(rng, lesions, severity=strength, at=at, centre=centre)
    first = centres[0]
    if rng.random() < 0.12 + 0.3 * severity:
        _large_cyst(rng, lesions, severity=severity, at=at, centre=first)
    if rng.random() < 0.27:
        radius, height = rng.uniform(0.35, 1.1), rng.uniform(0.03, 0.06 + 0.12 * severity)
        roof = dome(island(rng, at, centre=first, radius_mm=radius, uneven=0.08), 1.2)
        lesions.srf = np.asarray(height * roof, np.float32)
    if rng.random() < 0.55:
        _exudates(rng, lesions, severity=severity, at=at, centre=first)
    if rng.random() < 0.85:
        count = int(rng.integers(4, 16 + round(70 * severity)))
        scatter_foci(rng, lesions, centre=first, count=count, spread_mm=rng.uniform(0.4, 1.3))
    for layer, most in MOST_SWELLING_MM.items():
        lesions.swelling[layer] = np.float32(most) * np.tanh(lesions.swelling[layer] / most)
    mottle = smooth_field(rng, at.x, y=at.y, scale_mm=0.25)
    swollen = lesions.swelling["ONL"] / 0.12
    lesions.ez_loss = np.clip(swollen * (0.3 + 0.4 * mottle), 0, 0.7).astype(np.float32)
    disorder = rng.uniform(0.0, 0.9) * np.clip(swollen, 0, 1) * (0.75 + 0.4 * mottle)
    lesions.disorder = np.clip(disorder, 0, 0.85).astype(np.float32)


def _oedema(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """One swollen patch with its cysts."""
    radius = float(rng.uniform(0.45, 0.7 + 0.9 * severity))
    swell = dome(island(rng, at, centre=centre, radius_mm=radius * 1.5, uneven=0.12), 1.4)
    height = rng.uniform(0.02, 0.06 + 0.26 * severity)
    share = rng.dirichlet([1.2, 1.0, 3.0])
    for layer, part in zip(("INL", "OPL", "ONL"), share, strict=True):
        lesions.swell(layer, np.float32(height * part) * swell)
    lesions.swell("GCL", np.float32(0.012 * severity) * swell)
    dense = float(rng.uniform(0.3, 1.2))
    for layers, count, largest, tall in (
        (("OPL", "ELM"), 20 + 200 * severity, 0.09 + 0.15 * severity, (1.2, 3.5)),
        (("IPL", "INL"), 15 + 150 * severity, 0.055 + 0.07 * severity, (0.5, 1.5)),
        (("GCL", "IPL"), 4 * severity, 0.05, (0.3, 0.8)),
    ):
        tries = round(count * dense * 3)
        lesions.cysts += _pack(
            rng, layers, tries=tries, centre=centre, radius=radius, largest=largest, tall=tall
        )


def _pack(
    rng: np.random.Generator,
    layers: tuple[str, str],
    *,
    tries: int,
    centre: Point,
    radius: float,
    largest: float,
    tall: tuple[float, float],
) -> list[Blob]:
    """Cysts side by side with thin walls between them, large ones first and near the middle."""
    taken = np.zeros((max(tries, 1), 3))
    found: list[Blob] = []
    for number in range(tries):
        distance = radius * np.sqrt(rng.random()) * rng.uniform(0.3, 1.05)
        angle = rng.uniform(0, 2 * np.pi)
        place = (
            float(centre[0] + distance * np.cos(angle)),
            float(centre[1] + distance * np.sin(angle)),
        )
        size = 0.022 + (largest - 0.022) * rng.uniform(0.35, 1) * (1 - number / tries)
        size *= 1.05 - 0.5 * min(1.0, distance / radius)
        others = taken[: len(found)]
        gap = np.hypot(others[:, 0] - place[0], others[:, 1] - place[1]) - others[:, 2]
        if gap.size and float(gap.min()) < size * 1.04 + 0.004:
            continue
        taken[len(found)] = (*place, size * 1.04)
        found.append(
            blob(
                rng, place, layers=layers, size_mm=(float(size), float(size * rng.uniform(*tall))),
                fraction=float(rng.uniform(0.4, 0.6)), reflectivity=0.0,
            )
        )  # fmt: skip
    return found


def _large_cyst(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """One large cyst in the middle; smaller ones in its place give way."""
    radius = float(rng.uniform(0.12, 0.2 + 0.14 * severity))
    lesions.cysts[:] = [
        item
        for item in lesions.cysts
        if np.hypot(item.x - centre[0], item.y - centre[1]) > item.radius_mm + radius * 1.15
    ]
    wide = dome(island(rng, at, centre=centre, radius_mm=0.8 + 2 * radius, uneven=0.08), 1.4)
    lesions.swell("ONL", np.float32(0.7 * radius) * wide)
    item = blob(
        rng, centre, layers=("INL", "ELM"), size_mm=(radius, radius * float(rng.uniform(0.9, 1.5))),
        fraction=float(rng.uniform(0.4, 0.5)), reflectivity=0.0,
    )  # fmt: skip
    lesions.cysts.append(item)


def _exudates(
    rng: np.random.Generator, lesions: Lesions, *, severity: float, at: Positions, centre: Point
) -> None:
    """Lipid in clumps, often in a ring round the oedema; one clump lies on a scanned line."""
    ring = rng.uniform(0.4, 1.2)
    for number in range(int(rng.integers(2, 5 + round(10 * severity)))):
        angle = rng.uniform(0, 2 * np.pi)
        clump = (centre[0] + ring * np.cos(angle), centre[1] + ring * np.sin(angle))
        if number == 0:
            clump = anchor(rng, at, spread_mm=0.8)
        for _ in range(int(rng.integers(2, 8))):
            place = (float(clump[0] + rng.normal(0, 0.1)), float(clump[1] + rng.normal(0, 0.06)))
            size = float(rng.uniform(0.016, 0.045))
            item = blob(
                rng, place, layers=("INL", "ELM"),
                size_mm=(size, size * float(rng.uniform(0.35, 0.8))),
                fraction=float(np.clip(rng.normal(0.3, 0.16), 0.08, 0.8)),
                reflectivity=float(rng.uniform(0.25, 0.6)),
            )  # fmt: skip
            lesions.spots.append(item)
