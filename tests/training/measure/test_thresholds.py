"""What is chosen on validation, against numbers worked by hand."""

import numpy as np
import pytest

from kdoct_desktop.domain.eye_level import calibrate, eye_scores
from kdoct_desktop.inference.manifest import _eye_rule
from kdoct_desktop.inference.probability import softmax
from training.errors import TrainingError
from training.measure.calibrate import fit_temperature
from training.measure.thresholds import (
    MOST,
    fit_eye_rule,
    fit_ood,
    fit_operating,
    operating_threshold,
)
from training.measure.volumes import Volumes

CODES = ("NORMAL", "DRUSEN", "CNV")


def test_the_threshold_is_the_highest_that_keeps_the_sensitivity() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.95, 0.2])
    truth = np.array([True, True, True, True, False, False])
    assert operating_threshold(scores, truth, 0.75) == pytest.approx(0.7)
    assert operating_threshold(scores, truth, 0.76) == pytest.approx(0.6)
    assert operating_threshold(scores, truth, 1.0) == pytest.approx(0.6)
    assert operating_threshold(scores, ~truth, 0.5) == pytest.approx(0.95)
    assert operating_threshold(scores, np.zeros(6, dtype=bool), 0.9) is None


def test_the_threshold_loses_no_case_to_rounding() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.random(37)
        found = operating_threshold(scores, np.ones(37, dtype=bool), 0.9)
        assert found is not None
        assert (scores >= found).mean() >= 0.9


def test_a_site_may_sharpen_and_the_factory_may_not() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    true = softmax(logits.astype(np.float32), 1.0)
    labels = (rng.random((4000, 1)) > np.cumsum(true, axis=1)).sum(axis=1)
    shy = (logits / 2).astype(np.float32)
    assert fit_temperature(shy, labels, lowest=1.0) == 1.0
    assert fit_temperature(shy, labels, lowest=0.2) == pytest.approx(0.5, abs=0.05)
    bold = (logits * 3).astype(np.float32)
    assert fit_temperature(bold, labels, lowest=1.0) == pytest.approx(3.0, abs=0.2)


def eye_set(count: int) -> tuple[Volumes, np.ndarray, np.ndarray]:
    """`count` eyes of each class with six B-scans, told apart well but not perfectly."""
    rng = np.random.default_rng(1)
    truth = np.repeat(np.arange(3), count)
    members = tuple(np.arange(6) + 6 * k for k in range(3 * count))
    labels = np.repeat(truth, 6)
    logits = rng.normal(0, 1, (len(labels), 3))
    logits[np.arange(len(labels)), labels] += 2.0
    names = tuple(f"p{k}" for k in range(3 * count))
    return (
        Volumes(members, truth, names, names, ((),) * len(names)),
        labels,
        logits.astype(np.float32),
    )


def test_the_eye_rule_keeps_the_wanted_sensitivity_on_validation_and_the_package_takes_it() -> None:
    volumes, labels, logits = eye_set(20)
    probabilities = softmax(logits, 1.0)
    rule, facts = fit_eye_rule(volumes, probabilities, labels, classes=CODES, goal=0.9)
    assert facts == {"eyes": 60, "eye_rule_not_fitted": []}
    read = _eye_rule(rule, CODES)
    for k, code in ((1, "DRUSEN"), (2, "CNV")):
        scores = [
            calibrate(eye_scores(probabilities[m], 3)[k], read.scale[code], read.offset[code])
            for m, t in zip(volumes.members, volumes.truth, strict=True)
            if t == k
        ]
        assert np.mean(np.array(scores) >= read.thresholds[code]) >= 0.9
        assert read.thresholds[code] <= MOST


def test_too_few_eyes_leave_the_scale_alone_and_it_is_said() -> None:
    volumes, labels, logits = eye_set(3)
    rule, facts = fit_eye_rule(volumes, softmax(logits, 1.0), labels, classes=CODES, goal=0.9)
    assert rule["scale"] == {"DRUSEN": 1.0, "CNV": 1.0}
    assert rule["thresholds"] == {"DRUSEN": 0.5, "CNV": 0.5}
    assert facts["eye_rule_not_fitted"] == ["DRUSEN", "CNV"]


def test_drusen_in_a_neovascular_eye_say_nothing_against_drusen() -> None:
    volumes, labels, logits = eye_set(10)
    changed = logits.copy()
    changed[labels == 2] = [0.0, 9.0, 0.0]  # every CNV B-scan screams DRUSEN
    rules = [
        fit_eye_rule(volumes, softmax(one, 1.0), labels, classes=CODES, goal=0.9)[0]
        for one in (logits, changed)
    ]
    for name in ("scale", "offset", "thresholds"):
        assert rules[0][name]["DRUSEN"] == rules[1][name]["DRUSEN"]


def test_the_limit_of_unlikeness_comes_from_other_patients_than_the_means() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 40)
    patients = [f"p{k // 6:02d}" for k in range(120)]
    embeddings = (np.eye(3)[labels] + rng.normal(0, 0.05, (120, 3))).astype(np.float32)
    means, limit = fit_ood(embeddings, labels, patients, classes=3)
    assert means is not None
    assert limit is not None
    first = np.isin(patients, sorted(set(patients))[::2])
    assert means[1] == pytest.approx(embeddings[first & (labels == 1)].mean(axis=0), abs=1e-6)
    assert 0.0 < limit < 0.1
    assert fit_ood(embeddings[:, :0], labels, patients, classes=3) == (None, None)
    assert fit_ood(embeddings, labels, patients, classes=4) == (None, None)


def test_everything_is_chosen_together_and_can_be_exported() -> None:
    volumes, labels, logits = eye_set(20)
    embeddings = np.eye(3, 5, dtype=np.float32)[labels] + np.float32(0.01)
    patients = [volumes.patients[k // 6] for k in range(len(labels))]
    made = fit_operating(
        logits, embeddings, labels, patients=patients, volumes=volumes, classes=CODES,
        sensitivity=0.95,
    )  # fmt: skip
    assert made.calibration().temperature == made.temperature
    assert made.rule.thresholds == made.eye_rule["thresholds"]
    assert set(made.thresholds) == {"DRUSEN", "CNV", "disease"}
    assert made.facts["patients"] == 60
    flagged = made.unlike(-embeddings)
    assert flagged is not None
    assert flagged.all()
    for k, code in ((1, "DRUSEN"), (2, "CNV")):
        cases = made.probabilities(logits)[labels == k, k]
        assert (cases >= made.thresholds[code]).mean() >= 0.95
    careful = fit_operating(
        (logits / 9).astype(np.float32), embeddings, labels, patients=patients, volumes=volumes,
        classes=CODES, sensitivity=0.95, sharpen=False,
    )  # fmt: skip
    assert careful.temperature == 1.0
    without = fit_operating(
        logits, embeddings[:, :0], labels, patients=patients, volumes=volumes, classes=CODES,
        sensitivity=0.95,
    )  # fmt: skip
    assert without.unlike(embeddings[:, :0]) is None
    with pytest.raises(TrainingError, match="Only a student"):
        without.calibration()


def test_an_empty_validation_part_is_refused() -> None:
    empty = Volumes((), np.zeros(0, dtype=np.int64), (), (), ())
    with pytest.raises(TrainingError) as caught:
        fit_operating(
            np.zeros((0, 3), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, np.int64),
            patients=[], volumes=empty, classes=CODES, sensitivity=0.9,
        )  # fmt: skip
    assert caught.value.code == "empty-validation"
