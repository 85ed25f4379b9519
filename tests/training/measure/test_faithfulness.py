"""Measures of how faithful a heatmap is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.measure.faithfulness import deletion_insertion, energy, map_similarity, pointing


def lesion() -> NDArray[np.bool_]:
    mask = np.zeros((100, 200), bool)
    mask[20:40, 150:180] = True
    return mask


def test_a_map_on_the_lesion_hits_and_holds_its_energy() -> None:
    result = pointing(lesion().astype(np.float32), lesion())

    assert result.hit
    assert result.energy == pytest.approx(1.0)
    assert result.chance_energy == pytest.approx(600 / 20000)
    assert result.chance_energy < result.chance_hit < 0.2


def test_a_map_elsewhere_misses_and_evidence_against_does_not_count() -> None:
    elsewhere = np.zeros((100, 200), np.float32)
    elsewhere[80, 20] = 1.0
    elsewhere[30, 160] = -5.0

    result = pointing(elsewhere, lesion())

    assert not result.hit
    assert result.energy == 0.0


def test_the_centre_prior_hits_only_a_central_lesion() -> None:
    central = np.zeros((100, 200), bool)
    central[45:55, 90:110] = True

    assert pointing(np.ones((100, 200), np.float32), central).centre_hit
    assert not pointing(np.ones((100, 200), np.float32), lesion()).centre_hit


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        pointing(np.ones((4, 4), np.float32), np.zeros((4, 4), bool))


def test_energy_without_evidence_is_zero() -> None:
    assert energy(np.full((100, 200), -1.0, np.float32), lesion()) == 0.0


def test_the_map_of_a_model_that_looks_at_the_lesion_beats_random_order() -> None:
    rng = np.random.default_rng(0)
    bscan = rng.integers(20, 60, (100, 200), dtype=np.uint8)
    bscan[lesion()] = 250  # a blurred copy keeps some of it, so deletion cannot reach 0

    def score(bscans: NDArray[np.uint8]) -> NDArray[np.float64]:
        bright = bscans[:, lesion()].mean(axis=1) - 40.0
        return np.asarray(np.clip(bright / 210.0, 0.0, 1.0), dtype=np.float64)

    curves = deletion_insertion(bscan, lesion().astype(np.float32), score=score, seed=1)

    assert curves.deletion < 0.6 * curves.random_deletion
    assert curves.insertion > 1.3 * curves.random_insertion


def test_similarity_is_one_for_the_same_map_and_near_zero_for_noise() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=(2, 40, 40)).astype(np.float32)

    assert map_similarity(one, 2 * one + 1) == pytest.approx(1.0)
    assert abs(map_similarity(one, other)) < 0.1
