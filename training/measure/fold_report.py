"""What the report of a fold says beside the tables of each network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.probability import softmax
from training.config import Config
from training.data.select_rows import Selected
from training.measure.probability_metrics import divergence
from training.measure.resample import Bootstrap, interval
from training.measure.scoring import Scored, paired
from training.splits.held_out import Held

Array = NDArray[np.float32]


def part_counts(selected: Selected, config: Config) -> dict[str, Any]:
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


def student_beside_teacher(
    scored: Mapping[str, Mapping[str, Scored]],
    logits: Mapping[str, Array],
    held: Held,
    config: Config,
) -> dict[str, Any]:
    """Paired differences, student minus teacher, by set, and how far their answers agree.

    Args:
        scored: Role to set to what was scored.
        logits: Role to the logits of the test part, axes (B-scan, class).
        held: The rows that were asked about.
        config: Classes and draws of the bootstrap.

    Returns:
        ``paired`` and ``agreement``; nothing where one of the networks is missing.
    """
    if len(scored) < 2:
        return {}
    return {
        "paired": {
            name: paired(scored["student"][name], scored["teacher"][name], config)
            for name in held.sets
        },
        "agreement": _agreement(logits, held, config),
    }


def _agreement(logits: Mapping[str, Array], held: Held, config: Config) -> dict[str, Any]:
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


def shown_to_people(report: dict[str, Any]) -> dict[str, Any]:
    """Figures of the set that was asked for."""
    shown = {}
    for role, one in report["roles"].items():
        figures = one["test"][report["primary"]]["bscan"]["figures"]
        shown[f"{role} accuracy"] = figures["accuracy"]["value"]
        shown[f"{role} disease sensitivity"] = figures["disease_sensitivity"]["value"]
    return shown
