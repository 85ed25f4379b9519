"""Failure signatures: patterns in a report that have a known meaning, with advice.

The gates and signs are the method's; limits that it leaves open are named here. `BLOCKS` keeps a
model from being promoted, nothing here changes a figure.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

NOTICE, WARNING, RED, BLOCKS = "notice", "warning", "red", "blocks promotion"

WEAK_STUDENT = 0.80
LOW_DIVERGENCE = 0.10
"""Nats a B-scan between teacher and student below which the student copies its teacher well."""
FOLD_GAP = 0.06
"""Accuracy between best and worst fold; 0.055 is what the reference's own folds differ by."""
MUCH_UNLIKE = 0.05
"""Share of the held-out B-scans flagged as unlike the training data; 0.01 is expected."""
MISCALIBRATED = 0.10


@dataclass(frozen=True, slots=True)
class Signature:
    """One warning.

    Attributes:
        code: Stable lower-case identifier with hyphens.
        level: ``notice``, ``warning``, ``red`` or ``blocks promotion``.
        message: What was seen, with its numbers.
        advice: What to do.
        details: What the sentence counts, one line each.
    """

    code: str
    level: str
    message: str
    advice: str
    details: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "details": list(self.details)}


def signatures(report: dict[str, Any], *, gate: float, warn_below: float) -> list[Signature]:
    """All signatures of a report over folds, the pressing ones first.

    Args:
        report: As `training.measure.cv_report.build_report` makes it.
        gate: Smallest validation accuracy of a teacher that may teach.
        warn_below: Below this the teacher or the data is broken.
    """
    found = [
        *_missing(report),
        *_teachers(report, gate, warn_below),
        *_student_above(report),
        *_weak_student(report),
        *_fold_gap(report),
        *_errors(report),
        *_data(report),
    ]
    order = [BLOCKS, RED, WARNING, NOTICE]
    return sorted(found, key=lambda one: order.index(one.level))


def blocks_promotion(found: list[Signature]) -> bool:
    """Whether a signature keeps the student from being promoted."""
    return any(one.level == BLOCKS for one in found)


def promotion(found: list[Signature]) -> dict[str, Any]:
    """What an export asks before it writes a package: ``cv_report.json``'s ``promotion``.

    Returns:
        ``blocked``: whether no package may be written without a written waiver; ``by``: the codes
        of the signatures that block, which stand in full among the report's ``signatures``;
        ``reasons``: their messages.
    """
    blocking = [one for one in found if one.level == BLOCKS]
    return {
        "blocked": blocks_promotion(found),
        "by": [one.code for one in blocking],
        "reasons": [one.message for one in blocking],
    }


def _missing(report: dict[str, Any]) -> Iterator[Signature]:
    lines = [f"fold {one['fold']}: {one['role']}" for one in report["missing"]]
    if lines:
        yield Signature(
            "missing-folds", WARNING,
            f"{len(lines)} networks of this run are not evaluated; the figures leave them out.",
            "Finish them with the same command, then evaluate again.", tuple(lines),
        )  # fmt: skip
    unfinished = [
        f"fold {fold['fold']}: {role}"
        for fold in report["folds"]
        for role, one in fold["roles"].items()
        if not one["model"]["finished"]
    ]
    if unfinished:
        yield Signature(
            "unfinished-training", NOTICE,
            f"{len(unfinished)} networks were stopped before their end; the best so far is scored.",
            "Go on with the same command if the curves still rise.", tuple(unfinished),
        )  # fmt: skip


def _teachers(report: dict[str, Any], gate: float, warn_below: float) -> Iterator[Signature]:
    below: list[str] = []
    broken: list[str] = []
    waivers: set[str] = set()
    for fold in report["folds"]:
        one = fold["roles"].get("teacher")
        accuracy = one["model"]["validation_accuracy"] if one else None
        if accuracy is None or accuracy >= gate:
            continue
        line = f"fold {fold['fold']}: {accuracy:.4f}"
        (broken if accuracy < warn_below else below).append(line)
        waivers |= {role["model"]["waiver"] for role in fold["roles"].values()} - {""}
    said = f" Waived: {'; '.join(sorted(waivers))}." if waivers else ""
    if broken:
        yield Signature(
            "teacher-broken", RED,
            f"{len(broken)} teachers validate below {warn_below:.2f}.{said}",
            "Fix data or teacher first: labels, class counts, augmentation preview, rates.",
            tuple(broken),
        )  # fmt: skip
    if below:
        yield Signature(
            "teacher-below-gate", WARNING,
            f"{len(below)} teachers validate below the gate of {gate:.2f}.{said}",
            "Do not distil from them unless that is waived in writing; the waiver goes onto the "
            "model card.", tuple(below),
        )  # fmt: skip


