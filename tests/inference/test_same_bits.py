"""Preparation may become faster, never different: digests of what it gave when it was released.

The pictures are drawn in integers, so they are the same everywhere. The real ones are read from
``../shared/data`` where that is there.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.inference.preprocess import InputSpec, preprocess, unit_picture, unit_pictures
from kdoct_desktop.inference.quality import measure
from tests.inference.test_preprocess import drawn_bscan

Grey = NDArray[np.uint8]
BSCANS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "bscans"
SPECS = {
    "shipped": InputSpec(192, 256),
    "small": InputSpec(96, 128),
    "odd": InputSpec(191, 257),
    "larger than the picture": InputSpec(600, 700),
    "whole frame": InputSpec(192, 256, crop_rows=False),
    "plain grey": InputSpec(192, 256, normalise=False),
    "graphics left": InputSpec(192, 256, fill_graphics=False),
}


def plain(depth: int, ascans: int) -> Grey:
    return drawn_bscan(depth=depth, ascans=ascans)


def wedges() -> Grey:
    """White and black corners of a turned frame."""
    row, column = np.mgrid[0:496, 0:512]
    picture = np.where(row < 70 - column // 6, 255, drawn_bscan(depth=496, ascans=512))
    return np.where(row > 440 + column // 5, 0, picture).astype(np.uint8)


def icon() -> Grey:
    """A position icon in a lower corner."""
    picture = drawn_bscan(depth=496, ascans=512)
    picture[420:424, 20:90] = picture[480:484, 20:90] = 250
    picture[420:484, 20:24] = picture[420:484, 86:90] = 250
    return picture


def black_sides() -> Grey:
    """Black specks along every side, too thin to be a wedge, and one that is not."""
    picture = drawn_bscan(depth=496, ascans=512)
    picture[:2, ::3] = picture[-2:, ::3] = 0
    picture[::3, :2] = picture[::3, -2:] = 0
    picture[:60, 470:] = 1
    return picture


PICTURES = {
    "plain": (plain(496, 512), "b5c3f06a1d865ed8"),
    "low": (plain(300, 400), "473d0a2d15cc414d"),
    "wide": (plain(233, 1000), "77d36c98eb9674c1"),
    "tall": (plain(1024, 301), "ae84b0efe468f223"),
    "dark": (drawn_bscan(level=0, depth=496, ascans=768), "751b27d4de788dab"),
    "blank": (np.full((200, 300), 40, np.uint8), "1336467880f5f7ef"),
    "wedges": (wedges(), "4eec8892aaea84f8"),
    "icon": (icon(), "7038eeb73d7bbd37"),
    "black sides": (black_sides(), "31b29666b0542cf5"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_preparation_gives_the_bits_that_it_gave_when_it_was_released(name: str) -> None:
    picture, released = PICTURES[name]
    assert digest(iter([picture]), list(SPECS.values())) == released


@pytest.mark.parametrize("name", PICTURES)
def test_several_sizes_at_once_have_the_bits_of_each_alone(name: str) -> None:
    sizes = [(one.height, one.width) for one in SPECS.values()]
    picture = PICTURES[name][0]
    for spec in (SPECS["shipped"], *list(SPECS.values())[4:]):
        together, shown = unit_pictures(picture, spec, sizes)
        for (height, width), one in zip(sizes, together, strict=True):
            alone, box = unit_picture(picture, replace(spec, height=height, width=width))
            assert one.dtype == alone.dtype
            assert one.tobytes() == alone.tobytes()
            assert shown == box


def test_real_b_scans_give_the_bits_that_they_gave_when_the_model_was_made() -> None:
    if not (BSCANS / "manifest.csv").exists():
        pytest.skip("the real B-scans are not there")
    assert digest(real(), [SPECS["shipped"]]) == REAL


def digest(pictures: Iterator[Grey], specs: list[InputSpec]) -> str:
    """Over the inputs, their boxes and the quality of pictures."""
    told = hashlib.sha256()
    for picture in pictures:
        for spec in specs:
            tensor, box = preprocess(picture, spec)
            told.update(tensor.tobytes())
            told.update(repr((tensor.shape, box)).encode())
        told.update(repr(measure(picture)).encode())
    return told.hexdigest()[:16]


def real() -> Iterator[Grey]:
    """Every tenth real B-scan."""
    with (BSCANS / "manifest.csv").open(newline="") as file:
        for row in islice(csv.DictReader(file), 0, None, 10):
            read = cv2.imread(str(BSCANS / row["path"]), cv2.IMREAD_GRAYSCALE)
            yield np.asarray(read, dtype=np.uint8)


REAL = "04fb2a7334f90e3e"
