"""Light in one B-scan: tissue reflects and absorbs, speckle and noise follow, then grey values."""

import numpy as np
from numpy.typing import NDArray

from training.phantoms.canvas import Canvas, Slice
from training.phantoms.fields import (
    Floats,
    choroid_columns,
    cut,
    grain_bank,
    line_noise,
    speckle,
)
from training.phantoms.styles import to_grey
from training.phantoms.tissue import paint_absorption, paint_reflection

USUAL_ROW_MM = 0.0039
LUMEN = 0.22
"""Light from a vessel lumen of the choroid beside that from the tissue round it."""


def render(rng: np.random.Generator, s: Slice) -> NDArray[np.uint8]:
    """One B-scan in grey values, axes (depth, ascan)."""
    style = s.style
    light = _reflected(rng, s)
    light *= s.gain * np.exp(0.05 * line_noise(rng, s.ascans, length=0.04 / s.ascan_mm))
    light *= np.float32(style.gain * np.exp(rng.normal(0, 0.04)))
    axial = style.psf_um[0] / 1000 / s.axial_mm
    lateral = style.psf_um[1] / 1000 / s.ascan_mm
    light = _blur_rows(_blur_rows(light, axial).T, lateral).T
    binned = max(1.0, s.axial_mm / USUAL_ROW_MM)
    tissue = speckle(axial, lateral, frames=style.speckle_frames * binned)
    light *= cut(tissue, rng, shape=light.shape)
    detector = speckle(0.55, 0.75, frames=style.noise_frames * binned)
    light += cut(detector, rng, shape=light.shape) * np.float32(style.noise)
    light -= np.float32(style.noise * style.noise_cut)
    return to_grey(light)


def _blur_rows(light: Floats, sigma: float) -> Floats:
    """Three-tap approximation of a Gaussian of `sigma` pixels down the first axis."""
    if sigma < 0.2:
        return light
    passes = max(1, round(sigma * sigma / 0.5))
    side = np.float32(min(sigma * sigma / (2 * passes), 0.3))
    for _ in range(passes):
        result = light * (1 - 2 * side)
        result[1:] += side * light[:-1]
        result[:-1] += side * light[1:]
        result[0] += side * light[0]
        result[-1] += side * light[-1]
        light = result
    return light


def _reflected(rng: np.random.Generator, s: Slice) -> Floats:
    """Mean light that comes back from each pixel, before speckle."""
    picture = paint_reflection(rng, s).picture()
    _fill_fluid(picture, s)
    _add_bright(picture, s)
    picture *= 1 + np.float32(s.style.grain) * cut(grain_bank(1.2, 2.5), rng, shape=picture.shape)
    _open_choroid(picture, s)
    _roughen(rng, s, picture=picture)
    loss = paint_absorption(rng, s).picture()
    loss *= np.float32(-s.axial_mm)
    np.cumsum(loss, axis=0, out=loss)
    np.exp(loss, out=loss)
    picture *= loss
    np.clip(picture, 0, None, out=picture)
    return picture


def _fill_fluid(picture: Floats, s: Slice) -> None:
    """Cysts replace the tissue by fluid."""
    if not s.cysts:
        return
    share = Canvas(s.depth, s.ascans)
    for item in s.cysts:
        share.jump(item.top, 1.0, columns=item.columns)
        share.jump(item.bottom, -1.0, columns=item.columns)
    picture += np.clip(share.picture(), 0, 1) * (s.shade("FLUID") - picture)


def _add_bright(picture: Floats, s: Slice) -> None:
    """Exudates and foci replace what was there."""
    for item in s.bright:
        low = max(0, int(item.top.min()))
        high = min(s.depth, int(item.bottom.max()) + 2)
        if low >= high:
            continue
        rows = np.arange(low, high, dtype=np.float32)[:, None]
        inside = np.clip(np.minimum(rows - item.top + 0.5, item.bottom - rows + 0.5), 0, 1)
        window = picture[low:high, item.columns]
        window += inside * (np.float32(item.reflectivity) - window)


def _open_choroid(picture: Floats, s: Slice) -> None:
    """Dark vessel lumens in the choroid."""
    upper, lower = s.surfaces["BM"], s.surfaces["CSI"]
    first = int(np.clip(upper.min(), 0, s.depth))
    last = int(np.clip(lower.max() + 1, 0, s.depth))
    if last <= first:
        return
    lumen = choroid_columns(s.x, s.y).T
    levels = lumen.shape[0]
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    level = np.clip((rows - upper) / np.maximum(lower - upper, 1) * levels, 0, levels - 1.001)
    below = level.astype(np.int64)
    part = level - below
    columns = np.arange(s.ascans)[None, :]
    open_share = lumen[below, columns] * (1 - part) + lumen[below + 1, columns] * part
    picture[first:last] *= 1 - np.float32(1 - LUMEN**s.style.contrast) * open_share


def _roughen(rng: np.random.Generator, s: Slice, *, picture: Floats) -> None:
    """Uneven, layered content of detachments, drusen and hyperreflective material."""
    lesion = s.lesion
    height = lesion["ped"] + lesion["druse"] + lesion["shrm"] + lesion["deposit"]
    columns = np.flatnonzero(height > 0.01)
    if not columns.size:
        return
    span = slice(int(columns[0]), int(columns[-1]) + 1)
    crust, rpe = s.crust[span], s.surfaces["RPE"][span]
    low, high = s.surfaces["RPE_BOTTOM"][span], s.surfaces["BM"][span]
    first = int(np.clip(crust.min(), 0, s.depth))
    last = int(np.clip(high.max() + 1, 0, s.depth))
    if last <= first:
        return
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    inside = ((rows > crust) & (rows < rpe)) | ((rows > low) & (rows < high))
    coarse = cut(grain_bank(3.0, 6.0), rng, shape=picture.shape)[first:last, span]
    level = np.clip((rows - low) / np.maximum(high - low, 1), 0, 1)
    sheets = np.sin(level * np.float32(rng.uniform(6, 22)) + 1.2 * coarse)
    sheets *= lesion["ped_content"][span] * np.float32(rng.uniform(0, 0.7))
    picture[first:last, span] *= np.where(inside, np.exp(0.45 * coarse + sheets), np.float32(1))
