"""The tables of the summary: cells as plain text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.run_folder import ROLES

NONE = "–"
"""A figure that does not exist; never nought."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows.
        head: Names of the columns.
        rows: Cells; the first of each row names it.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def percent(one: dict[str, Any] | None) -> str:
    """A share with its interval in per cent: ``92.4 (90.1–94.2)``."""
    if one is None or one["value"] is None:
        return NONE
    if one["low"] is None:
        return f"{100 * one['value']:.1f}"
    return f"{100 * one['value']:.1f} ({100 * one['low']:.1f}–{100 * one['high']:.1f})"


def decimal(one: dict[str, Any] | None) -> str:
    """A figure with its interval: ``0.912 (0.890–0.931)``."""
    if one is None or one["value"] is None:
        return NONE
    if one["low"] is None:
        return f"{one['value']:.3f}"
    return f"{one['value']:.3f} ({one['low']:.3f}–{one['high']:.3f})"


_MAIN = (
    ("Accuracy", "accuracy", percent),
    ("Macro sensitivity", "macro_sensitivity", percent),
    ("Macro specificity", "macro_specificity", percent),
    ("Macro F1", "macro_f1", percent),
    ("Cohen's kappa", "kappa", decimal),
    ("Macro AUROC", "macro_auroc", decimal),
    ("Disease sensitivity", "disease_sensitivity", percent),
    ("Disease specificity", "disease_specificity", percent),
    ("Diseased called normal", "disease_called_normal", percent),
)
_LEVELS = {"bscan": "B-scans", "eye": "eyes", "patient": "patients"}
VIEWS = {"single": "single view", "tta": "mean of five test-time views"}
"""How ``evaluate.views`` is called."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The table of a network at one level.

    Attributes:
        title: Its role; with the fold where folds are not pooled.
        role: ``teacher`` or ``student``.
        folds: Reports of the folds that it rests on.
        table: As `training.measure.scoring.measured` makes it.
    """

    title: str
    role: str
    folds: Sequence[dict[str, Any]]
    table: dict[str, Any]


def measured_tables(report: dict[str, Any], name: str, level: str) -> list[Measured]:
    """Of each role, pooled over folds; of each fold by itself where folds are not pooled."""
    found = []
    for role in ROLES:
        folds = [fold for fold in report["folds"] if name in _tests(fold, role)]
        pooled = report["pooled"].get(role, {}).get(name)
        if pooled is not None:
            found.append(Measured(role, role, folds, pooled[level]))
            continue
        for fold in folds:
            title = f"{role}, fold {fold['fold']}"
            found.append(Measured(title, role, [fold], _tests(fold, role)[name][level]))
    return found


def _tests(fold: dict[str, Any], role: str) -> dict[str, Any]:
    tests: dict[str, Any] = fold["roles"].get(role, {}).get("test", {})
    return tests


def filled(report: dict[str, Any], name: str) -> list[Measured]:
    """Tables of B-scans that hold something."""
    return [one for one in measured_tables(report, name, "bscan") if one.table["n"]]


def main_table(report: dict[str, Any], name: str, level: str = "bscan") -> Table | None:
    """Figures of both networks over all folds: pooled with intervals, or means with spread."""
    if report["same_test_in_every_fold"]:
        return _mean_table(report, name, level)
    found = [one for one in measured_tables(report, name, level) if one.table["n"]]
    if not found:
        return None
    rows = [
        (title, *(write(one.table["figures"][key]) for one in found)) for title, key, write in _MAIN
    ]
    first = found[0].table
    counts = f"{first['n']} {_LEVELS[level]}"
    of = "" if level == "patient" else f" of {first['patients']} patients"
    return Table(
        f"All held-out {_LEVELS[level]} together: {counts}{of}, {VIEWS[report['views']]}, "
        "in per cent",
        ("Figure", *(one.title.capitalize() for one in found)),
        tuple(rows),
    )


def _mean_table(report: dict[str, Any], name: str, level: str) -> Table | None:
    """Mean and spread over folds that test the same patients."""
    found = {
        role: report["over_folds"][role][name][level]
        for role in ROLES
        if level in report["over_folds"].get(role, {}).get(name, {})
    }
    if not found:
        return None
    rows = []
    for title, key, write in _MAIN:
        scale = 100 if write is percent else 1
        rows.append((title, *(_spread(one[key], scale=scale) for one in found.values())))
    counts = next(iter(found.values()))["counts"]
    return Table(
        f"Held-out {_LEVELS[level]}, mean ± sd over {len(counts['n'])} folds, in which "
        f"{counts['patients']} different patients are tested, not pooled, "
        f"{VIEWS[report['views']]}, in per cent",
        ("Figure", *(role.capitalize() for role in found)),
        tuple(rows),
    )


def fold_table(report: dict[str, Any], name: str) -> Table | None:
    """Accuracy and two more of every fold, then mean and spread."""
    keys = ("accuracy", "macro_sensitivity", "disease_sensitivity")
    rows = []
    for fold in range(report["folds_of_the_split"]):
        one = next((f for f in report["folds"] if f["fold"] == fold), None)
        for role in ROLES:
            table = (one or {"roles": {}})["roles"].get(role, {}).get("test", {}).get(name)
            cells = [NONE] * len(keys)
            if table and table["bscan"]["n"]:
                cells = [percent(table["bscan"]["figures"][key]) for key in keys]
                count = f"{table['bscan']['n']} / {table['bscan']['patients']}"
            elif {"fold": fold, "role": role} in report["missing"]:
                count = "missing"
            else:
                continue
            rows.append((f"Fold {fold}, {role}", count, *cells))
    for role in ROLES:
        over = report["over_folds"].get(role, {}).get(name, {}).get("bscan")
        if over:
            spread = [_spread(over[key]) for key in keys]
            rows.append((f"Mean ± sd, {role}", f"{over['accuracy']['folds']} folds", *spread))
    head = ("Fold", "B-scans / patients", "Accuracy", "Macro sensitivity", "Disease sensitivity")
    return Table("Each fold, in per cent", head, tuple(rows))


