"""Drawn pictures as files, and the cache of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.inference.preprocess import InputSpec, unit_picture
from tests.training.drawn import Grey, normal_bscan
from training.data import cache_build
from training.data.cache import Cache, open_cache
from training.data.manifest import Row
from training.data.read_picture import picture_sha256, read_picture

SPEC = InputSpec(32, 48)
LARGE = (36, 54)


def row(path: str, picture: Grey, frame: int = 0) -> Row:
    return Row(path, frame, picture_sha256(picture), "0" * 16, "toy", f"toy:{path}", label="NORMAL")


def drawn(seed: int) -> Grey:
    return normal_bscan(depth=60, ascans=80, seed=seed)[0]


def data(root: Path, count: int, *, first: int = 0) -> list[Row]:
    """So many pictures as PNG files under `root`, and their rows."""
    rows = []
    for seed in range(first, first + count):
        Image.fromarray(drawn(seed)).save(root / f"{seed:03d}.png")
        rows.append(row(f"{seed:03d}.png", drawn(seed)))
    return rows


def opened(root: Path, rows: list[Row], **more: Any) -> Cache:
    return open_cache(root / "cache", root, rows, SPEC, enlarged=LARGE, **more)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that the cache reads from now on."""
    read: list[str] = []

    def reading(root: Path, path: str, frame: int) -> Grey:
        read.append(path)
        return read_picture(root, path, frame)

    monkeypatch.setattr(cache_build, "read_picture", reading)
    return read


def right(cache: Cache, seeds: list[int]) -> None:
    """Every picture is what the desktop's preprocessing gives, within the rounding."""
    large = replace(SPEC, height=LARGE[0], width=LARGE[1])
    for at, seed in enumerate(seeds):
        exact, enlarged = cache.exact(at), cache.enlarged(at)
        assert exact.dtype == np.float32
        assert enlarged.dtype == np.uint8
        assert np.abs(exact - unit_picture(drawn(seed), SPEC)[0]).max() <= 1 / 131070 + 1e-7
        plain = unit_picture(drawn(seed), large)[0]
        assert np.abs(enlarged / 255.0 - plain).max() <= 0.5 / 255 + 1e-6
