"""What the summary says, as plain values; how it looks is in ``summary_html`` and ``summary_pdf``.

Every text here is plain text: whoever draws it escapes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.measure.summary_evidence import (
    faithfulness_table,
    pointing_table,
    unlike_table,
)
from training.measure.summary_tables import (
    VIEWS,
    Measured,
    Table,
    anchor_table,
    calibration_table,
    class_table,
    fold_table,
    main_table,
    measured_tables,
    operating_table,
    paired_table,
)
from training.run_folder import ROLES

NOTICE = "Research use only. Not a medical device."
_EYES = (
    "An eye is called from all of its B-scans, also those without a label and those that a filter "
    "leaves out elsewhere; without a call it goes to a person and counts as wrong."
)
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
    test = (
        "The same patients are tested in several folds, so folds are not pooled: means and spread "
        "over folds, and each fold by itself."
        if report["same_test_in_every_fold"]
        else "Each patient is tested once, by networks that never saw the patient."
    )
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
    facts = [
        ("Data", ", ".join(datasets) or "none"),
        ("Classes", ", ".join(report["classes"])),
        ("Set shown first", _SETS[report["primary"]]),
        *((role.capitalize(), ", ".join(names)) for role, names in models.items() if names),
        ("Views", f"{VIEWS[report['views']]}, float32, the same for both networks"),
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
    for level in ("eye", "patient"):
        found = measured_tables(report, primary, level)
        lead = "student" if any(one.role == "student" for one in found) else "teacher"
        blocks.append(main_table(report, primary, level))
        blocks += [_left_out(one, level) for one in found if one.role == lead]
        if level == "eye" and found:
            blocks.append(Text(f"{_EYES} {found[0].table['not_known']}"))
    return blocks


def _left_out(one: Measured, level: str) -> Text:
    """What is not in the table, and how eyes were called."""
    title, table = one.title.capitalize(), one.table
    if level == "patient":
        return Text(f"{title}: patients by the {table['rule']}; {table['class unclear']} whose "
                    "class is unclear are left out.")  # fmt: skip
    states = ", ".join(f"{name} {count}" for name, count in table["states"].items()) or "none"
    left = ", ".join(f"{name} {count}" for name, count in table["left_out"].items() if count)
    return Text(f"{title}, states of the eyes: {states}. Left out: {left or 'none'}.")


def _evidence(report: dict[str, Any]) -> list[Block | None]:
    return [unlike_table(report), faithfulness_table(report), pointing_table(report)]


def _anchors(report: dict[str, Any]) -> list[Block | None]:
    if not report["anchors"]:
        return []
    text = (
        "Published figures, with how far each can be trusted. Spreads of published folds divide by "
        "n; ours is given in the same way here. Rows with another protocol are not a comparison."
    )
    return [Text(text), anchor_table(report)]
