"""Score the networks of one fold on its held-out patients.

Whatever is chosen (temperature, thresholds, eye rule) is chosen on the validation part; a row of a
patient that trained or validated is refused for the test tables.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.input_spec import preprocessing_hash
from kdoct_desktop.inference.probability import softmax
from training.config import Config
from training.data.manifest import Manifest, write_whole
from training.data.predictions import Predictions, save_predictions
from training.data.select_rows import Selected
from training.errors import TrainingError
from training.events import Events, Silent
from training.learning.compute import choose_accelerator
from training.measure.evidence import faithfulness, left_out_rows, unlike
from training.measure.metrics import table
from training.measure.predicting import ask, stored_answers, views_of
from training.measure.probability_metrics import divergence
from training.measure.resample import Bootstrap, interval
from training.measure.scoring import Scored, choose_operating, measured, paired, score
from training.measure.thresholds import Operating
from training.run_folder import ROLES, RunFolder
from training.splits.held_out import Held, check_model, held_rows
from training.splits.split import Split

SCHEMA = 1
FAITHFUL = 12
"""B-scans of the deletion and insertion curves; each costs 36 forward passes."""


def evaluate_fold(
    root_data: Path,
    folder: RunFolder,
    fold: int,
    manifest: Manifest,
    split: Split,
    config: Config,
    events: Events | None = None,
    *,
    faithful: int = FAITHFUL,
    device: str | None = None,
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
        faithful: B-scans of the deletion and insertion curves; 0 leaves them out.
        device: Where to compute; None as configured.

    Returns:
        The fold's report, also written to ``evaluation.json`` of the fold.

    Raises:
        TrainingError: ``nothing-to-evaluate``, ``wrong-model``, ``not-held-out``, ``empty-test``.
    """
    speak = events or Silent()
    held = held_rows(manifest, split, config, fold)
    present = [role for role in ROLES if (folder.best(fold, role) / "model.json").is_file()]
    if not present:
        raise TrainingError(
            "nothing-to-evaluate", f"Fold {fold} has neither a teacher nor a student to evaluate."
        )
    where = device or choose_accelerator(config.compute.accelerator)
    report = {
        **_head(fold, manifest, split, config, held),
        "faithful": faithful,
        "missing": [role for role in ROLES if role not in present],
        "roles": {},
    }
    scored: dict[str, dict[str, Scored]] = {}
    logits: dict[str, Any] = {}
    for role in present:
        one = _Role(root_data, folder, fold, role, manifest, split, config, speak, where)
        report["roles"][role], scored[role], logits[role] = one.evaluate(held, faithful)
    if len(scored) == 2:
        report["paired"] = {
            name: paired(scored["student"][name], scored["teacher"][name], config)
            for name in held.sets
        }
        report["agreement"] = _agreement(logits, held, config)
    write_whole(
        folder.fold(fold) / "evaluation.json", (json.dumps(report, indent=1) + "\n").encode()
    )
    speak.done(f"evaluate fold {fold}", _for_people(report))
    return report


def _head(
    fold: int, manifest: Manifest, split: Split, config: Config, held: Held
) -> dict[str, Any]:
    """What a fold's report rests on."""
    parts = {"validation": held.validation, "test": held.test}
    return {
        "schema": SCHEMA,
        "fold": fold,
        "split_sha256": split.sha256,
        "manifest_sha256": manifest.sha256,
        "views": config.evaluate.views,
        "primary": held.primary,
        "data": {name: _counts(part, config) for name, part in parts.items()},
    }


