"""A run's student on other data sets: does it travel, and what does it do with other diseases?

Nothing is chosen here: temperature, thresholds and limits are those of the run's own validation
part. Patients and pictures that the run knows are left out and counted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.config import LEFT_OUT, ClassesConfig, Config
from training.data.manifest import Manifest, Row
from training.data.perceptual_hash import FEATURELESS, hash_words
from training.data.predictions import Predictions
from training.data.select_rows import class_of_labels
from training.errors import TrainingError
from training.events import Events
from training.files import write_json
from training.learning.fold_data import load_fold
from training.measure.evidence import unlike
from training.measure.pointing_game import pointing_game
from training.measure.predicting import ask
from training.measure.scoring import measured, score
from training.measure.student_operating import student_operating
from training.networks.checkpoint import LoadedModel, load_best
from training.open_run import Run
from training.run_folder import RunFolder
from training.splits.held_out import check_model
from training.splits.split import Split

SCHEMA = 1
ALL = "all of them"


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """B-scans of other data sets that the run does not know.

    Attributes:
        rows: Labelled with a class of the run, by data set.
        strange: Labelled with a disease that the run was not taught.
        left_out: Why B-scans were left out, counted.
    """

    rows: dict[str, list[Row]]
    strange: list[Row]
    left_out: dict[str, int]


def evaluate_outside(
    run: Run, root: Path, manifest: Manifest, labels: Mapping[str, str], *,
    fold: int, events: Events,
) -> dict[str, Any]:  # fmt: skip
    """Score the student of a fold on other data sets, and write ``outside.json`` into the run.

    Args:
        run: With a finished student.
        root: Data folder of the other manifest.
        manifest: Of the other data sets.
        labels: Label there to class code, or ``-`` for a disease that was not taught; codes stand
            for themselves.
        fold: Whose student.
        events: Told of the progress.

    Returns:
        By data set, and for all of them where there are several, the tables of `measured` and the
        pointing game (``sets``); diseases that were not taught (``unlike``); what was left out.

    Raises:
        TrainingError: ``no-model``, ``wrong-model``, ``unknown-label``, ``nothing-to-evaluate``.
    """
    config = replace(run.config, classes=_classes(run.config, labels))
    student = load_best(run.folder.best(fold, "student"))
    check_model(student.facts, "student", fold, split=run.split, config=run.config)
    other = sorted_out(run, manifest, config)
    report = {
        "schema": SCHEMA,
        "fold": fold,
        "split_sha256": run.split.sha256,
        "weights_sha256": student.facts["weights_sha256"],
        "outside_manifest_sha256": manifest.sha256,
        "labels": dict(sorted(labels.items())),
        "left_out": other.left_out,
        **_figures(run, student, other, (config, root), fold, events),
    }
    write_json(run.folder.outside, report)
    events.done("outside", _for_people(report))
    return report


def _figures(
    run: Run, student: LoadedModel, other: Other, where: tuple[Config, Path], fold: int,
    events: Events,
) -> dict[str, Any]:  # fmt: skip
    """The tables by data set, and those of diseases that were not taught."""
    config, root = where
    data = load_fold(run.config, run.root, run.manifest, run.split, fold)
    operating = student_operating(student, run.folder, data, run.config, events)
    return {
        "sets": {
            name: _scored(student, config, root, rows, operating, name, events)
            for name, rows in _with_all(other.rows).items()
        },
        "unlike": {
            name: unlike(student.network, config, root, rows, operating)
            for name, rows in by_dataset(other.strange).items()
        },
    }


def sorted_out(run: Run, manifest: Manifest, config: Config) -> Other:
    """The rows that the run does not know, by data set.

    Raises:
        TrainingError: ``unknown-label``, with every label; ``nothing-to-evaluate``.
    """
    codes = class_of_labels(config.classes)
    unknown = sorted({row.label for row in manifest.rows if row.label} - set(codes))
    if unknown:
        raise TrainingError(
            "unknown-label",
            "These labels are no class of the run; give each a class, or - for a disease that was "
            "not taught.",
            unknown,
        )
    known = _Known(run.manifest, bits=config.split.near_duplicate_bits)
    left_out = {"of a patient that the run knows": 0, "copies of what the run knows": 0,
                "without a label": 0}  # fmt: skip
    rows: list[Row] = []
    strange: list[Row] = []
    for row in manifest.rows:
        why = known.why(row) or ("" if row.label else "without a label")
        if why:
            left_out[why] += 1
        elif codes[row.label] == LEFT_OUT:
            strange.append(row)
        else:
            rows.append(row)
    if not rows and not strange:
        raise TrainingError("nothing-to-evaluate", "The run knows every B-scan of this manifest.")
    return Other(by_dataset(rows), strange, left_out)


class _Known:
    """What a run has seen, held out or not: it may have been looked at."""

    def __init__(self, manifest: Manifest, *, bits: int) -> None:
        self._patients = {row.patient for row in manifest.rows}
        self._pictures = {row.sha256 for row in manifest.rows}
        self._words = hash_words(sorted({row.phash for row in manifest.rows} - {FEATURELESS}))
        self._bits = bits

    def why(self, row: Row) -> str:
        """Why a row is left out; empty where it is not."""
        if row.patient in self._patients:
            return "of a patient that the run knows"
        if row.sha256 in self._pictures or self._near(row.phash):
            return "copies of what the run knows"
        return ""

    def _near(self, phash: str) -> bool:
        if phash == FEATURELESS:
            return False
        apart = np.bitwise_count(self._words ^ hash_words([phash])).sum(axis=1)
        return bool((apart <= self._bits).any())


def by_dataset(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by the name of their data set, in its order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.dataset, []).append(row)
    return dict(sorted(found.items()))


def _classes(config: Config, labels: Mapping[str, str]) -> ClassesConfig:
    """The classes of the run with the labels of the other data sets.

    Raises:
        TrainingError: ``usage``: a label is given a class that there is not.
    """
    wrong = sorted(set(labels.values()) - {*config.classes.codes, LEFT_OUT})
    if wrong:
        raise TrainingError("usage", f"{wrong[0]} is no class of the run.")
    return replace(config.classes, labels=dict(labels))


def _with_all(rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """The data sets, and all of them as one where there are several."""
    if len(rows) < 2:
        return dict(rows)
    return {**rows, ALL: [row for some in rows.values() for row in some]}


def _scored(
    student: LoadedModel, config: Config, root: Path, rows: Sequence[Row], operating: Any,
    name: str, events: Events,
) -> dict[str, Any]:  # fmt: skip
    """All tables of one data set."""
    codes = class_of_labels(config.classes)
    order = list(config.classes.codes)
    labels: NDArray[np.int64] = np.array(
        [order.index(codes[row.label]) for row in rows], dtype=np.int64
    )
    logits, embeddings = ask(
        student.network, config, root, rows, events=events, step=f"outside: {name}"
    )
    indices = np.arange(len(rows), dtype=np.int64)
    answers = Predictions(indices, labels, logits[:, 0], embeddings, {})
    tables = measured(score(answers, rows, operating, config=config), config)
    pointing = pointing_game(student.network, config, root, rows, labels)
    return {**tables, "pointing": pointing}


def _for_people(report: Mapping[str, Any]) -> dict[str, Any]:
    """Balanced accuracy of each data set."""
    return {
        name: one["bscan"]["figures"]["macro_sensitivity"]["value"]
        for name, one in report["sets"].items()
    }


def outside_of(folder: RunFolder, split: Split, weights_sha256: str) -> dict[str, Any]:
    """What was measured of these weights on other data sets; empty where nothing was."""
    try:
        report = json.loads(folder.outside.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    same = isinstance(report, dict) and (
        report.get("schema"), report.get("split_sha256"), report.get("weights_sha256")
    ) == (SCHEMA, split.sha256, weights_sha256)  # fmt: skip
    return report if same else {}
