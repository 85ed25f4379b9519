"""Score the networks of one fold on its held-out patients.

Whatever is chosen (temperature, thresholds, eye rule) is chosen on the validation part; a row of a
patient that trained or validated is refused for the test tables.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.config import Config
from training.data.manifest import Manifest
from training.data.predictions import Predictions, save_predictions
from training.data.select_rows import Selected
from training.errors import TrainingError
from training.events import Events, Silent
from training.files import write_json
from training.learning.compute import choose_accelerator
from training.measure.asked import Asked, asked_rows
from training.measure.evidence import faithfulness, left_out_rows, unlike
from training.measure.fold_report import part_counts, shown_to_people, student_beside_teacher
from training.measure.gather import (
    SCHEMA,
    answer_facts,
    is_finished,
    read_fold,
    settings_of,
)
from training.measure.metrics import table_of
from training.measure.pointing_game import pointing_game
from training.measure.predicting import ask, stored_answers, views_of
from training.measure.scoring import Scored, choose_operating, measured, score
from training.measure.thresholds import Operating
from training.run_folder import ROLES, RunFolder
from training.splits.held_out import Held, check_model
from training.splits.split import Split


def evaluate_fold(
    root_data: Path,
    folder: RunFolder,
    fold: int,
    manifest: Manifest,
    split: Split,
    config: Config,
    events: Events | None = None,
    *,
    faithful: int | None = None,
) -> dict[str, Any]:
    """Ask teacher and student of a fold, save their answers, score them.

    Answers of the same weights to the same rows are not asked for twice.

    Args:
        root_data: Data folder.
        folder: Of the run.
        fold: From 0.
        manifest: All rows.
        split: All folds.
        config: Of the run.
        events: Told of the progress.
        faithful: B-scans of the deletion and insertion curves; 0 leaves them out, None is as
            configured.

    Returns:
        The fold's report, also written to ``evaluation.json`` of the fold.

    Raises:
        TrainingError: ``nothing-to-evaluate``, ``wrong-model``, ``not-held-out``, ``empty-test``.
    """
    speak = events or Silent()
    one = _Fold(root_data, folder, fold, manifest, split, config, speak)
    return one.evaluate(config.evaluate.faithful if faithful is None else faithful)


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """One fold while it is evaluated; attributes as the arguments of `evaluate_fold`."""

    root: Path
    folder: RunFolder
    number: int
    manifest: Manifest
    split: Split
    config: Config
    events: Events

    def evaluate(self, faithful: int) -> dict[str, Any]:
        """Evaluate the networks that are there; the report, also written."""
        asked = asked_rows(self.manifest, self.split, self.config, self.number)
        present = self._roles_present()
        where = choose_accelerator(self.config.compute.accelerator)
        roles: dict[str, dict[str, Any]] = {}
        scored: dict[str, dict[str, Scored]] = {}
        logits: dict[str, NDArray[np.float32]] = {}
        for role in present:
            one = _Role(self, role, where)
            roles[role], scored[role], logits[role] = one.evaluate(asked, faithful)
        report = {
            **self._head(asked.held),
            "faithful": faithful,
            "missing": [role for role in ROLES if role not in present],
            "roles": roles,
            **student_beside_teacher(scored, logits, asked.held, self.config),
        }
        write_json(self.folder.fold(self.number) / "evaluation.json", report)
        self.events.done(f"evaluate fold {self.number}", shown_to_people(report))
        return report

    def _roles_present(self) -> list[str]:
        """Which networks there are.

        Raises:
            TrainingError: ``nothing-to-evaluate``.
        """
        places = {role: self.folder.best(self.number, role) for role in ROLES}
        present = [role for role in ROLES if (places[role] / "model.json").is_file()]
        if not present:
            raise TrainingError(
                "nothing-to-evaluate",
                f"Fold {self.number} has neither a teacher nor a student to evaluate.",
            )
        return present

    def _head(self, held: Held) -> dict[str, Any]:
        """What the report rests on."""
        parts = {"validation": held.validation, "test": held.test}
        return {
            "schema": SCHEMA,
            "fold": self.number,
            "split_sha256": self.split.sha256,
            "manifest_sha256": self.manifest.sha256,
            "views": self.config.evaluate.views,
            "settings": settings_of(self.config),
            "primary": held.primary,
            "data": {name: part_counts(part, self.config) for name, part in parts.items()},
        }


class _Role:
    """One network of one fold while it is evaluated."""

    def __init__(self, at: _Fold, role: str, device: str) -> None:
        from training.networks.checkpoint import load_best

        self._root, self._folder, self._fold, self._role = at.root, at.folder, at.number, role
        self._manifest, self._split, self._config = at.manifest, at.split, at.config
        self._events, self._device = at.events, device
        self._model = load_best(at.folder.best(at.number, role))
        check_model(self._model.facts, role, at.number, split=at.split, config=at.config)

    def evaluate(
        self, asked: Asked, faithful: int
    ) -> tuple[dict[str, Any], dict[str, Scored], NDArray[np.float32]]:
        """The role's part of the report, what was scored by set, and the logits of the test."""
        config, held = self._config, asked.held
        validation, test = (self._answers(*one) for one in asked.parts.items())
        views = config.evaluate.views
        operating = choose_operating(validation[views], asked.validation.rows, config)
        scored = {
            name: score(test[views], asked.test.rows, operating, config=config, keep=keep)
            for name, keep in held.sets.items()
        }
        logits = test[views].logits[: len(held.test.rows)]
        made = {
            "model": self._about(),
            "operating": operating.to_json(),
            "test": {name: measured(one, config) for name, one in scored.items()},
        }
        if views != "single":
            made["single"] = self._single(validation, test, asked)
        if self._role == "student":
            made |= self._before(faithful) or self._evidence(held, logits, operating, faithful)
        return made, scored, logits

    def _before(self, faithful: int) -> dict[str, Any] | None:
        """What an earlier evaluation of the same weights measured of the evidence."""
        try:
            old = read_fold(self._folder, self._fold, self._split, self._config) or {}
            one = old["roles"][self._role]
            now = (faithful, settings_of(self._config), self._model.facts["weights_sha256"])
            then = (old["faithful"], old["settings"], one["model"]["weights_sha256"])
            kept = {name: one[name] for name in ("unlike", "faithfulness", "pointing")}
        except (KeyError, TypeError):
            return None
        return kept if now == then else None

    def _evidence(
        self, held: Held, logits: NDArray[np.float32], operating: Operating, faithful: int
    ) -> dict[str, Any]:
        """What the student does with classes it was not taught, and what its maps are worth."""
        config, network = self._config, self._model.network
        strange = left_out_rows(self._manifest.rows, config, self._split.folds[self._fold])
        return {
            "unlike": unlike(network, config, self._root, strange, operating, device=self._device),
            "faithfulness": faithfulness(
                network, config, self._root, held.test.rows, held.test.labels,
                logits.argmax(axis=1), temperature=operating.temperature, most=faithful,
                device=self._device,
            ),
            "pointing": pointing_game(
                network, config, self._root, held.test.rows, held.test.labels, device=self._device
            ),
        }  # fmt: skip

    def _answers(self, part: str, selected: Selected) -> dict[str, Predictions]:
        """Answers by ``single`` and the configured views, from the file where it is the same."""
        config, views = self._config, self._config.evaluate.views
        names = {"single": f"{part}-single" if views != "single" else part, views: part}
        paths = {
            view: self._folder.predictions(self._fold, self._role, name)
            for view, name in names.items()
        }
        facts = answer_facts(
            config, self._manifest, self._split, fold=self._fold, role=self._role, part=part,
            weights=self._model.facts["weights_sha256"],
        )  # fmt: skip
        stored = {
            view: stored_answers(path, selected, {**facts, "views": view})
            for view, path in paths.items()
        }
        ready = {view: one for view, one in stored.items() if one is not None}
        if len(ready) == len(paths):
            return ready
        logits, embeddings = ask(
            self._model.network, config, self._root, selected.rows, views=views_of(views),
            device=self._device, events=self._events,
            step=f"fold {self._fold} {self._role} {part}",
        )  # fmt: skip
        made = {}
        for view, path in paths.items():
            mean = logits.mean(axis=1) if view == views else logits[:, 0]
            made[view] = Predictions(
                selected.indices, selected.labels, mean, embeddings, {**facts, "views": view}
            )
            save_predictions(path, made[view])
        return made

    def _single(
        self, validation: dict[str, Predictions], test: dict[str, Predictions], asked: Asked
    ) -> dict[str, Any]:
        """The same network with one view: the second row beside test-time views."""
        rows, config = asked.test.rows, self._config
        operating = choose_operating(validation["single"], asked.validation.rows, config)
        made: dict[str, Any] = {"temperature": operating.temperature}
        for name, keep in asked.held.sets.items():
            one = score(test["single"], rows, operating, config=config, keep=keep)
            made[name] = table_of(one.drawn("bscan", config), config.classes.codes)
        return made

    def _about(self) -> dict[str, Any]:
        """What the report repeats of the model's facts."""
        facts = self._model.facts
        chosen = facts.get("validation", {}).get(facts.get("chosen"), {})
        return {
            "model": facts["network"]["model"],
            "weights_sha256": facts["weights_sha256"],
            "epoch": facts.get("epoch"),
            "chosen": facts.get("chosen"),
            "validation": facts.get("validation", {}),
            "validation_accuracy": chosen.get("accuracy"),
            "initial_weights": facts.get("initial_weights"),
            "waiver": facts.get("waiver") or "",
            "versions": facts.get("versions", {}),
            "finished": is_finished(self._folder, self._fold, self._role),
        }
