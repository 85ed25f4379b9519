"""Several folds as one: pooled where each patient is tested once, averaged where not.

Pooled, the held-out answers of all folds are one set. Where folds test the same patients (the data
set's own test part), that set would hold each of them several times, and its counts and intervals
would be those of more patients than there are. Then only means over folds are given: with their
spread, and for the difference between the networks with an interval over the distinct patients.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.config import Config
from training.measure.gather import Gathered
from training.measure.scoring import LEVELS, Scored, averaged, measured, paired, pooled
from training.splits.split import Split

SUMMED = (
    "accuracy", "macro_sensitivity", "macro_specificity", "macro_precision", "macro_f1", "kappa",
    "macro_auroc", "disease_sensitivity", "disease_specificity", "disease_called_normal",
    "disease_auroc",
)  # fmt: skip
"""Figures whose mean and spread over folds are reported."""
OF_CLASS = ("recall", "specificity", "precision", "auroc")
"""The same of every class."""


def tested_again(split: Split, folds: Sequence[int]) -> bool:
    """Whether some patient is in the test part of several of these folds."""
    names = [name for fold in folds for name in split.folds[fold].test]
    return len(set(names)) < len(names)


def over_folds(gathered: Gathered) -> dict[str, Any]:
    """Mean and spread over folds: role, set, level, figure.

    ``sd`` is the sample deviation (divides by n - 1), ``sd_published`` divides by n as published
    figures do; both None with one fold. Folds without the figure are left out and counted.
    ``counts`` says how many units each fold tests, and how many different patients all do.
    """
    made: dict[str, Any] = {}
    for role, by_set in gathered.scored.items():
        tables = [one["roles"][role]["test"] for one in gathered.folds if role in one["roles"]]
        for name, scored in by_set.items():
            for level in LEVELS:
                here = [one[name][level] for one in tables if name in one and one[name][level]["n"]]
                if here:
                    figures = _figures_over(here)
                    people = {who for one in scored.values() for who in one.level(level).patients}
                    figures["counts"] = {"n": [one["n"] for one in here], "patients": len(people)}
                    made.setdefault(role, {}).setdefault(name, {})[level] = figures
    return made


def _figures_over(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread of every figure of some tables."""
    figures = {name: _mean([one["figures"][name]["value"] for one in tables]) for name in SUMMED}
    return figures | {
        f"{name}:{code}": _mean([one["classes"][code][name]["value"] for one in tables])
        for code in tables[0]["classes"]
        for name in OF_CLASS
    }


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


def together(gathered: Gathered, config: Config, *, again: bool) -> dict[str, Any]:
    """Held-out answers of all folds as one set, and ``paired``: student minus teacher.

    Each set of either says its ``folds`` and ``views``, and a paired one whether it is ``averaged``
    over folds.

    Args:
        gathered: The evaluated folds.
        config: Of the run.
        again: From `tested_again`: no set is pooled, and the difference is averaged.
    """
    views = config.evaluate.views
    sets = {
        (role, name): (list(parts), pooled(list(parts.values())))
        for role, by_set in gathered.scored.items()
        for name, parts in by_set.items()
        if not again
    }
    made: dict[str, Any] = {}
    for (role, name), (folds, one) in sets.items():
        made.setdefault(role, {})[name] = {
            "folds": folds, "views": views, **measured(one, config),
        }  # fmt: skip
    made["paired"] = {}
    for name, students in gathered.scored["student"].items():
        teachers = gathered.scored["teacher"].get(name, {})
        shared = [fold for fold in students if fold in teachers]
        if not shared:
            continue
        about: dict[str, Any] = {"folds": shared, "views": views, "averaged": again}
        if again:
            change = averaged([(students[fold], teachers[fold]) for fold in shared], config)
        else:
            whole = [_pooled(sets, role, name, shared, one)
                     for role, one in (("student", students), ("teacher", teachers))]  # fmt: skip
            change = paired(whole[0], whole[1], config)
        made["paired"][name] = about | change
    return made


def _pooled(
    sets: Mapping[tuple[str, str], tuple[list[int], Scored]], role: str, name: str,
    folds: list[int], parts: Mapping[int, Scored],
) -> Scored:  # fmt: skip
    """The pooled answers of these folds; those that were measured before, with their draws."""
    known, whole = sets[role, name]
    return whole if known == folds else pooled([parts[fold] for fold in folds])
