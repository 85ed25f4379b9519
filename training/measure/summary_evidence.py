"""The tables of the summary about the student's evidence and about strange B-scans."""

from typing import Any

from training.measure.pointing_game import FIGURES
from training.measure.summary_tables import NONE, Table, decimal, filled, percent


def unlike_table(report: dict[str, Any]) -> Table:
    """Held-out B-scans that are flagged, and labels that were not taught."""
    rows = []
    for one in filled(report, report["primary"]):
        if one.table.get("unlike_training"):
            title = one.title.replace("student", "held-out B-scans of the classes")
            rows.append((title, str(one.table["n"]), NONE, percent(one.table["unlike_training"])))
    for fold in report["folds"]:
        for label, made in fold["roles"].get("student", {}).get("unlike", {}).items():
            cells = (percent(made["called_normal"]), percent(made["unlike_training"]))
            rows.append((f"not taught: {label}, fold {fold['fold']}", str(made["n"]), *cells))
    head = ("B-scans", "n", "Called normal", "Flagged as unlike")
    return Table("What the student flags as unlike its training data, in per cent", head,
                 tuple(rows))  # fmt: skip


def faithfulness_table(report: dict[str, Any]) -> Table:
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


def pointing_table(report: dict[str, Any]) -> Table | None:
    """Evidence against outlined lesions of every fold; None where nothing was outlined."""
    rows = []
    for fold in report["folds"]:
        one = fold["roles"].get("student", {}).get("pointing", {"n": 0})
        if one["n"]:
            title = f"Fold {fold['fold']}, {one['n']} B-scans of {one['patients']} patients"
            rows.append((title, *(percent(one[name]) for name in FIGURES)))
    head = ("Fold", "Hit", "random", "centre", "Energy", "random", "centre")
    caption = (
        "The strongest evidence lies in the outlined lesion or within 15 pixels of it (hit), and "
        "the share of the evidence inside (energy), in per cent, beside a random pixel and a prior "
        "on the centre"
    )
    return Table(caption, head, tuple(rows)) if rows else None
