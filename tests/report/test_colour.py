"""How evidence looks: readable tissue, honest strength, lines in the right place."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.report import colour
from tests import samples

GREY = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (160, 1))


def cone(rows: int = 160, columns: int = 200, *, reach: float = 60.0) -> NDArray[np.float32]:
    """Evidence that falls evenly from 4 in the middle to 0 at `reach` pixels."""
    row, column = np.mgrid[0:rows, 0:columns].astype(np.float32)
    away = np.hypot(row - rows / 2, column - columns / 2)
    evidence: NDArray[np.float32] = np.maximum(4.0 * (1.0 - away / reach), 0.0).astype(np.float32)
    return evidence


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    weighted: NDArray[np.float64] = rgb @ np.array([0.2126, 0.7152, 0.0722])
    return weighted


def to_oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    share = rgb / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    mixed = np.cbrt(
        linear
        @ np.array(
            [
                [0.4122214708, 0.2119034982, 0.0883024619],
                [0.5363325363, 0.6806995451, 0.2817188376],
                [0.0514459929, 0.1073969566, 0.6299787005],
            ]
        )
    )
    lab: NDArray[np.float64] = mixed @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab


@pytest.mark.parametrize("against", [False, True])
def test_equal_steps_of_the_table_look_equally_large(against: bool) -> None:
    lab = to_oklab(colour.table(against)[::16])
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.std() < 0.1 * steps.mean()


@pytest.mark.parametrize("against", [False, True])
def test_the_table_grows_lighter_all_the_way_so_that_grey_print_keeps_the_order(
    against: bool,
) -> None:
    assert (np.diff(luminance(colour.table(against))[::8]) > 0).all()


def test_the_fill_never_hides_more_than_its_limit_whatever_is_asked_for() -> None:
    assert colour.opacities(0.45).max() == pytest.approx(0.45)
    assert colour.opacities(5.0).max() == pytest.approx(0.45)
    assert (np.diff(colour.opacities()) >= 0).all()
    black = np.zeros((160, 200), np.uint8)
    white = np.full((160, 200), 255, np.uint8)
    flat = np.full((160, 200), 3.0, np.float32)
    spread = colour.overlay(white, flat, opacity=1.0).astype(int) - colour.overlay(
        black, flat, opacity=1.0
    )
    assert spread.min() >= round(255 * 0.55) - 1


def test_tissue_without_evidence_stays_exactly_as_it_was() -> None:
    drawn = colour.overlay(GREY, cone())
    outside = cone() == 0.0
    assert (drawn[outside] == GREY[outside][:, None]).all()


def test_the_order_of_grey_values_survives_under_even_evidence() -> None:
    flat = np.full(GREY.shape, 1.7, np.float32)
    flat[0, 0] = 4.0
    row = luminance(colour.overlay(GREY, flat)[80])
    assert (np.diff(row) >= -0.5).all()
    assert row[-1] - row[0] > 0.55 * 255 - 2


def test_contours_lie_where_evidence_is_half_and_three_quarters_of_the_maximum() -> None:
    grey = np.full((160, 200), 60, np.uint8)
    drawn = luminance(colour.overlay(grey, cone(), 4.0, opacity=0.0)).round()
    across = drawn[80, 100:]
    lit = np.flatnonzero(across > 140)
    assert set(lit) <= {14, 15, 16, 29, 30, 31}
    assert {15, 30} <= set(lit)


def test_contour_lines_are_antialiased() -> None:
    grey = np.full((160, 200), 60, np.uint8)
    drawn = luminance(colour.overlay(grey, cone(), 4.0, opacity=0.0))
    ring = drawn[75:86, 113:118]
    assert len(np.unique(ring.round())) > 12


def test_a_line_stands_out_from_the_brightest_and_the_darkest_tissue() -> None:
    for grey in (0, 255):
        plain = np.full((160, 200), grey, np.uint8)
        drawn = luminance(colour.overlay(plain, cone(), 4.0))
        near = drawn[80, 100 + 26 : 100 + 35]
        assert near.max() - near.min() > 60


def test_nothing_is_drawn_without_evidence_in_favour() -> None:
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    assert (colour.overlay(GREY, -cone()) == grey).all()
    assert (colour.overlay(GREY, np.zeros_like(cone())) == grey).all()
    assert (colour.overlay(GREY, cone(), 0.0) == grey).all()
    assert (colour.overlay(GREY, cone(), float("nan")) == grey).all()


def test_evidence_against_is_blue() -> None:
    drawn = colour.overlay(np.full((160, 200), 60, np.uint8), cone(), against=True)
    red, _green, blue = drawn[80, 100 + 22].astype(int)
    assert blue > red + 10


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="same shape"):
        colour.overlay(GREY, cone(10, 10))


def test_weak_or_unsound_evidence_is_not_drawn_and_the_reason_is_said() -> None:
    bscan = samples.found("CNV").prediction.bscans[10]  # type: ignore[union-attr]
    strong = np.full((8, 16), 1.0, np.float32)
    weak = np.full((8, 16), colour.MIN_STRENGTH * 0.99, np.float32)
    assert colour.why_nothing_drawn(bscan, strong, "CNV") is None
    assert "too little speaks for CNV" in str(colour.why_nothing_drawn(bscan, weak, "CNV"))
    unsound = replace(bscan, completeness_error=1e-3)
    assert "does not add up" in str(colour.why_nothing_drawn(unsound, strong, "CNV"))


def test_a_whole_bscan_takes_one_table_look_up_and_work_beside_the_lines_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grey = np.resize(GREY, (496, 768)).copy()
    evidence = np.resize(cone(496, 768, reach=200.0), (496, 768))
    shares: list[float] = []
    beside_edge = colour._beside_edge

    def noted(inside: NDArray[np.bool_], *, rounds: int) -> NDArray[np.bool_]:
        near = beside_edge(inside, rounds=rounds)
        shares.append(float(near.mean()))
        return near

    monkeypatch.setattr(colour, "_beside_edge", noted)
    colour.overlay(grey, evidence)
    tables = colour._blend_table.cache_info().misses
    tracemalloc.start()
    colour.overlay(grey, evidence)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert colour._blend_table.cache_info().misses == tables
    assert len(shares) == 2 * len(colour.CONTOUR_LEVELS)
    assert max(shares) < 0.01
    assert most < 20 * grey.size  # bytes; blending three components in float64 takes twice as many
