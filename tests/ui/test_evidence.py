"""What the model said, as the window keeps it: the same numbers, complete or growing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kdoct_desktop.domain.heatmap import en_face_evidence
from kdoct_desktop.ui.evidence import Evidence
from tests import samples
from tests.sample_scans import volume

SCAN = volume(bscans=9, depth=120, ascans=128)
SAID = samples.prediction(SCAN, code="CNV", at=(4, 60), spread=1.5)
CNV = 1


def complete() -> Evidence:
    return Evidence.of(SAID, 128)


def growing(*indices: int) -> Evidence:
    evidence = Evidence(SAID.model, 9, 128)
    for index in indices:
        top, bottom, left, right = (int(edge) for edge in SAID.frames[index])
        evidence.add(SAID.bscans[index], SAID.cams[index], (top, bottom, left, right))
    return evidence


def test_normal_is_shown_last_and_every_column_keeps_its_class() -> None:
    evidence = complete()
    assert evidence.classes == ("DRUSEN", "CNV", "DME", "NORMAL")
    assert evidence.names == ("Drusen", "CNV", "DME", "Normal")
    for shown, code in enumerate(evidence.classes):
        column = SAID.probabilities[:, SAID.model.classes.index(code)]
        assert_allclose(evidence.column(shown), column, atol=1e-7)


def test_evidence_that_has_grown_equals_the_complete_one() -> None:
    grown, whole = growing(4, 0, 1, 2, 3, 8, 7, 6, 5), complete()
    assert_array_equal(grown.probabilities, whole.probabilities)
    assert_array_equal(grown.best, whole.best)
    assert grown.known == whole.known == 9
    for shown in range(4):
        assert grown.peak(shown) == whole.peak(shown)
        assert_array_equal(grown.en_face(shown), whole.en_face(shown))
        assert_array_equal(grown.cam(3, shown)[0], whole.cam(3, shown)[0])


def test_a_bscan_that_is_done_again_counts_once() -> None:
    assert growing(4, 0, 4).known == 2


def test_what_is_not_known_yet_is_not_a_number_and_has_no_map() -> None:
    evidence = growing(4)
    assert evidence.known == 1
    assert np.isnan(evidence.column(CNV)[0])
    assert evidence.withheld(0, CNV) == "Evidence follows."
    with pytest.raises(LookupError):
        evidence.cam(0, CNV)


def test_a_heatmap_is_withheld_with_the_reason() -> None:
    assert complete().withheld(4, CNV) is None
    weak = complete().withheld(0, 2)
    assert weak is not None
    assert "DME" in weak
    broken = Evidence.of(samples.prediction(SCAN, code="CNV", incomplete=True), 128)
    reason = broken.withheld(4, CNV)
    assert reason is not None
    assert "add up" in reason
    assert not broken.en_face(CNV).any()


def test_the_en_face_map_is_that_of_the_domain() -> None:
    cams = SAID.cams[:, SAID.model.classes.index("CNV")]
    frames = SAID.frames.copy()
    frames[:, 3] = 96
    assert_array_equal(complete().en_face(CNV), en_face_evidence(cams, frames, 96))


def test_peaks_are_visited_in_turn() -> None:
    evidence = complete()
    evidence.probabilities[:, CNV] = [0.1, 0.6, 0.2, 0.2, 0.9, 0.9, 0.3, 0.7, 0.1]
    visited = [evidence.next_peak(CNV, after) for after in (-1, 1, 4, 7)]
    assert visited == [1, 4, 7, 1]


def test_a_class_without_evidence_has_no_peak() -> None:
    evidence = complete()
    evidence.probabilities[:, CNV] = 0.03
    assert evidence.next_peak(CNV, 0) is None


def test_the_strongest_bscans_come_strongest_first() -> None:
    assert complete().strongest(CNV) == [4, 3, 5]
    assert growing(7, 8).strongest(CNV) == [7, 8]


def test_the_colour_bar_ends_at_what_the_strongest_cell_adds() -> None:
    cams = SAID.cams[:, SAID.model.classes.index("CNV")]
    assert complete().cell_share(CNV) == pytest.approx(float(cams.max()) / (8 * 16))
