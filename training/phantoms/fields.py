"""Random fields and texture banks of the phantom.

A smooth field is a sum of random plane waves, so that it can be evaluated at any position on the
retina whatever the scan pattern. A bank is a large periodic texture that is made once in a process
and then cut at a random place; the cut is far cheaper than the texture.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BANK_SHAPE = (640, 1024)
PSF_LEVELS = (0.4, 0.55, 0.75, 1.0, 1.4, 2.0, 2.8, 4.0)
FRAME_LEVELS = (1, 2, 3, 4, 6, 8, 12, 16)
FIELDS = 4
CHOROID_SHAPE = (160, 160, 48)
CHOROID_VOXEL_MM = 0.03


def stream(seed: int, part: str) -> np.random.Generator:
    """A generator for one part of the phantom: another part may change without moving this one."""
    return np.random.default_rng([seed & 0xFFFFFFFF, *part.encode()])


def smooth_field(
    rng: np.random.Generator, x: Floats, *, y: Floats, scale_mm: float, waves: int = 12
) -> Floats:
    """Zero-mean, unit-variance field with features of about `scale_mm`, at the points `x`, `y`.

    Args:
        rng: Source of the waves.
        x: Millimetres, any shape.
        y: Millimetres, the shape of `x`.
        scale_mm: Typical size of a feature (half a wavelength).
        waves: More waves look less periodic and cost more.
    """
    angle = rng.uniform(0, 2 * np.pi, waves)
    number = np.pi / scale_mm * rng.uniform(0.5, 1.5, waves)
    phase = rng.uniform(0, 2 * np.pi, waves)
    total = np.zeros(x.shape, np.float32)
    for a, k, p in zip(angle, number, phase, strict=True):
        total += np.cos(
            np.float32(k * np.cos(a)) * x + np.float32(k * np.sin(a)) * y + np.float32(p)
        )
    return total * np.float32(np.sqrt(2 / waves))


def line_noise(rng: np.random.Generator, count: int, *, length: float) -> Floats:
    """Zero-mean, unit-variance noise along a line, correlated over `length` samples."""
    radius = max(1, round(length))
    kernel = np.hanning(2 * radius + 3)[1:-1]
    raw = rng.standard_normal(count + 2 * radius)
    smooth = np.convolve(raw, kernel / np.sqrt((kernel**2).sum()), mode="valid")
    return np.asarray(smooth[:count], np.float32)


def speckle(axial_px: float, lateral_px: float, *, frames: float) -> Floats:
    """The speckle bank nearest to what is asked for; there are few, so that few are made."""
    axial = min(PSF_LEVELS, key=lambda level: abs(np.log(level / max(axial_px, 0.1))))
    lateral = min(PSF_LEVELS, key=lambda level: abs(np.log(level / max(lateral_px, 0.1))))
    count = min(FRAME_LEVELS, key=lambda level: abs(np.log(level / max(frames, 0.5))))
    return speckle_bank(axial, lateral, frames=count)


@lru_cache(maxsize=24)
def speckle_bank(axial_px: float, lateral_px: float, *, frames: int) -> Floats:
    """Speckle intensity with mean 1, axes (depth, ascan), periodic.

    Fully developed speckle is the squared modulus of a complex Gaussian field seen through the
    point-spread function (Goodman, Speckle Phenomena in Optics); independent frames are averaged,
    hence the contrast is one over the root of `frames`. More than `FIELDS` frames are far shifts of
    the first ones: independent at any one place.

    Args:
        axial_px: Standard deviation of the point-spread function in depth, pixels.
        lateral_px: The same along the scan.
        frames: Number of independent frames averaged.
    """
    rng = stream(int(axial_px * 100) * 1000 + int(lateral_px * 100), f"speckle{frames}")
    fields: list[Floats] = []
    total = np.zeros(BANK_SHAPE, np.float32)
    for number in range(frames):
        if number < FIELDS:
            noise = rng.standard_normal(BANK_SHAPE) + 1j * rng.standard_normal(BANK_SHAPE)
            field = np.fft.ifft2(noise * _transfer(axial_px, lateral_px))
            fields.append((field.real**2 + field.imag**2).astype(np.float32))
        shift = (97 * (number // FIELDS), 173 * (number // FIELDS))
        total += np.roll(fields[number % FIELDS], shift, axis=(0, 1))
    total /= total.mean()
    total.flags.writeable = False
    return total


def _transfer(axial_px: float, lateral_px: float) -> NDArray[np.float64]:
    """Transfer function of a Gaussian point-spread function on the bank's grid."""
    fz = np.fft.fftfreq(BANK_SHAPE[0])[:, None]
    fx = np.fft.fftfreq(BANK_SHAPE[1])[None, :]
    return np.asarray(np.exp(-2 * np.pi**2 * ((axial_px * fz) ** 2 + (lateral_px * fx) ** 2)))