def _spread(one: dict[str, Any], key: str = "sd", *, scale: int = 100) -> str:
    """Mean and spread, in per cent or as they are."""
    if one["mean"] is None:
        return NONE
    digits = 2 if scale == 100 else 3
    spread = "" if one[key] is None else f" ± {scale * one[key]:.{digits}f}"
    return f"{scale * one['mean']:.{digits}f}{spread}"


def paired_table(report: dict[str, Any], name: str) -> Table:
    """Differences of B-scan figures."""
    whole = report["pooled"]["paired"][name]
    titles = {key: title for title, key, _ in _MAIN}
    rows = []
    for key, one in whole["bscan"].items():
        title = titles.get(key) or f"Recall of {key.partition(':')[2]}"
        if one["value"] is None:
            rows.append((title, NONE, NONE, NONE))
            continue
        between = (
            NONE if one["low"] is None else f"{100 * one['low']:+.2f} to {100 * one['high']:+.2f}"
        )
        p = NONE if one["p"] is None else f"{one['p']:.3f}"
        rows.append((title, f"{100 * one['value']:+.2f}", between, p))
    mean = ", mean over folds" if whole["averaged"] else ""
    caption = f"B-scans, {name}, {VIEWS[whole['views']]}{mean}"
    return Table(caption, ("Figure", "Difference", "95 % interval", "p"), tuple(rows))


def class_table(report: dict[str, Any], name: str) -> Table | None:
    """Every class and network."""
    rows = []
    for code in report["classes"]:
        for one in filled(report, name):
            entry = one.table["classes"][code]
            cells = [percent(entry[key]) for key in ("recall", "specificity", "precision")]
            count = f"{entry['n']} / {entry['patients']}"
            rows.append((f"{code}, {one.title}", count, *cells, decimal(entry["auroc"])))
    head = ("Class", "B-scans / patients", "Recall", "Specificity", "Precision", "AUROC")
    return Table("Each class against the rest, in per cent", head, tuple(rows))


def calibration_table(report: dict[str, Any]) -> Table | None:
    """Calibration before and after."""
    rows = []
    for one in filled(report, report["primary"]):
        made = one.table["calibration"]
        temperatures = [fold["roles"][one.role]["operating"]["temperature"] for fold in one.folds]
        keys = ("ece_before", "ece_after", "log_loss_before", "log_loss_after")
        cells = [decimal(made[key]) for key in keys]
        rows.append((one.title.capitalize(), ", ".join(f"{t:.2f}" for t in temperatures), *cells))
    head = ("Network", "Temperature", "ECE before", "after", "Log loss before", "after")
    return Table("Temperature fitted on the validation part of each fold", head, tuple(rows))


def operating_table(report: dict[str, Any], name: str) -> Table | None:
    """Sensitivity and specificity at the thresholds that validation chose."""
    rows = []
    for one in filled(report, name):
        for key, sides in one.table["thresholds"].items():
            limits = [fold["roles"][one.role]["operating"]["thresholds"][key] for fold in one.folds]
            shown = ", ".join(NONE if limit is None else f"{limit:.2f}" for limit in limits)
            title = "any disease" if key == "disease" else key
            cells = (percent(sides["sensitivity"]), percent(sides["specificity"]))
            rows.append((f"{title}, {one.title}", shown, *cells))
    goal = report["config"]["evaluate"]["sensitivity"]
    head = ("Disease", "Threshold of each fold", "Sensitivity", "Specificity")
    return Table(
        f"B-scans at the highest threshold that keeps a sensitivity of {100 * goal:.0f} % on "
        "validation", head, tuple(rows),
    )  # fmt: skip


def anchor_table(report: dict[str, Any]) -> Table:
    """Ours first, then what was published."""
    rows: list[tuple[str, ...]] = []
    for role in ROLES:
        over = report["over_folds"].get(role, {}).get(report["primary"], {}).get("bscan")
        if over:
            keys: Sequence[str] = ("accuracy", "macro_sensitivity", "macro_specificity")
            cells = [_spread(over[key], "sd_published") for key in keys]
            rows.append((f"This run, {role}", *cells, report["primary"], NONE))
    for one in report["anchors"]["rows"]:
        spread = "" if one["sd"] is None else f" ± {100 * one['sd']:.1f}"
        cells = [f"{100 * one['accuracy']:.1f}{spread}"]
        cells += [
            NONE if one[key] is None else f"{100 * one[key]:.1f}"
            for key in ("sensitivity", "specificity")
        ]
        same = "" if one["comparable"] else " (another protocol)"
        rows.append((one["name"], *cells, one["protocol"] + same, one["trust"]))
    head = ("Model", "Accuracy", "Sensitivity", "Specificity", "Protocol", "Trust")
    return Table("In per cent", head, tuple(rows))
