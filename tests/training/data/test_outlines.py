"""Outlines move with their pictures, and end where the pictures end."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kdoct_desktop.inference.preprocess import unit_picture
from tests.training.data.cached import LARGE, SPEC, data, drawn, opened
from tests.training.data.views import LARGE as ENLARGED
from tests.training.data.views import SIZE
from training.config import ComputeConfig
from training.data.augment import apply_to_outline, apply_view, draw_view
from training.data.batches import TrainingBatches, view_rng
from training.data.outlines import Outlines, shrunk
from training.errors import TrainingError
from training.recipe import AugmentConfig, NetworkConfig


@pytest.mark.parametrize("seed", range(8))
def test_an_outline_goes_where_its_lesion_goes(seed: int) -> None:
    picture = np.full(ENLARGED, 20, dtype=np.uint8)
    cv2.ellipse(picture, (22 + 2 * seed, 24), (8, 5), 0, 0, 360, 250, -1)
    config = AugmentConfig(brightness=0.0, contrast=0.0, blur=0.0, posterize=0.0, operations=3)
    view = draw_view(ENLARGED, SIZE, config, np.random.default_rng(seed))
    view = replace(view, tones=(), sharpness=1.0)
    bright = apply_view(picture, SIZE, view) > 135
    outline = apply_to_outline(picture > 135, SIZE, view)
    assert outline.shape == SIZE
    assert bright.sum() > 0
    assert (bright ^ outline).sum() <= 0.12 * bright.sum() + 4


def test_what_is_erased_is_outlined_no_more() -> None:
    whole = np.ones(ENLARGED, dtype=np.bool_)
    view = replace(
        draw_view(ENLARGED, SIZE, AugmentConfig(strength=0.0), np.random.default_rng(0)),
        erase=(4, 10, 6, 20),
    )
    shown = apply_to_outline(whole, SIZE, view)
    assert not shown[4:10, 6:20].any()
    assert shown.sum() == SIZE[0] * SIZE[1] - 6 * 14


def test_a_lesion_smaller_than_a_pixel_stays() -> None:
    marked = np.zeros((96, 96), dtype=np.bool_)
    marked[50, 70:72] = True
    small = shrunk(marked, (12, 12))
    assert np.argwhere(small).tolist() == [[6, 8]]
    assert not shrunk(np.zeros_like(marked), (12, 12)).any()


def test_the_outline_shows_the_part_that_the_network_sees(tmp_path: Path) -> None:
    rows = data(tmp_path, 3)
    box = unit_picture(drawn(1), SPEC)[1]
    outline = np.zeros_like(drawn(1))
    outline[: box[0] + 4, :10] = 255  # four rows of it are inside
    cv2.imwrite(str(tmp_path / "lesion.png"), outline)
    rows[1] = replace(rows[1], outline="lesion.png")
    cache = opened(tmp_path, rows)
    assert cache.box(1) == box
    assert opened(tmp_path, rows).box(1) == box  # from the file
    found = Outlines(tmp_path, [rows[1], rows[0]], cache)
    assert found.plain(0).shape == LARGE
    assert np.array_equal(
        found.plain(0), shrunk(outline[box[0] : box[1], box[2] : box[3]] > 0, LARGE)
    )
    assert 0 < found.plain(0).sum() < 0.2 * LARGE[0] * LARGE[1]
    assert not found.plain(1).any()


def test_batches_show_the_outline_of_each_view(tmp_path: Path) -> None:
    rows = data(tmp_path, 4)
    whole = np.full_like(drawn(2), 255)
    cv2.imwrite(str(tmp_path / "whole.png"), whole)
    rows[2] = replace(rows[2], outline="whole.png")
    cache, size = opened(tmp_path, rows), (SPEC.height, SPEC.width)
    network = NetworkConfig("toy", batch=2, accumulation=1)
    outlines = Outlines(tmp_path, rows, cache)
    batches = TrainingBatches(
        cache, rows, np.zeros(4, dtype=np.int64), network=network, size=size,
        compute=ComputeConfig(seed=3), root=tmp_path, outlines=outlines,
    )  # fmt: skip
    for batch in (batch for step in batches.epoch(1) for batch in step.batches):
        assert batch.outlines is not None
        for row, shown in zip(batch.rows.tolist(), batch.outlines, strict=True):
            if row != 2:
                assert not shown.any()
                continue
            view = draw_view(LARGE, size, network.augment, view_rng(3, 1, rows[2]))
            wanted = apply_to_outline(np.ones(LARGE, dtype=np.bool_), size, view)
            assert np.array_equal(shown, wanted)
            assert wanted.any()


def test_rows_without_any_outline_are_refused(tmp_path: Path) -> None:
    rows = data(tmp_path, 2)
    with pytest.raises(TrainingError) as raised:
        Outlines(tmp_path, rows, opened(tmp_path, rows))
    assert raised.value.code == "missing-outlines"
