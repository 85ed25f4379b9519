"""All folds of a run in one report: per fold, mean and spread, pooled, paired, beside anchors.

Made from what the folds left on disk (``evaluation.json`` and the saved answers), so that it can
be made again without the networks. Folds that are missing are named.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.config import Config
from training.data.manifest import Manifest
from training.data.predictions import load_predictions
from training.errors import TrainingError
from training.measure.anchors import anchors_for
from training.measure.evaluate_fold import SCHEMA as FOLD_SCHEMA
from training.measure.scoring import (
    LEVELS,
    Scored,
    choose_operating,
    measured,
    paired,
    pooled,
    score,
)
from training.measure.signatures import blocks_promotion, signatures
from training.run_folder import ROLES, RunFolder
from training.splits.held_out import Held, held_rows
from training.splits.split import Split

SCHEMA = 1
SUMMED = (
    "accuracy", "macro_sensitivity", "macro_specificity", "macro_precision", "macro_f1", "kappa",
    "macro_auroc", "disease_sensitivity", "disease_specificity", "disease_auroc",
)  # fmt: skip
"""Figures whose mean and spread over folds are reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What the evaluated folds left.

    Attributes:
        folds: Reports of the evaluated folds, in order.
        scored: Role to set to fold to the scored answers.
    """

    folds: list[dict[str, Any]]
    scored: dict[str, dict[str, dict[int, Scored]]]


def gather(folder: RunFolder, manifest: Manifest, split: Split, config: Config) -> Gathered:
    """Read what the folds left and score the saved answers again.

    Raises:
        TrainingError: ``bad-predictions``, ``not-held-out``.
    """
    folds: list[dict[str, Any]] = []
    scored: dict[str, dict[str, dict[int, Scored]]] = {role: {} for role in ROLES}
    for fold in range(len(split.folds)):
        report = read_fold(folder, fold, split)
        if report is None:
            continue
        folds.append(report)
        held = held_rows(manifest, split, config, fold)
        for role in report["roles"]:
            for name, one in _again(folder, fold, role, held, split, config).items():
                scored[role].setdefault(name, {})[fold] = one
    return Gathered(folds, scored)


def read_fold(folder: RunFolder, fold: int, split: Split) -> dict[str, Any] | None:
    """A fold's report; None where it is not evaluated, or was for another split."""
    try:
        report = json.loads((folder.fold(fold) / "evaluation.json").read_text("utf-8"))
        same = report["schema"] == FOLD_SCHEMA and report["split_sha256"] == split.sha256
    except (OSError, ValueError, KeyError):
        return None
    return report if same else None


def _again(
    folder: RunFolder, fold: int, role: str, held: Held, split: Split, config: Config
) -> dict[str, Scored]:
    """Score the saved answers of a role by set.

    Raises:
        TrainingError: ``bad-predictions``: the rows are not those of this fold.
    """
    parts = {}
    for part, selected in (("validation", held.validation), ("test", held.test)):
        path = folder.predictions(fold, role, part)
        parts[part] = load_predictions(path, split_sha256=split.sha256)
        if not np.array_equal(parts[part].rows, selected.indices):
            raise TrainingError(
                "bad-predictions", f"{path.name} of fold {fold} holds other rows; evaluate again."
            )
    operating = choose_operating(parts["validation"], held.validation.rows, config)
    return {
        name: score(parts["test"], held.test.rows, operating, config=config, keep=keep)
        for name, keep in held.sets.items()
    }


