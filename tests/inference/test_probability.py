"""Numbers with a meaning from the network's outputs."""

import numpy as np
import pytest

from kdoct_desktop.inference.probability import completeness_errors, cosine_distances, softmax


def test_probabilities_add_up_to_one_even_for_huge_logits() -> None:
    logits = np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    table = softmax(logits, 1.0)
    np.testing.assert_allclose(table, [[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])


def test_a_higher_temperature_makes_the_model_less_sure_and_keeps_the_order() -> None:
    logits = np.array([[2.0, 1.0, -1.0]], dtype=np.float32)
    cold, warm = softmax(logits, 1.0)[0], softmax(logits, 3.0)[0]
    assert warm[0] < cold[0]
    assert warm[0] > warm[1] > warm[2]
    np.testing.assert_allclose(np.log(cold[0] / cold[1]), 3.0 * np.log(warm[0] / warm[1]))


def test_evidence_that_adds_up_has_no_error_and_a_missing_part_is_seen() -> None:
    rng = np.random.default_rng(0)
    cams = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    bias = np.array([0.5, -0.5, 0.0], dtype=np.float32)
    logits = (cams.mean(axis=(2, 3)) + bias).astype(np.float32)
    assert completeness_errors(logits, cams, bias).max() < 1e-6
    logits[1, 2] += 0.25
    np.testing.assert_allclose(completeness_errors(logits, cams, bias), [0.0, 0.25], atol=1e-6)


def test_the_nearest_class_mean_counts_and_length_does_not() -> None:
    means = np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float32)
    embeddings = np.array([[5.0, 0.0], [0.0, 0.1], [1.0, 1.0], [-3.0, 0.0]], dtype=np.float32)
    expected = [0.0, 0.0, 1.0 - np.sqrt(0.5), 1.0]
    np.testing.assert_allclose(cosine_distances(embeddings, means), expected, atol=1e-7)


def test_an_embedding_without_length_is_as_far_as_can_be() -> None:
    means = np.ones((2, 3), dtype=np.float32)
    distances = cosine_distances(np.zeros((1, 3), dtype=np.float32), means)
    assert distances[0] == pytest.approx(2.0)
