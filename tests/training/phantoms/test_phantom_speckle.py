"""Speckle, noise and textures have the statistics that optics gives them."""

import numpy as np
import pytest

from training.phantoms.canvas import Canvas
from training.phantoms.fields import (
    choroid_bank,
    choroid_columns,
    cut,
    grain_bank,
    line_noise,
    smooth_field,
    speckle,
    speckle_bank,
    stream,
)


@pytest.mark.parametrize("frames", [1, 4, 8])
def test_the_contrast_of_averaged_speckle_is_one_over_the_root_of_the_frames(frames: int) -> None:
    bank = speckle_bank(0.75, 0.75, frames=frames)
    assert bank.mean() == pytest.approx(1, abs=1e-4)
    assert bank.std() == pytest.approx(1 / np.sqrt(frames), rel=0.05)


def test_one_frame_of_speckle_follows_the_exponential_law() -> None:
    bank = speckle_bank(0.75, 0.75, frames=1)
    assert np.mean(bank > 1) == pytest.approx(np.exp(-1), abs=0.01)
    assert np.mean(bank > 3) == pytest.approx(np.exp(-3), abs=0.005)


def test_speckle_grains_are_as_large_as_the_point_spread_function() -> None:
    narrow, wide = speckle_bank(0.4, 0.4, frames=1), speckle_bank(1.4, 1.4, frames=1)

    def neighbours(bank: np.ndarray) -> float:
        return float(np.corrcoef(bank[:, :-1].ravel(), bank[:, 1:].ravel())[0, 1])

    # For a Gaussian amplitude point-spread function, the intensity's correlation over a distance d
    # is exp(-d**2 / (2 sigma**2)).
    assert neighbours(narrow) < 0.15
    assert neighbours(wide) == pytest.approx(np.exp(-1 / (2 * 1.4**2)), abs=0.03)


def test_the_nearest_bank_is_taken() -> None:
    assert speckle(0.78, 0.71, frames=4.2) is speckle_bank(0.75, 0.75, frames=4)


def test_a_cut_has_the_size_asked_for_and_only_values_of_the_bank() -> None:
    bank = np.arange(640 * 1024, dtype=np.float32).reshape(640, 1024)
    for shape in ((10, 20), (640, 1024), (700, 30), (20, 1500)):
        piece = cut(bank, np.random.default_rng(0), shape=shape)
        assert piece.shape == shape
        assert np.isin(piece, bank).all()


def test_grain_and_line_noise_are_standardised() -> None:
    assert grain_bank(1.2, 2.5).std() == pytest.approx(1, abs=1e-3)
    noise = line_noise(np.random.default_rng(0), 20000, length=6)
    assert noise.shape == (20000,)
    assert noise.std() == pytest.approx(1, abs=0.1)


def test_a_smooth_field_does_not_depend_on_where_it_is_sampled() -> None:
    x = np.linspace(-3, 3, 50, dtype=np.float32)
    y = np.linspace(2, -2, 50, dtype=np.float32)
    whole = smooth_field(np.random.default_rng(4), x, y=y, scale_mm=0.5)
    part = smooth_field(np.random.default_rng(4), x[10:20], y=y[10:20], scale_mm=0.5)
    assert np.allclose(whole[10:20], part, atol=1e-5)


def test_streams_of_different_parts_are_independent() -> None:
    assert stream(1, "vessels").random() != stream(1, "tone").random()
    assert stream(1, "vessels").random() == stream(1, "vessels").random()


def test_the_choroid_has_lumens_and_a_closed_rim() -> None:
    bank = choroid_bank()
    assert bank.min() == 0
    assert bank.max() == 1
    assert 0.2 < bank[..., 15:40].mean() < 0.8
    assert not bank[..., 0].any()
    assert not bank[..., -1].any()
    columns = choroid_columns(np.array([0.03, 4.83], np.float32), np.zeros(2, np.float32))
    assert np.allclose(columns[0], columns[1], atol=1e-3)


def test_a_border_between_two_rows_is_shared_by_both() -> None:
    canvas = Canvas(6, 2)
    canvas.layers([(np.array([1.0, 2.25], np.float32), 4.0)])
    picture = canvas.picture()
    assert picture[:, 0].tolist() == [0, 4, 4, 4, 4, 4]
    assert picture[:, 1].tolist() == [0, 0, 3, 4, 4, 4]


def test_a_border_outside_the_frame_paints_all_or_nothing() -> None:
    canvas = Canvas(4, 2)
    canvas.jump(np.array([-3.0, 9.0], np.float32), 2.0)
    assert canvas.picture()[:, 0].tolist() == [2, 2, 2, 2]
    assert canvas.picture()[:, 1].tolist() == [0, 0, 0, 0]
