"""Which B-scans make up which volume, and of which class the data set says that it is.

An eye is called from all of its B-scans, in their order; which those are, `asked` says.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.finding import NORMAL
from training.config import ClassesConfig
from training.data.manifest import Row
from training.data.select_rows import UNLABELLED, class_of_labels

AMBIGUOUS = -2
"""Truth about which the labels disagree, or which is none of the classes."""

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Volumes:
    """Which B-scans make up which volume.

    Attributes:
        members: int64 indices of the B-scans of each volume, in their order in the eye.
        truth: Class index of each volume, or `AMBIGUOUS`.
        patients: Patient of each volume.
        keys: Key of each volume.
        numbers: ``OctVolume.numbers`` of each volume: positions of its B-scans, empty where none is
            missing between others or positions are not known.
    """

    members: tuple[Labels, ...]
    truth: Labels
    patients: tuple[str, ...]
    keys: tuple[str, ...]
    numbers: tuple[tuple[int, ...], ...]

    def holding(self, chosen: NDArray[np.bool_]) -> "Volumes":
        """The volumes to which any of the chosen B-scans belongs, each with all of its B-scans."""
        kept = [k for k, members in enumerate(self.members) if chosen[members].any()]
        return Volumes(
            tuple(self.members[k] for k in kept),
            self.truth[np.array(kept, dtype=np.int64)],
            tuple(self.patients[k] for k in kept),
            tuple(self.keys[k] for k in kept),
            tuple(self.numbers[k] for k in kept),
        )

    def why_not(self, least: int) -> list[str]:
        """Why each volume cannot be held against the rule; empty where it can.

        Args:
            least: Fewest B-scans that say anything about an eye.
        """
        return [
            "class unclear" if truth == AMBIGUOUS
            else f"fewer than {least} B-scans" if len(members) < least
            else ""
            for truth, members in zip(self.truth, self.members, strict=True)
        ]  # fmt: skip


def volumes_of(
    rows: Sequence[Row], labels: Labels, *, classes: Sequence[str], names: dict[str, str]
) -> Volumes:
    """Group B-scans into volumes; B-scans without a volume are in none.

    The truth is the data set's class of the volume: `AMBIGUOUS` where its B-scans name several, or
    one that is not taught. Only where it names none, the labels of the B-scans speak: the only
    disease among them, or NORMAL where all are labelled so; anything else is `AMBIGUOUS`.

    Args:
        rows: One a B-scan.
        labels: From `own_labels`: class index of each, `UNLABELLED` or `AMBIGUOUS`.
        classes: Codes in order.
        names: Label in the data to class code, as configured; codes stand for themselves.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row.volume:
            groups[row.volume].append(at)
    members, truth, patients, numbers = [], [], [], []
    for indices in groups.values():
        indices.sort(key=lambda at: (rows[at].bscan, rows[at].path, rows[at].frame))
        members.append(np.array(indices, dtype=np.int64))
        whole = {rows[at].volume_label for at in indices} - {""}
        truth.append(
            _of_volume(whole, classes, names) if whole else united(labels[indices], classes)
        )
        patients.append(rows[indices[0]].patient)
        numbers.append(_with_gaps([rows[at].bscan for at in indices]))
    made = np.array(truth, dtype=np.int64)
    return Volumes(tuple(members), made, tuple(patients), tuple(groups), tuple(numbers))


def _of_volume(said: set[str], classes: Sequence[str], names: dict[str, str]) -> int:
    """The class that a volume's own labels name; `AMBIGUOUS` for several or one not taught."""
    codes = {names.get(label, label) for label in said}
    code = codes.pop()
    return AMBIGUOUS if codes or code not in classes else list(classes).index(code)


def united(labels: Labels, classes: Sequence[str]) -> int:
    """The only disease among labels, NORMAL where all are; otherwise `AMBIGUOUS`."""
    normal = list(classes).index(NORMAL)
    diseases = sorted({int(k) for k in labels} - {normal, UNLABELLED})
    if len(diseases) > 1 or AMBIGUOUS in diseases or (not diseases and UNLABELLED in labels):
        return AMBIGUOUS
    return diseases[0] if diseases else normal


def _with_gaps(positions: Sequence[int]) -> tuple[int, ...]:
    """Sorted positions that leave some out; empty for others, and for unknown ones (below 0)."""
    leaves_out = positions[0] >= 0 and bool((np.diff(np.array(positions)) > 1).any())
    return tuple(positions) if leaves_out else ()


def own_labels(rows: Sequence[Row], classes: ClassesConfig) -> Labels:
    """What the data set says of each B-scan, whether or not a filter leaves it out.

    Returns:
        Class index of each, `UNLABELLED` without a label, `AMBIGUOUS` for a label that is not
        taught.
    """
    codes, order = class_of_labels(classes), list(classes.codes)
    known = {label: order.index(code) for label, code in codes.items() if code in order}
    found = [known.get(row.label, AMBIGUOUS) if row.label else UNLABELLED for row in rows]
    return np.array(found, dtype=np.int64)
