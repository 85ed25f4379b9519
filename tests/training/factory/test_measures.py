"""Figures, intervals, calibration and the card that prints them."""

import json
from typing import Any

import numpy as np
import pytest

from kdoct_desktop.inference.preprocess import InputSpec
from kdoct_desktop.inference.probability import cosine_distances, softmax
from tests.training.drawn import normal_bscan
from training.factory.calibrate import fit_eye_rule
from training.factory.card import figure, write_card
from training.factory.config import FACTORY, load_config
from training.factory.evaluate import Answers, real_table, unlike_table
from training.factory.measures import (
    balanced_accuracy,
    mean_with_interval,
    recalls,
    stratified_interval,
    table,
)
from training.measure.calibrate import class_means, fit_platt, fit_temperature, ood_limit

CODES = ("NORMAL", "DRUSEN", "CNV", "DME")


def test_recall_and_balanced_accuracy_are_counted_by_class() -> None:
    truth = np.array([0, 0, 0, 0, 2, 2])
    called = np.array([0, 0, 0, 1, 2, 0])
    assert recalls(truth, called) == {0: 0.75, 2: 0.5}
    assert balanced_accuracy(truth, called) == pytest.approx(0.625)


def test_an_interval_by_group_is_wider_than_one_by_picture() -> None:
    values = np.repeat([0.0, 1.0, 1.0, 0.0], 25)
    patients = mean_with_interval(values, [str(k // 25) for k in range(100)])
    pictures = mean_with_interval(values, [str(k) for k in range(100)])
    assert patients["value"] == pictures["value"] == 0.5
    assert patients["low"] < pictures["low"] < 0.5 < pictures["high"] < patients["high"]


def test_the_interval_of_a_perfect_model_is_a_point() -> None:
    truth = np.array([0, 1, 2, 3] * 3)
    groups = [str(k) for k in range(12)]
    assert stratified_interval(truth, truth, groups) == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_table_counts_pictures_groups_and_confusions() -> None:
    truth = np.array([0, 0, 3, 3, 3])
    called = np.array([0, 1, 3, 3, 0])
    result = table(truth, called, ["a", "a", "b", "b", "c"], CODES)
    assert result["n"] == 5
    assert result["groups"] == 3
    assert result["confusion"][0] == [1, 1, 0, 0]
    assert result["confusion"][3] == [1, 0, 0, 2]
    assert result["classes"]["DME"]["groups"] == 2
    assert set(result["classes"]) == {"NORMAL", "DME"}
    json.dumps(result)


def test_the_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    true_logits = rng.normal(0, 1.5, (4000, 4)).astype(np.float32)
    odds = softmax(true_logits, 1.0)
    labels = np.array([rng.choice(4, p=p) for p in odds], dtype=np.int64)
    assert fit_temperature(true_logits * 3.0, labels) == pytest.approx(3.0, rel=0.1)


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


def test_the_eye_rule_has_a_threshold_and_a_scale_for_every_disease() -> None:
    picture, _, _ = normal_bscan()
    volumes = [(k % 4, np.stack([picture] * 3)) for k in range(4)]

    def run(inputs: Any) -> Any:
        logits = np.tile(np.array([2.0, 0.0, 0.0, 0.0], np.float32), (len(inputs), 1))
        return logits, np.zeros((len(inputs), 4, 2, 2), np.float32), np.ones((len(inputs), 3))

    rule = fit_eye_rule(volumes, run, InputSpec(32, 48), temperature=1.0)
    assert set(rule["thresholds"]) == set(rule["scale"]) == set(rule["offset"]) == set(CODES[1:])


def answers(called: list[int]) -> Answers:
    count = len(called)
    probabilities = np.full((count, 4), 0.1)
    probabilities[np.arange(count), called] = 0.7
    return Answers(
        np.array(called, dtype=np.int64), probabilities, np.arange(count) % 2 == 0,
        np.zeros((count, 4, 2, 3), np.float32), [(0, 8, 0, 8)] * count,
    )  # fmt: skip


def metrics(tmp_path: Any) -> dict[str, Any]:
    """What `evaluate` would return for a few drawn pictures."""
    import cv2

    from training.factory.sources import Row

    picture, _, _ = normal_bscan()
    rows = []
    for k, label in enumerate(["CONTROL", "CONTROL", "DME", "AMD_EXUDATIVE"]):
        path = tmp_path / f"{k}.png"
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        rows.append(Row(path, "clinic_a", label, f"g{k}", {}))
    names = {"CONTROL": "NORMAL", "AMD_EXUDATIVE": "CNV", "DME": "DME"}
    real = real_table(lambda pictures: answers([0, 1, 3, 2][: len(pictures)]), rows, names)
    odd = unlike_table(lambda pictures: answers([0, 3, 3, 3][: len(pictures)]), rows)
    one = {"value": 0.61, "low": 0.5, "high": 0.7}
    keys = ("hit", "energy", "chance_hit", "chance_energy", "centre_hit", "centre_energy")
    return {
        "classes": list(CODES),
        "sets": {
            "clinic_a": real,
            "clinic_a + duke_dme": real,
            "kermany held-out groups": {"n": 0},
        },
        "unlike": {"clinic_a RVO": odd},
        "evidence": {"phantoms": {"n": 3, "groups": 3, **dict.fromkeys(keys, one)}},
        "parity": {"pictures": 1200, "difference": 3.1e-6, "same_class": True},
        "phantom_volumes": 48,
        "training_pictures": {"normals": 314, "normal_groups": 97, "labelled": 19,
                              "labelled_groups": 16},
        "looks": ["after 180 steps", "note: One thing more."],
    }  # fmt: skip


def manifest() -> dict[str, Any]:
    return {
        "name": "kdoct-factory", "version": "1.0.0", "created": "2026-05-04T12:30:00Z",
        "notice": "Demonstration model.", "classes": [{"display": code} for code in CODES],
        "input": InputSpec(192, 256).to_json(), "calibration": {"temperature": 1.37},
        "ood": {"threshold": 0.21}, "eye_rule": {"adjacent": 3},
        "training": {
            "config": load_config(FACTORY).to_json(), "split_sha256": "ab" * 32,
            "source_commit": "cd" * 20,
            "initial_weights": {"name": "EfficientNet-Lite2", "licence": "Apache-2.0"},
        },
    }  # fmt: skip


def test_the_card_prints_the_figures_of_the_evaluation_and_nothing_else(tmp_path: Any) -> None:
    measured = metrics(tmp_path)
    card = write_card(manifest(), measured)
    whole = measured["sets"]["clinic_a"]["balanced_accuracy"]
    assert whole["value"] == pytest.approx((0.5 + 1.0 + 1.0) / 3, abs=1e-3)
    assert figure(whole) in card
    assert "1.37" in card
    assert "3.1e-06" in card
    assert "  - after 180 steps" in card
    assert "\n- One thing more." in card
    assert "Apache-2.0" in card
    assert "not for any decision" not in card
    assert "Demonstration model." in card
    assert "goal" in card.lower()
    assert "kermany held-out groups" not in card


def test_the_card_says_when_the_goal_is_missed(tmp_path: Any) -> None:
    measured = metrics(tmp_path)
    assert "not reached" in write_card(manifest(), measured)
    measured["sets"]["clinic_a + duke_dme"]["balanced_accuracy"]["value"] = 0.9
    assert "not reached" not in write_card(manifest(), measured)
