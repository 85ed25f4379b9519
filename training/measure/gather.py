"""What the evaluated folds of a run left on disk: their reports, and their answers scored again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.config import Config
from training.data.manifest import Manifest
from training.data.predictions import load_predictions
from training.errors import TrainingError
from training.measure.asked import Asked, asked_rows
from training.measure.predicting import known_facts, stored_answers
from training.measure.scoring import Scored, choose_operating, score
from training.run_folder import ROLES, RunFolder
from training.splits.split import Split

SCHEMA = 2
"""Of ``evaluation.json``: 2 calls eyes from all of their B-scans."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What the evaluated folds left.

    Attributes:
        folds: Reports of the evaluated folds, in order.
        scored: Role to set to fold to the scored answers.
    """

    folds: list[dict[str, Any]]
    scored: dict[str, dict[str, dict[int, Scored]]]


def gather(folder: RunFolder, manifest: Manifest, split: Split, config: Config) -> Gathered:
    """Read what the folds left and score the saved answers again.

    Raises:
        TrainingError: ``bad-predictions``, ``not-held-out``.
    """
    folds: list[dict[str, Any]] = []
    scored: dict[str, dict[str, dict[int, Scored]]] = {role: {} for role in ROLES}
    for fold in range(len(split.folds)):
        report = read_fold(folder, fold, split, config)
        if report is None:
            continue
        folds.append(report)
        asked = asked_rows(manifest, split, config, fold)
        for role in report["roles"]:
            for name, one in _again(folder, fold, role, asked, split, config).items():
                scored[role].setdefault(name, {})[fold] = one
    return Gathered(folds, scored)


def read_fold(folder: RunFolder, fold: int, split: Split, config: Config) -> dict[str, Any] | None:
    """A fold's report; None where it is not evaluated, or with another split or other views."""
    wanted = {"schema": SCHEMA, "split_sha256": split.sha256, "views": config.evaluate.views}
    try:
        report: dict[str, Any] = json.loads(
            (folder.fold(fold) / "evaluation.json").read_text("utf-8")
        )
        same = all(report[name] == value for name, value in wanted.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return report if same else None


def settings_of(config: Config) -> dict[str, Any]:
    """The part of a configuration that a fold's report rests on."""
    values = config.to_json()
    return {name: values[name] for name in ("classes", "input", "data", "split", "evaluate")}


def is_evaluated(
    folder: RunFolder, fold: int, manifest: Manifest, split: Split, config: Config, *, faithful: int
) -> bool:
    """Whether a fold's report is that of its present networks, and their answers are there.

    Args:
        folder: Of the run.
        fold: From 0.
        manifest: All rows.
        split: All folds.
        config: Of the run.
        faithful: B-scans with deletion and insertion curves that are wanted.
    """
    report = read_fold(folder, fold, split, config)
    if report is None:
        return False
    wanted = {"faithful": faithful, "settings": settings_of(config),
              "manifest_sha256": manifest.sha256}  # fmt: skip
    scored = {
        role: (one["model"]["weights_sha256"], one["model"]["finished"])
        for role, one in report["roles"].items()
    }
    if any(report.get(name) != value for name, value in wanted.items()) or scored != _networks(
        folder, fold
    ):
        return False
    asked = asked_rows(manifest, split, config, fold)
    return all(
        stored_answers(
            folder.predictions(fold, role, part), selected,
            answer_facts(config, manifest, split, fold=fold, role=role, part=part, weights=weights)
            | {"views": config.evaluate.views},
        )
        for role, (weights, _) in scored.items()
        for part, selected in asked.parts.items()
    )  # fmt: skip


def _networks(folder: RunFolder, fold: int) -> dict[str, tuple[str, bool]]:
    """Hash of the chosen weights of each role that is there, and whether its training is done."""
    found = {}
    for role in ROLES:
        path = folder.best(fold, role) / "model.json"
        if path.is_file():
            found[role] = (_weights(path), is_finished(folder, fold, role))
    return found


def _weights(path: Path) -> str:
    """Hash in a model's description; empty where it is damaged, which the evaluation will say."""
    try:
        return str(json.loads(path.read_text("utf-8"))["weights_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def is_finished(folder: RunFolder, fold: int, role: str) -> bool:
    """Whether the training of a network came to its end."""
    return (folder.role(fold, role) / "finished.json").is_file()


def answer_facts(
    config: Config, manifest: Manifest, split: Split, *, fold: int, role: str, part: str,
    weights: str,
) -> dict[str, Any]:  # fmt: skip
    """What saved answers say of themselves, but for the views."""
    return {
        "role": role, "fold": fold, "part": part, "split_sha256": split.sha256,
        "weights_sha256": weights, **known_facts(config, manifest),
    }  # fmt: skip


def _again(
    folder: RunFolder, fold: int, role: str, asked: Asked, split: Split, config: Config
) -> dict[str, Scored]:
    """Score the saved answers of a role by set.

    Raises:
        TrainingError: ``bad-predictions``: the rows are not those of this fold.
    """
    parts = {}
    for part, selected in asked.parts.items():
        path = folder.predictions(fold, role, part)
        parts[part] = load_predictions(path, split_sha256=split.sha256)
        if not np.array_equal(parts[part].rows, selected.indices):
            raise TrainingError(
                "bad-predictions", f"{path.name} of fold {fold} holds other rows; evaluate again."
            )
    operating = choose_operating(parts["validation"], asked.validation.rows, config)
    return {
        name: score(parts["test"], asked.test.rows, operating, config=config, keep=keep)
        for name, keep in asked.held.sets.items()
    }
