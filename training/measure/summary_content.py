"""What the summary says, as plain values; how it looks is in ``summary_html`` and ``summary_pdf``.

Every text here is plain text: whoever draws it escapes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.measure.summary_tables import (
    Table,
    anchor_table,
    calibration_table,
    class_table,
    evidence_table,
    fold_table,
    main_table,
    operating_table,
    paired_table,
    unlike_table,
)
from training.run_folder import ROLES

NOTICE = "Research use only. Not a medical device."
_SETS = {
    "filtered": "filtered: label = class of the volume, as in the literature",
    "unfiltered": "unfiltered: all labelled B-scans, as in use",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Callout:
    """A warning with advice.

    Attributes:
        level: ``notice``, ``warning``, ``red``, ``blocks promotion`` or ``good``.
        text: What was seen.
        advice: What to do.
        details: Lines.
    """

    level: str
    text: str
    advice: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with its caption."""

    path: Path
    caption: str


Block = Text | Callout | Picture | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole summary.

    Attributes:
        title: Heading.
        lead: One sentence.
        facts: Name and value of what identifies the run.
        sections: In order.
        notice: For the foot of every page.
    """

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notice: str = field(default=NOTICE)


def build_document(report: dict[str, Any], figures: Mapping[str, Path]) -> Document:
    """The summary of a report."""
    from training.measure.figures import TITLES

    def pictures(*names: str) -> list[Block]:
        return [Picture(figures[n], TITLES[n]) for n in names if n in figures]

    primary = report["primary"]
    sections = [
        _section("What to look at first", _callouts(report)),
        _section("Result", [*_results(report), *pictures("folds")]),
        _section("Student against teacher", _paired(report)),
        _section("Classes", [class_table(report, primary), *pictures("confusion", "roc")]),
        _section("Eyes and patients", [*_eyes(report), *pictures("confusion-eyes")]),
        _section("Probabilities", [calibration_table(report), *pictures("reliability")]),
        _section("Operating points", [operating_table(report, primary)]),
        _section("Unlike the training data, and evidence", _evidence(report)),
        _section("Published figures", _anchors(report)),
        _section("Training", pictures("curves-teacher", "curves-student")),
    ]
    return Document(
        "Held-out evaluation",
        _lead(report),
        tuple(_facts(report)),
        tuple(section for section in sections if section.blocks),
    )


def _section(title: str, blocks: Sequence[Block | None]) -> Section:
    kept = [block for block in blocks if block is not None]
    return Section(title, tuple(b for b in kept if not isinstance(b, Table) or b.rows))


def _lead(report: dict[str, Any]) -> str:
    done, all_folds = len(report["folds"]), report["folds_of_the_split"]
    missing = "" if done == all_folds else f" {all_folds - done} folds are missing."
    test = "The same test part serves every fold." if report["same_test_in_every_fold"] else (
        "Each patient is tested once, by networks that never saw the patient."
    )  # fmt: skip
    return (
        f"{done} of {all_folds} folds.{missing} {test} Intervals are 95 %, by bootstrap over "
        f"patients ({report['config']['evaluate']['resamples']} draws)."
    )


def _facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    folds = report["folds"]
    datasets = sorted({name for fold in folds for name in fold["data"]["test"]["datasets"]})
    models = {
        role: sorted({f["roles"][role]["model"]["model"] for f in folds if role in f["roles"]})
        for role in ROLES
    }
    licences = sorted(
        {
            f"{one['model']['initial_weights'].get('name')}: "
            f"{one['model']['initial_weights'].get('licence') or 'no licence stated'}"
            for fold in folds
            for one in fold["roles"].values()
            if isinstance(one["model"]["initial_weights"], dict)
        }
    )
    waivers = sorted({one["model"]["waiver"] for f in folds for one in f["roles"].values()} - {""})
    views = "single view" if report["views"] == "single" else "five test-time views"
    facts = [
        ("Data", ", ".join(datasets) or "none"),
        ("Classes", ", ".join(report["classes"])),
        ("Set shown first", _SETS[report["primary"]]),
        *((role.capitalize(), ", ".join(names)) for role, names in models.items() if names),
        ("Views", f"{views}, float32, the same for both networks"),
        ("Initial weights", "; ".join(licences) or "not recorded"),
        ("Split sha256", report["split_sha256"][:16]),
        ("Manifest sha256", report["manifest_sha256"][:16]),
        ("Program", report["versions"]["evaluated_with"]["kdoct"]),
    ]
    return [*facts, ("Waiver", "; ".join(waivers))] if waivers else facts


def _callouts(report: dict[str, Any]) -> list[Block]:
    found: list[Block] = [
        Callout(one["level"], one["message"], one["advice"], tuple(one["details"]))
        for one in report["signatures"]
    ]
    return found or [Callout("good", "None of the known failure signatures is present.")]


def _results(report: dict[str, Any]) -> list[Block | None]:
    blocks: list[Block | None] = []
    for name in report["sets"]:
        if len(report["sets"]) > 1 or name == "filtered":
            blocks.append(Text(f"{_SETS[name][0].upper()}{_SETS[name][1:]}."))
        blocks += [main_table(report, name), fold_table(report, name)]
    return blocks


def _paired(report: dict[str, Any]) -> list[Block | None]:
    tables: list[Block | None] = [paired_table(report, name) for name in report["pooled"]["paired"]]
    if not tables:
        return []
    text = (
        "Student minus teacher on the same B-scans, in points. The same patients are drawn for "
        "both. p is twice the smaller share of draws on either side of no difference."
    )
    return [Text(text), *tables]


def _eyes(report: dict[str, Any]) -> list[Block | None]:
    primary = report["primary"]
    blocks: list[Block | None] = []
    for level, word in (("eye", "eyes"), ("patient", "patients")):
        blocks.append(main_table(report, primary, level))
        for role in ROLES:
            one = report["pooled"].get(role, {}).get(primary, {}).get(level)
            if role == "student" or "student" not in report["pooled"]:
                blocks.append(_left_out(one, word))
    return blocks


def _left_out(one: dict[str, Any] | None, word: str) -> Text | None:
    """What is not in the table, and how eyes were called."""
    if one is None:
        return None
    if word == "patients":
        return Text(f"Patients by the {one['rule']}; {one['labels disagree']} with several diseases"
                    " are left out.")  # fmt: skip
    states = ", ".join(f"{name} {count}" for name, count in one["states"].items()) or "none"
    left = ", ".join(f"{name} {count}" for name, count in one["left_out"].items() if count)
    return Text(f"Student, states of the eyes: {states}. Left out: {left or 'none'}. An eye without"
                " a call goes to a person and counts as wrong.")  # fmt: skip


def _evidence(report: dict[str, Any]) -> list[Block | None]:
    return [unlike_table(report), evidence_table(report)]


def _anchors(report: dict[str, Any]) -> list[Block | None]:
    if not report["anchors"]:
        return []
    text = (
        "Published figures, with how far each can be trusted. Spreads of published folds divide by "
        "n; ours is given in the same way here. Rows with another protocol are not a comparison."
    )
    return [Text(text), anchor_table(report)]
