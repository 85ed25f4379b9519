"""The site scenario, measured: one data set plays a clinic that retrains on its own patients.

``kdoct-train site-scenario --data BSCANS --out DIR`` imports ``clinic_a`` from the development
pictures, divides its groups into folds, and compares on the held-out groups: the shipped model as
it is, and teacher, distilled student and undistilled student that start from the shipped model's
weights or from nothing. It is a sweep (``configs/sweeps/site.toml``) with the shipped model as
further lines, so it resumes and may be shared by several jobs like any sweep.

The shipped model knows one class more than the clinic has. It is reported as it is, where a call of
that class is wrong, and also with the answer restricted to the clinic's classes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.package import ModelPackage
from kdoct_desktop.inference.preprocess import preprocess
from kdoct_desktop.inference.probability import softmax
from training.data.import_data import import_dataset
from training.data.manifest import write_manifest
from training.data.predictions import Predictions, save_predictions
from training.data.read_picture import read_picture
from training.events import Events
from training.measure.metrics import bscan_units
from training.measure.predicting import stored_answers
from training.networks.package_weights import open_package
from training.pipeline import train_apart
from training.studies.sweep import ArmsOf, open_room, raise_failed, units_of, write_table
from training.studies.sweep_answers import Shelf, arms_of
from training.studies.sweep_cells import Room, Train, Unit, work
from training.studies.sweep_plan import read_plan
from training.studies.sweep_table import Arm, line_of

Array = NDArray[np.float32]

FACTORY = Path(__file__).parents[2] / "resources" / "models" / "factory.kdmodel"
DATASET = "clinic_a"
TUNED, ALONE = "fine-tuned", "fine-tuned-alone"
AS_IT_IS, RESTRICTED = "shipped model", "shipped model, the site's classes only"
GAIN, ENOUGH, NEAR = 0.10, 0.95, -0.01
"""Goals: points gained over the shipped model, or the balanced accuracy that is enough without
them; and how far a student may stand behind its teacher."""
_BATCH = 4


def run_site_scenario(
    *, data: Path, out: Path, words: Sequence[str] = (), events: Events,
    sweep: str | Path = "site", package: Path = FACTORY, dataset: str = DATASET,
    train: Train = train_apart,
) -> dict[str, Any]:  # fmt: skip
    """Do what is not done yet, write the table and give what ``table.json`` says.

    Args:
        data: Folder of the development pictures, with ``manifest.csv``.
        out: Folder of the scenario.
        words: ``section.key=value`` for every cell.
        events: Where to report to.
        sweep: Its cells; `TUNED` and `ALONE` among them.
        package: The shipped model; networks with ``weights = "none"`` in the base start from it.
        dataset: Which data set of the manifest plays the clinic.
        train: Runs a training.

    Raises:
        TrainingError: As a sweep; ``cells-failed`` after the table was written.
        Stopped: As asked.
    """
    start = [f'{role}.weights="{package.resolve().as_posix()}"' for role in ("teacher", "student")]
    plan = read_plan(sweep, words=[*start, *words])
    manifest = import_clinic(data, out / "manifest.csv", dataset=dataset, events=events)
    room = open_room(plan, data=data, manifest=manifest, out=out, train=train, events=events)
    units = units_of(plan, room.split)
    failed = work(room, units, events)
    shipped = Shipped(Shelf(plan, room), open_package(package), events)
    arms = shipped.beside(units)
    goals = goals_of(arms("unfiltered"), resamples=plan.config.evaluate.resamples)
    table = write_table(
        plan, room, arms, events=events, reference=AS_IT_IS, note=_note(room, units, goals),
        extra={"goals": goals, "package_sha256": shipped.sha256},
    )  # fmt: skip
    for goal in goals:
        events.metric("goal", {goal["goal"]: goal["sentence"]})
    raise_failed(room, failed)
    return table


def import_clinic(data: Path, target: Path, *, dataset: str, events: Events) -> Path:
    """Import the clinic's lines of the table of development pictures; groups are the patients."""
    options = {"table": "manifest.csv", "patient": "group", "where.dataset": dataset}
    report = import_dataset("csv", data, options=options, events=events)
    write_manifest(target, report.rows)
    return target