@lru_cache(maxsize=8)
def grain_bank(axial_px: float, lateral_px: float) -> Floats:
    """Zero-mean, unit-variance Gaussian texture, axes (depth, ascan), periodic."""
    rng = stream(int(axial_px * 100) * 1000 + int(lateral_px * 100), "grain")
    noise = np.fft.fft2(rng.standard_normal(BANK_SHAPE))
    field = np.fft.ifft2(noise * _transfer(axial_px, lateral_px)).real.astype(np.float32)
    field /= field.std()
    field.flags.writeable = False
    return field


def cut(bank: Floats, rng: np.random.Generator, *, shape: tuple[int, int]) -> Floats:
    """A piece of a periodic bank at a random place, perhaps mirrored, of any size."""
    top = int(rng.integers(bank.shape[0]))
    left = int(rng.integers(bank.shape[1]))
    flip = int(rng.integers(4))
    if shape[0] <= bank.shape[0] and shape[1] <= bank.shape[1]:
        top %= bank.shape[0] - shape[0] + 1
        left %= bank.shape[1] - shape[1] + 1
        piece = bank[top : top + shape[0], left : left + shape[1]]
    else:
        rows = (np.arange(shape[0]) + top) % bank.shape[0]
        columns = (np.arange(shape[1]) + left) % bank.shape[1]
        piece = bank[rows[:, None], columns[None, :]]
    return piece[:: -1 if flip & 1 else 1, :: -1 if flip & 2 else 1]


@lru_cache(maxsize=1)
def choroid_bank() -> Floats:
    """Share of vessel lumen in the choroid, axes (y, x, depth from Bruch to sclera), in [0, 1].

    A tube is where two independent smooth fields are both near zero. The tubes widen with depth
    (Sattler's, then Haller's layer); the choriocapillaris and the last rim hold none.
    """
    rng = stream(7, "choroid")
    small = _tubes(rng, lateral=1.0, axial=2.2)
    large = _tubes(rng, lateral=3.0, axial=6.0)
    depth = np.linspace(0, 1, CHOROID_SHAPE[2], dtype=np.float32)
    blend = np.clip((depth - 0.18) / 0.22, 0, 1)
    radius = small * (1 - blend) + large * blend
    width = np.interp(depth, [0, 0.1, 0.22, 0.5, 0.85, 1], [0, 0.3, 0.9, 1.55, 1.3, 0])
    lumen = np.clip((width.astype(np.float32) - radius) / 0.9 + 0.5, 0, 1)
    lumen[..., 0] = 0
    lumen[..., -1] = 0
    result: Floats = np.asarray(lumen, np.float32)
    result.flags.writeable = False
    return result


def _tubes(rng: np.random.Generator, *, lateral: float, axial: float) -> Floats:
    """Distance-like measure from the axis of random tubes; sizes in voxels."""
    fy, fx, fz = (np.fft.fftfreq(n) for n in CHOROID_SHAPE)
    squared = (lateral * fy[:, None, None]) ** 2 + (lateral * fx[None, :, None]) ** 2
    transfer = np.exp(-2 * np.pi**2 * (squared + (axial * fz[None, None, :]) ** 2))
    noise = rng.standard_normal(CHOROID_SHAPE) + 1j * rng.standard_normal(CHOROID_SHAPE)
    field = np.fft.ifftn(noise * transfer)
    scale = field.real.std()
    return np.asarray(np.abs(field) / scale, np.float32)


def choroid_columns(x: Floats, y: Floats) -> Floats:
    """Lumen share below each position, axes (position, depth); bilinear, periodic."""
    bank = choroid_bank()
    u = x / CHOROID_VOXEL_MM
    v = y / CHOROID_VOXEL_MM
    left = np.floor(u).astype(np.int64)
    top = np.floor(v).astype(np.int64)
    fx = (u - left)[:, None].astype(np.float32)
    fy = (v - top)[:, None].astype(np.float32)
    rows, columns = bank.shape[:2]
    y0, y1 = top % rows, (top + 1) % rows
    x0, x1 = left % columns, (left + 1) % columns
    upper = bank[y0, x0] * (1 - fx) + bank[y0, x1] * fx
    lower = bank[y1, x0] * (1 - fx) + bank[y1, x1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float32)
