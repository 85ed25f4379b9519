"""What is chosen on the validation part and then held fixed: temperature, thresholds, eye rule.

No number here sees a patient that it is scored on. The same numbers go into the package.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.eye_level import calibrate, eye_scores
from kdoct_desktop.domain.finding import NORMAL, EyeRule
from kdoct_desktop.inference.probability import cosine_distances, softmax
from training.errors import TrainingError
from training.measure.calibrate import (
    ADJACENT,
    MIN_BSCANS,
    Calibration,
    class_means,
    fit_platt,
    fit_temperature,
    ood_limit,
    rule_table,
)
from training.measure.resample import Values
from training.measure.volumes import Volumes

LOWEST_TEMPERATURE = 0.2
LEAST_EYES = 5
"""Fewer eyes than this on either side leave a disease's eye-level scale alone."""
MOST = 0.5
"""An eye-level threshold is never higher: what is likelier diseased than not is reported."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Operating:
    """Everything that was chosen on the validation part of one fold.

    Attributes:
        temperature: Divides the logits.
        means: Mean embedding of each class, axes (class, feature); None without embeddings.
        ood_threshold: Cosine distance above which a B-scan is unlike the training data; None
            without embeddings.
        thresholds: By disease: the highest B-scan probability that keeps the wanted sensitivity;
            ``disease`` is the same for one minus the probability of NORMAL. None where the
            validation part has no case.
        eye_rule: The table of the package's manifest.
        facts: How many B-scans, eyes and patients they rest on, and what could not be fitted.
    """

    temperature: float
    means: Array | None
    ood_threshold: float | None
    thresholds: dict[str, float | None]
    eye_rule: dict[str, Any]
    facts: dict[str, Any]

    @property
    def rule(self) -> EyeRule:
        """The eye rule as the desktop uses it."""
        table = {k: v for k, v in self.eye_rule.items() if k not in ("name", "version")}
        return EyeRule(**table)

    def probabilities(self, logits: Array) -> Values:
        """Calibrated probabilities, axes (B-scan, class)."""
        return softmax(logits, self.temperature)

    def unlike(self, embeddings: Array) -> NDArray[np.bool_] | None:
        """B-scans flagged as unlike the training data; None where that cannot be said."""
        if self.means is None or self.ood_threshold is None:
            return None
        flags: NDArray[np.bool_] = cosine_distances(embeddings, self.means) > self.ood_threshold
        return flags

    def calibration(self) -> Calibration:
        """What an export needs.

        Raises:
            TrainingError: ``no-embedding``: the network has none, so it cannot be exported.
        """
        if self.means is None or self.ood_threshold is None:
            raise TrainingError(
                "no-embedding", "Only a student has the outputs that a package needs."
            )
        return Calibration(self.temperature, self.means, self.ood_threshold, self.eye_rule)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the class means."""
        return {
            "temperature": self.temperature,
            "ood_threshold": self.ood_threshold,
            "thresholds": self.thresholds,
            "eye_rule": self.eye_rule,
            "facts": self.facts,
        }


def fit_operating(
    logits: Array, embeddings: Array, labels: NDArray[np.int64], *, patients: Sequence[str],
    volumes: Volumes, classes: Sequence[str], sensitivity: float,
    counted: NDArray[np.bool_] | None = None, sharpen: bool = True,
) -> Operating:  # fmt: skip
    """Choose everything on the validation part: B-scans by those that count, eyes by all of theirs.

    Args:
        logits: Axes (B-scan, class).
        embeddings: Axes (B-scan, feature); no feature for a network without embedding.
        labels: Class index of each; below 0 where there is none that is taught.
        patients: Patient of each.
        volumes: Which B-scans make up an eye.
        classes: Codes in order.
        sensitivity: Wanted of every operating threshold.
        counted: Labelled B-scans that B-scan figures rest on; all where None.
        sharpen: The temperature may be less than 1.

    Raises:
        TrainingError: ``empty-validation``.
    """
    at = np.flatnonzero(labels >= 0 if counted is None else counted)
    if not len(at):
        raise TrainingError("empty-validation", "The validation part has no labelled B-scan.")
    own, people = labels[at], [patients[k] for k in at.tolist()]
    lowest = LOWEST_TEMPERATURE if sharpen else 1.0
    temperature = fit_temperature(logits[at], own, lowest=lowest)
    probabilities = softmax(logits, temperature)
    thresholds = _bscan_thresholds(probabilities[at], own, classes, sensitivity)
    means, limit = fit_ood(embeddings[at], own, people, classes=len(classes))
    rule, eyes = fit_eye_rule(volumes, probabilities, labels, classes=classes, goal=sensitivity)
    facts = {
        "bscans": len(at),
        "patients": len(set(people)),
        "sensitivity": sensitivity,
        "classes": {code: int((own == k).sum()) for k, code in enumerate(classes)},
        **eyes,
        "eyes_left_out": dict(Counter(why for why in volumes.why_not(MIN_BSCANS) if why)),
    }
    return Operating(temperature, means, limit, thresholds, rule, facts)


