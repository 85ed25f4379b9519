"""What the networks of a sweep answered on held-out B-scans, as arms of its table.

Everything is read from the sweep's own split and manifest, and each file once: a table has as many
answers as trainings, and the rows that are held out are those of the fold, whatever the cell.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.probability import softmax
from training.data.predictions import load_predictions
from training.errors import TrainingError
from training.measure.metrics import Units, bscan_units
from training.measure.resample import Values
from training.splits.held_out import Held, held_rows
from training.studies.sweep_cells import Room, Unit
from training.studies.sweep_plan import Plan
from training.studies.sweep_table import Arm


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A network on the held-out B-scans of a fold.

    Attributes:
        weights_sha256: Of the network.
        scores: Probabilities at its temperature of the validation, axes (B-scan, class).
    """

    weights_sha256: str
    scores: Values


class Shelf:
    """Held-out rows and answers of a sweep, each read once."""

    def __init__(self, plan: Plan, room: Room) -> None:
        self.plan, self.room = plan, room
        self._config = plan.config
        self._held: dict[int, Held] = {}
        self._answered: dict[Path, dict[str, Answered]] = {}

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds of the sweep."""
        return self.plan.folds(self.room.split)

    def held(self, fold: int) -> Held:
        """The rows of a fold; all cells share them."""
        if fold not in self._held:
            room = self.room
            self._held[fold] = held_rows(room.manifest, room.split, self._config, fold)
        return self._held[fold]

    def kept(self, fold: int, name: str) -> NDArray[np.int64]:
        """Positions of a set, ``unfiltered`` or ``filtered``, in the held-out rows of a fold."""
        held = self.held(fold)
        every = np.arange(len(held.test.rows))
        if name not in held.sets:
            return every if name == "unfiltered" else every[:0]
        keep = held.sets[name]
        return every if keep is None else np.flatnonzero(keep[: len(every)])

    def patients(self, fold: int, at: NDArray[np.int64]) -> list[str]:
        """Whose the held-out B-scans at these positions are."""
        rows = self.held(fold).test.rows
        return [rows[k].patient for k in at.tolist()]

    def answered(self, unit: Unit) -> dict[str, Answered]:
        """The networks of a finished unit, by role.

        Raises:
            TrainingError: ``bad-predictions``: answers of other weights or to other B-scans.
        """
        place = self.room.folder(unit).fold(unit.fold)
        if place not in self._answered:
            roles = json.loads((place / "evaluation.json").read_text("utf-8"))["roles"]
            found = {role: self._read(unit, role, about) for role, about in roles.items()}
            self._answered[place] = found
        return self._answered[place]

    def units(self, unit: Unit, role: str, name: str) -> Units | None:
        """The answers of a network to a set; None where there is no network or no B-scan."""
        one, at = self.answered(unit).get(role), self.kept(unit.fold, name)
        if one is None or not len(at):
            return None
        labels = self.held(unit.fold).test.labels[at]
        return bscan_units(labels, one.scores[at], self.patients(unit.fold, at))

    def _read(self, unit: Unit, role: str, about: dict[str, Any]) -> Answered:
        """Answers of a network, held against its evaluation and the rows of the fold."""
        path = self.room.folder(unit).predictions(unit.fold, role, "test")
        found = load_predictions(path, split_sha256=self.room.split.sha256)
        weights = str(about["model"]["weights_sha256"])
        if found.facts["weights_sha256"] != weights:
            raise TrainingError("bad-predictions", f"{unit.title}: answers of other weights.")
        asked = self.held(unit.fold).test.indices
        if not np.array_equal(found.rows[: len(asked)], asked):
            raise TrainingError("bad-predictions", f"{unit.title}: answers to other B-scans.")
        temperature = float(about["operating"]["temperature"])
        return Answered(weights, softmax(found.logits[: len(asked)], temperature))


def arms_of(shelf: Shelf, units: Sequence[Unit], *, name: str = "unfiltered") -> list[Arm]:
    """Students of every cell, and behind each the teacher if no line above has the same one.

    Args:
        shelf: Of the sweep.
        units: All of its trainings.
        name: Of the set of held-out B-scans: ``unfiltered`` or ``filtered``.
    """
    made: list[Arm] = []
    teachers: set[tuple[str, ...]] = set()
    for cell in shelf.plan.cells:
        mine = [unit for unit in units if unit.cell.name == cell.name]
        done = [unit for unit in mine if shelf.room.is_done(unit)]
        missing = {
            (unit.seed, unit.fold): shelf.room.why_missing(unit)
            for unit in mine
            if unit not in done
        }
        facts = {"config_sha256": cell.sha256, "changes": cell.changes}
        for role in ("student", "teacher"):
            found = {(unit.seed, unit.fold): shelf.units(unit, role, name) for unit in done}
            answers = {place: one for place, one in found.items() if one is not None}
            if role == "teacher":
                weights = _weights(shelf, done)
                if not answers or weights in teachers:
                    continue
                teachers.add(weights)
            title = cell.name if role == "student" else f"{cell.name}: teacher"
            codes = shelf.plan.config.classes.codes
            made.append(Arm(title, codes, answers, missing, {**facts, "role": role}))
    return made


def _weights(shelf: Shelf, done: Sequence[Unit]) -> tuple[str, ...]:
    """The teachers of these units."""
    found = [shelf.answered(unit).get("teacher") for unit in done]
    return tuple(sorted("" if one is None else one.weights_sha256 for one in found))