def _change(report: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Pooled paired difference student - teacher of a B-scan figure; None where it is missing."""
    found: dict[str, Any] = report.get("pooled", {}).get("paired", {}).get(report["primary"], {})
    change: dict[str, Any] | None = found.get("bscan", {}).get(name)
    return change if change is not None and change["value"] is not None else None


def _student_above(report: dict[str, Any]) -> Iterator[Signature]:
    change = _change(report, "accuracy")
    if change is None or change["value"] <= 0.0:
        return
    sure = change["low"] is not None and change["low"] > 0.0
    yield Signature(
        "student-above-teacher", WARNING if sure else NOTICE,
        f"The student is {100 * change['value']:.2f} points more accurate than its teacher"
        f"{'' if sure else ', which may be chance'}.",
        "Leakage is likely when this is no chance: check split hash, duplicates, patient keys, and "
        "that both networks saw the same views.",
    )  # fmt: skip


def _weak_student(report: dict[str, Any]) -> Iterator[Signature]:
    lines = []
    for fold in report["folds"]:
        figures = _figures(fold, "student", report["primary"])
        kl = fold.get("agreement", {}).get("divergence", {}).get("value")
        accuracy = figures.get("accuracy", {}).get("value")
        if accuracy is None or kl is None:
            continue
        if accuracy < WEAK_STUDENT and kl <= LOW_DIVERGENCE:
            lines.append(f"fold {fold['fold']}: accuracy {accuracy:.4f}, KL {kl:.4f}")
    if lines:
        yield Signature(
            "teacher-undertrained", WARNING,
            f"The student stays under {WEAK_STUDENT:.2f} although it copies its teacher well.",
            "Retrain the teacher: a better student cannot come out of this one.", tuple(lines),
        )  # fmt: skip


def _fold_gap(report: dict[str, Any]) -> Iterator[Signature]:
    for role in ("teacher", "student"):
        found = {
            fold["fold"]: figures["accuracy"]["value"]
            for fold in report["folds"]
            if (figures := _figures(fold, role, report["primary"]))
            and figures["accuracy"]["value"] is not None
        }
        if len(found) < 2 or max(found.values()) - min(found.values()) <= FOLD_GAP:
            continue
        lines = []
        for fold in report["folds"]:
            if fold["fold"] in found:
                counts = ", ".join(f"{c} {n}" for c, n in fold["data"]["test"]["classes"].items())
                lines.append(f"fold {fold['fold']}: {found[fold['fold']]:.4f}; {counts}")
        gap = max(found.values()) - min(found.values())
        yield Signature(
            "fold-gap", WARNING,
            f"The {role}'s best and worst fold are {100 * gap:.1f} points apart.",
            "Imbalance or augmentation: compare class counts and recalls of the folds, and look at "
            "the augmentation preview.", tuple(lines),
        )  # fmt: skip


def _errors(report: dict[str, Any]) -> Iterator[Signature]:
    change = _change(report, "disease_sensitivity")
    if change is not None and change["value"] < 0.0:
        low, high = change["low"], change["high"]
        between = "" if low is None else f" ({100 * low:+.2f} to {100 * high:+.2f})"
        yield Signature(
            "less-sensitive-than-teacher", BLOCKS,
            f"The student finds {-100 * change['value']:.2f} points fewer diseased B-scans than "
            f"its teacher{between}: the same accuracy can hide worse errors.",
            "Not to be promoted as it is: look at the confusion matrices, and distil again with "
            "more weight on the soft term. The figure counts the most probable class, so no "
            "operating threshold changes it.",
        )  # fmt: skip


def _data(report: dict[str, Any]) -> Iterator[Signature]:
    absent, strange, untrue = [], [], []
    for fold in report["folds"]:
        for code, count in fold["data"]["test"]["classes"].items():
            if not count:
                absent.append(f"fold {fold['fold']}: {code}")
        one = fold["roles"].get("student", {}).get("test", {}).get(report["primary"], {})
        flagged = one.get("bscan", {}).get("unlike_training", {}).get("value")
        error = one.get("bscan", {}).get("calibration", {}).get("ece_after", {}).get("value")
        if flagged is not None and flagged > MUCH_UNLIKE:
            strange.append(f"fold {fold['fold']}: {flagged:.3f}")
        if error is not None and error > MISCALIBRATED:
            untrue.append(f"fold {fold['fold']}: {error:.3f}")
    if absent:
        yield Signature(
            "class-absent", WARNING,
            "Some folds hold out no case of a class; its figures there are missing, not nought.",
            "Use fewer folds, or add patients of that class.", tuple(absent),
        )  # fmt: skip
    if strange:
        yield Signature(
            "unlike-training", NOTICE,
            f"More than {100 * MUCH_UNLIKE:.0f} % of the held-out B-scans look unlike the "
            "validation part.",
            "See whether a device or a clinic is in one fold only.", tuple(strange),
        )  # fmt: skip
    if untrue:
        yield Signature(
            "miscalibrated", WARNING,
            f"The calibration error stays above {MISCALIBRATED:.2f} after the temperature.",
            "Do not read the probabilities as probabilities; validate on more patients.",
            tuple(untrue),
        )  # fmt: skip


def _figures(fold: dict[str, Any], role: str, primary: str) -> dict[str, Any]:
    """B-scan figures of a role in a fold; empty where it has none."""
    tables = fold["roles"].get(role, {}).get("test", {})
    figures: dict[str, Any] = tables.get(primary, {}).get("bscan", {}).get("figures", {})
    return figures
