"""From the answers of a fold to everything that is scored: B-scans, eyes, patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.finding import NORMAL
from training.config import Config
from training.data.manifest import Row
from training.data.predictions import Predictions
from training.measure.eye_metrics import (
    Eyes,
    Patients,
    eyes,
    patients_from_bscans,
    patients_from_eyes,
    volumes_of,
)
from training.measure.metrics import Units, bscan_units, compared, joined, table
from training.measure.probability_metrics import calibration_table
from training.measure.resample import Bootstrap, Values, interval, ratio
from training.measure.thresholds import Operating, fit_operating

LEVELS = ("bscan", "eye", "patient")


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One network on the held-out rows of one or more folds.

    Attributes:
        bscan: B-scans, with calibrated probabilities.
        raw: Their probabilities at temperature 1.
        above: bool, axes (B-scan, disease or any disease): at or above the operating threshold.
        unlike: B-scans flagged as unlike the training data; None without embeddings.
        eye: Eyes, each rule from its own fold; no units where no volumes are known.
        eye_facts: States and eyes left out, counted.
        patient: Patients.
        patient_facts: The rule in words, and how many are left out.
    """

    bscan: Units
    raw: Values
    above: NDArray[np.bool_]
    unlike: NDArray[np.bool_] | None
    eye: Units
    eye_facts: dict[str, dict[str, int]]
    patient: Units
    patient_facts: dict[str, Any]

    def level(self, name: str) -> Units:
        """Units of ``bscan``, ``eye`` or ``patient``."""
        return {"bscan": self.bscan, "eye": self.eye, "patient": self.patient}[name]


def choose_operating(validation: Predictions, rows: Sequence[Row], config: Config) -> Operating:
    """Temperature, thresholds and eye rule from the labelled answers on the validation part.

    Args:
        validation: Answers; rows without label are ignored.
        rows: The manifest's rows of these answers.
        config: Classes and the wanted sensitivity.
    """
    keep = np.flatnonzero(validation.labels >= 0)
    known = [rows[k] for k in keep.tolist()]
    labels = validation.labels[keep]
    classes = config.classes.codes
    return fit_operating(
        validation.logits[keep],
        validation.embeddings[keep],
        labels,
        patients=[row.patient for row in known],
        volumes=volumes_of(known, labels, classes=classes, names=config.classes.labels),
        classes=classes,
        sensitivity=config.evaluate.sensitivity,
    )


def score(
    answers: Predictions,
    rows: Sequence[Row],
    operating: Operating,
    *,
    config: Config,
    keep: NDArray[np.bool_] | None = None,
) -> Scored:
    """Score the labelled answers of a held-out part.

    Args:
        answers: Of one network on one fold.
        rows: The manifest's rows of these answers.
        operating: Chosen on the validation part of the same fold.
        config: Classes.
        keep: Which answers take part; None for all.
    """
    mask = answers.labels >= 0
    at = np.flatnonzero(mask if keep is None else mask & keep)
    classes = config.classes.codes
    labels, logits = answers.labels[at], answers.logits[at]
    known = [rows[k] for k in at.tolist()]
    probabilities = operating.probabilities(logits)
    bscan = bscan_units(labels, probabilities, [row.patient for row in known])
    unlike = operating.unlike(answers.embeddings[at]) if len(at) else None
    volumes = volumes_of(known, labels, classes=classes, names=config.classes.labels)
    found = eyes(volumes, probabilities, classes=classes, rule=operating.rule, unlike=unlike)
    people = _people(found, bscan, classes)
    return Scored(
        bscan,
        Operating.probabilities(_at_one(operating), logits),
        _above(probabilities, operating, classes),
        unlike,
        found.units,
        {"states": found.states, "left_out": _left_out(found, known)},
        people.units,
        {"rule": people.rule, "labels disagree": people.left_out},
    )


def _people(found: Eyes, bscan: Units, classes: Sequence[str]) -> Patients:
    """Patients from their eyes; from their B-scans where no eye is known."""
    if len(found.units):
        return patients_from_eyes(found.units, classes)
    return patients_from_bscans(bscan, classes)


def _at_one(operating: Operating) -> Operating:
    """The same without its temperature."""
    return Operating(1.0, None, None, operating.thresholds, operating.eye_rule, {})


