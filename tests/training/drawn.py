"""A drawn normal B-scan with known surfaces, and small things that several tests use."""

import numpy as np
from numpy.typing import NDArray

from training.painted.canvas import Ground
from training.painted.surfaces import Surfaces

Grey = NDArray[np.uint8]


def normal_bscan(
    *, depth: int = 240, ascans: int = 320, seed: int = 0
) -> tuple[Grey, NDArray[np.float32], NDArray[np.float32]]:
    """A layered retina over a fading choroid: picture, inner border, Bruch's membrane."""
    rng = np.random.default_rng(seed)
    across = np.linspace(-1.0, 1.0, ascans)
    bruch = 0.62 * depth + 14.0 * across + 10.0 * (across**2 - 0.3)
    thick = 0.24 * depth * (1.0 - 0.4 * np.exp(-((across / 0.12) ** 2)))
    ilm = bruch - thick
    row = np.arange(depth)[:, None]
    share = (row - ilm) / thick
    knots = [-0.02, 0.0, 0.15, 0.2, 0.4, 0.45, 0.6, 0.62, 0.8, 0.84, 0.9, 0.93, 0.99, 1.02]
    levels = [14, 150, 150, 110, 110, 70, 70, 60, 60, 190, 190, 230, 230, 90]
    value = np.interp(share, knots, levels)
    value = np.where(share > 1.02, 90.0 * np.exp(-(share - 1.02) / 0.8), value)
    value = np.maximum(value, 14.0)
    value = value * rng.gamma(14.0, 1 / 14.0, size=value.shape) + rng.normal(0, 2, value.shape)
    picture = np.clip(value, 0, 255).astype(np.uint8)
    return picture, ilm.astype(np.float32), bruch.astype(np.float32)


def ground(*, seed: int = 0) -> Ground:
    """The drawn B-scan as a ground to paint on."""
    picture, ilm, bruch = normal_bscan(seed=seed)
    return Ground(
        picture=picture.astype(np.float32),
        ilm=ilm,
        bruch=bruch,
        um_per_row=300.0 / float(np.median(bruch - ilm)),
        um_per_column=6000.0 / picture.shape[1],
        fovea=picture.shape[1] // 2,
    )


def surfaces(*, seed: int = 0) -> Surfaces:
    """Its true surfaces."""
    _, ilm, bruch = normal_bscan(seed=seed)
    return Surfaces(ilm, bruch)