class _Role:
    """One network of one fold while it is evaluated."""

    def __init__(
        self, root: Path, folder: RunFolder, fold: int, role: str, manifest: Manifest,
        split: Split, config: Config, events: Events, device: str,
    ) -> None:  # fmt: skip
        from training.learning.checkpoint import load_best

        self._root, self._folder, self._fold, self._role = root, folder, fold, role
        self._manifest, self._split, self._config = manifest, split, config
        self._events, self._device = events, device
        self._model = load_best(folder.best(fold, role))
        check_model(self._model.facts, role, fold, split=split, config=config)

    def evaluate(
        self, held: Held, faithful: int
    ) -> tuple[dict[str, Any], dict[str, Scored], NDArray[np.float32]]:
        """The role's part of the report, what was scored by set, and the logits of the test."""
        config, rows = self._config, held.test.rows
        validation = self._answers("validation", held.validation)
        test = self._answers("test", held.test)
        views = config.evaluate.views
        operating = choose_operating(validation[views], held.validation.rows, config)
        scored = {
            name: score(test[views], rows, operating, config=config, keep=keep)
            for name, keep in held.sets.items()
        }
        made = {
            "model": self._about(),
            "operating": operating.to_json(),
            "test": {name: measured(one, config) for name, one in scored.items()},
        }
        if views != "single":
            made["single"] = self._single(validation, test, held)
        if self._role == "student":
            made |= self._before(faithful) or self._evidence(held, test[views], operating, faithful)
        return made, scored, test[views].logits

    def _before(self, faithful: int) -> dict[str, Any] | None:
        """What an earlier evaluation of the same weights measured of the evidence."""
        try:
            path = self._folder.fold(self._fold) / "evaluation.json"
            old = json.loads(path.read_text("utf-8"))
            one = old["roles"][self._role]
            now = (SCHEMA, self._split.sha256, self._config.evaluate.views, faithful)
            then = (old["schema"], old["split_sha256"], old["views"], old["faithful"])
            same = one["model"]["weights_sha256"] == self._model.facts["weights_sha256"]
            kept = {name: one[name] for name in ("unlike", "faithfulness")}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return kept if same and now == then else None

    def _evidence(
        self, held: Held, test: Predictions, operating: Operating, faithful: int
    ) -> dict[str, Any]:
        """What the student does with classes it was not taught, and how faithful its maps are."""
        config, network = self._config, self._model.network
        strange = left_out_rows(self._manifest.rows, config, self._split.folds[self._fold])
        return {
            "unlike": unlike(network, config, self._root, strange, operating, device=self._device),
            "faithfulness": faithfulness(
                network, config, self._root, held.test.rows, held.test.labels,
                test.logits.argmax(axis=1), temperature=operating.temperature, most=faithful,
                device=self._device,
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
        facts = {
            "role": self._role, "fold": self._fold, "part": part,
            "classes": list(config.classes.codes), "split_sha256": self._split.sha256,
            "manifest_sha256": self._manifest.sha256,
            "weights_sha256": self._model.facts["weights_sha256"],
            "preprocessing": preprocessing_hash(config.input.spec),
        }  # fmt: skip
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
        self, validation: dict[str, Predictions], test: dict[str, Predictions], held: Held
    ) -> dict[str, Any]:
        """The same network with one view: the second row beside test-time views."""
        rows, config = held.test.rows, self._config
        operating = choose_operating(validation["single"], held.validation.rows, config)
        made: dict[str, Any] = {"temperature": operating.temperature}
        for name, keep in held.sets.items():
            units = score(test["single"], rows, operating, config=config, keep=keep).bscan
            bootstrap = Bootstrap(units.patients, resamples=config.evaluate.resamples)
            made[name] = table(units, bootstrap, config.classes.codes)
        return made

    def _about(self) -> dict[str, Any]:
        """What the report repeats of the model's facts."""
        facts = self._model.facts
        chosen = facts.get("validation", {}).get(facts.get("chosen"), {})
        finished = (self._folder.role(self._fold, self._role) / "finished.json").is_file()
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
            "finished": finished,
        }


def _counts(selected: Selected, config: Config) -> dict[str, Any]:
    """B-scans and patients of a part, by class, and its data sets."""
    return {
        "n": len(selected.rows),
        "patients": len({row.patient for row in selected.rows}),
        "datasets": sorted({row.dataset for row in selected.rows}),
        "devices": sorted({row.device for row in selected.rows if row.device}),
        "classes": {
            code: int((selected.labels == k).sum()) for k, code in enumerate(config.classes.codes)
        },
    }


def _agreement(logits: dict[str, Any], held: Held, config: Config) -> dict[str, Any]:
    """How far the student's answers are from the teacher's, without temperature."""
    teacher, student = (softmax(logits[role], 1.0) for role in ("teacher", "student"))
    bootstrap = Bootstrap(
        [row.patient for row in held.test.rows], resamples=config.evaluate.resamples
    )
    same = (teacher.argmax(axis=1) == student.argmax(axis=1)).astype(np.float64)
    return {
        "divergence": interval(bootstrap.mean(divergence(teacher, student))),
        "same_call": interval(bootstrap.mean(same)),
    }


def _for_people(report: dict[str, Any]) -> dict[str, Any]:
    """Figures of the set that was asked for."""
    shown = {}
    for role, one in report["roles"].items():
        figures = one["test"][report["primary"]]["bscan"]["figures"]
        shown[f"{role} accuracy"] = figures["accuracy"]["value"]
        shown[f"{role} disease sensitivity"] = figures["disease_sensitivity"]["value"]
    return shown
