"""The split: patients into folds, drawn once, saved, hashed, used by every later step."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.files import write_json

SCHEMA = 1
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Fold:
    """The patients of one fold, each tuple sorted.

    Attributes:
        train: What the networks learn from.
        validation: What chooses among weights, thresholds and temperature.
        test: Held out: scored once, by `training.measure.evaluate_fold`.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def part(self, name: str) -> tuple[str, ...]:
        """Patients of ``train``, ``validation`` or ``test``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


@dataclass(frozen=True, slots=True)
class Split:
    """All folds of a run.

    Attributes:
        manifest_sha256: The manifest that was divided.
        classes: Class codes in order.
        folds: One entry a fold.
        facts: Seed, counts and the leak report.
    """

    manifest_sha256: str
    classes: tuple[str, ...]
    folds: tuple[Fold, ...]
    facts: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of who is where; the same for the same division."""
        text = json.dumps(
            [
                self.manifest_sha256,
                self.classes,
                [[f.train, f.validation, f.test] for f in self.folds],
            ]
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def fold(self, number: int) -> Fold:
        """A fold by its number.

        Raises:
            TrainingError: ``no-such-fold``.
        """
        if not 0 <= number < len(self.folds):
            last = len(self.folds) - 1
            raise TrainingError("no-such-fold", f"The split has the folds 0 to {last}.")
        return self.folds[number]


def save_split(path: Path, split: Split) -> None:
    """Write a split."""
    values = {
        "schema": SCHEMA,
        "sha256": split.sha256,
        "manifest_sha256": split.manifest_sha256,
        "classes": list(split.classes),
        "facts": split.facts,
        "folds": [{name: list(fold.part(name)) for name in PARTS} for fold in split.folds],
    }
    write_json(path, values)


def load_split(path: Path, *, manifest_sha256: str | None = None) -> Split:
    """Read a split.

    Args:
        path: The file.
        manifest_sha256: The manifest in use; None does not compare.

    Raises:
        TrainingError: ``bad-split`` (damaged, edited, patients in two parts) or
            ``wrong-manifest`` (it divides another manifest).
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        folds = tuple(Fold(*(tuple(one[name]) for name in PARTS)) for one in values["folds"])
        split = Split(
            values["manifest_sha256"], tuple(values["classes"]), folds, dict(values["facts"])
        )
        whole = values["schema"] == SCHEMA and values["sha256"] == split.sha256
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError("bad-split", f"The split {path.name} cannot be read.") from error
    if not whole:
        raise TrainingError(
            "bad-split", f"The split {path.name} was changed after it was drawn; draw it again."
        )
    if manifest_sha256 is not None and split.manifest_sha256 != manifest_sha256:
        raise TrainingError(
            "wrong-manifest",
            "The split divides another manifest than this one; use its own, or draw a new split.",
        )
    check_overlap(folds)
    return split


def check_overlap(folds: Sequence[Fold]) -> None:
    """Refuse folds in which a patient is in two parts.

    Raises:
        TrainingError: ``patient-overlap``, with a number for every two parts, and without names.
    """
    found = []
    for number, fold in enumerate(folds):
        for one, two in combinations(PARTS, 2):
            if shared := set(fold.part(one)) & set(fold.part(two)):
                found.append(f"fold {number}, {one} and {two}: {len(shared)} patients")
    if found:
        raise TrainingError(
            "patient-overlap",
            "Patients are in two parts of a fold, so the split proves nothing; draw it again.",
            found,
        )
