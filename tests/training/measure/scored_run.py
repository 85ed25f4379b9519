"""A tiny run with networks that nobody trained, and answers that are as good as a test wants."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdoct_desktop.inference.input_spec import preprocessing_hash
from tests.training.tiny_run import CODES, hand_split, tiny_config, tiny_run
from training.config import Config
from training.data.manifest import Manifest, Row, write_manifest
from training.data.predictions import Predictions, save_predictions
from training.measure.asked import Asked, asked_rows
from training.measure.gather import SCHEMA
from training.measure.scoring import Scored, choose_operating, measured, paired, score
from training.measure.thresholds import Operating
from training.measure.volumes import own_labels
from training.networks.checkpoint import save_best
from training.networks.models import build_student, build_teacher
from training.open_run import Run
from training.run_folder import RunFolder
from training.splits.held_out import Held
from training.splits.split import Split


def facts_of(run: Run, fold: int, role: str, accuracy: float = 0.95) -> dict[str, Any]:
    """What ``model.json`` says."""
    return {
        "role": role, "fold": fold, "epoch": 2, "chosen": "ema",
        "validation": {"ema": {"accuracy": accuracy, "loss": 0.3}},
        "classes": list(run.config.classes.codes), "input": run.config.input.spec.to_json(),
        "preprocessing": preprocessing_hash(run.config.input.spec),
        "split_sha256": run.split.sha256, "manifest_sha256": run.manifest.sha256,
        "network": run.config.to_json()[role], "config": run.config.to_json(),
        "initial_weights": {"name": "none", "licence": "", "pretrained": False}, "seeds": {},
        "versions": {"torch": torch.__version__}, "waiver": "",
    }  # fmt: skip


def add_network(run: Run, fold: int, role: str, *, facts: dict[str, Any] | None = None) -> None:
    """Put untrained weights where the chosen ones would be; `facts` override the true ones."""
    torch.manual_seed(fold)
    size = (run.config.input.height, run.config.input.width)
    make = build_teacher if role == "teacher" else build_student
    network, _ = make(getattr(run.config, role), len(run.config.classes.codes), size=size)
    save_best(
        run.folder.best(fold, role), network.state_dict(), facts_of(run, fold, role) | (facts or {})
    )
    (run.folder.role(fold, role) / "finished.json").write_text("{}")


def untrained_run(
    place: Path, config: Config | None = None, *, folds: tuple[int, ...] = (0,)
) -> Run:
    """A run whose folds have both networks."""
    run = tiny_run(place, config or tiny_config())
    for fold in folds:
        for role in ("teacher", "student"):
            add_network(run, fold, role)
    return run


def big_manifest(
    path: Path, *, patients: int = 12, bscans: int = 8, dataset: str = "neh", wrong: int = 0
) -> Manifest:
    """Rows without pictures: patients of each class with one volume each.

    Args:
        path: Where to.
        patients: Of each class.
        bscans: Of each volume.
        dataset: Its name.
        wrong: B-scans of each diseased volume that are labelled NORMAL.
    """
    rows = []
    for label in CODES:
        for number in range(patients):
            for index in range(bscans):
                own = "NORMAL" if index < wrong else label
                key = f"{dataset}:{label}{number}"
                rows.append(Row(
                    f"{label}/{number}/{index}.png", 0, f"{label}{number}-{index}", "0" * 16,
                    dataset, key, "OD", f"{key}-OD", index, own, label,
                ))  # fmt: skip
    return write_manifest(path, rows)


def big_split(manifest: Manifest, *, patients: int = 12, dataset: str = "neh") -> Split:
    """`hand_split` for these patients."""
    named = hand_split(manifest, patients=patients)
    folds = tuple(
        type(fold)(*(tuple(n.replace("tiny:", f"{dataset}:") for n in fold.part(p))
                     for p in ("train", "validation", "test")))
        for fold in named.folds
    )  # fmt: skip
    return Split(manifest.sha256, CODES, folds, {"leak": {}})


def answered(
    manifest: Manifest, split: Split, config: Config, folder: RunFolder, *, fold: int,
    skill: dict[str, float], seed: int = 0, model: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Save made-up answers of both networks for a fold, and its ``evaluation.json``.

    Args:
        manifest: From `big_manifest`.
        split: Over it.
        config: Three classes.
        folder: Of the run.
        fold: Which.
        skill: Role to how far the true class stands out of the noise.
        seed: Of the noise.
        model: Overrides of the model's part of the report.
    """
    asked = asked_rows(manifest, split, config, fold)
    held = asked.held
    report = report_head(split, held, fold=fold, roles=tuple(skill))
    report["views"] = config.evaluate.views
    scored = {}
    for role, strength in skill.items():
        made = made_up(asked, split, config, fold=fold, role=role, strength=strength, seed=seed)
        for part, answers in made.items():
            save_predictions(folder.predictions(fold, role, part), answers)
        operating = choose_operating(made["validation"], asked.validation.rows, config)
        scored[role] = {
            name: score(made["test"], asked.test.rows, operating, config=config, keep=keep)
            for name, keep in held.sets.items()
        }
        report["roles"][role] = role_report(role, scored[role], operating, config, model or {})
    if len(scored) == 2:
        report["paired"] = {
            name: paired(scored["student"][name], scored["teacher"][name], config)
            for name in held.sets
        }
        report["agreement"] = {"divergence": {"value": 0.05, "low": None, "high": None}}
    folder.fold(fold).mkdir(parents=True, exist_ok=True)
    (folder.fold(fold) / "evaluation.json").write_text(json.dumps(report))
    return report


