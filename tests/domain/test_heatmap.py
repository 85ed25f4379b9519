"""Evidence on the B-scan and on the en face."""

import numpy as np
import pytest

from kdoct_desktop.domain.heatmap import bscan_evidence, en_face_evidence, relative, upsample


def test_upsampling_keeps_the_value_at_each_cell_centre() -> None:
    cam = np.arange(12, dtype=np.float32).reshape(3, 4)

    large = upsample(cam, (27, 36))

    np.testing.assert_allclose(large[4::9, 4::9], cam, atol=1e-5)


def test_upsampling_a_constant_map_adds_nothing() -> None:
    assert upsample(np.full((7, 7), 2.5, np.float32), (50, 61)) == pytest.approx(2.5)


def test_evidence_is_zero_where_the_network_saw_nothing() -> None:
    evidence = bscan_evidence(np.ones((4, 4), np.float32), (10, 30, 5, 45), (40, 50))

    assert evidence[10:30, 5:45].min() == 1.0
    assert evidence.sum() == 20 * 40


def test_a_peak_lands_where_its_cell_lies_in_the_frame() -> None:
    cam = np.zeros((4, 4), np.float32)
    cam[1, 3] = 1.0

    evidence = bscan_evidence(cam, (100, 180, 0, 400), (300, 400))

    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    assert 120 <= row < 140
    assert column >= 300


def test_relative_evidence_drops_what_speaks_against_and_tops_at_one() -> None:
    np.testing.assert_allclose(
        relative(np.array([-3.0, 0.0, 2.0, 4.0], np.float32)), [0, 0, 0.5, 1]
    )
    assert relative(np.array([-1.0, -2.0], np.float32)).max() == 0.0


def test_a_row_of_the_en_face_map_sums_to_the_part_of_the_logit_in_favour() -> None:
    rng = np.random.default_rng(1)
    cams = rng.normal(size=(5, 7, 9)).astype(np.float32)
    frames = np.array([[0, 90, 10 * i, 300] for i in range(5)], np.int32)

    rows = en_face_evidence(cams, frames, 320)

    expected = np.maximum(cams, 0).sum(axis=(1, 2)) / (7 * 9)
    np.testing.assert_allclose(rows.sum(axis=1), expected, rtol=1e-4)
    assert rows[4, :40].max() == 0.0


def test_the_en_face_map_of_a_bscan_does_not_depend_on_what_the_network_saw_of_others() -> None:
    cams = np.random.default_rng(2).normal(size=(6, 5, 4)).astype(np.float32)
    cams[4] = -1.0
    spans = ((0, 40), (3, 31), (0, 40), (7, 7), (3, 31), (5, 40))
    frames = np.array([(0, 9, *span) for span in spans], np.int32)

    together = en_face_evidence(cams, frames, 40)

    alone = [en_face_evidence(cams[at : at + 1], frames[at : at + 1], 40)[0] for at in range(6)]
    np.testing.assert_array_equal(together, alone)
    assert together.any(axis=1).tolist() == [True, True, True, False, False, True]
