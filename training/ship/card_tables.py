"""The tables of figures on a model card: held-out sets, classes, warnings."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.measure.eye_metrics import BLIND

SHOWN = (
    ("accuracy", "accuracy"),
    ("macro_sensitivity", "macro sensitivity"),
    ("macro_specificity", "macro specificity"),
    ("macro_auroc", "macro AUROC"),
    ("macro_f1", "macro F1"),
    ("kappa", "kappa"),
    ("disease_sensitivity", "disease-versus-normal sensitivity"),
    ("disease_specificity", "disease-versus-normal specificity"),
)
SETS = {
    "filtered": "only B-scans whose label is the class of their volume",
    "unfiltered": "all labelled B-scans",
}
LEVELS = (("bscan", "B-scans"), ("eye", "eyes"), ("patient", "patients"))


VIEWS = {
    "single": "plain view",
    "tta": "mean of five views, which the desktop makes only when it is asked to",
}
THIS, ORIGIN = "This network", "The float32 network that this was made from"


def held_out_text(
    held: Mapping[str, Any], training: Mapping[str, Any], *, network: str = THIS
) -> str:
    """Held-out figures of the network and of the method; says so where nothing was evaluated.

    Args:
        held: From `training.ship.package_report.held_out`.
        training: Table of the package's manifest.
        network: Whose figures these are: `THIS` or `ORIGIN`.
    """
    if not held:
        return (
            "## Held-out figures\n\n"
            "**Not evaluated.** This package was written before the run was evaluated."
        )
    lines = [
        "## Held-out figures\n",
        f"{_unseen(held, training)} Intervals are 95 %, by bootstrap over patients; from fewer "
        f"than about 20 patients they are too narrow.{_eyes(held)}",
    ]
    titles = (
        ("fold", f"{network}, held-out patients of fold {training['fold']}"),
        ("all_folds", "The method: {folds} of the run, each with its own network"),
    )
    for name, title in titles[: 1 if training["folds"] == 1 else None]:  # one fold is the method
        for kind, tables in held.get(name, {}).items():
            folds = "folds " + ", ".join(map(str, tables.get("folds", ())))
            view = VIEWS[tables.get("views", "single")]
            heading = f"{title.format(folds=folds)}: {SETS[kind]}; {view}"
            lines += ["", f"### {heading}", "", *_levels(tables)]
            lines += ["", *class_rows(tables.get("bscan", {}))]
    return "\n".join(lines)


def _eyes(held: Mapping[str, Any]) -> str:
    """What figures of eyes leave out; empty where there are none."""
    tables = [one for name in ("fold", "all_folds") for one in held.get(name, {}).values()]
    called = any(one.get("eye", {}).get("n") for one in tables)
    return f" Eyes are called from all of their B-scans. {BLIND}" if called else ""


def _unseen(held: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """Who has not seen the patients of the tables, and who may have."""
    starts = {
        "student": training["initial_weights"],
        "teacher": (training["teacher"] or {}).get("initial_weights", {}),
    }
    knowing = [role for role, one in starts.items() if _may_know(one, held, training)]
    if not knowing:
        return "On patients that no weight, threshold or temperature has seen."
    return (
        "On patients that no training, threshold or temperature of this run has seen. **But "
        f"{' and '.join(knowing)} started from weights of another split or fold, which may have "
        "learned from some of these patients: then the figures flatter.**"
    )


def _may_know(
    initial: Mapping[str, Any], held: Mapping[str, Any], training: Mapping[str, Any]
) -> bool:
    """Whether a start may have learned from held-out patients.

    Weights of this fold of this split have not seen its patients, but those of the other folds.
    """
    trained = initial.get("split") or "trained on the split" in str(initial.get("source", ""))
    if not trained:
        return False
    own = (training["split_sha256"], training["fold"])
    return (initial.get("split"), initial.get("fold")) != own or "all_folds" in held


def promotion_text(promotion: Mapping[str, Any]) -> str:
    """What blocks the promotion, and the waiver; empty where there is neither."""
    waiver = cell(promotion["waiver"])
    if promotion["blocked_by"]:
        codes = ", ".join(map(cell, promotion["blocked_by"]))
        said = f"**The evaluation blocks the promotion of this network ({codes}).** It was waived:"
    elif waiver:
        said = "A waiver was given, and nothing that was evaluated needed it:"
    else:
        return ""
    return f"## Promotion\n\n{said} {waiver}"


def _levels(tables: Mapping[str, Any]) -> list[str]:
    """One column a level, one line a figure."""
    there = [(key, title) for key, title in LEVELS if tables.get(key, {}).get("n")]
    if not there:
        return ["No labelled B-scan was held out."]
    counts = [f"{title} (n {tables[key]['n']}, {tables[key]['patients']} patients)"
              for key, title in there]  # fmt: skip
    lines = ["| | " + " | ".join(counts) + " |", "|---" * (1 + len(there)) + "|"]
    for name, words in SHOWN:
        cells = [figure(tables[key]["figures"].get(name)) for key, _ in there]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    for name, words in (("ece_before", "ECE at temperature 1"), ("ece_after", "ECE as shipped")):
        cells = [figure(tables[key].get("calibration", {}).get(name)) for key, _ in there]
        if any(one != figure(None) for one in cells):
            lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return lines


def class_rows(table: Mapping[str, Any]) -> list[str]:
    """Recall, AUROC and confusion of each class, at B-scan level."""
    if not table.get("n"):
        return []
    codes = list(table["classes"])
    called = [*codes, "no call"]
    lines = [
        "| true class | B-scans | patients | recall | AUROC | "
        + " | ".join(f"→ {code}" for code in called) + " |",
        "|---" * (5 + len(called)) + "|",
    ]  # fmt: skip
    for code, counts in zip(codes, table["confusion"], strict=True):
        one = table["classes"][code]
        cells = [*map(str, counts), *[""] * (len(called) - len(counts))]
        lines.append(
            f"| {code} | {one['n']} | {one['patients']} | {figure(one.get('recall'))} | "
            f"{figure(one.get('auroc'))} | " + " | ".join(cells) + " |"
        )
    return lines


def warnings_text(held: Mapping[str, Any]) -> str:
    """Failure signatures; empty where the run was not evaluated as a whole."""
    if "signatures" not in held:
        return ""
    found: Sequence[Mapping[str, Any]] = held["signatures"]
    if not found:
        return "## Warnings of the evaluation\n\nNone of the known failure signatures was found."
    lines = [
        f"- **{cell(one['level'])}, {cell(one['code'])}**: {cell(one['message'])} "
        f"{cell(one['advice'])}"
        for one in found
    ]
    return "## Warnings of the evaluation\n\n" + "\n".join(lines)


def figure(one: Mapping[str, Any] | None) -> str:
    """A figure with its interval, as the card prints it; a dash where there is none."""
    if not one or one.get("value") is None:
        return "–"
    if one.get("low") is None or one.get("high") is None:
        return f"{one['value']:.3f}"
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def cell(text: str) -> str:
    """A text from outside, in one line and without table marks."""
    return " ".join(str(text).replace("|", "/").split())
