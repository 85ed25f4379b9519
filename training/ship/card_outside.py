"""What the card says of the student's evidence and of other data sets."""

from collections.abc import Mapping
from typing import Any

from training.measure.faithfulness import TOLERANCE_PX
from training.measure.pointing_game import FIGURES
from training.ship.card_tables import cell, class_rows, figure

_HEAD = "| set | B-scans | patients | hit | random hit | centre hit | energy | random | centre |"


def evidence_text(held: Mapping[str, Any], outside: Mapping[str, Any]) -> str:
    """Whether the heatmap points at outlined lesions, and whether the network uses what it shows.

    Args:
        held: From `training.ship.package_report.held_out`.
        outside: From `outside_facts`.
    """
    evidence = held.get("evidence", {})
    sets = {"held-out patients": evidence.get("pointing", {"n": 0})}
    sets |= {name: one["pointing"] for name, one in outside.get("sets", {}).items()}
    rows = [
        f"| {cell(name)} | {one['n']} | {one['patients']} | "
        + " | ".join(figure(one[key]) for key in FIGURES) + " |"
        for name, one in sets.items()
        if one["n"]
    ]  # fmt: skip
    curves = _curves(evidence.get("faithfulness", {"n": 0}))
    if not rows and not curves:
        return ""
    lines = ["## Does the heatmap point at the lesion\n"]
    if rows:
        lines += [
            "Evidence for the labelled disease against outlines of lesions, beside a random pixel "
            "and a prior on the centre of the picture. Hit: the strongest pixel lies in the lesion "
            f"or within {TOLERANCE_PX} pixels of it. Energy: share of the evidence in favour that "
            "lies inside.\n",
            _HEAD, "|---" * 9 + "|", *rows,
        ]  # fmt: skip
    return "\n".join([*lines, *curves])


def _curves(one: Mapping[str, Any]) -> list[str]:
    if not one["n"]:
        return []
    return [
        "",
        f"Taking the strongest evidence away, and putting it back, on {one['n']} B-scans of "
        f"{one['patients']} held-out patients, as the area under the probability: deletion "
        f"{figure(one['deletion'])} (random order {figure(one['random_deletion'])}), insertion "
        f"{figure(one['insertion'])} (random order {figure(one['random_insertion'])}).",
    ]


def outside_text(outside: Mapping[str, Any]) -> str:
    """Tables of other data sets; empty where none was asked about."""
    if not outside:
        return ""
    lines = ["## On other data sets\n", _rules(outside)]
    if outside["sets"]:
        lines += [
            "",
            "| set | B-scans | patients | balanced accuracy | accuracy "
            "| disease-versus-normal sensitivity | flagged unlike |",
            "|---" * 7 + "|",
            *(_line(name, one["bscan"]) for name, one in outside["sets"].items()),
        ]
        for name, one in outside["sets"].items():
            lines += ["", f"### {cell(name)}", "", *class_rows(one["bscan"])]
    strange = [
        (f"{name} {label}", one)
        for name, labels in outside["unlike"].items()
        for label, one in labels.items()
    ]
    return "\n".join([*lines, *_strange(strange)])


def _rules(outside: Mapping[str, Any]) -> str:
    named = ", ".join(
        f"{cell(label)} counts as {cell(code)}"
        for label, code in outside["labels"].items()
        if code != "-"
    )
    left = ", ".join(f"{count} {why}" for why, count in outside["left_out"].items() if count)
    return (
        "B-scans whose patients and pictures the run does not know. Nothing was learned from, "
        "calibrated on or chosen by them in this run. Intervals are 95 %, by bootstrap over "
        "patients; balanced accuracy is the mean recall of the classes that a set has. "
        f"{named + '. ' if named else ''}Left out: {left or 'none'}."
    )


def _line(name: str, table: Mapping[str, Any]) -> str:
    figures = table["figures"]
    shown = [figures.get(key) for key in ("macro_sensitivity", "accuracy", "disease_sensitivity")]
    cells = [figure(one) for one in (*shown, table.get("unlike_training"))]
    return f"| {cell(name)} | {table['n']} | {table['patients']} | " + " | ".join(cells) + " |"


def _strange(found: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Diseases that were not taught."""
    if not found:
        return []
    codes = list(found[0][1]["called"])
    lines = [
        "",
        "### Diseases that it was not taught",
        "",
        "It must call them one of its classes; only the flag can tell.",
        "",
        "| set | B-scans | patients | " + " | ".join(f"→ {code}" for code in codes)
        + " | called NORMAL | flagged unlike |",
        "|---" * (5 + len(codes)) + "|",
    ]  # fmt: skip
    for name, one in found:
        counts = " | ".join(str(one["called"][code]) for code in codes)
        lines.append(
            f"| {cell(name)} | {one['n']} | {one['patients']} | {counts} | "
            f"{figure(one['called_normal'])} | {figure(one['unlike_training'])} |"
        )
    return lines
