"""Each operation alone does exactly what it says; strength, parity, reproducibility."""

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.inference.preprocess import InputSpec, unit_picture
from tests.training.drawn import normal_bscan
from training.augment import (
    ERASED,
    OPERATIONS,
    View,
    apply_view,
    augmented,
    background,
    draw_view,
    enlarged_size,
)
from training.recipe import STUDENT, TEACHER, AugmentConfig

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


def dots() -> Grey:
    """Background 10 with a bright dot up left of the middle and a dim one right of it."""
    picture = np.full((61, 61), 10, dtype=np.uint8)
    picture[9:12, 29:32], picture[29:32, 49:52] = 200, 100
    return picture


def place(picture: Grey, low: int, high: int) -> tuple[float, float]:
    """Centre (row, column) of the pixels whose grey lies in a range."""
    rows, columns = np.nonzero((picture > low) & (picture <= high))
    return float(rows.mean()), float(columns.mean())


def one(seed: int = 0, **on: Any) -> Grey:
    return augmented(texture(), SIZE, dataclasses.replace(OFF, **on), np.random.default_rng(seed))


def drawn(seed: int = 0, shape: tuple[int, int] = SIZE, **on: Any) -> View:
    config = dataclasses.replace(OFF, **on)
    return draw_view(shape, SIZE, config, np.random.default_rng(seed))


def test_with_everything_off_the_view_is_the_picture() -> None:
    assert np.array_equal(one(), texture())
    assert drawn() == View(0, 0)


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


def test_the_crop_reaches_every_place_and_nothing_else() -> None:
    picture = texture(LARGE)
    seen = set()
    for seed in range(200):
        view = drawn(seed, LARGE)
        assert view == View(view.top, view.left)
        seen.add((view.top, view.left))
        wanted = picture[view.top : view.top + 48, view.left : view.left + 60]
        assert np.array_equal(apply_view(picture, SIZE, view), wanted)
    assert {top for top, _ in seen} == set(range(5))
    assert {left for _, left in seen} == set(range(6))


@pytest.mark.parametrize("name", ["rotation", "shear"])
def test_turning_and_shearing_keep_to_their_range_in_both_directions(name: str) -> None:
    options: dict[str, Any] = {name: 20.0}
    views = [drawn(seed, **options) for seed in range(200)]
    assert {move for view in views for move, _ in view.moves} == {
        {"rotation": "rotate"}.get(name, name)
    }
    amounts = [amount for view in views for _, amount in view.moves]
    assert len(amounts) == 200
    assert -20.0 < min(amounts) < -18.0
    assert 18.0 < max(amounts) < 20.0


def test_a_quarter_turn_brings_the_top_to_the_left() -> None:
    """Rotation is counter-clockwise, as Pillow's and torchvision's."""
    turned = apply_view(dots(), (61, 61), View(0, 0, moves=(("rotate", 90.0),)))
    assert place(turned, 150, 255) == pytest.approx((30.0, 10.0), abs=0.1)
    assert place(turned, 50, 150) == pytest.approx((10.0, 30.0), abs=0.1)
    assert np.array_equal(turned, np.rot90(dots()))


def test_a_shear_moves_rows_sideways_and_nothing_up_or_down() -> None:
    """tan(45 degrees) = 1: twenty rows above the middle go twenty columns to the left."""
    sheared = apply_view(dots(), (61, 61), View(0, 0, moves=(("shear", 45.0),)))
    assert place(sheared, 150, 255) == pytest.approx((10.0, 10.0), abs=0.1)
    assert place(sheared, 50, 150) == pytest.approx((30.0, 50.0), abs=0.1)


def test_the_scale_keeps_to_its_range_and_magnifies_about_the_middle() -> None:
    amounts = [amount for seed in range(200) for _, amount in drawn(seed, scale=(0.8, 1.3)).moves]
    assert 0.8 <= min(amounts) < 0.82
    assert 1.28 < max(amounts) <= 1.3
    small = apply_view(dots(), (61, 61), View(0, 0, moves=(("scale", 0.5),)))
    assert place(small, 100, 255) == pytest.approx((20.0, 30.0), abs=0.5)
    assert small[0, 0] == 10, "what was never seen is background"


def test_a_flip_mirrors_left_and_right() -> None:
    assert np.array_equal(one(hflip=1.0), texture()[:, ::-1])
    flips = [drawn(seed, hflip=0.5).flip for seed in range(400)]
    assert 160 < sum(flips) < 240
    moved = View(0, 0, moves=(("rotate", 20.0),))
    mirrored = dataclasses.replace(moved, flip=True)
    straight = apply_view(texture((60, 60)), (60, 60), moved)
    assert np.abs(
        apply_view(texture((60, 60)), (60, 60), mirrored).astype(int) - straight[:, ::-1]
    ).max() <= 2  # fmt: skip