def build_report(
    gathered: Gathered, folder: RunFolder, manifest: Manifest, split: Split, config: Config
) -> dict[str, Any]:
    """The report over the evaluated folds, as plain values.

    Raises:
        TrainingError: ``nothing-to-evaluate``: no fold is evaluated.
    """
    if not gathered.folds:
        raise TrainingError("nothing-to-evaluate", "No fold of this run has been evaluated.")
    names = list(gathered.folds[0]["data"]["test"]["classes"])
    sets = [name for role in ROLES for name in gathered.scored[role]]
    primary = gathered.folds[0]["primary"]
    datasets = {name for fold in gathered.folds for name in fold["data"]["test"]["datasets"]}
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "classes": names,
        "split_sha256": split.sha256,
        "manifest_sha256": manifest.sha256,
        "config": config.to_json(),
        "versions": _versions(gathered.folds),
        "split_facts": split.facts,
        "primary": primary,
        "sets": list(dict.fromkeys(sets)),
        "views": config.evaluate.views,
        "same_test_in_every_fold": config.split.official_test,
        "folds_of_the_split": len(split.folds),
        "missing": _missing(gathered.folds, split, config),
        "folds": gathered.folds,
        "over_folds": over_folds(gathered.folds),
        "pooled": _pooled(gathered, config),
        "anchors": anchors_for(datasets, config.classes.codes),
    }
    found = signatures(report, gate=config.distill.gate, warn_below=config.distill.warn_below)
    report["signatures"] = [one.to_json() for one in found]
    report["promotion"] = {
        "blocked": blocks_promotion(found),
        "by": [one.code for one in found if one.level == "blocks promotion"],
    }
    return report


def _missing(folds: Sequence[dict[str, Any]], split: Split, config: Config) -> list[dict[str, Any]]:
    """Networks that the run should have and that are not evaluated."""
    there = {(fold["fold"], role) for fold in folds for role in fold["roles"]}
    roles = [role for role in ROLES if role == "student" or config.distill.soft_weight]
    return [
        {"fold": fold, "role": role}
        for fold in range(len(split.folds))
        for role in roles
        if (fold, role) not in there
    ]


def _versions(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of what trained (one entry where all folds agree) and of what evaluated."""
    import platform

    from kdoct_desktop import __version__

    trained = {
        json.dumps(one["model"]["versions"], sort_keys=True)
        for fold in folds
        for one in fold["roles"].values()
    }
    return {
        "trained_with": [json.loads(one) for one in sorted(trained)],
        "evaluated_with": {
            "kdoct": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }


def over_folds(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread over folds: role, set, level, figure.

    ``sd`` is the sample deviation (divides by n - 1), ``sd_published`` divides by n as published
    figures do; both None with one fold. Folds without the figure are left out and counted.
    """
    made: dict[str, Any] = {}
    for role in ROLES:
        tables = [fold["roles"][role]["test"] for fold in folds if role in fold["roles"]]
        for name in dict.fromkeys(key for one in tables for key in one):
            for level in LEVELS:
                here = [one[name][level] for one in tables if name in one and one[name][level]["n"]]
                if here:
                    figures = {
                        figure: _mean([_value(t, figure) for t in here]) for figure in SUMMED
                    }
                    codes = list(here[0]["classes"])
                    figures |= {
                        f"recall:{code}": _mean(
                            [t["classes"][code]["recall"]["value"] for t in here]
                        )
                        for code in codes
                    }
                    made.setdefault(role, {}).setdefault(name, {})[level] = figures
    return made


def _value(table: dict[str, Any], figure: str) -> float | None:
    value: float | None = table["figures"][figure]["value"]
    return value


def _mean(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and spread of the values that exist."""
    there = np.array([value for value in values if value is not None], dtype=np.float64)
    made: dict[str, Any] = {"mean": None, "sd": None, "sd_published": None, "folds": len(there)}
    if len(there):
        made["mean"] = round(float(there.mean()), 6)
    if len(there) > 1:
        made["sd"] = round(float(there.std(ddof=1)), 6)
        made["sd_published"] = round(float(there.std()), 6)
    return made


def _pooled(gathered: Gathered, config: Config) -> dict[str, Any]:
    """Held-out answers of all folds as one set, and the paired difference over shared folds."""
    made: dict[str, Any] = {
        role: {
            name: {"folds": list(parts), **measured(pooled(list(parts.values())), config)}
            for name, parts in by_set.items()
        }
        for role, by_set in gathered.scored.items()
        if by_set
    }
    made["paired"] = {}
    for name, students in gathered.scored["student"].items():
        teachers = gathered.scored["teacher"].get(name, {})
        shared = [fold for fold in students if fold in teachers]
        if shared:
            student, teacher = (pooled([one[k] for k in shared]) for one in (students, teachers))
            made["paired"][name] = {"folds": shared, **paired(student, teacher, config)}
    return made
