"""The eye from the front: a lesion lies where it is, millimetres are millimetres."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import Localizer, LocalizerKind, OctVolume, ScanPattern, Spacing
from kdoct_desktop.report import enface, pictures
from tests import samples
from tests.sample_scans import volume


def black(scan: OctVolume) -> OctVolume:
    """The scan on a black localizer, so that only what is drawn is bright."""
    assert scan.localizer is not None
    pixels = np.zeros_like(scan.localizer.pixels)
    return replace(scan, localizer=replace(scan.localizer, pixels=pixels))


def spot(scan: OctVolume, bscan: int, ascan: int) -> NDArray[np.float32]:
    """Evidence in one place."""
    evidence = np.zeros((scan.bscan_count, scan.voxels.shape[2]), np.float32)
    evidence[bscan, max(0, ascan - 12) : ascan + 13] = 1.0
    return evidence


def centre(picture: NDArray[np.uint8], without: NDArray[np.uint8]) -> tuple[float, float]:
    """Middle (row, column) of the strongest part of what was added."""
    added = np.abs(picture.astype(float) - without).sum(axis=2)
    added[added < 0.5 * added.max()] = 0.0
    rows, columns = np.mgrid[0 : added.shape[0], 0 : added.shape[1]]
    return float((rows * added).sum() / added.sum()), float((columns * added).sum() / added.sum())


@pytest.mark.parametrize(("bscan", "ascan"), [(3, 40), (12, 128), (20, 210)])
def test_a_lesion_lies_on_the_line_of_its_bscan(bscan: int, ascan: int) -> None:
    scan = black(volume(lesion=None))
    front = enface.draw(scan, spot(scan, bscan, ascan), width=512)
    bare = enface.draw(scan, None, width=512)
    row, column = centre(front.pixels, bare.pixels)
    start, end = front.lines[bscan]
    assert row == pytest.approx(start[0], abs=3.0)
    expected = start[1] + (ascan + 0.5) / 256 * (end[1] - start[1])
    assert column == pytest.approx(expected, abs=4.0)


def test_lines_that_run_slanted_carry_their_evidence_along() -> None:
    scan = black(volume(lesion=None, bscans=7))
    lines = np.zeros((7, 2, 2), np.float32)
    lines[:, 0] = np.stack([np.linspace(60, 120, 7), np.full(7, 40.0)], axis=1)
    lines[:, 1] = np.stack([np.linspace(130, 190, 7), np.full(7, 210.0)], axis=1)
    scan = replace(scan, scan_lines=lines)
    front = enface.draw(scan, spot(scan, 3, 200), width=256)
    row, column = centre(front.pixels, enface.draw(scan, None, width=256).pixels)
    expected = lines[3, 0] + (200.5 / 256) * (lines[3, 1] - lines[3, 0])
    assert (row, column) == pytest.approx(tuple(expected), abs=3.0)


def test_the_strongest_line_is_the_brightest_and_at_its_place() -> None:
    scan = black(volume())
    front = enface.draw(scan, None, width=512, strongest=5)
    brightness = front.pixels[:, 200:300].astype(float).mean(axis=(1, 2))
    assert int(brightness.argmax()) == pytest.approx(front.lines[5, 0, 0], abs=1.5)


def test_between_neighbouring_lines_evidence_is_filled_in_a_raster_but_not_in_a_fan() -> None:
    evidence = np.ones((9, 256), np.float32)
    raster = black(volume(bscans=9))
    fan = replace(raster, scan_pattern=ScanPattern.RADIAL)
    halfway = enface.draw(raster, None, width=512).lines[4:6, 0, 0].mean()
    filled = enface.draw(raster, evidence, width=512).pixels[int(halfway), 250]
    empty = enface.draw(fan, evidence, width=512).pixels[int(halfway), 250]
    assert filled.max() > 60
    assert empty.max() < 10


def test_without_positions_the_projection_is_stretched_to_true_millimetres() -> None:
    scan = volume(located=False, bscans=25)
    front = enface.draw(scan, None, width=400)
    assert not front.on_localizer
    assert front.pixels.shape[0] == pytest.approx(400 * 25 * 0.25 / 6.0, abs=1)
    assert front.width_mm == pytest.approx(6.0)
    assert (np.diff(front.lines[:, 0, 0]) > 0).all()


def test_without_scale_the_projection_is_square_and_says_so() -> None:
    scan = volume(located=False, scaled=False)
    front = enface.draw(scan, None, width=300)
    assert front.pixels.shape[:2] == (300, 300)
    assert front.width_mm is None


def test_a_very_flat_raster_is_not_drawn_as_a_sliver() -> None:
    scan = replace(volume(located=False, bscans=5), spacing=Spacing(0.01, 0.004, 0.02))
    front = enface.draw(scan, None, width=300)
    assert front.pixels.shape[:2] == (300, 300)
    assert front.width_mm is None


def test_a_localizer_with_oblong_pixels_is_drawn_in_true_proportions() -> None:
    scan = volume()
    flat = Localizer(np.zeros((100, 200), np.uint8), LocalizerKind.SLO, (0.08, 0.04))
    front = enface.draw(replace(scan, localizer=flat), None, width=400)
    assert front.pixels.shape[:2] == (400, 400)
    assert front.width_mm == pytest.approx(8.0)


def test_a_colour_localizer_is_drawn_in_grey() -> None:
    scan = volume()
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[..., 0] = 200
    fundus = Localizer(pixels, LocalizerKind.FUNDUS)
    front = enface.draw(replace(scan, localizer=fundus, scan_lines=scan.scan_lines), None, width=64)
    assert front.pixels[2, 2].tolist() == [60, 60, 60]


def test_the_mean_projection_keeps_axes_and_shows_the_pit_dark() -> None:
    seen = enface.projection(volume(bscans=25).voxels)
    assert seen.shape == (25, 256)
    assert seen[12, 118:138].mean() < seen[2, 118:138].mean()


def test_evidence_that_does_not_add_up_is_left_out_of_the_front_view() -> None:
    item = samples.found("CNV")
    assert item.prediction is not None
    whole = enface.class_evidence(item.prediction, 2)
    broken = tuple(
        replace(bscan, completeness_error=0.5 if bscan.index == 10 else 0.0)
        for bscan in item.prediction.bscans
    )
    part = enface.class_evidence(replace(item.prediction, bscans=broken), 2)
    assert whole[10].sum() > 1.0
    assert part[10].sum() == 0.0
    assert (part[9] == whole[9]).all()


def test_both_eyes_keep_their_sides() -> None:
    item = samples.found("CNV")  # peak at A-scan 90 of 256, left of the middle
    dark = replace(item, volume=black(item.volume))
    front = pictures.front(dark, width=512)
    bare = enface.draw(dark.volume, None, width=512, strongest=10)
    _row, column = centre(front.pixels, bare.pixels)
    assert column < 256 * 0.97
