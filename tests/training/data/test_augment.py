"""Each operation of the random views alone does exactly what it says."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.training.data.views import LARGE, OFF, SIZE, Grey, drawn, one, texture
from training.data.augment import (
    ERASED,
    View,
    apply_view,
    augmented,
    background,
)


def dots() -> Grey:
    """Background 10 with a bright dot up left of the middle and a dim one right of it."""
    picture = np.full((61, 61), 10, dtype=np.uint8)
    picture[9:12, 29:32], picture[29:32, 49:52] = 200, 100
    return picture


def place(picture: Grey, low: int, high: int) -> tuple[float, float]:
    """Centre (row, column) of the pixels whose grey lies in a range."""
    rows, columns = np.nonzero((picture > low) & (picture <= high))
    return float(rows.mean()), float(columns.mean())


def test_with_everything_off_the_view_is_the_picture() -> None:
    assert np.array_equal(one(), texture())
    assert drawn() == View(0, 0)


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


def test_translations_go_by_their_share_of_the_side() -> None:
    view = View(0, 0, moves=(("translate-x", 0.1), ("translate-y", -0.2)))
    picture = texture((50, 70))
    made = apply_view(picture, (50, 70), view)  # 7 columns right, 10 rows up
    assert np.array_equal(made[:40, 7:], picture[10:, :63])
    assert (made[40:] == background(picture)).all()
    assert (made[:, :7] == background(picture)).all()


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
