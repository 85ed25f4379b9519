"""Proof that a split does not leak, beside what splitting by image would have done."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.manifest import Row
from training.errors import TrainingError
from training.splits.duplicates import Duplicates, near_across
from training.splits.split import PARTS, Fold, check_overlap

Indices = NDArray[np.int64]
Masks = NDArray[np.bool_]


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
        TrainingError: ``patient-overlap`` or ``near-duplicate-overlap``.
    """
    check_overlap(folds)
    patients, patient_of = np.unique([row.patient for row in rows], return_inverse=True)
    counts: dict[str, dict[str, list[int]]] = {
        way: {"near_duplicate_pairs": [], "patients": []} for way in ("by_image", "by_patient")
    }
    for number, fold in enumerate(folds):
        parts = members(patients.tolist(), fold)[:, patient_of]
        check_near_duplicates(parts, duplicates, number)
        shuffled = _dealt_by_image(parts, compared, np.random.default_rng((seed, number)))
        for way, division in (("by_image", shuffled), ("by_patient", parts)):
            for name, count in across(division, patient_of, duplicates).items():
                counts[way][name].append(count)
    return {**counts, "sentence": _sentence(counts)}


def _dealt_by_image(parts: Masks, compared: NDArray[np.bool_], rng: np.random.Generator) -> Masks:
    """Parts of the same sizes for the same B-scans, regardless of patients."""
    used = np.flatnonzero(parts.any(axis=0) & compared)
    shuffled = np.zeros_like(parts)
    shuffled[:, used] = parts[:, rng.permutation(used)]
    return shuffled


def across(parts: Masks, patient_of: Indices, duplicates: Duplicates) -> dict[str, int]:
    """How many pairs of near-duplicates and how many patients stand in training and in test.

    Args:
        parts: Which rows each part of `PARTS` has, axes (part, row); a row may be in several.
        patient_of: Of each row, the number of its patient.
        duplicates: Of the same rows.
    """
    train, test = parts[PARTS.index("train")], parts[PARTS.index("test")]
    return {
        "near_duplicate_pairs": near_across(duplicates, train, test),
        "patients": len(np.intersect1d(patient_of[train], patient_of[test])),
    }


def members(patients: Sequence[str], fold: Fold) -> Masks:
    """Which of some patients each part of `PARTS` has, axes (part, patient)."""
    return np.array([np.isin(patients, fold.part(name)) for name in PARTS], dtype=np.bool_)


def check_near_duplicates(parts: Masks, duplicates: Duplicates, fold: int) -> None:
    """Refuse a fold in which near-duplicates stand in two parts.

    Args:
        parts: Which rows each part has, axes (part, row).
        duplicates: Of the same rows.
        fold: For the message.

    Raises:
        TrainingError: ``near-duplicate-overlap``.
    """
    for one, two in ((0, 1), (0, 2), (1, 2)):
        if pairs := near_across(duplicates, parts[one], parts[two]):
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
