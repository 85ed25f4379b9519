"""What makes a division by patient impossible or doubtful, said before anything is trained."""

from collections.abc import Sequence

import numpy as np

from training.config import Config
from training.data.manifest import Row
from training.errors import TrainingError
from training.splits.duplicates import Duplicates
from training.splits.stratify import Unit

MOST_MIXED = 0.05
"""Share of labelled B-scans whose picture also stands under another class, from which on the labels
are taken to be mixed up. In NEH, with its known copies across classes, it is below 1 %."""
MOST_IN_A_UNIT = 0.5
"""Share of the patients that near-duplicates may unite."""


def check_patients(rows: Sequence[Row]) -> None:
    """Refuse rows without a patient.

    Raises:
        TrainingError: ``missing-patient``, with every such row.
    """
    if nobody := [row.name for row in rows if not row.patient]:
        raise TrainingError(
            "missing-patient",
            f"{len(nobody)} B-scans have no patient, so a split could divide one; name the "
            "patients, or leave the B-scans out.",
            nobody,
        )


def check_labels(duplicates: Duplicates, labelled: int) -> None:
    """Refuse labels that contradict themselves too often.

    Raises:
        TrainingError: ``mixed-up-labels``, with every picture that stands under two classes.
    """
    if duplicates.mixed_bscans > MOST_MIXED * labelled:
        raise TrainingError(
            "mixed-up-labels",
            f"{duplicates.mixed_bscans} of {labelled} labelled B-scans are the same picture as one "
            "of another class: the labels are mixed up. Correct them, or leave the B-scans out.",
            duplicates.mixed,
        )


def check_chain(duplicates: Duplicates, bits: int) -> None:
    """Refuse near-duplicates that chain half of the patients together.

    Raises:
        TrainingError: ``near-duplicate-chain``, with the pairs that did it.
    """
    largest, before = (_largest(u) for u in (duplicates.unit, duplicates.unit_by_copies))
    if largest > max(2.0, MOST_IN_A_UNIT * len(duplicates.unit)) and largest > before:
        raise TrainingError(
            "near-duplicate-chain",
            f"Near-duplicates within {bits} bits unite {largest} of {len(duplicates.unit)} "
            "patients, so they cannot be divided. Look at the pairs; if they show different eyes, "
            "lower split.near_duplicate_bits.",
            duplicates.near,
        )


def check_classes(units: Sequence[Unit], config: Config) -> None:
    """Refuse classes that are too small for the folds.

    A class needs a patient for the test part of every fold and two more for the training and
    validation beside it. Patients who are united count as one.

    Args:
        units: Units with a label that are dealt; the official test part is not among them.
        config: Classes and folds.

    Raises:
        TrainingError: ``one-class``, ``empty-class``, ``one-patient-per-class`` or
            ``fewer-patients-than-folds``, with every such class.
    """
    by_class = {
        code: sum(int(unit.bscans[label] > 0) for unit in units)
        for label, code in enumerate(config.classes.codes)
    }
    listed = [f"{code}: {count} patients" for code, count in by_class.items()]
    _check_presence(by_class, listed)
    if single := [code for code, count in by_class.items() if count == 1]:
        raise TrainingError(
            "one-patient-per-class",
            f"{', '.join(single)}: one patient only, so nobody is left to test on. Add patients, "
            "or take the class out.",
            listed,
        )
    folds = config.split.folds
    need = 2 if config.split.official_test else least_patients(folds)
    if few := [code for code, count in by_class.items() if count < need]:
        raise TrainingError(
            "fewer-patients-than-folds",
            f"{folds} folds need {need} patients of every class (united patients count as one); "
            f"{', '.join(few)} has fewer. Add patients, or lower split.folds.",
            listed,
        )


def _check_presence(by_class: dict[str, int], listed: Sequence[str]) -> None:
    """Refuse one class alone, and classes without a patient.

    Args:
        by_class: Number of patients of each class.
        listed: The same for people, one line a class.

    Raises:
        TrainingError: ``one-class`` or ``empty-class``.
    """
    if len(present := [code for code, count in by_class.items() if count]) == 1:
        raise TrainingError(
            "one-class",
            f"All B-scans are {present[0]}; nothing can be learned from one class.",
            listed,
        )
    if empty := [code for code, count in by_class.items() if not count]:
        raise TrainingError(
            "empty-class",
            f"No patient has a B-scan of {', '.join(empty)}; add some, or take the class out.",
            listed,
        )


def least_patients(folds: int) -> int:
    """Fewest patients of a class: one to test in every fold, and two more beside each test part."""
    count = max(folds, 2)
    while count - -(-count // folds) < 2:
        count += 1
    return count


def _largest(unit: dict[str, str]) -> int:
    return int(np.unique(list(unit.values()), return_counts=True)[1].max(initial=0))
