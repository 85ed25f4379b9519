"""What a split says about itself: counts, copies, and warnings for people, as plain values.

Patients and files are named in ``splits.json`` alone. Warnings go on to logs and windows, so they
count, and point there.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.config import Config
from training.data.select_rows import UNLABELLED, Selected
from training.splits.duplicates import Duplicates
from training.splits.leak_report import members
from training.splits.split import PARTS, Fold

MOST_LINES = 200
"""Lines of a list that are kept; the count says how many there are."""
WARNINGS = {
    "mixed-up-labels": "pictures stand under several classes; look at them, one of the labels is "
    "wrong.",
    "duplicate-across-classes": "pictures stand in volumes of different classes; their patients "
    "were united.",
    "shared-pictures": "pictures belong to several patients, who were united.",
    "near-duplicates": "pairs of pictures of different patients are nearly the same; the patients "
    "were united. Look at some: if they show different eyes, lower split.near_duplicate_bits.",
    "featureless": "B-scans show nothing; leave them out, or label them as ungradable.",
    "left-out-patients": "patients share pictures with the official test part and take no part.",
    "part-without-class": "parts of folds lack a class; there are too few patients of it.",
}
"""Code of each warning, and its sentence after the number of lines."""
_POINTER = "see splits.json"


def split_facts(
    selected: Selected, folds: Sequence[Fold], duplicates: Duplicates, config: Config
) -> dict[str, Any]:
    """Seed, sizes, copies and warnings of a split.

    Args:
        selected: Rows that the folds divide, unlabelled ones included.
        folds: The division.
        duplicates: Who was united, and why.
        config: Classes and rules.

    Returns:
        Plain values; ``warnings`` is a list of code, message and details, ready for `Events`, and
        ``listed`` has the lines that they count, by code.
    """
    rules, codes = config.split, config.classes.codes
    counts = [_fold_counts(selected, fold, codes) for fold in folds]
    patients = {row.patient for row in selected.rows}
    unplaced = patients - {name for fold in folds for part in PARTS for name in fold.part(part)}
    facts = {
        "seed": rules.seed,
        "folds": rules.folds,
        "validation": rules.validation,
        "near_duplicate_bits": rules.near_duplicate_bits,
        "official_test": rules.official_test,
        "patients": len(patients),
        "units": len({duplicates.unit[patient] for patient in patients}),
        "bscans": len(selected.rows),
        "unlabelled": int(np.count_nonzero(selected.labels == UNLABELLED)),
        "counts": counts,
        "left_out_patients": sorted(unplaced),
        "united_by_copies": _united(duplicates.unit_by_copies),
        "united": _united(duplicates.unit),
        "patients_of_several_classes": _capped(_several_classes(selected, codes)),
    }
    listed = _listed(duplicates)
    numbers = {code: one["count"] for code, one in listed.items()}
    numbers["left-out-patients"] = len(unplaced)
    warnings = _warnings(numbers, _missing(counts, codes))
    return {**facts, "listed": listed, "warnings": warnings}


def _fold_counts(selected: Selected, fold: Fold, codes: Sequence[str]) -> dict[str, Any]:
    """For each part: patients, B-scans, unlabelled ones, and both of each class."""
    patients, patient_of = np.unique([row.patient for row in selected.rows], return_inverse=True)
    of_parts = members(patients.tolist(), fold)
    result = {}
    for index, name in enumerate(PARTS):
        inside = of_parts[index][patient_of]
        labels, people = selected.labels[inside], patient_of[inside]
        result[name] = {
            "patients": int(np.count_nonzero(of_parts[index])),
            "bscans": int(np.count_nonzero(labels != UNLABELLED)),
            "unlabelled": int(np.count_nonzero(labels == UNLABELLED)),
            "classes": {
                code: {
                    "patients": len(np.unique(people[labels == label])),
                    "bscans": int(np.count_nonzero(labels == label)),
                }
                for label, code in enumerate(codes)
            },
        }
    return {"parts": result, "left_out": int(np.count_nonzero(~of_parts.any(axis=0)))}


def _listed(duplicates: Duplicates) -> dict[str, dict[str, Any]]:
    """What the warnings about pictures count, by their code: it names files."""
    found = {
        "mixed-up-labels": duplicates.mixed,
        "duplicate-across-classes": duplicates.across_volumes,
        "shared-pictures": duplicates.shared,
        "near-duplicates": duplicates.near,
        "featureless": duplicates.featureless,
    }
    return {code: _capped(lines) for code, lines in found.items()}


def _warnings(numbers: dict[str, int], missing: Sequence[str]) -> list[dict[str, Any]]:
    """Warnings that name nobody; details are where to look.

    Args:
        numbers: How many there are, by code.
        missing: Lines about parts without a class; they hold no name.
    """
    details = {code: [_POINTER] for code in numbers}
    details["part-without-class"] = list(missing[:MOST_LINES])
    counts = {**numbers, "part-without-class": len(missing)}
    return [
        {"code": code, "message": f"{counts[code]} {sentence}", "details": details[code]}
        for code, sentence in WARNINGS.items()
        if counts[code]
    ]


def _missing(counts: Sequence[dict[str, Any]], codes: Sequence[str]) -> list[str]:
    return [
        f"fold {number}, {name}: no patient of {code}"
        for number, fold in enumerate(counts)
        for name in PARTS
        for code in codes
        if not fold["parts"][name]["classes"][code]["patients"]
    ]


def _several_classes(selected: Selected, codes: Sequence[str]) -> list[str]:
    labels: dict[str, set[int]] = defaultdict(set)
    for row, label in zip(selected.rows, selected.labels.tolist(), strict=True):
        if label != UNLABELLED:
            labels[row.patient].add(label)
    return [
        f"{patient}: {', '.join(codes[label] for label in sorted(own))}"
        for patient, own in sorted(labels.items())
        if len(own) > 1
    ]


def _united(unit: dict[str, str]) -> list[list[str]]:
    """Names of each unit of several patients."""
    groups: dict[str, list[str]] = defaultdict(list)
    for patient, key in sorted(unit.items()):
        groups[key].append(patient)
    return [members for members in groups.values() if len(members) > 1]


def _capped(lines: Sequence[str]) -> dict[str, Any]:
    return {"count": len(lines), "lines": list(lines[:MOST_LINES])}
