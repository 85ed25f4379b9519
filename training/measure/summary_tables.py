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


def _tables(report: dict[str, Any], name: str, level: str) -> dict[str, dict[str, Any]]:
    """Pooled table of each role at a level, where it holds something."""
    found = {}
    for role in ROLES:
        one = report["pooled"].get(role, {}).get(name, {}).get(level)
        if one and one["n"]:
            found[role] = one
    return found


def main_table(report: dict[str, Any], name: str, level: str = "bscan") -> Table | None:
    """Pooled figures of both networks with intervals."""
    found = _tables(report, name, level)
    if not found:
        return None
    first = next(iter(found.values()))
    rows = [
        (title, *(write(one["figures"][key]) for one in found.values()))
        for title, key, write in _MAIN
    ]
    counts = f"{first['n']} {_LEVELS[level]}"
    of = "" if level == "patient" else f" of {first['patients']} patients"
    return Table(
        f"All held-out {_LEVELS[level]} together: {counts}{of}, in per cent",
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


def _spread(one: dict[str, Any], key: str = "sd") -> str:
    if one["mean"] is None:
        return NONE
    return f"{100 * one['mean']:.2f}" + ("" if one[key] is None else f" ± {100 * one[key]:.2f}")


def paired_table(report: dict[str, Any], name: str) -> Table:
    """Differences of B-scan figures."""
    found = report["pooled"]["paired"][name]["bscan"]
    titles = {key: title for title, key, _ in _MAIN}
    rows = []
    for key, one in found.items():
        title = titles.get(key) or f"Recall of {key.partition(':')[2]}"
        if one["value"] is None:
            rows.append((title, NONE, NONE, NONE))
            continue
        between = (
            NONE if one["low"] is None else f"{100 * one['low']:+.2f} to {100 * one['high']:+.2f}"
        )
        p = NONE if one["p"] is None else f"{one['p']:.3f}"
        rows.append((title, f"{100 * one['value']:+.2f}", between, p))
    return Table(f"B-scans, {name}", ("Figure", "Difference", "95 % interval", "p"), tuple(rows))


def class_table(report: dict[str, Any], name: str) -> Table | None:
    """Every class and network."""
    rows = []
    for code in report["classes"]:
        for role, one in _tables(report, name, "bscan").items():
            entry = one["classes"][code]
            cells = [percent(entry[key]) for key in ("recall", "specificity", "precision")]
            count = f"{entry['n']} / {entry['patients']}"
            rows.append((f"{code}, {role}", count, *cells, decimal(entry["auroc"])))
    head = ("Class", "B-scans / patients", "Recall", "Specificity", "Precision", "AUROC")
    return Table("Each class against the rest, in per cent", head, tuple(rows))


def calibration_table(report: dict[str, Any]) -> Table | None:
    """Calibration before and after."""
    rows = []
    for role, one in _tables(report, report["primary"], "bscan").items():
        made = one["calibration"]
        temperatures = [
            fold["roles"][role]["operating"]["temperature"]
            for fold in report["folds"]
            if role in fold["roles"]
        ]
        keys = ("ece_before", "ece_after", "log_loss_before", "log_loss_after")
        cells = [decimal(made[key]) for key in keys]
        rows.append((role.capitalize(), ", ".join(f"{t:.2f}" for t in temperatures), *cells))
    head = ("Network", "Temperature", "ECE before", "after", "Log loss before", "after")
    return Table("Temperature fitted on the validation part of each fold", head, tuple(rows))


def operating_table(report: dict[str, Any], name: str) -> Table | None:
    """Sensitivity and specificity at the thresholds that validation chose."""
    rows = []
    for role, one in _tables(report, name, "bscan").items():
        for key, sides in one["thresholds"].items():
            limits = [
                fold["roles"][role]["operating"]["thresholds"][key]
                for fold in report["folds"]
                if role in fold["roles"]
            ]
            shown = ", ".join(NONE if limit is None else f"{limit:.2f}" for limit in limits)
            title = "any disease" if key == "disease" else key
            cells = (percent(sides["sensitivity"]), percent(sides["specificity"]))
            rows.append((f"{title}, {role}", shown, *cells))
    goal = report["config"]["evaluate"]["sensitivity"]
    head = ("Disease", "Threshold of each fold", "Sensitivity", "Specificity")
    return Table(
        f"B-scans at the highest threshold that keeps a sensitivity of {100 * goal:.0f} % on "
        "validation", head, tuple(rows),
    )  # fmt: skip


def unlike_table(report: dict[str, Any]) -> Table:
    """Held-out B-scans that are flagged, and labels that were not taught."""
    rows = []
    pooled = report["pooled"].get("student", {}).get(report["primary"], {}).get("bscan", {})
    if pooled.get("unlike_training"):
        flagged = percent(pooled["unlike_training"])
        rows.append(("held-out B-scans of the classes", str(pooled["n"]), NONE, flagged))
    for fold in report["folds"]:
        for label, one in fold["roles"].get("student", {}).get("unlike", {}).items():
            cells = (percent(one["called_normal"]), percent(one["unlike_training"]))
            rows.append((f"not taught: {label}, fold {fold['fold']}", str(one["n"]), *cells))
    head = ("B-scans", "n", "Called normal", "Flagged as unlike")
    return Table("What the student flags as unlike its training data, in per cent", head,
                 tuple(rows))  # fmt: skip


def evidence_table(report: dict[str, Any]) -> Table:
    """Deletion and insertion of every fold."""
    rows = []
    for fold in report["folds"]:
        one = fold["roles"].get("student", {}).get("faithfulness", {"n": 0})
        if one["n"]:
            keys = ("deletion", "random_deletion", "insertion", "random_insertion")
            cells = [decimal(one[key]) for key in keys]
            rows.append((f"Fold {fold['fold']}, {one['n']} B-scans", *cells))
    head = ("Fold", "Deletion", "random", "Insertion", "random")
    return Table(
        "Faithfulness of the heatmap: low deletion and high insertion beside random order",
        head, tuple(rows),
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