def _above(
    probabilities: Values, operating: Operating, classes: Sequence[str]
) -> NDArray[np.bool_]:
    """Columns: each disease in order, then any disease; False where there is no threshold."""
    columns = []
    for name in threshold_names(classes):
        limit = operating.thresholds.get(name)
        normal = probabilities[:, classes.index(NORMAL)]
        value = 1.0 - normal if name == "disease" else probabilities[:, classes.index(name)]
        columns.append(np.zeros(len(value), bool) if limit is None else value >= limit)
    return np.stack(columns, axis=1)


def threshold_names(classes: Sequence[str]) -> list[str]:
    """What has an operating threshold: each disease, and any disease together."""
    return [*(code for code in classes if code != NORMAL), "disease"]


def _left_out(found: Eyes, rows: Sequence[Row]) -> dict[str, int]:
    """Eyes left out, and B-scans that belong to no volume."""
    alone = sum(not row.volume for row in rows)
    return {**found.left_out, "B-scans without a volume": alone}


def pooled(parts: Sequence[Scored]) -> Scored:
    """The held-out answers of several folds as one set; each was made by its own fold's network."""
    flags = [one.unlike for one in parts if one.unlike is not None]
    facts: dict[str, dict[str, int]] = {"states": {}, "left_out": {}}
    for one in parts:
        for kind, counts in one.eye_facts.items():
            for name, count in counts.items():
                facts[kind][name] = facts[kind].get(name, 0) + count
    rules = sorted({str(one.patient_facts["rule"]) for one in parts})
    return Scored(
        joined([one.bscan for one in parts]),
        np.concatenate([one.raw for one in parts]),
        np.concatenate([one.above for one in parts]),
        np.concatenate(flags) if len(flags) == len(parts) else None,
        joined([one.eye for one in parts]),
        facts,
        joined([one.patient for one in parts]),
        {
            "rule": "; ".join(rules),
            "labels disagree": sum(one.patient_facts["labels disagree"] for one in parts),
        },
    )


def measured(scored: Scored, config: Config) -> dict[str, Any]:
    """All tables of one network on one set, with intervals, as plain values."""
    classes, resamples = config.classes.codes, config.evaluate.resamples
    made: dict[str, Any] = {}
    for name in LEVELS:
        units = scored.level(name)
        bootstrap = Bootstrap(units.patients, resamples=resamples)
        made[name] = table(units, bootstrap, classes)
        if name == "bscan" and len(units):
            made[name]["calibration"] = calibration_table(
                scored.raw, units.scores, units.truth, bootstrap
            )
            made[name]["thresholds"] = _at_thresholds(scored, bootstrap, classes)
            if scored.unlike is not None:
                flagged = bootstrap.mean(scored.unlike.astype(np.float64))
                made[name]["unlike_training"] = interval(flagged)
    made["eye"] |= scored.eye_facts
    made["patient"] |= scored.patient_facts
    return made


def _at_thresholds(
    scored: Scored, bootstrap: Bootstrap, classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Sensitivity and specificity at the operating thresholds."""
    result = {}
    for column, name in enumerate(threshold_names(classes)):
        above = scored.above[:, column]
        truth = scored.bscan.truth
        case = truth != classes.index(NORMAL) if name == "disease" else truth == classes.index(name)
        sides = {}
        for side, right, here in (("sensitivity", above, case), ("specificity", ~above, ~case)):
            hits = bootstrap.sums((right & here).astype(np.float64))
            sides[side] = interval(ratio(hits, bootstrap.sums(here.astype(np.float64))))
        result[name] = sides
    return result


def paired(ours: Scored, theirs: Scored, config: Config) -> dict[str, Any]:
    """Differences ``ours - theirs`` at every level at which both have the same units."""
    made: dict[str, Any] = {}
    for name in LEVELS:
        mine, other = ours.level(name), theirs.level(name)
        same = mine.patients == other.patients and np.array_equal(mine.truth, other.truth)
        if same and len(mine):
            bootstrap = Bootstrap(mine.patients, resamples=config.evaluate.resamples)
            made[name] = compared(mine, other, bootstrap, config.classes.codes)
    return made
