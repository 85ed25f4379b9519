"""The figures of the evaluation that a package repeats, and only those: no patient is in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.measure.outside import outside_of
from training.run_folder import RunFolder
from training.splits.split import Split

LEVELS = ("bscan", "eye", "patient")
SETS = ("filtered", "unfiltered")
_KEPT = (
    *("n", "patients", "no_call", "confusion", "figures", "classes", "thresholds", "states"),
    "unlike_training",
)
_CALIBRATION = ("ece_before", "ece_after", "log_loss_before", "log_loss_after")


def held_out(folder: RunFolder, split: Split, fold: int, weights_sha256: str) -> dict[str, Any]:
    """What was measured on held-out patients.

    Args:
        folder: The run.
        split: Of the run; a report of another one is passed over.
        fold: The exported one.
        weights_sha256: Of the exported student; a report on other weights of this fold is passed
            over.

    Returns:
        ``fold`` (this network, plain view) and ``all_folds`` (the method), each a test set
        (``filtered``, ``unfiltered``) to a level to its table, for all folds with the ``folds`` and
        the ``views`` that were averaged; ``evidence``: what this network's maps are worth;
        ``signatures``: sentences of each warning of the run, not
        there where the run was not evaluated as a whole. Without ``all_folds`` where the folds test
        the same patients. Empty where nothing was evaluated.
    """
    one = _read(folder.fold(fold) / "evaluation.json", split)
    run = _read(folder.report, split)
    if _weights_in(run, fold) != weights_sha256:
        run = {}
    found: dict[str, Any] = {}
    student = _at(one, "roles", "student")
    if _at(student, "model").get("weights_sha256") == weights_sha256:
        found["fold"] = _sets(_single_view(student, str(one.get("views"))))
        named = ("pointing", "faithfulness")
        found["evidence"] = {name: student[name] for name in named if name in student}
    whole = _sets(_at(run, "pooled", "student"))
    if whole:
        views = str(run.get("views", "single"))
        found["all_folds"] = {name: {**tables, "views": views} for name, tables in whole.items()}
    if found and run:
        found["signatures"] = _signatures(run)
    return found


def outside_facts(folder: RunFolder, split: Split, weights_sha256: str) -> dict[str, Any]:
    """What these weights did on other data sets, as far as the card shows it; empty for nothing."""
    report = outside_of(folder, split, weights_sha256)
    if not report:
        return {}
    named = ("outside_manifest_sha256", "labels", "left_out", "unlike")
    return {
        **{name: report[name] for name in named},
        "sets": {
            name: {"bscan": _table(one["bscan"]), "pointing": one["pointing"]}
            for name, one in report["sets"].items()
        },
    }


def blocked_by(folder: RunFolder, split: Split) -> list[dict[str, str]]:
    """The failure signatures for which the evaluation of the run blocks the promotion.

    A code without its signature blocks, too, with empty sentences.
    """
    run = _read(folder.report, split)
    promotion = _at(run, "promotion")
    if not promotion.get("blocked"):
        return []
    known = {one["code"]: one for one in _signatures(run)}
    codes = [str(code) for code in promotion.get("by", ())] or ["blocked"]
    return [known.get(code, {"code": code, "message": "", "advice": ""}) for code in codes]


def _weights_in(run: Mapping[str, Any], fold: int) -> str:
    """Hash of the student that a report over all folds scored in a fold; empty for none."""
    for one in run.get("folds", ()):
        if one.get("fold") == fold:
            return str(_at(one, "roles", "student", "model").get("weights_sha256", ""))
    return ""


def _read(path: Path, split: Split) -> dict[str, Any]:
    """A report of this split; empty where there is none."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    same = isinstance(values, dict) and values.get("split_sha256") == split.sha256
    return values if same else {}


def _single_view(student: Mapping[str, Any], views: str) -> dict[str, Any]:
    """Tables of the plain view, which is what the desktop uses unless a person asks for more."""
    if views == "single":
        return _at(student, "test")
    return {name: {"bscan": one} for name, one in _at(student, "single").items() if name in SETS}


def _sets(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Test set to level to table, with the folds where several are pooled."""
    found: dict[str, Any] = {}
    for name in SETS:
        one = tables.get(name)
        if isinstance(one, Mapping):
            found[name] = {level: _table(one[level]) for level in LEVELS if level in one}
            if "folds" in one:
                found[name]["folds"] = list(one["folds"])
    return found


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a table that the card shows."""
    ready = {name: table[name] for name in _KEPT if name in table}
    calibration = _at(table, "calibration")
    kept = {name: calibration[name] for name in _CALIBRATION if name in calibration}
    return {**ready, "calibration": kept} if kept else ready


def _signatures(run: Mapping[str, Any]) -> list[dict[str, str]]:
    """Code, level and sentences of each failure signature; its details are for the site alone."""
    names = ("code", "level", "message", "advice")
    return [{name: str(one.get(name, "")) for name in names} for one in run.get("signatures", ())]


def _at(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A nested table; empty where any of the names is missing."""
    for name in names:
        inner = values.get(name)
        values = inner if isinstance(inner, Mapping) else {}
    return dict(values)