def test_brightness_multiplies_every_grey_value() -> None:
    for seed in range(10):
        ((name, factor),) = drawn(seed, brightness=0.3).tones
        assert name == "brightness"
        assert 0.7 < factor < 1.3
        wanted = np.clip(np.floor(texture() * factor + 0.5), 0, 255)
        assert np.array_equal(one(seed, brightness=0.3), wanted)


def test_contrast_turns_about_the_mean_grey() -> None:
    for seed in range(10):
        ((name, factor),) = drawn(seed, contrast=0.3).tones
        assert name == "contrast"
        mean = texture().mean()
        wanted = np.clip(np.floor(mean + (texture() - mean) * factor + 0.5), 0, 255)
        assert np.array_equal(one(seed, contrast=0.3), wanted)


def test_tones_in_a_row_are_rounded_once() -> None:
    picture = np.array([[100, 200]], dtype=np.uint8).repeat(16, axis=0).repeat(8, axis=1)
    tones = (("brightness", 0.5), ("contrast", 0.5), ("brightness", 1.5))
    made = apply_view(picture, (16, 16), View(0, 0, tones=tones))
    # by hand: 50 and 100; about their mean 75: 62.5 and 87.5; times 1.5: 93.75 and 131.25
    assert np.unique(made).tolist() == [94, 131]


def test_sharpness_is_pillows() -> None:
    from PIL import Image, ImageEnhance

    for factor in (0.73, 1.27):
        pillow = ImageEnhance.Sharpness(Image.fromarray(texture())).enhance(factor)
        made = apply_view(texture(), SIZE, View(0, 0, sharpness=factor))
        inner = np.s_[1:-1, 1:-1]  # Pillow leaves the border as it is
        assert np.abs(made[inner].astype(int) - np.asarray(pillow)[inner]).max() <= 1


def test_the_blur_is_a_3_by_3_gaussian() -> None:
    picture = np.zeros(SIZE, dtype=np.uint8)
    picture[20, 20] = 200
    view = drawn(blur=1.0)
    assert 0.1 <= view.sigma <= 2.0
    made = apply_view(picture, SIZE, dataclasses.replace(view, sigma=1.0))
    # by hand: weights e^-0.5 / (1 + 2 e^-0.5) = 0.2741 and 0.4519 along each axis
    assert made[19:22, 19:22].tolist() == [[15, 25, 15], [25, 41, 25], [15, 25, 15]]
    assert made.astype(int).sum() == 201
    assert np.count_nonzero([drawn(seed, blur=0.2).sigma for seed in range(400)]) in range(56, 106)


def test_posterize_leaves_four_bits() -> None:
    assert np.array_equal(one(posterize=1.0), texture() // 16 * 16)


def test_erase_covers_a_rectangle_of_the_drawn_area() -> None:
    shares = []
    for seed in range(200):
        made = one(seed, erase=1.0, erase_area=(0.05, 0.15))
        changed = made != texture()
        rows, columns = np.nonzero(changed)
        box = made[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (box == ERASED).all()
        shares.append(box.size / made.size)
        assert 1 / 4.5 < box.shape[0] / box.shape[1] < 4.5
    assert 0.04 < min(shares) < 0.06
    assert 0.14 < max(shares) < 0.16
    assert pytest.approx((0.485 + 0.456 + 0.406) / 3, abs=0.003) == ERASED / 255


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


def test_translations_go_by_their_share_of_the_side() -> None:
    view = View(0, 0, moves=(("translate-x", 0.1), ("translate-y", -0.2)))
    picture = texture((50, 70))
    made = apply_view(picture, (50, 70), view)  # 7 columns right, 10 rows up
    assert np.array_equal(made[:40, 7:], picture[10:, :63])
    assert (made[40:] == background(picture)).all()
    assert (made[:, :7] == background(picture)).all()


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


def test_a_read_only_picture_gives_a_view_of_its_own() -> None:
    picture = texture(LARGE)
    picture.flags.writeable = False
    view = apply_view(picture, SIZE, View(0, 0, erase=(0, 5, 0, 5), posterize=True))
    assert view.flags.writeable
    assert view.flags.c_contiguous


def test_background_is_the_level_of_the_dark_tenth() -> None:
    picture = np.full((100, 100), 90, dtype=np.uint8)
    picture[:30] = 14
    assert background(picture) == 14
    assert background(np.zeros((40, 40), np.uint8)) == 0


def test_a_view_larger_than_the_picture_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no larger"):
        augmented(texture(), (60, 60), OFF, np.random.default_rng(0))


def test_no_option_is_without_effect() -> None:
    """Every field of the configuration changes some view: a new one needs a test above."""
    tested = "enlarge operations magnitude rotation shear scale brightness contrast hflip blur"
    tested += " posterize erase erase_area strength"
    assert {field.name for field in dataclasses.fields(AugmentConfig)} == set(tested.split())
