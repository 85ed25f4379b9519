"""Lesions painted into real normal B-scans: one device, one texture, and only the disease differs.

A network that sees one class on one device learns the device. Here every class is painted on the
same normal pictures, and a normal picture goes through the same resampling as a diseased one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from training.arrays import Mask, Plane, Random, Rows, plane
from training.painted.canvas import Ground
from training.painted.cysts import paint_dme, scatter_cysts
from training.painted.lesions import (
    Paint,
    disrupt_epithelium,
    hump,
    paint_fluid,
    paint_foci,
    paint_material,
    paint_under,
    ragged,
    shade,
)
from training.painted.relief import Easel, Relief, raise_layers
from training.painted.texture import smooth_line

CNV_KINDS = ("dome", "material", "shallow", "fluid", "scar", "rough")
CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """A painted B-scan.

    Attributes:
        picture: float32 grey values 0 … 255, axes (row, column).
        label: Index into `CLASSES`.
        masks: Lesion masks by kind; empty for NORMAL.
    """

    picture: Plane
    label: int
    masks: dict[str, Mask]


def paint(ground: Ground, label: str, rng: Random) -> Painting:
    """Paint the lesions of a class into a normal B-scan.

    Args:
        ground: The normal B-scan and its surfaces.
        label: One of `CLASSES`.
        rng: Source of everything random.
    """
    painters: dict[str, Callable[[Ground, Random], Easel]] = {
        "NORMAL": paint_normal,
        "DRUSEN": paint_drusen,
        "CNV": paint_cnv,
        "DME": paint_dme,
    }
    easel = painters[label](ground, rng)
    return Painting(np.clip(easel.picture, 0.0, 255.0), CLASSES.index(label), easel.masks)


def paint_normal(ground: Ground, rng: Random) -> Easel:
    """Nothing but what healthy eyes show: slight thickness changes, vessel shadows."""
    columns = ground.picture.shape[1]
    relief = Relief.flat(columns)
    if rng.random() < 0.7:
        amount = float(rng.uniform(0.0, 0.06)) * float(np.median(ground.thickness))
        relief.thicker = (amount * smooth_line(columns, columns / 4.0, rng)).astype(np.float32)
    if rng.random() < 0.25:
        amount = float(rng.uniform(0.0, 9.0)) / ground.um_per_row
        relief.under = np.abs(amount * smooth_line(columns, columns / 12.0, rng) * 0.5)
    easel = raise_layers(ground, relief)
    if rng.random() < 0.4:
        vessel_shadows(easel, rng)
    if rng.random() < 0.05:
        foci = scattered(easel, int(rng.integers(1, 3)), (0.15, 0.5), (3.0, 6.0), ground, rng)
        paint_foci(easel, Paint.of(ground, rng), foci, rng, shadow=0.1)
        easel.masks.clear()
    return easel


def paint_drusen(ground: Ground, rng: Random) -> Easel:
    """Elevations of the pigment epithelium of several kinds, over an intact Bruch's membrane."""
    columns = ground.picture.shape[1]
    paint_box = Paint.of(ground, rng)
    relief = Relief.flat(columns)
    relief.under = drusen_profile(ground, rng)
    deposits = rng.random() < 0.10
    if deposits:
        relief.material = _reticular(ground, rng)
    relief.give = float(rng.uniform(0.15, 0.6))
    easel = raise_layers(ground, relief)
    low, high = paint_box.dark, paint_box.retina
    level = low + float(rng.uniform(0.2, 1.5)) * (high - low)
    paint_under(easel, paint_box, "drusen", level, rng)
    if deposits:
        paint_material(easel, paint_box, high, rng, top=relief.material)
    where = np.clip(relief.under * ground.um_per_row / 60.0, 0.0, 1.0)
    disrupt_epithelium(easel, where, float(rng.uniform(0.0, 0.3)), rng)
    if rng.random() < 0.15:
        foci = scattered(easel, int(rng.integers(1, 5)), (0.6, 0.9), (5.0, 12.0), ground, rng)
        paint_foci(easel, paint_box, foci, rng, shadow=0.3)
    if rng.random() < 0.35:
        vessel_shadows(easel, rng)
    return easel


