"""Proof that a split does not leak, beside what splitting by image would have done."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.manifest import Row
from training.errors import TrainingError
from training.splits.duplicates import Duplicates, near_across
from training.splits.split import PARTS, Fold

ELSEWHERE = -1
Indices = NDArray[np.int64]


def leak_report(
    rows: Sequence[Row],
    folds: Sequence[Fold],
    duplicates: Duplicates,
    *,
    compared: NDArray[np.bool_],
    seed: int,
) -> dict[str, Any]:
    """Check every fold, and compare with a division of its B-scans regardless of patients.

    The comparison deals the B-scans of the same patients into parts of the same sizes, drawn with
    `seed` for each fold. What is counted stands on both sides of training and test.

    Args:
        rows: B-scans that the folds divide.
        folds: By patient.
        duplicates: Of exactly these rows.
        compared: For each row, whether the comparison deals it: the labelled ones.
        seed: Of the comparison.

    Returns:
        Plain values: ``by_image`` and ``by_patient`` with ``near_duplicate_pairs`` and
        ``patients``, one number a fold, and ``sentence`` for people.

    Raises:
        TrainingError: ``near-duplicate-overlap``.
    """
    patients, patient_of = np.unique([row.patient for row in rows], return_inverse=True)
    counts: dict[str, dict[str, list[int]]] = {
        way: {"near_duplicate_pairs": [], "patients": []} for way in ("by_image", "by_patient")
    }
    for number, fold in enumerate(folds):
        part = parts_of(patients.tolist(), fold)[patient_of]
        check_near_duplicates(part, duplicates, number)
        shuffled = _dealt_by_image(part, compared, np.random.default_rng((seed, number)))
        for way, division in (("by_image", shuffled), ("by_patient", part)):
            for name, count in _across(division, patient_of, duplicates).items():
                counts[way][name].append(count)
    return {**counts, "sentence": _sentence(counts)}


def _dealt_by_image(
    part: Indices, compared: NDArray[np.bool_], rng: np.random.Generator
) -> Indices:
    """Parts of the same sizes for the same B-scans, regardless of patients."""
    used = np.flatnonzero((part != ELSEWHERE) & compared)
    shuffled = np.full_like(part, ELSEWHERE)
    shuffled[used] = rng.permutation(part[used])
    return shuffled


def _across(division: Indices, patient_of: Indices, duplicates: Duplicates) -> dict[str, int]:
    """How many pairs of near-duplicates and how many patients stand in training and in test."""
    train, test = division == PARTS.index("train"), division == PARTS.index("test")
    return {
        "near_duplicate_pairs": near_across(duplicates, train, test),
        "patients": len(np.intersect1d(patient_of[train], patient_of[test])),
    }


def parts_of(patients: Sequence[str], fold: Fold) -> Indices:
    """For each patient the index of its part in `PARTS`; `ELSEWHERE` where it is in none."""
    part = {patient: index for index, name in enumerate(PARTS) for patient in fold.part(name)}
    return np.array([part.get(patient, ELSEWHERE) for patient in patients], dtype=np.int64)


def check_near_duplicates(part: Indices, duplicates: Duplicates, fold: int) -> None:
    """Refuse a fold in which near-duplicates stand in two parts.

    Args:
        part: For each row, the index of its part.
        duplicates: Of the same rows.
        fold: For the message.

    Raises:
        TrainingError: ``near-duplicate-overlap``.
    """
    for one, two in ((0, 1), (0, 2), (1, 2)):
        if pairs := near_across(duplicates, part == one, part == two):
            raise TrainingError(
                "near-duplicate-overlap",
                f"Fold {fold} has {pairs} pairs of near-duplicate B-scans across {PARTS[one]} and "
                f"{PARTS[two]}; draw the split again.",
            )


def _sentence(counts: dict[str, dict[str, list[int]]]) -> str:
    image, patient = counts["by_image"], counts["by_patient"]

    def mean(values: list[int]) -> int:
        return round(float(np.mean(values)))

    return (
        f"Image-level splitting would have put {mean(image['near_duplicate_pairs'])} pairs of "
        f"near-duplicates and {mean(image['patients'])} patients across training and test of a "
        f"fold; here {max(patient['near_duplicate_pairs'])} and {max(patient['patients'])}."
    )
