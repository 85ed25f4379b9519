"""Numbers behind the pictures: contours, proportions, places on the en face, words."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kdoct_desktop.domain.finding import Finding
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.report.colour import MAX_OPACITY, opacities
from kdoct_desktop.ui import words
from kdoct_desktop.ui.bscan_geometry import (
    MOST_STRETCH,
    Aspect,
    Zoom,
    describe,
    place,
    twin_panes,
)
from kdoct_desktop.ui.contour import contour
from kdoct_desktop.ui.enface_geometry import evidence_contours, nearest, scan_lines
from kdoct_desktop.ui.evidence import Evidence
from kdoct_desktop.ui.overlay import fill_colours, make_heat
from kdoct_desktop.ui.scan import Scan
from tests import samples
from tests.sample_scans import volume

SPECTRALIS = (0.00387, 0.01128)


def finding(code: str) -> Finding:
    found = samples.found(code).finding
    assert found is not None
    return found


def test_a_contour_lies_where_the_field_has_the_level() -> None:
    row, column = np.mgrid[0:41, 0:41].astype(np.float32)
    segments = contour(20.0 - np.hypot(row - 20.0, column - 20.0), 8.0)
    radius = np.hypot(segments[..., 0] - 20.0, segments[..., 1] - 20.0)
    assert_allclose(radius, 12.0, atol=0.05)
    length = np.hypot(*(segments[:, 1] - segments[:, 0]).T).sum()
    assert length == pytest.approx(2 * np.pi * 12.0, rel=0.01)


def test_a_contour_is_closed_also_at_the_border() -> None:
    field = np.ones((6, 9), dtype=np.float32)
    ends = contour(field, 0.5).reshape(-1, 2)
    points, counts = np.unique(ends.round(4), axis=0, return_counts=True)
    assert len(points) > 4
    assert (counts % 2 == 0).all()


def test_contours_of_any_field_are_closed_and_lie_between_what_is_above_and_below() -> None:
    field = np.random.default_rng(3).normal(size=(40, 30)).astype(np.float32)  # every saddle
    segments = contour(field, 0.5)
    _, counts = np.unique(segments.reshape(-1, 2), axis=0, return_counts=True)
    assert (counts % 2 == 0).all()
    inner = segments.reshape(-1, 2)
    inner = inner[(inner > 0.0).all(axis=1) & (inner < (39.0, 29.0)).all(axis=1)]
    low, high = np.floor(inner).astype(int), np.ceil(inner).astype(int)
    share = (inner - low).max(axis=1)
    between = field[*low.T] * (1.0 - share) + field[*high.T] * share
    assert_allclose(between, 0.5, atol=1e-3)
    assert len(inner) > 500


def test_no_contour_where_nothing_reaches_the_level() -> None:
    assert contour(np.zeros((5, 5), dtype=np.float32), 0.5).shape == (0, 2, 2)


def test_true_proportions_make_a_millimetre_equal_down_and_across() -> None:
    placed = place((496, 512), SPECTRALIS, view=(800.0, 600.0), aspect=Aspect.TRUE)
    assert placed.down / SPECTRALIS[0] == pytest.approx(placed.across / SPECTRALIS[1])
    assert placed.across * 512 == pytest.approx(800.0)
    assert placed.stretch == pytest.approx(1.0)
    assert describe(placed, Aspect.TRUE) == ("true µm · axial ×1.0", False)


def test_a_filled_view_says_how_much_it_is_stretched_and_has_a_limit() -> None:
    placed = place((496, 512), SPECTRALIS, view=(800.0, 500.0), aspect=Aspect.FILL)
    text, warned = describe(placed, Aspect.FILL)
    assert warned
    assert text == f"fit · axial ×{placed.stretch:.1f}"
    tall = place((496, 512), SPECTRALIS, view=(800.0, 5000.0), aspect=Aspect.FILL)
    assert tall.stretch == pytest.approx(MOST_STRETCH)


def test_without_a_scale_nothing_is_claimed() -> None:
    placed = place((496, 512), None, view=(800.0, 600.0), aspect=Aspect.TRUE)
    assert placed.across == placed.down
    assert "no scale" in describe(placed, Aspect.TRUE)[0]


def test_one_pixel_is_one_screen_pixel() -> None:
    placed = place(
        (496, 512), SPECTRALIS, view=(800.0, 600.0), aspect=Aspect.PIXEL, device_pixel=0.5
    )
    assert (placed.across, placed.down) == (0.5, 0.5)


def test_zooming_keeps_the_point_under_the_pointer() -> None:
    view = (800.0, 600.0)
    before = place((496, 512), SPECTRALIS, view=view, aspect=Aspect.TRUE)
    under = before.pixel_at(650.0, 330.0)
    zoom = Zoom().magnified(1.5625, (650.0 - 400.0, 330.0 - 300.0))
    after = place((496, 512), SPECTRALIS, view=view, aspect=Aspect.TRUE, zoom=zoom)
    assert after.pixel_at(650.0, 330.0) == pytest.approx(under)


def test_tissue_is_shown_beside_evidence_only_where_both_fit() -> None:
    assert len(twin_panes(500.0, 230.0)) == 1
    above, below = twin_panes(728.0, 270.0)
    first = above.top + (above.height - 270.0) / 2 + above.shift
    second = below.top + (above.height - 270.0) / 2 + below.shift
    assert second - (first + 270.0) == pytest.approx(24.0)
    assert first == pytest.approx(728.0 - (second + 270.0))


def test_tight_panes_leave_room_for_the_captions_and_do_not_overlap() -> None:
    above, below = twin_panes(548.0, 223.0)
    first = above.top + (above.height - 223.0) / 2 + above.shift
    second = below.top + (above.height - 223.0) / 2 + below.shift
    assert first == pytest.approx(56.0)
    assert first + 223.0 <= above.height  # nothing of it is cut off
    assert second - (first + 223.0) == pytest.approx(24.0)
    assert second + 223.0 <= 548.0


def test_the_fill_never_hides_more_than_the_design_allows() -> None:
    alphas = [colour >> 24 for colour in fill_colours(1.0)]
    assert max(alphas) <= round(MAX_OPACITY * 255)
    assert alphas == sorted(alphas)
    assert max(colour >> 24 for colour in fill_colours(0.5)) <= round(MAX_OPACITY * 128)
    assert opacities()[0] == 0.0


def test_the_heatmap_lies_where_the_evidence_is() -> None:
    scan = volume(bscans=9, depth=120, ascans=128)
    evidence = Evidence.of(samples.prediction(scan, code="CNV", at=(4, 90)), 128)
    heat = make_heat(evidence, 4, 1, cells=False)
    row, column = np.unravel_index(int(heat.levels.argmax()), heat.levels.shape)
    assert (column + 0.5) / heat.levels.shape[1] * 128 == pytest.approx(90, abs=6)
    assert (row + 0.5) / heat.levels.shape[0] == pytest.approx(5.1 / 8, abs=0.06)
    cells = make_heat(evidence, 4, 1, cells=True)
    assert len(np.unique(cells.levels)) < len(np.unique(heat.levels))


def test_scan_lines_and_evidence_follow_the_localizer() -> None:
    item = samples.found("CNV", Laterality.OD)
    scan = Scan.of(item)
    lines = scan_lines(scan)
    assert lines[0, 0, 0] > lines[-1, 0, 0]  # the first B-scan lies lowest
    assert nearest(lines, 0.84, 0.5) == 0
    assert nearest(lines, 0.16, 0.5) == 24
    assert scan.evidence is not None
    half, most = evidence_contours(scan, scan.evidence, 1)
    centre = half.reshape(-1, 2).mean(axis=0)
    assert centre[0] == pytest.approx(lines[10, 0, 0], abs=0.03)
    across = lines[10, 0, 1] + (lines[10, 1, 1] - lines[10, 0, 1]) * 90 / 256
    assert centre[1] == pytest.approx(across, abs=0.03)
    assert np.ptp(most.reshape(-1, 2)[:, 1]) < np.ptp(half.reshape(-1, 2)[:, 1])


@pytest.mark.parametrize(
    ("value", "text"), [(0.934, ".93"), (0.0, ".00"), (1.0, "1.00"), (float("nan"), "–")]
)
def test_probabilities_have_two_digits(value: float, text: str) -> None:
    assert words.probability(value) == text


def test_the_finding_is_said_in_the_words_of_the_report() -> None:
    what, where = words.headline_and_place(finding("CNV"), samples.MODEL)
    assert what == "CNV suspected"
    assert where.startswith("Evidence in B-scans ")
    assert where.endswith("strongest 11.")
    what, where = words.headline_and_place(finding("NORMAL"), samples.MODEL)
    assert what == "Nothing suspected"
    assert where == "Drusen, CNV and DME are below their thresholds."


def test_a_provider_is_named_with_its_canary_and_with_its_failure() -> None:
    assert words.provider(samples.PROVIDER) == "CPU ✓ canary 42 ms"
    fell = replace(samples.PROVIDER, asked="cuda", note="The graphics card failed.")
    assert words.provider(fell) == "CPU · CUDA not usable"


def test_foreign_text_becomes_one_plain_line() -> None:
    assert words.plain("a\x00b\r\nc\u202ed\u200be") == "a b c d e"
    assert words.plain("\u200b \x00") == ""
    assert len(words.plain("x" * 70_000)) == 256
    assert words.plain("Müller 山田 <b>") == "Müller 山田 <b>"
