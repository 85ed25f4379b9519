"""The sheet that a person checks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.inference.preprocess import InputSpec
from tests.training.drawn import Grey, normal_bscan
from tests.training.tiny_run import tiny_config, tiny_fold, tiny_run
from training.__main__ import main
from training.data.augment import augmented, enlarged_size
from training.data.batches import view_rng
from training.data.cache import Cache, open_cache
from training.data.manifest import Row
from training.data.preview import spread, write_preview
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


def tiles(path: Path, *, height: int) -> list[list[Grey]]:
    """The pictures on a sheet, by row and column."""
    sheet = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    assert sheet.shape[1] == 8 * 228 + 4
    count, rest = divmod(sheet.shape[0] - 26, height + 4)
    assert rest == 0
    tops, lefts = (26 + (height + 4) * row for row in range(count)), range(4, 8 * 228, 228)
    return [[sheet[top : top + height, left : left + 224] for left in lefts] for top in tops]


def shown(picture: Grey) -> Grey:
    """A picture at the width of the sheet."""
    height = round(224 * picture.shape[0] / picture.shape[1])
    made = cv2.resize(picture, (224, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(made, dtype=np.uint8)


def test_the_sheet_shows_use_centre_and_the_views_of_the_run(tmp_path: Path) -> None:
    cache, rows = cached(tmp_path, 3)
    write_preview(tmp_path / "sheet.png", cache, rows, AugmentConfig(), seed=5)
    at = tiles(tmp_path / "sheet.png", height=168)
    assert len(at) == 3
    assert np.array_equal(at[1][0], shown(np.floor(cache.exact(1) * 255 + 0.5).astype(np.uint8)))
    assert np.array_equal(at[2][1], shown(cache.enlarged(2)[2:50, 2:66]))
    view = augmented(cache.enlarged(1), (48, 64), AugmentConfig(), view_rng(5, 1, rows[1]))
    assert np.array_equal(at[1][3], shown(view))


def test_a_large_set_is_shown_in_part_from_first_to_last(tmp_path: Path) -> None:
    _, rows = cached(tmp_path, 23)
    assert spread(rows) == tuple(rows[::2])
    assert spread(rows[:5]) == tuple(rows[:5])
    assert spread([]) == ()


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_the_command_shows_the_views_that_training_will_draw(tmp_path: Path, role: str) -> None:
    run = tiny_run(tmp_path, tiny_config(compute={"seed": 11}))
    sheet = tmp_path / "sheet.png"
    assert main(["preview", str(run.folder.root), "--role", role, "--out", str(sheet)]) == 0
    rows = spread(tiny_fold(run).train.rows)
    assert len(rows) == 12
    config = getattr(run.config, role)
    size = (run.config.input.height, run.config.input.width)
    large = enlarged_size(size, config.augment)
    cache = open_cache(run.cache, run.root, rows, run.config.input.spec, enlarged=large)
    at = tiles(sheet, height=round(224 * 32 / 48))
    assert len(at) == 12
    for line in (0, 7, 11):
        for epoch in (0, 5):
            rng = view_rng(11, epoch, rows[line])
            view = augmented(cache.enlarged(line), size, config.augment, rng)
            assert np.array_equal(at[line][2 + epoch], shown(view))


def test_nothing_to_show_is_an_error(tmp_path: Path) -> None:
    cache, _ = cached(tmp_path, 1)
    with pytest.raises(TrainingError, match="no B-scan to show"):
        write_preview(tmp_path / "s.png", cache, [], AugmentConfig(), seed=0)
    assert not (tmp_path / "s.png").exists()