def _bscan_thresholds(
    probabilities: Values, labels: NDArray[np.int64], classes: Sequence[str], sensitivity: float
) -> dict[str, float | None]:
    """The operating threshold of each disease, and of any disease together."""
    normal = classes.index(NORMAL)
    thresholds = {
        code: operating_threshold(probabilities[:, k], labels == k, sensitivity)
        for k, code in enumerate(classes)
        if k != normal
    }
    thresholds["disease"] = operating_threshold(
        1.0 - probabilities[:, normal], labels != normal, sensitivity
    )
    return thresholds


def operating_threshold(
    scores: Values, truth: NDArray[np.bool_], sensitivity: float
) -> float | None:
    """The highest threshold at or above which `sensitivity` of the cases lie; None without cases.

    Rounded down to six digits, so that no case at the threshold is lost.
    """
    cases = np.sort(scores[truth])[::-1]
    if not len(cases):
        return None
    needed = max(1, int(np.ceil(sensitivity * len(cases) - 1e-9)))
    return float(np.floor(cases[needed - 1] * 1e6) / 1e6)


def fit_ood(
    embeddings: Array, labels: NDArray[np.int64], patients: Sequence[str], *, classes: int
) -> tuple[Array | None, float | None]:
    """Class means from one half of the patients, limit of unlikeness from the other.

    A limit from the pictures that made the means would be too tight. A class that is missing in
    the first half takes its mean from all; with one patient both come from all.

    Returns:
        Means, axes (class, feature), and limit; None and None without embeddings or where a class
        has no B-scan at all.
    """
    present = {int(k) for k in np.unique(labels)}
    if not embeddings.size or present != set(range(classes)):
        return None, None
    names = sorted(set(patients))
    first = np.isin(np.asarray(patients), names[::2])
    second = first if len(names) < 2 else ~first
    taken = first | ~np.isin(labels, labels[first])
    table = class_means(embeddings[taken], labels[taken], classes)
    if not (np.linalg.norm(table, axis=1) > 0.0).all():
        return None, None
    return table, ood_limit(embeddings[second], table)


def fit_eye_rule(
    volumes: Volumes,
    probabilities: Values,
    labels: NDArray[np.int64],
    *,
    classes: Sequence[str],
    goal: float,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scale, offset and threshold of every disease at eye level.

    An eye of another disease that holds B-scans labelled with this one (drusen in a neovascular
    eye) says nothing against it and is left out of its fit, as are all CNV eyes for DRUSEN.

    Args:
        volumes: Of the validation part.
        probabilities: Calibrated, axes (B-scan, class).
        labels: Class index of each B-scan; below 0 where there is none that is taught.
        classes: Codes in order.
        goal: Sensitivity that a threshold keeps.

    Returns:
        The table of the package's manifest, and what it rests on.
    """
    scores, truth, holds = _eyes_of(volumes, probabilities, labels, len(classes))
    scale, offset, thresholds, unfitted = {}, {}, {}, []
    for c, code in enumerate(classes):
        if code == NORMAL:
            continue
        case, counted = _fit_sides(truth, holds, c, classes)
        scale[code], offset[code], thresholds[code] = 1.0, 0.0, MOST
        if min(int(case.sum()), int((counted & ~case).sum())) < LEAST_EYES:
            unfitted.append(code)
            continue
        scale[code], offset[code] = fit_platt(scores[counted, c], case[counted])
        thresholds[code] = _eye_threshold(scores[case, c], scale[code], offset[code], goal)
    rule = rule_table(thresholds, scale, offset)
    return rule, {"eyes": len(truth), "eye_rule_not_fitted": unfitted}


def _fit_sides(
    truth: NDArray[np.int64], holds: NDArray[np.bool_], disease: int, classes: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which eyes are cases of a disease, and which count in its fit, cases and others."""
    case: NDArray[np.bool_] = truth == disease
    counted = case | ~holds[:, disease]
    if classes[disease] == "DRUSEN" and "CNV" in classes:
        counted &= truth != list(classes).index("CNV")
    return case, counted


def _eyes_of(
    volumes: Volumes, probabilities: Values, labels: NDArray[np.int64], classes: int
) -> tuple[Values, NDArray[np.int64], NDArray[np.bool_]]:
    """Usable eyes: scores (eye, class), truth, and which labels their B-scans hold (eye, class)."""
    kept = [k for k, why in enumerate(volumes.why_not(MIN_BSCANS)) if not why]
    usable = [(volumes.members[k], volumes.numbers[k]) for k in kept]
    scores = [eye_scores(probabilities[members], ADJACENT, numbers) for members, numbers in usable]
    holds = [[bool((labels[members] == c).any()) for c in range(classes)] for members, _ in usable]
    return (
        np.array(scores, dtype=np.float64).reshape(-1, classes),
        volumes.truth[np.array(kept, dtype=np.int64)],
        np.array(holds, dtype=bool).reshape(-1, classes),
    )


def _eye_threshold(cases: Values, scale: float, offset: float, goal: float) -> float:
    """The highest threshold up to `MOST` that keeps the wanted sensitivity."""
    ready = np.array([calibrate(float(score), scale, offset) for score in cases])
    found = operating_threshold(ready, np.ones(len(ready), dtype=bool), goal)
    return min(MOST, found if found is not None else MOST)
