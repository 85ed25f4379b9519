"""Diabetic macular oedema: cysts, thickening, exudates and fluid under an intact epithelium."""

import cv2
import numpy as np

from training.arrays import Grey, Random
from training.painted.canvas import Ground
from training.painted.lesions import Paint, ellipse_mask, hump, paint_fluid, paint_foci, shade
from training.painted.relief import Easel, Relief, raise_layers
from training.painted.texture import smooth_line, smooth_noise, soft

_LEAST = 60  # pixels of lesion below which nobody would see oedema
KINDS = ("central", "diffuse", "focal", "exudates", "severe", "swollen")


def paint_dme(ground: Ground, rng: Random) -> Easel:
    """Cysts of many sizes in a thickened retina; exudates; sometimes fluid beneath."""
    columns = ground.picture.shape[1]
    box = Paint.of(ground, rng)
    kind = str(rng.choice(KINDS, p=[0.22, 0.16, 0.16, 0.18, 0.14, 0.14]))
    away = 1200.0 if kind in ("focal", "exudates") else 250.0
    middle = float(np.clip(ground.fovea + rng.normal(0.0, away) / ground.um_per_column,
                           0.1 * columns, 0.9 * columns))  # fmt: skip
    relief = _oedema_relief(ground, kind, middle, rng)
    easel = raise_layers(ground, relief)
    paint_fluid(easel, box, rng, height=relief.fluid)
    if kind in ("diffuse", "severe", "swollen") or rng.random() < 0.3:
        _spongy(easel, box, middle, rng)
    counts = {"central": (2, 16), "diffuse": (4, 26), "focal": (1, 9), "exudates": (0, 4),
              "severe": (10, 40), "swollen": (0, 6)}  # fmt: skip
    scatter_cysts(easel, box, rng, middle=middle, count=int(rng.integers(*counts[kind])),
                  small=kind in ("diffuse", "focal", "exudates", "swollen"))  # fmt: skip
    if kind in ("central", "severe") and rng.random() < 0.75:
        _central_cyst(easel, box, rng)
    _exudates(easel, box, kind, middle, rng)
    if sum(int(mask.sum()) for mask in easel.masks.values()) < _LEAST:
        scatter_cysts(easel, box, rng, middle=float(ground.fovea), count=8, small=False)
    return easel


def _oedema_relief(ground: Ground, kind: str, middle: float, rng: Random) -> Relief:
    """Thickening, a shallower pit, and sometimes fluid beneath the fovea."""
    columns = ground.picture.shape[1]
    relief = Relief.flat(columns)
    most = {"central": (40, 260), "diffuse": (20, 180), "focal": (10, 120), "exudates": (0, 50),
            "severe": (100, 330), "swollen": (90, 260)}[kind]  # fmt: skip
    for _ in range(int(rng.integers(1, 3))):
        width = float(rng.uniform(900.0, 4500.0)) / ground.um_per_column
        centre = middle + float(rng.normal(0.0, 0.2)) * width
        height = float(rng.uniform(*most)) / ground.um_per_row
        one = hump(columns, centre, width, height=height, rng=rng)
        relief.thicker = np.maximum(relief.thicker, one)
    smooth = max(2.0, width / 20.0)
    relief.thicker = cv2.GaussianBlur(relief.thicker.reshape(1, -1), (0, 0), smooth)[0]
    if rng.random() < 0.4:
        line = smooth_line(columns, 350.0 / ground.um_per_column, rng)
        relief.thicker = relief.thicker * (1.0 + 0.12 * line).astype(np.float32)
    if rng.random() < {"central": 0.12, "severe": 0.25}.get(kind, 0.03):
        relief.fluid = hump(columns, float(ground.fovea), float(rng.uniform(500.0, 2200.0))
                            / ground.um_per_column, rng=rng,
                            height=float(rng.uniform(40.0, 200.0)) / ground.um_per_row)  # fmt: skip
    if rng.random() < 0.4:
        line = smooth_line(columns, float(rng.uniform(60.0, 250.0)) / ground.um_per_column, rng)
        rough = float(rng.uniform(2.0, 12.0)) / ground.um_per_row
        relief.thicker = (relief.thicker + rough * line).astype(np.float32)
    relief.give = float(rng.uniform(0.7, 1.0))
    return relief


def scatter_cysts(
    easel: Easel, box: Paint, rng: Random, *, middle: float, count: int, small: bool
) -> None:
    """Dark rounded holes with thin walls between them in the middle layers of the retina."""
    ground = box.ground
    shape = easel.picture.shape
    walls = int(rng.integers(1, 3))
    holes = np.zeros(shape, dtype=np.uint8)
    spread = float(rng.uniform(250.0, 1300.0)) / ground.um_per_column
    typical = float(rng.uniform(18.0, 40.0) if small else rng.uniform(25.0, 75.0))
    aspect = float(rng.uniform(0.4, 1.3))
    for _ in range(count):
        column = int(np.clip(middle + rng.normal(0.0, spread), 2, shape[1] - 3))
        thick = float(easel.neural[column] - easel.ilm[column])
        share = float(rng.uniform(0.24, 0.45) if rng.random() < 0.4 else rng.uniform(0.45, 0.88))
        size = typical * float(np.exp(rng.normal(0.0, 0.5)))
        rows = min(size / ground.um_per_row, 0.36 * thick, (0.97 - share) * thick)
        rows = min(rows, (share - 0.08) * thick)
        if rows < 1.2:
            continue
        wide = max(rows * aspect * float(np.exp(rng.normal(0.0, 0.25))), 1.2)
        row = float(easel.ilm[column]) + share * thick
        blob = ellipse_mask(shape, (row, column), (rows, wide), rng)
        near = cv2.dilate(holes, np.ones((2 * walls + 1, 2 * walls + 1), dtype=np.uint8)) > 0
        holes |= (blob & ~near).astype(np.uint8)
    _paint_holes(easel, box, holes, rng)


