"""Which B-scans of the manifest take part, and the class of each."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.config import LEFT_OUT, ClassesConfig, Config
from training.data.manifest import Manifest, Row
from training.errors import TrainingError

UNLABELLED = -1
"""Class index of a B-scan that has no label, or whose label is not used."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """Rows of a manifest with their classes, in the manifest's order.

    Attributes:
        rows: The rows.
        indices: int64, of each row in the manifest.
        labels: int64, index of each row's class; `UNLABELLED` for none.
    """

    rows: tuple[Row, ...]
    indices: Indices
    labels: Indices

    def at(self, positions: Indices) -> "Selected":
        """The rows at these positions, in their order."""
        rows = tuple(self.rows[position] for position in positions.tolist())
        return Selected(rows, self.indices[positions], self.labels[positions])

    def of(self, patients: Iterable[str]) -> "Selected":
        """The rows of these patients."""
        wanted = set(patients)
        return self.at(np.flatnonzero([row.patient in wanted for row in self.rows]))


def select(
    manifest: Manifest,
    config: Config,
    *,
    unlabelled: bool | None = None,
    worst_case: bool | None = None,
) -> Selected:
    """Rows of the run's data sets under its class map.

    With ``split.official_test``, a patient of the data set's own test part keeps the B-scans of
    that part only: the patient's others are neither learned from nor scored.

    Args:
        manifest: All rows.
        config: Class map and filters.
        unlabelled: Also B-scans without a label; the configuration decides where None.
        worst_case: Only B-scans whose label is the class of their volume; the configuration
            decides where None. Data sets without classes of volumes are not filtered.

    Raises:
        TrainingError: ``unknown-dataset``, ``unknown-label`` (all of them), ``no-volume-label``
            (no row has a class of its volume, or some of a filtered data set lack it) or
            ``nothing-selected``. Classes of volumes are checked where the configuration asks for
            the filter, so that a split is refused before anything is trained.
    """
    unlabelled = config.data.unlabelled if unlabelled is None else unlabelled
    worst_case = config.data.worst_case if worst_case is None else worst_case
    rows = list(_of_datasets(manifest, config.data.datasets))
    codes = class_of_labels(config.classes)
    _refuse_unknown(((row, row.label) for _, row in rows), codes)
    if worst_case or config.data.worst_case:
        _check_volumes([row for _, row in rows], codes)
    if config.split.official_test:
        rows = _official(rows)
    if worst_case:
        kept = shows_volume([row for _, row in rows], config.classes)
        rows = [one for one, keep in zip(rows, kept, strict=True) if keep]
    return _with_classes(rows, config.classes, unlabelled=unlabelled)


def shows_volume(rows: Sequence[Row], classes: ClassesConfig) -> NDArray[np.bool_]:
    """For each row, whether the filter of the literature keeps it.

    It keeps B-scans whose class is that of their volume, those without a label, and data sets that
    have no classes of volumes.
    """
    codes = class_of_labels(classes)
    filtered = {row.dataset for row in rows if row.volume_label}
    kept = [
        not row.label
        or row.dataset not in filtered
        or codes[row.label] == codes.get(row.volume_label)
        for row in rows
    ]
    return np.array(kept, dtype=np.bool_)


def hide_labels(selected: Selected, share: float, seed: int) -> Selected:
    """Keep the labels of a share of the labelled patients; the others' rows become unlabelled.

    Drawn by patient within each class (a patient counts by the rarest of its own), rounded up, so
    that no class is lost. With one seed, a smaller share is a part of a larger one.

    Args:
        selected: Training rows.
        share: Above 0, up to 1.
        seed: Of the run.
    """
    if share >= 1.0:
        return selected
    by_patient: dict[str, set[int]] = {}
    for row, label in zip(selected.rows, selected.labels.tolist(), strict=True):
        if label != UNLABELLED:
            by_patient.setdefault(row.patient, set()).add(label)
    common = Counter(label for labels in by_patient.values() for label in labels)
    strata: dict[int, list[str]] = {}
    for patient, labels in by_patient.items():
        strata.setdefault(rarest(labels, common), []).append(patient)
    shown: set[str] = set()
    for members in strata.values():
        count = int(np.ceil(round(share * len(members), 9)))
        shown.update(drawn_order(members, seed)[:count])
    hidden = np.array([row.patient not in shown for row in selected.rows], dtype=bool)
    return replace(selected, labels=np.where(hidden, UNLABELLED, selected.labels))


def rarest(labels: Iterable[int], common: Counter[int]) -> int:
    """The class that the fewest have; of two that are as rare, the later in the class order."""
    return min(labels, key=lambda label: (common[label], -label))


def drawn_order(names: Iterable[str], *seed: int) -> list[str]:
    """Names in an order that looks random and depends on names and seed alone.

    A hash in place of a generator: the order that names come in, and the version of a library,
    make no difference.
    """
    mark = ":".join(str(number) for number in seed)
    return sorted(names, key=lambda name: hashlib.sha256(f"{mark}:{name}".encode()).digest())


def class_of_labels(classes: ClassesConfig) -> dict[str, str]:
    """Class code, or `LEFT_OUT`, of every known label."""
    return {**{code: code for code in classes.codes}, **classes.labels}


def _with_classes(
    rows: Sequence[tuple[int, Row]], classes: ClassesConfig, *, unlabelled: bool
) -> Selected:
    codes = class_of_labels(classes)
    order = {code: index for index, code in enumerate(classes.codes)}
    chosen = [
        (index, row, order[codes[row.label]] if row.label else UNLABELLED)
        for index, row in rows
        if (codes[row.label] != LEFT_OUT if row.label else unlabelled)
    ]
    if not chosen:
        raise TrainingError(
            "nothing-selected", "No B-scan is left: look at data.datasets and the class map."
        )
    indices, kept, labels = zip(*chosen, strict=True)
    return Selected(kept, np.array(indices, dtype=np.int64), np.array(labels, dtype=np.int64))


def _of_datasets(manifest: Manifest, datasets: Sequence[str]) -> Iterable[tuple[int, Row]]:
    present = {row.dataset for row in manifest.rows}
    if missing := sorted(set(datasets) - present):
        raise TrainingError(
            "unknown-dataset",
            f"data.datasets names what the manifest does not have; it has {sorted(present)}.",
            missing,
        )
    wanted = set(datasets) or present
    return ((i, row) for i, row in enumerate(manifest.rows) if row.dataset in wanted)


def _refuse_unknown(said: Iterable[tuple[Row, str]], codes: dict[str, str]) -> None:
    """Refuse labels that the class map does not know, given with their rows."""
    unknown: dict[tuple[str, str], list[Row]] = {}
    for row, label in said:
        if label and label not in codes:
            unknown.setdefault((row.dataset, label), []).append(row)
    if unknown:
        raise TrainingError(
            "unknown-label",
            f"{len(unknown)} labels are neither a class nor in classes.labels; map each to a "
            f'class, or to "{LEFT_OUT}" to leave its B-scans out.',
            [
                f"{label} in {dataset}: {len(found)} B-scans, for example {found[0].name}"
                for (dataset, label), found in sorted(unknown.items())
            ],
        )


def _official(rows: Sequence[tuple[int, Row]]) -> list[tuple[int, Row]]:
    tested = {row.patient for _, row in rows if row.part == "test"}
    return [(i, row) for i, row in rows if row.part == "test" or row.patient not in tested]


def _check_volumes(rows: Sequence[Row], codes: dict[str, str]) -> None:
    """Refuse classes of volumes that would drop labelled B-scans without a word."""
    filtered = {row.dataset for row in rows if row.volume_label}
    if not filtered:
        raise TrainingError(
            "no-volume-label",
            "data.worst_case needs the class of each volume, and the manifest has none.",
        )
    _refuse_unknown(((row, row.volume_label) for row in rows), codes)
    without: dict[str, list[Row]] = {}
    for row in rows:
        used = bool(row.label) and codes[row.label] != LEFT_OUT
        if used and row.dataset in filtered and not row.volume_label:
            without.setdefault(row.dataset, []).append(row)
    if without:
        raise TrainingError(
            "no-volume-label",
            f"{sum(map(len, without.values()))} labelled B-scans lack the class of their volume, "
            "so data.worst_case cannot say whether they belong; state it, or turn the filter off.",
            [
                f"{dataset}: {len(found)} B-scans, for example {found[0].name}"
                for dataset, found in sorted(without.items())
            ],
        )
