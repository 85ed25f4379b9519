"""The one way from a B-scan to the network's input."""

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

import training.data.cache_build
import training.measure.predicting
from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.inference import preprocess as module
from kdoct_desktop.inference.preprocess import (
    VIEWS,
    InputSpec,
    preprocess,
    preprocessing_hash,
    unit_picture,
    unview,
    view,
    without_wedges,
)

Grey = NDArray[np.uint8]
SPEC = InputSpec(96, 128)


def drawn_bscan(*, level: int = 20, gain: int = 1, depth: int = 300, ascans: int = 400) -> Grey:
    """A band of tissue with two bright lines on a noisy background; integers only."""
    row, column = np.mgrid[0:depth, 0:ascans]
    noise = (row * 7919 + column * 104729 + row * column * 31) % 17
    top = 120 + (column - ascans // 2) ** 2 // 900
    value = level + noise
    value = np.where((row >= top) & (row < top + 60), level + 80 * gain + 2 * noise, value)
    value = np.where((row >= top + 50) & (row < top + 56), level + 170 * gain, value)
    return np.clip(value, 0, 255).astype(np.uint8)


def test_the_input_has_the_shape_type_and_statistics_that_the_spec_asks_for() -> None:
    tensor, (top, bottom, left, right) = preprocess(drawn_bscan(), SPEC)
    assert tensor.shape == (3, 96, 128)
    assert tensor.dtype == np.float32
    unit = tensor * np.array(SPEC.std, np.float32)[:, None, None]
    unit = unit + np.array(SPEC.mean, np.float32)[:, None, None]
    assert unit.min() > -1e-5
    assert unit.max() < 1.0 + 1e-5
    assert np.allclose(unit[0], unit[2], atol=1e-5)
    assert 0 <= top < bottom <= 300
    assert (left, right) == (0, 400)


def test_the_same_picture_gives_the_same_bits_on_every_machine() -> None:
    tensor, box = preprocess(drawn_bscan(), SPEC)
    assert box == (103, 248, 0, 400)
    assert hashlib.sha256(tensor.tobytes()).hexdigest() == GOLDEN


def test_training_uses_the_very_same_function() -> None:
    assert vars(training.data.cache_build)["unit_pictures"] is module.unit_pictures
    assert vars(training.measure.predicting)["preprocess"] is module.preprocess
    unit, box = unit_picture(drawn_bscan(), SPEC)
    tensor, same = preprocess(drawn_bscan(), SPEC)
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (SPEC.mean, SPEC.std))
    assert box == same
    assert ((unit[None] - mean) / std).tobytes() == tensor.tobytes()


def test_the_cut_out_holds_the_tissue_and_leaves_the_empty_rows_out() -> None:
    _, (top, bottom, _, _) = preprocess(drawn_bscan(depth=420), SPEC)
    assert 80 < top < 120
    assert 200 < bottom < 320


def test_a_frame_without_contrast_is_kept_whole() -> None:
    _, box = preprocess(np.full((200, 300), 40, np.uint8), SPEC)
    assert box == (0, 200, 0, 300)


def test_two_devices_with_other_grey_scales_give_nearly_the_same_input() -> None:
    dark, _ = unit_picture(drawn_bscan(level=4), SPEC)
    light, _ = unit_picture(drawn_bscan(level=45), SPEC)
    assert float(np.abs(dark - light).mean()) < 0.01


def test_a_white_wedge_is_filled_with_background_and_the_tissue_stays() -> None:
    plain = drawn_bscan()
    row, column = np.mgrid[0:300, 0:400]
    wedge = row < 60 - column // 8
    picture = np.where(wedge, 255, plain).astype(np.uint8)
    filled, valid = without_wedges(picture)
    assert int(filled[wedge].max()) < 60
    assert valid is not None
    assert not valid[wedge].any()
    assert np.array_equal(filled[110:200], plain[110:200])
    clean, _ = unit_picture(plain, SPEC)
    freed, _ = unit_picture(picture, SPEC)
    assert float(np.abs(clean - freed).mean()) < 0.02


def test_saturated_tissue_that_touches_the_border_is_not_taken_for_a_wedge() -> None:
    picture = drawn_bscan()
    picture[150:162, :] = 255
    filled, valid = without_wedges(picture)
    assert np.array_equal(filled, picture)
    assert valid is None  # every pixel is real


def test_a_position_icon_in_the_corner_disappears() -> None:
    picture = drawn_bscan()
    plain, _ = unit_picture(picture, SPEC)
    for at in (240, 280):
        picture[at, 20:61] = 255
    for at in (20, 60):
        picture[240:281, at] = 255
    spec = InputSpec(96, 128, crop_rows=False)
    drawn, _ = unit_picture(picture, spec)
    bare, _ = unit_picture(drawn_bscan(), spec)
    assert float(np.abs(drawn - bare).max()) < 0.12
    assert plain.shape == drawn.shape


def test_a_spec_survives_json_and_every_option_is_hashed() -> None:
    assert InputSpec.from_json(SPEC.to_json()) == SPEC
    other = InputSpec(96, 128, margin_below=0.2)
    assert preprocessing_hash(other) != preprocessing_hash(SPEC)
    assert preprocessing_hash(InputSpec(96, 128)) == preprocessing_hash(SPEC)


@pytest.mark.parametrize(
    "change",
    [{"colour": 1}, {"interpolation": "magic"}, {"height": 1}, {"std": [0.0, 1.0, 1.0]}],
)
def test_an_impossible_spec_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        InputSpec.from_json({**SPEC.to_json(), **change})


def test_what_is_no_grey_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        preprocess(np.zeros((10, 10), np.float32), SPEC)


@pytest.mark.parametrize("name", VIEWS)
def test_the_map_of_a_view_lies_on_the_frame_again(name: str) -> None:
    row, column = np.mgrid[0:48, 0:64].astype(np.float32)
    blob = np.exp(-((row - 20) ** 2 + (column - 40) ** 2) / 60).astype(np.float32)
    back = unview(view(blob[None], name), name)[0]
    assert back.shape == blob.shape
    peak = np.unravel_index(int(back.argmax()), back.shape)
    assert abs(int(peak[0]) - 20) <= 1
    assert abs(int(peak[1]) - 40) <= 1


def test_an_unknown_view_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown view"):
        view(np.zeros((3, 8, 8), np.float32), "upside-down")


GOLDEN = "6a69f6c24c25d5c1e870c27442890bdda1849ac7ee89ddf3d7116ec879053dbd"
