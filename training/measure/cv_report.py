"""All folds of a run in one report: per fold, mean and spread, pooled, paired, beside anchors.

Made from what the folds left on disk (``evaluation.json`` and the saved answers), so that it can
be made again without the networks. Folds that are missing are named.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.config import Config
from training.data.manifest import Manifest
from training.errors import TrainingError
from training.measure.anchors import anchors_for
from training.measure.gather import Gathered
from training.measure.over_folds import over_folds, tested_again, together
from training.measure.signatures import promotion, signatures
from training.run_folder import ROLES
from training.splits.split import Split

SCHEMA = 2
SPLIT_COUNTS = (
    "seed", "folds", "validation", "near_duplicate_bits", "official_test", "patients", "units",
    "bscans", "unlabelled", "counts",
)  # fmt: skip
"""What is repeated of a split's facts: numbers. The rest names patients and files."""


def build_report(
    gathered: Gathered, manifest: Manifest, split: Split, config: Config
) -> dict[str, Any]:
    """The report over the evaluated folds, as plain values.

    Its ``pooled`` holds no set where folds test the same patients
    (``same_test_in_every_fold``): there ``over_folds`` stands alone. Its ``promotion`` is that of
    `training.measure.signatures.promotion`.

    Raises:
        TrainingError: ``nothing-to-evaluate``: no fold is evaluated.
    """
    folds = gathered.folds
    if not folds:
        raise TrainingError("nothing-to-evaluate", "No fold of this run has been evaluated.")
    sets = [name for role in ROLES for name in gathered.scored[role]]
    again = tested_again(split, [fold["fold"] for fold in folds])
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "classes": list(folds[0]["data"]["test"]["classes"]),
        "split_sha256": split.sha256,
        "manifest_sha256": manifest.sha256,
        "config": config.to_json(),
        "versions": _versions(folds),
        "split_facts": _split_facts(split.facts),
        "primary": folds[0]["primary"],
        "sets": list(dict.fromkeys(sets)),
        "views": config.evaluate.views,
        "same_test_in_every_fold": again,
        "folds_of_the_split": len(split.folds),
        "missing": _missing(folds, split, config),
        "folds": folds,
        "over_folds": over_folds(gathered),
        "pooled": together(gathered, config, again=again),
    }
    report["anchors"] = _anchors(report)
    found = signatures(report, gate=config.distill.gate, warn_below=config.distill.warn_below)
    report["signatures"] = [one.to_json() for one in found]
    report["promotion"] = promotion(found)
    return report


def _split_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Counts of a split, and its sentence on leaks."""
    kept = {name: facts[name] for name in SPLIT_COUNTS if name in facts}
    return {**kept, "leak": facts.get("leak", {}).get("sentence", "")}


def _anchors(report: dict[str, Any]) -> dict[str, Any]:
    """Published figures for the tested data."""
    datasets = {name for fold in report["folds"] for name in fold["data"]["test"]["datasets"]}
    primary = report["primary"]
    tested = [
        report["pooled"][role][primary]["bscan"]["n"]
        for role in ROLES
        if primary in report["pooled"].get(role, {})
    ]
    filtered = max(tested, default=0) if primary == "filtered" else 0
    return anchors_for(datasets, report["classes"], filtered=filtered)


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
