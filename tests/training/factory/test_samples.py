"""How the pictures of the factory's data set are made."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.drawn import normal_bscan, surfaces
from training.factory.data_plan import BALANCE, Amounts, Unit
from training.factory.draw_unit import draw_unit
from training.factory.samples import Normal, paint_on, real_view
from training.factory.sources import Row
from training.files import file_sha256
from training.painted.painting import CLASSES


@pytest.mark.parametrize("label", CLASSES)
def test_one_number_gives_one_picture_and_a_disease_has_a_lesion(label: str) -> None:
    normal = Normal(normal_bscan()[0], surfaces(), 6000.0)
    for seed in range(3):
        picture, lesion = paint_on(normal, label, np.random.default_rng((1, seed)))
        again, same = paint_on(normal, label, np.random.default_rng((1, seed)))
        assert np.array_equal(picture, again)
        assert np.array_equal(lesion, same)
        assert picture.dtype == np.uint8
        assert lesion.shape == picture.shape
        assert bool(lesion.any()) == (label != "NORMAL")


def test_a_view_of_a_real_picture_is_another_picture_of_the_same_size() -> None:
    picture = normal_bscan()[0]
    view = real_view(picture, np.random.default_rng(2))
    assert np.array_equal(view, real_view(picture, np.random.default_rng(2)))
    assert (view.shape, view.dtype) == (picture.shape, picture.dtype)
    assert not np.array_equal(view, picture)


def test_the_shares_of_the_classes_are_whole() -> None:
    assert len(BALANCE) == len(CLASSES)
    assert sum(BALANCE) == pytest.approx(1.0)
    assert Amounts().balance == BALANCE


@pytest.mark.parametrize(("kind", "lines"), [("retina", 3), ("noise", 1)])
def test_nothing_is_painted_where_no_surfaces_are_found(
    kind: str, lines: int, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300)).astype(np.uint8)
    path = tmp_path / "real.png"
    cv2.imwrite(str(path), noise if kind == "noise" else normal_bscan()[0])
    row = Row(path, "octdl", "NORMAL", "octdl-g1", {}, sha256=file_sha256(path))
    unit = Unit("octdl/octdl-g1/NORMAL-real", "octdl-g1", "train", row, painted=2)
    drawn = draw_unit(unit, Amounts(), tmp_path / "out")
    assert [line["kind"] for line in drawn] == ["real", "painted", "painted"][:lines]