def drusen_profile(ground: Ground, rng: Random) -> Rows:
    """Heights of drusen in rows: hard, soft, confluent or a mixture."""
    kind = str(
        rng.choice(["hard", "soft", "confluent", "mixed", "large"], p=[0.2, 0.3, 0.2, 0.2, 0.1])
    )
    counts = {
        "hard": (4, 16),
        "soft": (2, 9),
        "confluent": (5, 11),
        "mixed": (4, 14),
        "large": (1, 4),
    }
    widths = {"hard": (90, 190), "soft": (170, 480), "confluent": (140, 350), "mixed": (100, 420),
              "large": (350, 800)}  # fmt: skip
    heights = {"hard": (30, 60), "soft": (35, 100), "confluent": (35, 100), "mixed": (28, 95),
               "large": (70, 150)}  # fmt: skip
    columns = ground.picture.shape[1]
    profile = np.zeros(columns, dtype=np.float32)
    spread = float(rng.uniform(300.0, 700.0) if kind == "confluent" else rng.uniform(600.0, 2500.0))
    middle = ground.fovea + float(rng.normal(0.0, 500.0)) / ground.um_per_column
    for _ in range(int(rng.integers(*counts[kind]))):
        centre = middle + float(rng.normal(0.0, spread)) / ground.um_per_column
        width = float(rng.uniform(*widths[kind]))
        height = float(rng.uniform(*heights[kind])) * min(1.0, 0.35 + width / 250.0)
        centre = float(np.clip(centre, 0.04 * columns, 0.96 * columns))
        wide = max(width / ground.um_per_column, 6.0)
        high = min(height / ground.um_per_row, float(rng.uniform(0.5, 0.9)) * wide)
        one = hump(columns, centre, wide, height=high, rng=rng)
        profile = plane(np.maximum(profile, one) + 0.25 * np.minimum(profile, one))
    return plane(cv2.GaussianBlur(profile.reshape(1, -1), (0, 0), 1.3)[0])


def _reticular(ground: Ground, rng: Random) -> Rows:
    """Small peaks of material on the pigment epithelium."""
    columns = ground.picture.shape[1]
    profile = np.zeros(columns, dtype=np.float32)
    for _ in range(int(rng.integers(4, 14))):
        width = float(rng.uniform(60.0, 160.0)) / ground.um_per_column
        height = float(rng.uniform(20.0, 50.0)) / ground.um_per_row
        one = hump(columns, float(rng.uniform(0.1, 0.9)) * columns, width, height=height, rng=rng)
        profile = np.maximum(profile, one)
    return profile


def paint_cnv(ground: Ground, rng: Random) -> Easel:
    """Neovascular disease: detachments, bright material, fluid, damage, and drusen beside."""
    columns = ground.picture.shape[1]
    box = Paint.of(ground, rng)
    kind = str(rng.choice(CNV_KINDS, p=[0.13, 0.17, 0.16, 0.19, 0.10, 0.25]))
    middle = float(np.clip(ground.fovea + rng.normal(0.0, 700.0) / ground.um_per_column,
                           0.12 * columns, 0.88 * columns))  # fmt: skip
    relief = _cnv_relief(ground, kind, middle, rng)
    core = np.clip((relief.under + relief.material) * ground.um_per_row / 50.0, 0.0, 1.0)
    if kind == "rough":
        wide = 120.0 / ground.um_per_column
        core = cv2.GaussianBlur(core.reshape(1, -1), (0, 0), wide)[0]
        core = np.clip(core * 1.6, 0.0, 1.0).astype(np.float32)
    if rng.random() < 0.4:
        relief.under = np.maximum(relief.under, drusen_profile(ground, rng) * rng.uniform(0.4, 1.0))
    easel = raise_layers(ground, relief)
    serous = kind == "dome" and rng.random() < 0.5
    low = box.black + 0.15 * (box.retina - box.black) if serous else box.dark
    if kind == "rough":
        low = 0.5 * (box.dark + box.retina)
    level = low if serous else low + float(rng.uniform(0.2, 2.0)) * max(box.retina - box.dark, 8.0)
    paint_under(easel, box, "ped", level, rng)
    solid = box.retina + float(rng.uniform(-0.1, 1.1)) * (box.bright - box.retina)
    paint_fluid(easel, box, rng, height=relief.fluid)
    paint_material(easel, box, solid, rng, top=relief.material)
    disrupt_epithelium(easel, core, float(rng.uniform(0.3, 1.3)), rng)
    _beneath(easel, core, rng, bright=0.0 if serous else 0.8 if kind == "rough" else 0.5)
    if rng.random() < (0.45 if kind in ("material", "scar") else 0.2):
        scatter_cysts(easel, box, rng, middle=middle, count=int(rng.integers(1, 9)), small=True)
    if rng.random() < 0.5:
        foci = scattered(easel, int(rng.integers(1, 12)), (0.45, 0.97), (4.0, 13.0), ground, rng,
                         middle=middle)  # fmt: skip
        paint_foci(easel, box, foci, rng, shadow=0.3)
    return easel


