"""Numbers that go beside a network, against what they must undo or leave alone."""

import numpy as np
import pytest

from kdoct_desktop.inference.probability import cosine_distances, softmax
from training.measure.calibrate import class_means, fit_platt, fit_temperature, ood_limit


def test_the_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    true_logits = rng.normal(0, 1.5, (4000, 4)).astype(np.float32)
    odds = softmax(true_logits, 1.0)
    labels = np.array([rng.choice(4, p=p) for p in odds], dtype=np.int64)
    assert fit_temperature(true_logits * 3.0, labels, lowest=1.0) == pytest.approx(3.0, rel=0.1)


def test_one_in_a_hundred_training_like_pictures_is_beyond_the_limit() -> None:
    rng = np.random.default_rng(1)
    embeddings = (rng.normal(0, 0.2, (1000, 8)) + 1.0).astype(np.float32)
    labels = rng.integers(0, 4, 1000)
    means = class_means(embeddings, labels, 4)
    limit = ood_limit(embeddings, means)
    assert float((cosine_distances(embeddings, means) > limit).mean()) == pytest.approx(
        0.01, abs=3e-3
    )


def test_scaling_at_eye_level_raises_scores_that_are_too_low() -> None:
    truth = np.repeat([False, True], 40)
    scores = np.where(truth, 0.4, 0.02)
    scale, offset = fit_platt(scores, truth)
    value = scale * np.log(0.4 / 0.6) + offset
    assert value > 0.0
    assert scale * np.log(0.02 / 0.98) + offset < 0.0
