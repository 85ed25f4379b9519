"""The sheet that a person checks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.inference.preprocess import InputSpec
from tests.training.drawn import normal_bscan
from training.data.augment import augmented
from training.data.batches import view_rng
from training.data.cache import Cache, open_cache
from training.data.manifest import Row
from training.data.preview import write_preview
from training.data.read_picture import picture_sha256
from training.errors import TrainingError
from training.recipe import AugmentConfig

SPEC, LARGE = InputSpec(48, 64), (52, 69)


def cached(root: Path, count: int) -> tuple[Cache, list[Row]]:
    rows = []
    for seed in range(count):
        picture = normal_bscan(depth=60, ascans=80, seed=seed)[0]
        Image.fromarray(picture).save(root / f"{seed}.png")
        rows.append(Row(f"{seed}.png", 0, picture_sha256(picture), "", "toy", f"toy:{seed}"))
    return open_cache(root / "cache", root, rows, SPEC, enlarged=LARGE), rows


def test_the_sheet_shows_use_centre_and_the_views_of_the_run(tmp_path: Path) -> None:
    cache, rows = cached(tmp_path, 3)
    path = tmp_path / "sheet.png"
    shown = write_preview(path, cache, rows, AugmentConfig(), views=2, seed=5, side=64)
    assert shown == tuple(rows)
    sheet = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    assert sheet.shape == (22 + 3 * 52 + 4, 4 * 68 + 4)
    at = [[sheet[26 + 52 * r : 74 + 52 * r, 4 + 68 * c : 68 + 68 * c] for c in range(4)]
          for r in range(3)]  # fmt: skip
    assert np.array_equal(at[1][0], np.floor(cache.exact(1) * 255 + 0.5))
    assert np.array_equal(at[2][1], cache.enlarged(2)[2:50, 2:66])
    view = augmented(cache.enlarged(1), (48, 64), AugmentConfig(), view_rng(5, 1, rows[1]))
    assert np.array_equal(at[1][3], view)


def test_a_large_set_is_shown_in_part_from_first_to_last(tmp_path: Path) -> None:
    cache, rows = cached(tmp_path, 7)
    shown = write_preview(tmp_path / "s.png", cache, rows, AugmentConfig(), views=1, most=3)
    assert shown == (rows[0], rows[3], rows[6])


def test_nothing_to_show_is_an_error(tmp_path: Path) -> None:
    cache, _ = cached(tmp_path, 1)
    with pytest.raises(TrainingError, match="no B-scan to show"):
        write_preview(tmp_path / "s.png", cache, [], AugmentConfig())
    assert not (tmp_path / "s.png").exists()
