"""A textured picture and configurations with one operation on."""

import dataclasses
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.augment import (
    View,
    augmented,
    draw_view,
)
from training.recipe import AugmentConfig

Grey = NDArray[np.uint8]
SIZE = (48, 60)
LARGE = (52, 65)

OFF = AugmentConfig(
    enlarge=1.0, operations=0, magnitude=0, rotation=0.0, shear=0.0, scale=(1.0, 1.0),
    brightness=0.0, contrast=0.0, hflip=0.0, blur=0.0, posterize=0.0, erase=0.0,
)  # fmt: skip


def texture(shape: tuple[int, int] = SIZE, seed: int = 0) -> Grey:
    """Smooth enough to be moved and with every grey level about."""
    noise = np.random.default_rng(seed).random(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (9, 9), 2.5)
    low, high = smooth.min(), smooth.max()
    return np.asarray((smooth - low) / (high - low) * 220 + 20).astype(np.uint8)


def one(seed: int = 0, **on: Any) -> Grey:
    return augmented(texture(), SIZE, dataclasses.replace(OFF, **on), np.random.default_rng(seed))


def drawn(seed: int = 0, shape: tuple[int, int] = SIZE, **on: Any) -> View:
    config = dataclasses.replace(OFF, **on)
    return draw_view(shape, SIZE, config, np.random.default_rng(seed))
