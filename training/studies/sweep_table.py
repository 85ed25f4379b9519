"""The table of a sweep: figures of each arm on the held-out patients, paired with a reference.

An *arm* is one network in every (seed, fold) that is finished. Its figures are computed for each
(seed, fold) and given as mean and standard deviation over them. The difference to the reference is
one number: the answers of all folds are pooled, the figure is averaged over the seeds, and both
arms are computed in the same draws of patients. A patient is held out once, but with the data set's
own test part (``split.official_test``) in every fold: then a patient is drawn with the answers of
all folds' networks, so the folds narrow no interval. What is not finished is listed as missing.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.measure.metrics import Units, figures_of, joined
from training.measure.probability_metrics import ece_draws
from training.measure.resample import Bootstrap, Values, difference

METRICS = ("balanced_accuracy", "accuracy", "macro_auroc", "disease_sensitivity", "ece")
TITLES = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_auroc": "macro AUROC",
    "disease_sensitivity": "disease sensitivity",
    "ece": "ECE",
}
Place = tuple[int, int]
"""Seed and fold."""


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One line of the table before it is computed.

    Attributes:
        name: Of the line.
        classes: Class codes of its scores; they may be more than the data has.
        answers: Units on the held-out B-scans of each finished seed and fold.
        missing: Why a seed and fold has none.
        facts: What the line says besides: hashes, what was changed.
    """

    name: str
    classes: tuple[str, ...]
    answers: Mapping[Place, Units]
    missing: Mapping[Place, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def line_of(arm: Arm, reference: Arm, *, resamples: int) -> dict[str, Any]:
    """Figures of an arm and their differences to the reference, as plain values.

    Returns:
        ``name``, ``finished``, ``missing`` (seed, fold, why), ``figures`` (metric to mean, sd,
        values in the order of the finished places; sd None for one value), ``difference`` (metric
        to value, low, high, p; None where nothing can be paired), ``paired`` (seeds, folds,
        patients, bscans: answers, one for each B-scan of each fold), and the arm's facts.
    """
    places = sorted(arm.answers)
    by_metric: dict[str, list[float]] = {name: [] for name in METRICS}
    for place in places:
        units = arm.answers[place]
        alone = Bootstrap(units.patients, resamples=0)
        for name, values in _draws(units, alone, arm.classes).items():
            by_metric[name].append(float(values[0]))
    change, paired = (None, None) if arm is reference else _paired(arm, reference, resamples)
    return {
        "name": arm.name,
        "finished": [list(place) for place in places],
        "missing": [[*place, why] for place, why in sorted(arm.missing.items())],
        "figures": {name: _summary(values) for name, values in by_metric.items()},
        "difference": change,
        "paired": paired,
        **arm.facts,
    }


def _paired(
    arm: Arm, reference: Arm, resamples: int
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Differences over the seeds and folds that both have finished."""
    seeds, folds = common(arm, reference)
    if not seeds or not folds:
        return None, None
    ours, units = _averaged(arm, seeds, folds, resamples)
    theirs, other = _averaged(reference, seeds, folds, resamples)
    if units.patients != other.patients or _codes(arm, units) != _codes(reference, other):
        raise ValueError("paired figures need the same B-scans in the same order")
    over = {"seeds": list(seeds), "folds": list(folds), "patients": len(set(units.patients)),
            "bscans": len(units)}  # fmt: skip
    return {name: difference(ours[name], theirs[name]) for name in METRICS}, over


def common(arm: Arm, other: Arm) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Seeds and folds that form the largest full rectangle finished in both arms.

    Folds are taken first: all that both have for some seed; then the seeds that have all of them.
    Where no seed has them all, the seed with most folds decides.
    """
    both = set(arm.answers) & set(other.answers)
    by_seed: dict[int, set[int]] = {}
    for seed, fold in both:
        by_seed.setdefault(seed, set()).add(fold)
    if not by_seed:
        return (), ()
    widest = max(by_seed.values(), key=lambda folds: (len(folds), sorted(folds)))
    seeds = tuple(sorted(seed for seed, folds in by_seed.items() if folds >= widest))
    return seeds, tuple(sorted(widest))


def _averaged(
    arm: Arm, seeds: Sequence[int], folds: Sequence[int], resamples: int
) -> tuple[dict[str, Values], Units]:
    """Draws of every metric, averaged over the seeds; and the pooled units of the last of them."""
    sums: dict[str, Values] = {}
    for seed in seeds:
        units = joined([arm.answers[seed, fold] for fold in folds])
        bootstrap = Bootstrap(units.patients, resamples=resamples)
        for name, values in _draws(units, bootstrap, arm.classes).items():
            sums[name] = sums[name] + values if name in sums else values
    return {name: values / len(seeds) for name, values in sums.items()}, units


def _draws(units: Units, bootstrap: Bootstrap, classes: Sequence[str]) -> dict[str, Values]:
    found = figures_of(units, bootstrap, classes)
    found["ece"] = ece_draws(units.scores, units.truth, bootstrap)
    return {name: found[name] for name in METRICS}


def _codes(arm: Arm, units: Units) -> list[str]:
    return [arm.classes[label] for label in units.truth.tolist()]


def _summary(values: Sequence[float]) -> dict[str, Any]:
    """Mean, sample standard deviation and the values; None where there are too few."""
    known = [value for value in values if np.isfinite(value)]
    return {
        "mean": round(float(np.mean(known)), 6) if known else None,
        "sd": round(float(np.std(known, ddof=1)), 6) if len(known) > 1 else None,
        "values": [round(value, 6) if np.isfinite(value) else None for value in values],
    }


def as_csv(lines: Sequence[dict[str, Any]], facts: Mapping[str, Any]) -> str:
    """One line an arm; empty cells where there is no figure."""
    head = ["name", "finished", "missing"]
    for name in METRICS:
        head += [f"{name}_mean", f"{name}_sd", f"{name}_difference", f"{name}_low", f"{name}_high",
                 f"{name}_p"]  # fmt: skip
    head += ["config_sha256", "split_sha256"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for line in lines:
        cells: list[Any] = [line["name"], len(line["finished"]), len(line["missing"])]
        for name in METRICS:
            change = (line["difference"] or {}).get(name, {})
            cells += [line["figures"][name]["mean"], line["figures"][name]["sd"]]
            cells += [change.get(key) for key in ("value", "low", "high", "p")]
        cells += [line.get("config_sha256", ""), facts.get("split_sha256", "")]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def as_markdown(lines: Sequence[dict[str, Any]], reference: str) -> str:
    """The lines as a table for people; percent, differences in points."""
    head = ["", "n", *(TITLES[name] for name in METRICS),
            f"balanced accuracy against {reference}, points (95 %)"]  # fmt: skip
    rows = [_row(head), _row(["---"] * len(head))]
    for line in lines:
        done, all_of_them = len(line["finished"]), len(line["finished"]) + len(line["missing"])
        count = str(done) if done == all_of_them else f"{done} of {all_of_them}"
        cells = [line["name"], count]
        cells += [_mean_sd(line["figures"][name], name) for name in METRICS]
        rows.append(_row([*cells, _change(line, reference)]))
    return "\n".join(rows) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _mean_sd(figure: dict[str, Any], name: str) -> str:
    if figure["mean"] is None:
        return "missing"
    digits, factor = (3, 1.0) if name == "ece" else (1, 100.0)
    text = f"{factor * figure['mean']:.{digits}f}"
    return text if figure["sd"] is None else f"{text} ± {factor * figure['sd']:.{digits}f}"


def _change(line: dict[str, Any], reference: str) -> str:
    if line["name"] == reference:
        return "reference"
    change = (line["difference"] or {}).get("balanced_accuracy")
    if change is None or change["value"] is None:
        return "missing"
    text = f"{100 * change['value']:+.1f}"
    if change["low"] is None:
        return text
    return f"{text} ({100 * change['low']:+.1f} to {100 * change['high']:+.1f})"