def _cnv_relief(ground: Ground, kind: str, middle: float, rng: Random) -> Relief:
    """Heights of one neovascular lesion."""
    columns = ground.picture.shape[1]
    relief = Relief.flat(columns)

    def mound(
        width_um: tuple[float, float], height_um: tuple[float, float], off: float = 0.15
    ) -> Rows:
        width = float(rng.uniform(*width_um))
        centre = middle + float(rng.normal(0.0, off)) * width / ground.um_per_column
        wide = width / ground.um_per_column
        high = min(float(rng.uniform(*height_um)) / ground.um_per_row, 0.8 * wide)
        return hump(columns, centre, wide, height=high, rng=rng)

    rough = float(rng.uniform(0.1, 0.5))
    scale = float(rng.uniform(60.0, 250.0)) / ground.um_per_column
    if kind == "rough":
        relief.under = _rough_profile(ground, middle, rng)
    elif kind == "dome":
        relief.under = ragged(mound((500, 2200), (100, 380)), scale * 2, 0.4 * rough, rng)
    elif kind == "shallow":
        relief.under = ragged(mound((900, 3200), (30, 110)), scale, rough, rng)
    elif kind == "scar":
        relief.material = ragged(mound((900, 3000), (70, 220)), scale, rough, rng)
        relief.thicker = -mound((900, 2500), (0, 50))
    else:
        relief.under = ragged(mound((300, 1500), (25, 120)), scale, rough, rng)
    if kind == "material" or (kind in ("shallow", "dome") and rng.random() < 0.35):
        relief.material = ragged(mound((350, 1900), (45, 230)), scale, rough, rng)
    chance = {"dome": 0.55, "material": 0.5, "shallow": 0.65, "fluid": 1.0, "scar": 0.3,
              "rough": 0.25}[kind]  # fmt: skip
    if rng.random() < chance:
        high = (60, 280) if kind == "fluid" else (30, 170)
        relief.fluid = mound((700, 3200), high, 0.35)
    if rng.random() < 0.35:
        relief.thicker = relief.thicker + mound((1500, 4000), (20, 110))
    relief.give = float(rng.uniform(0.5, 0.95))
    relief.spread_um = float(rng.uniform(150.0, 400.0))
    return relief


def _rough_profile(ground: Ground, middle: float, rng: Random) -> Rows:
    """A thickened, jagged epithelium: many small elevations of all sizes side by side."""
    columns = ground.picture.shape[1]
    profile = np.zeros(columns, dtype=np.float32)
    spread = float(rng.uniform(350.0, 1800.0)) / ground.um_per_column
    tall = float(rng.uniform(30.0, 110.0))
    for _ in range(int(rng.integers(10, 45))):
        centre = float(np.clip(middle + rng.normal(0.0, spread), 0.0, columns - 1.0))
        wide = max(float(rng.uniform(60.0, 300.0)) / ground.um_per_column, 3.0)
        height = float(rng.uniform(0.25, 1.0)) * tall / ground.um_per_row
        one = hump(columns, centre, wide, height=min(height, 0.9 * wide), rng=rng)
        profile = plane(np.maximum(profile, one) + 0.15 * np.minimum(profile, one))
    return plane(profile)


def _beneath(easel: Easel, core: Rows, rng: Random, *, bright: float) -> None:
    """Shadow or increased transmission beneath a lesion, in columns of uneven strength.

    Args:
        easel: The picture.
        core: Strength of the lesion, 0 … 1, one value a column.
        rng: Source of the unevenness.
        bright: Probability of increased transmission instead of shadow.
    """
    line = smooth_line(len(core), float(rng.uniform(3.0, 15.0)), rng)
    if rng.random() < bright:
        gain = 1.0 + core * float(rng.uniform(0.1, 1.3)) * np.clip(0.6 + 0.6 * line, 0.0, 2.0)
    else:
        gain = 1.0 - core * float(rng.uniform(0.0, 0.55)) * np.clip(0.8 + 0.3 * line, 0.0, 1.2)
    shade(easel, easel.bruch + 2.0, gain.astype(np.float32))


def scattered(easel: Easel, count: int, depth: tuple[float, float], size_um: tuple[float, float],
              ground: Ground, rng: Random, *, middle: float | None = None,
              spread_um: float = 700.0) -> list[tuple[float, float, float]]:  # fmt: skip
    """Places (row, column, radius) inside the neural retina, between two relative depths."""
    columns = len(easel.ilm)
    spots = []
    for _ in range(count):
        at = rng.uniform(0.05, 0.95) * columns if middle is None else (
            middle + rng.normal(0.0, spread_um) / ground.um_per_column
        )  # fmt: skip
        column = int(np.clip(at, 0, columns - 1))
        share = float(rng.uniform(*depth))
        row = easel.ilm[column] + share * (easel.neural[column] - easel.ilm[column])
        spots.append((float(row), float(column), float(rng.uniform(*size_um)) / ground.um_per_row))
    return spots


def vessel_shadows(easel: Easel, rng: Random) -> None:
    """Dark columns from the inner retina down, as vessels throw them."""
    columns = len(easel.ilm)
    gain = np.ones(columns, dtype=np.float32)
    for _ in range(int(rng.integers(1, 6))):
        width = float(rng.uniform(1.0, 5.0))
        centre = float(rng.uniform(0.0, columns))
        at = (np.arange(columns) - centre) / width
        gain *= (1.0 - float(rng.uniform(0.1, 0.45)) * np.exp(-0.5 * at**2)).astype(np.float32)
    start = easel.ilm + 0.25 * (easel.neural - easel.ilm)
    shade(easel, start.astype(np.float32), gain)
