"""The looks of devices, laid over a painted B-scan: grey scale, noise, averaging, graphics, JPEG.

Every class gets every look. What stays the same under all of them is the disease.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from training.arrays import Grey, Mask, Plane, Random, plane
from training.painted.canvas import Ground
from training.painted.texture import smooth_line


@dataclass(frozen=True, slots=True)
class Look:
    """Strengths of one look; see `random_look` for the ranges.

    Attributes:
        gamma: Exponent on the unit grey scale.
        blur: Deviation of the blur, (rows, columns).
        speckle: Deviation of the multiplicative grain.
        speckle_size: Its correlation, (rows, columns).
        noise: Deviation of the additive noise in grey levels.
        floor: Grey level of the background; negative where the device clips it.
        fade: Depth in retina thicknesses over which the choroid fades; 0 for none.
        jpeg: Quality; 100 for none.
    """

    gamma: float
    blur: tuple[float, float]
    speckle: float
    speckle_size: tuple[float, float]
    noise: float
    floor: float
    fade: float
    jpeg: int


def random_look(rng: Random) -> Look:
    """One of four families: clipped and noisy, grey and grainy, averaged, anything."""
    family = int(rng.integers(0, 4))
    speckle = [(0.15, 0.45), (0.2, 0.6), (0.0, 0.15), (0.0, 0.6)][family]
    noise = [(8.0, 28.0), (4.0, 12.0), (0.0, 4.0), (0.0, 20.0)][family]
    floor = [(-6.0, 14.0), (22.0, 48.0), (5.0, 30.0), (-6.0, 50.0)][family]
    return Look(
        gamma=float(np.exp(rng.normal(0.0, 0.22))),
        blur=(float(rng.uniform(0.0, 0.8)), float(rng.uniform(0.0, 1.1))),
        speckle=float(rng.uniform(*speckle)),
        speckle_size=(float(rng.uniform(0.0, 0.8)), float(rng.uniform(0.0, 1.2))),
        noise=float(rng.uniform(*noise)),
        floor=float(rng.uniform(*floor)),
        fade=float(rng.choice([0.0, rng.uniform(0.3, 2.0)])),
        jpeg=int(rng.integers(55, 98)) if rng.random() < 0.7 else 100,
    )


def dress(picture: Plane, ground: Ground, look: Look, rng: Random) -> Plane:
    """Give a picture a look.

    Args:
        picture: float32 grey values 0 … 255, axes (row, column).
        ground: Where its surfaces lie.
        look: The look.
        rng: Source of the noise.
    """
    low = float(np.percentile(picture, 5))
    high = max(float(np.percentile(picture, 99.7)), low + 20.0)
    unit = np.clip((picture - low) / (high - low), 0.0, 1.15)
    unit = unit**look.gamma
    unit = _layer_gain(unit, ground, rng)
    if look.fade > 0.0:
        unit = _fade(unit, ground, look.fade)
    if max(look.blur) > 0.2:
        unit = cv2.GaussianBlur(unit, (0, 0), max(look.blur[1], 0.1), sigmaY=max(look.blur[0], 0.1))
    unit = unit * _speckle(unit.shape, look, rng)
    unit = unit * (1.0 + 0.08 * smooth_line(unit.shape[1], unit.shape[1] / 3.0, rng))[None]
    top = float(rng.uniform(170.0, 255.0))
    value = look.floor + unit * (top - look.floor)
    value = value + look.noise * rng.standard_normal(unit.shape).astype(np.float32)
    return plane(np.clip(value, 0.0, 255.0))


def _layer_gain(unit: Plane, ground: Ground, rng: Random) -> Plane:
    """Layers differ in relative brightness from device to device."""
    rows = unit.shape[0]
    depth = (np.arange(rows, dtype=np.float32)[:, None] - ground.ilm) / ground.thickness
    knots = np.array([-0.5, 0.1, 0.3, 0.5, 0.7, 0.9, 1.2, 2.0])
    gains = np.exp(rng.normal(0.0, 0.13, size=len(knots)))
    if rng.random() < 0.25:
        gains[1] *= float(rng.uniform(1.0, 1.9))
    return plane(unit * np.interp(depth, knots, gains))


def _fade(unit: Plane, ground: Ground, length: float) -> Plane:
    """Signal lost with depth beneath the pigment epithelium."""
    rows = unit.shape[0]
    below = np.arange(rows, dtype=np.float32)[:, None] - ground.bruch
    share = np.clip(below, 0.0, None) / (length * float(np.median(ground.thickness)))
    return plane(unit * np.exp(-share))


def _speckle(shape: tuple[int, ...], look: Look, rng: Random) -> Plane:
    """Multiplicative grain of mean 1."""
    if look.speckle < 0.01:
        return np.ones(shape, dtype=np.float32)
    field = rng.standard_normal(shape).astype(np.float32)
    if max(look.speckle_size) > 0.2:
        down, along = (max(size, 0.1) for size in look.speckle_size)
        field = plane(cv2.GaussianBlur(field, (0, 0), along, sigmaY=down))
        field = plane(field / max(float(field.std()), 1e-4))
    return plane(np.clip(1.0 + look.speckle * field, 0.1, 3.0))


def finish(picture: Plane, masks: dict[str, Mask], look: Look, rng: Random) -> tuple[Grey, Mask]:
    """Last steps: turned frame with white or black fill, position icon, JPEG.

    Returns:
        uint8 picture and the union of the lesion masks, turned alike.
    """
    mask = np.zeros(picture.shape, dtype=bool)
    for one in masks.values():
        mask |= one
    grey = np.round(np.clip(picture, 0.0, 255.0)).astype(np.uint8)
    if rng.random() < 0.25:
        grey, mask = _turned(grey, mask, rng)
    if rng.random() < 0.12:
        grey = _icon(grey, rng)
    if look.jpeg < 100:
        done, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])
        if not done:
            raise RuntimeError("JPEG encoding failed")
        grey = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    return grey, mask


def _turned(grey: Grey, mask: Mask, rng: Random) -> tuple[Grey, Mask]:
    """Rotation and shift with the frame's corners filled white, as Spectralis exports have it."""
    rows, columns = grey.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(rng.normal(0.0, 4.0)), 1.0)
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-0.04, 0.04, size=2) * (columns, rows)
    value = 255 if rng.random() < 0.8 else 0
    size = (columns, rows)
    turned = cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_LINEAR, borderValue=value)
    moved = cv2.warpAffine(mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    return np.asarray(turned, dtype=np.uint8), moved > 0


def _icon(grey: Grey, rng: Random) -> Grey:
    """A drawn square with an arrow in a lower corner."""
    drawn = grey.copy()
    rows, columns = grey.shape
    side = int(0.1 * columns)
    left = int(0.04 * columns) if rng.random() < 0.7 else columns - int(0.04 * columns) - side
    top = rows - int(0.05 * rows) - side
    white = (255,)
    cv2.rectangle(drawn, (left, top), (left + side, top + side), white, 1)
    cv2.line(drawn, (left, top + side // 2), (left + side, top + side // 2), white, 1)
    cv2.putText(drawn, "S", (left + side // 2 - 3, top - 3), cv2.FONT_HERSHEY_PLAIN, 0.7, white, 1)
    return drawn
