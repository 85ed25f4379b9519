"""Whole recipes of random views: strength, parity, orientation, reproducibility."""

import dataclasses

import cv2
import numpy as np
import pytest

from kdoct_desktop.inference.preprocess import InputSpec, unit_picture
from tests.training.data.views import SIZE, drawn, texture
from tests.training.drawn import normal_bscan
from training.data.augment import (
    OPERATIONS,
    apply_view,
    augmented,
    enlarged_size,
)
from training.recipe import STUDENT, TEACHER, AugmentConfig


def test_without_strength_every_recipe_gives_the_centre_crop() -> None:
    picture = texture((100, 130))
    for recipe in (TEACHER.augment, STUDENT.augment):
        plain = dataclasses.replace(recipe, strength=0.0)
        for seed in range(5):
            view = augmented(picture, (92, 120), plain, np.random.default_rng(seed))
            assert np.array_equal(view, picture[4:96, 5:125])


def test_the_centre_crop_is_the_middle_of_the_exact_view_magnified() -> None:
    """Lay the crop back at 384 / 416 of its size: it must cover the middle of the exact view."""
    bscan = normal_bscan(depth=300, ascans=400)[0]
    spec, size = InputSpec(192, 192), (192, 192)
    exact = unit_picture(bscan, spec)[0]
    rows, columns = enlarged_size(size, AugmentConfig())
    assert (rows, columns) == (208, 208)
    large = unit_picture(bscan, dataclasses.replace(spec, height=rows, width=columns))[0]
    plain = dataclasses.replace(AugmentConfig(), strength=0.0)
    crop = augmented((large * 255 + 0.5).astype(np.uint8), size, plain, np.random.default_rng(0))
    shown = round(192 * 192 / 208)  # rows of the exact view that the crop shows: 177.2
    back = cv2.resize(crop, (shown, shown), interpolation=cv2.INTER_AREA) / 255.0
    edge = (192 - shown) // 2
    middle = exact[edge : edge + shown, edge : edge + shown]
    parts = (np.asarray(back, dtype=np.float32), np.asarray(middle, dtype=np.float32))
    blurred = [cv2.GaussianBlur(part, (0, 0), 3.0) for part in parts]
    error = {
        shift: float(np.abs(np.roll(blurred[0], shift, axis=0) - blurred[1])[8:-8].mean())
        for shift in (-2, -1, 0, 1, 2)
    }
    assert min(error, key=lambda shift: error[shift]) == 0
    assert error[0] < 0.01


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_of_rand_augment_is_drawn_and_acts(operation: str) -> None:
    """At magnitude 9: factors within 0.27 of 1, turns within 9 degrees, shifts within 9 %."""
    largest = {"rotate": 9.0, "translate-x": 0.09, "translate-y": 0.09}.get(operation, 0.27)
    rough = np.random.default_rng(0).integers(20, 220, SIZE, dtype=np.uint8)
    amounts = []
    for seed in range(600):
        view = drawn(seed, operations=1, magnitude=9)
        found = dict(view.moves) | {name: factor - 1.0 for name, factor in view.tones}
        if view.sharpness != 1.0:
            found["sharpness"] = view.sharpness - 1.0
        assert len(found) == 1
        if operation in found:
            amounts.append(found[operation])
            made = apply_view(rough, SIZE, view)
            assert abs(amounts[-1]) < 0.05 * largest or not np.array_equal(made, rough)
    assert 60 < len(amounts) < 140, "one in six"
    assert -largest <= min(amounts) < -0.8 * largest
    assert 0.8 * largest < max(amounts) <= largest


def test_the_number_of_operations_counts() -> None:
    for wanted in (0, 1, 2, 6):
        view = drawn(operations=wanted, magnitude=9)
        assert len(view.moves) + len(view.tones) + (view.sharpness != 1.0) == wanted


def test_strength_scales_every_magnitude() -> None:
    for seed in range(20):
        full = drawn(seed, rotation=20.0, shear=15.0, scale=(0.85, 1.15), brightness=0.3,
                     contrast=0.3, operations=2, magnitude=9)  # fmt: skip
        half = drawn(seed, rotation=20.0, shear=15.0, scale=(0.85, 1.15), brightness=0.3,
                     contrast=0.3, operations=2, magnitude=9, strength=0.5)  # fmt: skip
        assert [name for name, _ in full.moves] == [name for name, _ in half.moves]
        for (name, whole), (_, part) in zip(full.moves, half.moves, strict=True):
            neutral = 1.0 if name == "scale" else 0.0
            assert part - neutral == pytest.approx((whole - neutral) / 2)
        for (_, whole), (_, part) in zip(full.tones, half.tones, strict=True):
            assert part - 1.0 == pytest.approx((whole - 1.0) / 2)
        assert half.sharpness - 1.0 == pytest.approx((full.sharpness - 1.0) / 2)
    likely = [drawn(seed, hflip=0.5, strength=0.5).flip for seed in range(400)]
    assert 70 < sum(likely) < 130
    mirrored = [drawn(seed, hflip=0.5, strength=2.0).flip for seed in range(400)]
    assert 160 < sum(mirrored) < 240, "never likelier than the recipe says"


def test_top_stays_top_whatever_is_drawn() -> None:
    """A light upper half and a dark lower one: no view of any recipe turns it over."""
    picture = np.full((208, 208), 20, dtype=np.uint8)
    picture[:104] = 200
    for recipe in (TEACHER.augment, STUDENT.augment):
        strong = dataclasses.replace(recipe, strength=1.3, erase=0.0)
        for seed in range(200):
            view = augmented(picture, (192, 192), strong, np.random.default_rng(seed))
            assert view[50:58, 86:106].mean() > view[142:150, 86:106].mean() + 40


def test_the_same_state_gives_the_same_bits_and_another_one_does_not() -> None:
    picture = texture((208, 208))
    before = picture.copy()
    views = [
        augmented(picture, (192, 192), TEACHER.augment, np.random.default_rng(seed)).tobytes()
        for seed in (0, 0, 1)
    ]
    assert views[0] == views[1] != views[2]
    assert np.array_equal(picture, before), "the cached picture is not written to"


def test_no_option_is_without_effect() -> None:
    """Every field of the configuration changes some view: a new one needs a test above."""
    tested = "enlarge operations magnitude rotation shear scale brightness contrast hflip blur"
    tested += " posterize erase erase_area strength"
    assert {field.name for field in dataclasses.fields(AugmentConfig)} == set(tested.split())