def report_head(split: Split, held: Held, *, fold: int, roles: tuple[str, ...]) -> dict[str, Any]:
    """What the report of a fold rests on, before any network is in it."""
    return {
        "schema": SCHEMA, "fold": fold, "split_sha256": split.sha256, "views": "single",
        "manifest_sha256": split.manifest_sha256, "primary": held.primary, "faithful": 0,
        "roles": {}, "missing": [role for role in ("teacher", "student") if role not in roles],
        "data": {
            name: {
                "n": len(part.rows), "patients": len({r.patient for r in part.rows}),
                "datasets": sorted({r.dataset for r in part.rows}), "devices": [],
                "classes": {c: int((part.labels == k).sum()) for k, c in enumerate(CODES)},
            }
            for name, part in (("validation", held.validation), ("test", held.test))
        },
    }  # fmt: skip


def made_up(
    asked: Asked, split: Split, config: Config, *, fold: int, role: str, strength: float, seed: int
) -> dict[str, Predictions]:
    """Answers by part: noise in which the true class stands out by `strength`."""
    rng = np.random.default_rng((seed, fold))
    made = {}
    for part, rows in asked.parts.items():
        shown = np.maximum(own_labels(rows.rows, config.classes), 0)
        logits = rng.normal(0, 1.0, (len(rows.labels), 3))
        logits[np.arange(len(rows.labels)), shown] += strength
        embeddings = np.eye(3, 6)[shown] + rng.normal(0, 0.05, (len(rows.labels), 6))
        made[part] = Predictions(
            rows.indices, rows.labels, logits.astype(np.float32),
            embeddings.astype(np.float32)[:, : 6 if role == "student" else 0],
            {"split_sha256": split.sha256, "role": role, "fold": fold, "part": part},
        )  # fmt: skip
    return made


def role_report(
    role: str, scored: dict[str, Scored], operating: Operating, config: Config,
    model: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """A network's part of the report; `model` overrides what is said of the model."""
    made = {
        "model": {
            "model": getattr(config, role).model, "weights_sha256": "0", "epoch": 3,
            "chosen": "ema", "validation": {}, "validation_accuracy": 0.95, "waiver": "",
            "initial_weights": {"name": "none", "licence": "", "pretrained": False},
            "versions": {}, "finished": True, **model,
        },
        "operating": operating.to_json(),
        "test": {name: measured(one, config) for name, one in scored.items()},
    }  # fmt: skip
    return made | (
        {"unlike": {}, "faithfulness": {"n": 0}, "pointing": {"n": 0}} if role == "student" else {}
    )
