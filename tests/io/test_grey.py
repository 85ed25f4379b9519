"""One documented way from stored values to grey."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.io.grey import GreyTransform, Window, grey_from_colour
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, save
from tests.io.in_process import pixels_of


def read(folder: Path, pixels: NDArray[Any], **tags: Any) -> NDArray[np.uint8]:
    """Voxels of a volume made of stored values."""
    return pixels_of(save(opt(pixels, **tags), folder / "a.dcm"))


def test_eight_bit_values_are_kept(tmp_path: Path) -> None:
    volume = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    window = {"WindowCenter": 40, "WindowWidth": 10}
    np.testing.assert_array_equal(read(tmp_path, volume, **window), volume)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    volume = ramp(2)
    inverted = read(tmp_path, volume, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(inverted, 255 - volume)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_values_without_window_use_the_whole_range(tmp_path: Path, bits: int) -> None:
    top = (1 << bits) - 1
    stored = np.linspace(0, top, 2000).astype(np.uint16).reshape(1, 40, 50)
    grey = read(tmp_path, stored, BitsStored=bits, HighBit=bits - 1)
    np.testing.assert_array_equal(grey, np.floor(stored / top * 255 + 0.5))


def test_bits_outside_of_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    stored = np.linspace(0, 4095, 2000).astype(np.uint16).reshape(1, 40, 50)
    plain = read(tmp_path, stored, BitsStored=12, HighBit=11)
    dirty = read(tmp_path, stored | 0xF000, BitsStored=12, HighBit=11)
    shifted = read(tmp_path, (stored << 4) | 7, BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(dirty, plain)
    np.testing.assert_array_equal(shifted, plain)


def test_signed_values_keep_their_order(tmp_path: Path) -> None:
    stored = np.linspace(-32768, 32767, 2000).astype(np.int16).reshape(1, 40, 50)
    grey = read(tmp_path, stored).ravel()
    assert (grey[0], grey[-1]) == (0, 255)
    assert np.all(np.diff(grey.astype(int)) >= 0)


def test_a_window_follows_the_standard(tmp_path: Path) -> None:
    stored = np.arange(2000, dtype=np.uint16).reshape(1, 40, 50)
    grey = read(tmp_path, stored, WindowCenter=1000, WindowWidth=201).ravel()
    expected = np.clip(((stored.ravel() - 999.5) / 200 + 0.5), 0, 1)
    np.testing.assert_array_equal(grey, np.floor(expected * 255 + 0.5))


def test_a_rescale_comes_before_the_window(tmp_path: Path) -> None:
    stored = np.arange(2000, dtype=np.uint16).reshape(1, 40, 50)
    plain = read(tmp_path, stored, WindowCenter=1000, WindowWidth=201)
    window = {"WindowCenter": 1900, "WindowWidth": 401}
    tags = {**window, "RescaleSlope": 2, "RescaleIntercept": -100}
    rescaled = read(tmp_path, stored, **tags)
    assert np.abs(rescaled.astype(int) - plain).max() <= 1


def test_a_lookup_table_is_used() -> None:
    transform = GreyTransform(bits=12, table=(100, 8, tuple(range(255, -1, -1))))
    grey = transform.apply(np.array([[0, 100, 150, 355, 4000]], np.uint16))
    assert grey.tolist() == [[255, 255, 205, 0, 0]]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_every_window_function_rises_through_its_centre(function: str) -> None:
    grey = GreyTransform(bits=12, window=Window(2048.0, 1000.0, function)).lookup()
    assert np.all(np.diff(grey.astype(int)) >= 0)
    assert abs(int(grey[2048]) - 128) <= 1


def test_a_nearly_black_result_is_announced(tmp_path: Path) -> None:
    stored = ramp(2).astype(np.uint16)
    (study,) = open_volumes(save(opt(stored), tmp_path / "a.dcm")).studies
    assert "narrow-grey-range" in {notice.code for notice in study.volumes[0].notices}


def test_grey_stored_as_colour_is_told_from_colour() -> None:
    grey = ramp(1)[0]
    same = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    found = grey_from_colour(same)
    assert found is not None
    np.testing.assert_array_equal(found, grey)
    logo = same.copy()
    logo[:5, :5] = (255, 0, 0)
    assert grey_from_colour(logo) is not None
    photo = same.copy()
    photo[..., 2] = 255 - photo[..., 2]
    assert grey_from_colour(photo) is None
