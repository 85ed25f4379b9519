"""Quality of B-scans: real ones are good, dark, empty and noisy ones are not gradable."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.inference.quality import (
    CUT_BOTTOM,
    CUT_TOP,
    NO_TISSUE,
    SATURATED,
    WEAK_SIGNAL,
    measure,
)
from tests.tiny_model import picture

BSCANS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "bscans"
UNGRADABLE = QualityState.UNGRADABLE


def real(step: int) -> list[NDArray[np.uint8]]:
    """Every `step`-th real B-scan."""
    if not (BSCANS / "manifest.csv").exists():
        pytest.skip("the real B-scans are not there")
    with (BSCANS / "manifest.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)][::step]
    return [
        np.asarray(cv2.imread(str(BSCANS / path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        for path in paths
    ]


def test_nearly_every_real_b_scan_is_good() -> None:
    results = [measure(bscan) for bscan in real(5)]
    good = [quality for quality in results if quality.state is QualityState.GOOD]
    assert len(good) >= 0.98 * len(results)
    assert UNGRADABLE not in {quality.state for quality in results}


def test_real_b_scans_with_a_twentieth_of_the_signal_cannot_be_graded() -> None:
    results = [measure((bscan * 0.05).astype(np.uint8)) for bscan in real(25)]
    assert {quality.state for quality in results} == {UNGRADABLE}


@pytest.mark.parametrize("level", [0, 30, 255])
def test_a_blank_picture_shows_no_tissue(level: int) -> None:
    blank = np.full((496, 512), level, dtype=np.uint8)
    assert measure(blank) == Quality(UNGRADABLE, (NO_TISSUE,))


def test_noise_shows_no_tissue() -> None:
    rng = np.random.default_rng(1)
    white = rng.integers(0, 256, (496, 512)).astype(np.uint8)
    speckle = np.clip(rng.gamma(1.0, 30.0, (496, 512)), 0, 255).astype(np.uint8)
    soft = np.asarray(cv2.GaussianBlur(white, (0, 0), 3), dtype=np.uint8)
    for noise in (white, speckle, soft):
        assert measure(noise) == Quality(UNGRADABLE, (NO_TISSUE,))


@pytest.mark.parametrize("shape", [(496, 512), (233, 640), (1024, 300), (97, 101)])
def test_a_clear_picture_of_any_size_is_good(shape: tuple[int, int]) -> None:
    assert measure(picture("CNV", shape=shape)) == Quality()


def test_less_and_less_signal_goes_from_good_over_poor_to_ungradable() -> None:
    clear = picture("DME")
    states = [measure((clear * share).astype(np.uint8)).state for share in (1.0, 0.16, 0.08)]
    assert states == [QualityState.GOOD, QualityState.POOR, UNGRADABLE]
    assert measure((clear * 0.16).astype(np.uint8)).reasons == (WEAK_SIGNAL,)


def test_tissue_at_the_upper_or_lower_border_is_said() -> None:
    clear = picture("CNV")
    top = np.roll(clear, -200, axis=0)
    bottom = np.roll(clear, 200, axis=0)
    top[300:], bottom[:200] = clear[-1:, :], clear[:1, :]
    assert measure(top) == Quality(QualityState.POOR, (CUT_TOP,))
    assert measure(bottom) == Quality(QualityState.POOR, (CUT_BOTTOM,))


def test_white_fill_at_the_border_changes_nothing() -> None:
    clear = picture("CNV")
    rows, columns = np.indices(clear.shape)
    clear[rows < 90 - columns // 4] = 255
    clear[rows > 440 + columns // 8] = 0
    assert measure(clear) == Quality()


def test_a_b_scan_that_is_too_bright_is_said() -> None:
    bright = np.clip(picture("DME").astype(np.int32) * 3, 0, 255).astype(np.uint8)
    assert measure(bright) == Quality(QualityState.POOR, (SATURATED,))


def test_the_smallest_picture_has_a_quality() -> None:
    assert measure(np.zeros((2, 3), dtype=np.uint8)) == Quality(UNGRADABLE, (NO_TISSUE,))


def test_measuring_leaves_the_picture_alone_and_is_repeatable() -> None:
    clear = picture("CNV")
    clear.flags.writeable = False
    before = clear.copy()
    assert measure(clear) == measure(before)
    np.testing.assert_array_equal(clear, before)
