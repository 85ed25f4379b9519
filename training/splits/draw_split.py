"""Drawing the split: patients into folds, once, so that nothing of a tested eye is ever learned.

Whoever belongs together stays together: all B-scans, eyes and visits of a patient, patients who
share identical pictures, and patients whose pictures are near-duplicates. The order of files makes
no difference: everything is drawn by hash of seed and name.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.config import Config
from training.data.manifest import Manifest
from training.data.select_rows import UNLABELLED, Selected, class_of_labels, select
from training.errors import TrainingError
from training.splits.duplicates import Duplicates, find_duplicates
from training.splits.leak_report import leak_report
from training.splits.split import Fold, Split, check_overlap
from training.splits.split_checks import check_chain, check_classes, check_labels, check_patients
from training.splits.split_facts import split_facts
from training.splits.stratify import Unit, choose, deal


def draw_split(manifest: Manifest, config: Config) -> Split:
    """Divide the patients of a manifest into folds.

    All patients of the configured data sets take part who have a label of the class map, or none,
    whatever ``data.worst_case`` and ``data.unlabelled`` say: one split serves the filtered and the
    unfiltered protocol. Patients without any label are in training only.

    Each labelled patient is tested in one fold. With ``split.official_test`` the data set's own
    test part is tested in every fold, patients united with it are in none, and the folds differ in
    their validation part.

    Raises:
        TrainingError: ``no-official-test``, what `split_checks` and `select` refuse, and
            ``near-duplicate-overlap`` or ``patient-overlap`` should the draw itself be wrong.
    """
    ordered = tuple(sorted(manifest.rows, key=lambda row: (row.dataset, row.path, row.frame)))
    whole, selected = _selections(replace(manifest, rows=ordered), config)
    check_patients(whole.rows)
    bits = config.split.near_duplicate_bits
    duplicates = find_duplicates(whole.rows, class_of_labels(config.classes), bits)
    check_labels(duplicates, int(np.count_nonzero(whole.labels != UNLABELLED)))
    check_chain(duplicates, bits)
    folds = _draw_folds(selected, duplicates, config)
    compared = np.isin(whole.indices, selected.indices) & (whole.labels != UNLABELLED)
    leak = leak_report(whole.rows, folds, duplicates, compared=compared, seed=config.split.seed)
    facts = split_facts(selected, folds, duplicates, config)
    split = Split(manifest.sha256, config.classes.codes, folds, {**facts, "leak": leak})
    check_overlap(folds)
    return split


def make_units(selected: Selected, duplicates: Duplicates, classes: int) -> list[Unit]:
    """The patients of some rows as units that are not divided, sorted by name.

    Args:
        selected: Rows with classes.
        duplicates: Who belongs together, of these rows or more.
        classes: Number of classes.
    """
    patients: dict[str, set[str]] = defaultdict(set)
    bscans: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    for row, label in zip(selected.rows, selected.labels.tolist(), strict=True):
        key = duplicates.unit[row.patient]
        patients[key].add(row.patient)
        counts = bscans.setdefault(key, np.zeros(classes, dtype=np.int64))
        if label != UNLABELLED:
            counts[label] += 1
    return [
        Unit(min(members), tuple(sorted(members)), bscans[key])
        for key, members in sorted(patients.items())
    ]


def _selections(manifest: Manifest, config: Config) -> tuple[Selected, Selected]:
    """Rows to look for duplicates in, and those that the split divides."""
    unofficial = replace(config, split=replace(config.split, official_test=False))
    whole = select(manifest, unofficial, unlabelled=True, worst_case=False)
    if not config.split.official_test:
        return whole, whole
    if not any(row.part == "test" for row in whole.rows):
        raise TrainingError(
            "no-official-test",
            "split.official_test needs a data set with a test part of its own; there is none.",
        )
    return whole, select(manifest, config, unlabelled=True, worst_case=False)


def _draw_folds(selected: Selected, duplicates: Duplicates, config: Config) -> tuple[Fold, ...]:
    units = make_units(selected, duplicates, len(config.classes.codes))
    rules = config.split
    official: set[str] = set()
    if rules.official_test:
        official = {row.patient for row in selected.rows if row.part == "test"}
        units = [unit for unit in units if not official & set(unit.patients)]
    labelled = [unit for unit in units if unit.bscans.any()]
    unlabelled = [unit for unit in units if not unit.bscans.any()]
    check_classes(labelled, config)
    dealt = None if rules.official_test else deal(labelled, rules.folds, rules.seed)
    folds = []
    for number in range(rules.folds):
        held = [] if dealt is None else dealt[number]
        test = official if dealt is None else _patients(held)
        away = {unit.key for unit in held}
        left = [unit for unit in labelled if unit.key not in away]
        validation, train = choose(left, rules.validation, seed=rules.seed, draw=number)
        folds.append(
            Fold(
                tuple(sorted(_patients([*train, *unlabelled]))),
                tuple(sorted(_patients(validation))),
                tuple(sorted(test)),
            )
        )
    return tuple(folds)


def _patients(units: Sequence[Unit]) -> set[str]:
    return {patient for unit in units for patient in unit.patients}
