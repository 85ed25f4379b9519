"""From the answers of a fold to everything that is scored: B-scans, eyes, patients."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.finding import NORMAL
from kdoct_desktop.inference.probability import softmax
from training.config import Config
from training.data.manifest import Row
from training.data.predictions import Predictions
from training.measure.eye_metrics import (
    BLIND,
    Eyes,
    Patients,
    eyes,
    patients_from_bscans,
    patients_from_eyes,
)
from training.measure.metrics import (
    NOTHING,
    Draws,
    Units,
    bscan_units,
    differences,
    draws_of,
    joined,
    same_units,
    table_of,
)
from training.measure.probability_metrics import calibration_table
from training.measure.resample import Bootstrap, Values, interval, ratio
from training.measure.thresholds import Operating, fit_operating
from training.measure.volumes import Volumes, own_labels, volumes_of

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
        known: Draws by level, kept by `drawn`.
    """

    bscan: Units
    raw: Values
    above: NDArray[np.bool_]
    unlike: NDArray[np.bool_] | None
    eye: Units
    eye_facts: dict[str, dict[str, int]]
    patient: Units
    patient_facts: dict[str, Any]
    known: dict[str, Draws] = field(default_factory=dict)

    def level(self, name: str) -> Units:
        """Units of ``bscan``, ``eye`` or ``patient``."""
        return {"bscan": self.bscan, "eye": self.eye, "patient": self.patient}[name]

    def drawn(self, name: str, config: Config) -> Draws:
        """All figures of a level in all draws: made once, for its table and its differences."""
        if name not in self.known:
            units = self.level(name)
            bootstrap = Bootstrap(units.patients, resamples=config.evaluate.resamples)
            self.known[name] = draws_of(units, bootstrap, config.classes.codes)
        return self.known[name]


def choose_operating(validation: Predictions, rows: Sequence[Row], config: Config) -> Operating:
    """Temperature, thresholds and eye rule from the answers on the validation part.

    Args:
        validation: Answers; those `UNLABELLED` serve the eyes they belong to and nothing else.
        rows: The manifest's rows of these answers, best with all others of their volumes
            (`training.measure.asked.with_neighbours`).
        config: Classes and the wanted sensitivity.
    """
    counted = validation.labels >= 0
    volumes, labels = _volumes(rows, config)
    return fit_operating(
        validation.logits,
        validation.embeddings,
        np.where(counted, validation.labels, labels),
        patients=[row.patient for row in rows],
        volumes=volumes.holding(counted),
        classes=config.classes.codes,
        sensitivity=config.evaluate.sensitivity,
        counted=counted,
        sharpen=config.evaluate.sharpen,
    )


def _volumes(rows: Sequence[Row], config: Config) -> tuple[Volumes, NDArray[np.int64]]:
    """The volumes of the rows, and what the data set says of each B-scan."""
    labels = own_labels(rows, config.classes)
    names = config.classes.labels
    return volumes_of(rows, labels, classes=config.classes.codes, names=names), labels


def score(
    answers: Predictions, rows: Sequence[Row], operating: Operating, *, config: Config,
    keep: NDArray[np.bool_] | None = None,
) -> Scored:  # fmt: skip
    """Score the answers of a held-out part.

    A set of B-scans narrows the tables of B-scans, and which eyes are looked at; an eye is called
    from all of its B-scans.

    Args:
        answers: Of one network on one fold; those `UNLABELLED` serve the eyes they belong to.
        rows: The manifest's rows of these answers.
        operating: Chosen on the validation part of the same fold.
        config: Classes.
        keep: Which of the first answers take part, none of those behind them; None for all.
    """
    mask = answers.labels >= 0
    if keep is not None:
        mask &= np.pad(keep, (0, len(mask) - len(keep)))
    at = np.flatnonzero(mask)
    classes = config.classes.codes
    known = [rows[k] for k in at.tolist()]
    probabilities = operating.probabilities(answers.logits)
    bscan = bscan_units(answers.labels[at], probabilities[at], [row.patient for row in known])
    unlike = operating.unlike(answers.embeddings) if len(at) else None
    volumes = _volumes(rows, config)[0].holding(mask)
    found = eyes(volumes, probabilities, classes=classes, rule=operating.rule, unlike=unlike)
    people = _people(found, bscan, classes)
    return Scored(
        bscan,
        softmax(answers.logits[at], 1.0),
        _above(probabilities[at], operating, classes),
        None if unlike is None else unlike[at],
        found.units,
        {"states": found.states, "left_out": _left_out(found, known)},
        people.units,
        {"rule": people.rule, "class unclear": people.left_out},
    )


def _people(found: Eyes, bscan: Units, classes: Sequence[str]) -> Patients:
    """Patients from their eyes; from their B-scans where no eye is known."""
    if len(found.units):
        return patients_from_eyes(found.units, classes, found.unclear)
    return patients_from_bscans(bscan, classes, found.unclear)


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
            "class unclear": sum(one.patient_facts["class unclear"] for one in parts),
        },
    )


def measured(scored: Scored, config: Config) -> dict[str, Any]:
    """All tables of one network on one set, with intervals, as plain values."""
    made: dict[str, Any] = {
        name: table_of(scored.drawn(name, config), config.classes.codes)
        if len(scored.level(name))
        else dict(NOTHING)
        for name in LEVELS
    }
    if len(scored.bscan):
        made["bscan"] |= _of_bscans(scored, config)
    made["eye"] |= {**scored.eye_facts, "not_known": BLIND}
    made["patient"] |= scored.patient_facts
    return made


def _of_bscans(scored: Scored, config: Config) -> dict[str, Any]:
    """Calibration, operating points and share of unlike B-scans."""
    units, bootstrap = scored.bscan, scored.drawn("bscan", config).bootstrap
    made: dict[str, Any] = {
        "calibration": calibration_table(scored.raw, units.scores, units.truth, bootstrap),
        "thresholds": _at_thresholds(scored, bootstrap, config.classes.codes),
    }
    if scored.unlike is not None:
        made["unlike_training"] = interval(bootstrap.mean(scored.unlike.astype(np.float64)))
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
    return averaged([(ours, theirs)], config)


def averaged(pairs: Sequence[tuple[Scored, Scored]], config: Config) -> dict[str, Any]:
    """`paired`, as the mean over folds that test the same patients, in the same draws of them.

    Args:
        pairs: Ours and theirs of each fold. Where the folds' units are not the same, the mean has
            no interval.
        config: Classes and draws of the bootstrap.
    """
    made: dict[str, Any] = {}
    for name in LEVELS:
        sides = [(ours.level(name), theirs.level(name)) for ours, theirs in pairs]
        if not all(len(mine) and same_units(mine, other) for mine, other in sides):
            continue
        alike = all(same_units(sides[0][0], mine) for mine, _ in sides)
        mine, other = (
            _mean_draws([one[k].drawn(name, config).figures for one in pairs], alike=alike)
            for k in (0, 1)
        )
        made[name] = differences(mine, other, config.classes.codes)
    return made


def _mean_draws(folds: Sequence[dict[str, Values]], *, alike: bool) -> dict[str, Values]:
    """Mean of every figure over folds, draw by draw; of the samples alone where units differ."""
    rows = slice(None) if alike else slice(1)
    return {name: np.mean([one[name][rows] for one in folds], axis=0) for name in folds[0]}