class Shipped:
    """The shipped model on the held-out B-scans of every fold, the same for every seed."""

    def __init__(self, shelf: Shelf, model: ModelPackage, events: Events) -> None:
        self._shelf, self._model, self._events = shelf, model, events
        self._logits: dict[int, Array] = {}

    @property
    def sha256(self) -> str:
        """Of the package."""
        return self._model.identity.sha256

    def arms(self, name: str) -> list[Arm]:
        """The model as it is, and with its answer restricted to the site's classes.

        Args:
            name: Of the set of held-out B-scans: ``unfiltered`` or ``filtered``.
        """
        shelf, model = self._shelf, self._model
        ours, theirs = shelf.plan.config.classes.codes, model.identity.classes
        columns = [theirs.index(code) for code in ours]
        whole, restricted = {}, {}
        for fold in shelf.folds:
            at = shelf.kept(fold, name)
            if not len(at):
                continue
            labels, patients = shelf.held(fold).test.labels[at], shelf.patients(fold, at)
            logits = self._answers(fold)[at]
            truth = np.array(columns, dtype=np.int64)[labels]
            every = bscan_units(truth, softmax(logits, model.temperature), patients)
            some = softmax(logits[:, columns], model.temperature)
            for seed in shelf.plan.file.seeds:
                whole[seed, fold] = every
                restricted[seed, fold] = bscan_units(labels, some, patients)
        facts = {"package_sha256": self.sha256, "role": "package"}
        return [
            Arm(AS_IT_IS, tuple(theirs), whole, facts=facts),
            Arm(RESTRICTED, ours, restricted, facts=facts),
        ]

    def beside(self, units: Sequence[Unit]) -> ArmsOf:
        """The shipped model's lines on each set, and behind them those of what was trained."""
        return lambda name: [*self.arms(name), *arms_of(self._shelf, units, name=name)]

    def _answers(self, fold: int) -> Array:
        """Logits on all held-out rows of a fold, axes (B-scan, class); asked once and kept."""
        if fold not in self._logits:
            self._logits[fold] = self._stored(fold)
        return self._logits[fold]

    def _stored(self, fold: int) -> Array:
        """Logits through onnxruntime and the desktop's preprocessing, from the file if it is so."""
        room, held = self._shelf.room, self._shelf.held(fold).test
        path = room.out / "shipped" / f"fold-{fold}.npz"
        facts = {"split_sha256": room.split.sha256, "package_sha256": self.sha256, "fold": fold}
        found = stored_answers(path, held, facts)
        if found is not None:
            return found.logits
        step = f"shipped model, fold {fold}"
        logits = ask_package(self._model, room.data, held.rows, self._events, step=step)
        empty = np.zeros((len(logits), 0), np.float32)
        save_predictions(path, Predictions(held.indices, held.labels, logits, empty, facts))
        return logits


def ask_package(
    model: ModelPackage, root: Path, rows: Sequence[Any], events: Events, *, step: str
) -> Array:
    """Logits of a package for rows of a manifest, axes (B-scan, class), on the processor."""
    from kdoct_desktop.inference.session import CPU, InferenceSession

    session = InferenceSession(model, CPU)
    found = []
    for begin in range(0, len(rows), _BATCH):
        some = rows[begin : begin + _BATCH]
        pictures = [
            preprocess(read_picture(root, row.path, row.frame), model.input_spec)[0] for row in some
        ]
        found.append(session.run(np.stack(pictures))[0])
        events.progress(begin + len(some), len(rows), step)
    return np.concatenate(found)


def goals_of(arms: Sequence[Arm], *, resamples: int) -> list[dict[str, Any]]:
    """What the scenario set out to reach, and whether it did; a goal without figures says so."""
    by_name = {arm.name: arm for arm in arms}
    pairs = (
        (f"gains {100 * GAIN:.0f} points over the shipped model, or reaches {ENOUGH}",
         TUNED, AS_IT_IS, GAIN),
        ("distilled is not worse than undistilled", TUNED, ALONE, 0.0),
        ("student within 1 point of its teacher", TUNED, f"{TUNED}: teacher", NEAR),
    )  # fmt: skip
    made = []
    for text, ours, theirs, least in pairs:
        change = level = None
        if ours in by_name and theirs in by_name:
            line = line_of(by_name[ours], by_name[theirs], resamples=resamples)
            change = (line["difference"] or {}).get("balanced_accuracy")
            level = line["figures"]["balanced_accuracy"]["mean"]
        made.append({"goal": text, **_verdict(change, level, least)})
    return made


def _verdict(change: Mapping[str, Any] | None, level: float | None, least: float) -> dict[str, Any]:
    if change is None or change["value"] is None or level is None:
        return {"met": None, "difference": None, "sentence": "missing"}
    met = change["value"] >= least or (least == GAIN and level >= ENOUGH)
    sides = f" ({100 * change['low']:+.1f} to {100 * change['high']:+.1f})" if (
        change["low"] is not None
    ) else ""  # fmt: skip
    text = f"{100 * change['value']:+.1f}{sides} points, {'met' if met else 'missed'}"
    return {"met": met, "difference": dict(change), "level": level, "sentence": text}


def _note(room: Room, units: Sequence[Unit], goals: Sequence[Mapping[str, Any]]) -> str:
    """Goals and waivers in words."""
    lines = [f"- {goal['goal']}: {goal['sentence']}" for goal in goals]
    waived = []
    for unit in units:
        config = unit.cell.config(unit.seed)
        if not config.distill.soft_weight or not room.is_done(unit):
            continue
        done = room.folder(unit).role(unit.fold, "teacher") / "finished.json"
        best = json.loads(done.read_text("utf-8"))["best"]
        accuracy = float(best["validation"][best["chosen"]]["accuracy"])
        if accuracy < config.distill.gate:
            waived.append(f"{unit.title} ({accuracy:.2f})")
    gate = (
        "No teacher needed the waiver of the gate."
        if not waived
        else "Teachers below the gate, waived, with their validation accuracy: " + "; ".join(waived)
    )
    return "Goals, in balanced accuracy:\n\n" + "\n".join(lines) + f"\n\n{gate}"


__all__ = ["goals_of", "import_clinic", "run_site_scenario"]