def _central_cyst(easel: Easel, box: Paint, rng: Random) -> None:
    """One or two large cysts at the fovea, parted by a thin wall."""
    ground = box.ground
    shape = easel.picture.shape
    holes = np.zeros(shape, dtype=np.uint8)
    column = ground.fovea
    for step in range(int(rng.integers(1, 4))):
        at = int(np.clip(column + rng.normal(0.0, 30.0 + 140.0 * step) / ground.um_per_column, 3,
                         shape[1] - 4))  # fmt: skip
        thick = float(easel.neural[at] - easel.ilm[at])
        rows = thick * float(rng.uniform(0.2, 0.42))
        wide = rows * float(rng.uniform(0.45, 1.1))
        row = float(easel.ilm[at]) + thick * float(rng.uniform(0.45, 0.6))
        blob = ellipse_mask(shape, (row, at), (rows, wide), rng)
        holes |= (blob & ~(cv2.dilate(holes, np.ones((3, 3), dtype=np.uint8)) > 0)).astype(np.uint8)
    _paint_holes(easel, box, holes, rng)


def _paint_holes(easel: Easel, box: Paint, holes: Grey, rng: Random) -> None:
    """Fill holes with fluid inside the neural retina; walls slightly brighter than the retina."""
    thick = easel.neural - easel.ilm
    inside = easel.between(easel.ilm + 0.06 * thick, easel.neural - 0.02 * thick)
    mask = (holes > 0) & inside
    if not mask.any():
        return
    if rng.random() < 0.5:
        grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
        rim = grown & ~mask & inside
        bright = box.retina * float(rng.uniform(0.85, 1.25)) * (0.4 + 0.6 * box.grain)
        easel.fill(rim, bright, edge=0.7, most=float(rng.uniform(0.1, 0.6)))
    haze = float(rng.choice([0.0, 0.05, 0.12, 0.25, 0.4]))
    easel.fill(mask, box.fluid(haze, rng), edge=float(rng.uniform(0.5, 1.0)))
    easel.mark("cysts", mask)


def _spongy(easel: Easel, box: Paint, middle: float, rng: Random) -> None:
    """Diffuse swelling: blotches of lower reflectivity in the middle layers."""
    shape = easel.picture.shape
    thick = easel.neural - easel.ilm
    where = soft(easel.between(easel.ilm + 0.25 * thick, easel.neural - 0.08 * thick), 2.0)
    field = smooth_noise((shape[0], shape[1]), (9.0, 14.0), rng)
    at = (np.arange(shape[1]) - middle) * box.ground.um_per_column
    reach = np.exp(-0.5 * (at / float(rng.uniform(600.0, 2000.0))) ** 2)
    strength = float(rng.uniform(0.15, 0.5))
    gain = 1.0 - strength * np.clip(0.5 + 0.7 * field, 0.0, 1.3) * where * reach[None]
    above = easel.picture - box.black
    easel.picture = (box.black + above * gain).astype(np.float32)


def _exudates(easel: Easel, box: Paint, kind: str, middle: float, rng: Random) -> None:
    """Bright deposits in the outer plexiform layer, and tiny bright points all over."""
    ground = box.ground
    spots: list[tuple[float, float, float]] = []
    clusters = int(rng.integers(1, 5)) if kind == "exudates" else int(rng.random() < 0.45)
    for _ in range(clusters):
        centre = middle + float(rng.normal(0.0, 700.0)) / ground.um_per_column
        depth = float(rng.uniform(0.4, 0.8))
        for _ in range(int(rng.integers(2, 10))):
            column = centre + float(rng.normal(0.0, 150.0)) / ground.um_per_column
            at = int(np.clip(column, 0, len(easel.ilm) - 1))
            share = depth + float(rng.normal(0.0, 0.06))
            row = float(easel.ilm[at]) + share * float(easel.neural[at] - easel.ilm[at])
            spots.append((row, float(at), float(rng.uniform(4.0, 14.0)) / ground.um_per_row))
    if spots:
        paint_foci(easel, box, spots, rng, shadow=0.5)
    if rng.random() < (0.9 if kind == "exudates" else 0.5):
        tiny = []
        for _ in range(int(rng.integers(4, 40 if kind == "exudates" else 18))):
            at = int(np.clip(middle + rng.normal(0.0, 1000.0) / ground.um_per_column, 0,
                             len(easel.ilm) - 1))  # fmt: skip
            share = float(rng.uniform(0.03, 0.95))
            row = float(easel.ilm[at]) + share * float(easel.neural[at] - easel.ilm[at])
            tiny.append((row, float(at), float(rng.uniform(3.0, 6.0)) / ground.um_per_row))
        paint_foci(easel, box, tiny, rng, shadow=0.15)
    if rng.random() < 0.3:
        line = smooth_line(len(easel.ilm), float(rng.uniform(4.0, 20.0)), rng)
        gain = 1.0 - float(rng.uniform(0.05, 0.3)) * np.clip(line - 0.5, 0.0, 1.0)
        shade(easel, easel.neural, gain.astype(np.float32))
