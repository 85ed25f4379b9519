"""Copies in a manifest: identical pictures, near-duplicates, and the patients that they unite.

People appear under several numbers, and data sets hold the same picture twice. Patients who share
an identical picture, or pictures whose perceptual hashes are near, are one unit that a split never
divides. Pictures without structure (black frames) say nothing about who was scanned and unite
nobody.

The lines for people name files alone: a refusal with such lines may end in a log.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.manifest import Row
from training.data.perceptual_hash import DIGITS, FEATURELESS, hash_words, near_pairs
from training.errors import TrainingError

NO_HASH = -1
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """What was found among some rows.

    Attributes:
        unit: For each patient, the first name of the patients that belong together.
        unit_by_copies: The same from identical pictures alone, without near-duplicates.
        shared: One line for each picture that several patients have.
        mixed: One line for each picture that stands under several classes.
        mixed_bscans: B-scans among these.
        across_volumes: One line for each picture in volumes of different classes.
        near: One line for each pair of near-duplicate pictures of different patients.
        featureless: Names of B-scans without structure.
        hash_of_row: int64, for each row the index of its hash among the different ones; `NO_HASH`
            for none.
        hash_pairs: int64 pairs of different hashes that are near, axes (pair, first/second).
    """

    unit: dict[str, str]
    unit_by_copies: dict[str, str]
    shared: tuple[str, ...]
    mixed: tuple[str, ...]
    mixed_bscans: int
    across_volumes: tuple[str, ...]
    near: tuple[str, ...]
    featureless: tuple[str, ...]
    hash_of_row: Indices
    hash_pairs: Indices


class Union:
    """Union-find over names; the smallest name of a set stands for it."""

    def __init__(self, names: Iterable[str]) -> None:
        self._above = {name: name for name in names}

    def top(self, name: str) -> str:
        """The name that stands for the set of `name`."""
        while self._above[name] != name:
            self._above[name] = self._above[self._above[name]]
            name = self._above[name]
        return name

    def unite(self, one: str, two: str) -> None:
        """Make one set of the sets of two names."""
        low, high = sorted((self.top(one), self.top(two)))
        self._above[high] = low

    def tops(self) -> dict[str, str]:
        """For every name the one that stands for it."""
        return {name: self.top(name) for name in self._above}


def find_duplicates(rows: Sequence[Row], codes: Mapping[str, str], bits: int) -> Duplicates:
    """Find identical pictures and near-duplicates, and unite their patients.

    Args:
        rows: B-scans of a manifest.
        codes: Class of each label, so that two spellings of a class do not count as two.
        bits: Perceptual hashes that differ in so many bits or fewer are near.

    Raises:
        TrainingError: ``bad-manifest``: a perceptual hash is missing or of another length.
    """
    check_hashes(rows)
    union = Union({row.patient for row in rows})
    copies = _copies(rows)
    for group in copies:
        for row in group[1:]:
            union.unite(group[0].patient, row.patient)
    by_copies = union.tops()
    hash_of_row, hashes = _numbered(rows)
    pairs = near_pairs(hashes, bits)
    near = _unite_near(rows, union, (hash_of_row, pairs), hashes)
    mixed = [group for group in copies if len(_classes(group, codes)) > 1]
    return Duplicates(
        unit=union.tops(),
        unit_by_copies=by_copies,
        shared=tuple(_line(g) for g in copies if len({row.patient for row in g}) > 1),
        mixed=tuple(f"{_line(g)}: {', '.join(sorted(_classes(g, codes)))}" for g in mixed),
        mixed_bscans=sum(len(group) for group in mixed),
        across_volumes=tuple(_line(g) for g in copies if len(_volume_classes(g, codes)) > 1),
        near=near,
        featureless=tuple(row.name for row in rows if row.phash == FEATURELESS),
        hash_of_row=hash_of_row,
        hash_pairs=pairs,
    )


def near_across(duplicates: Duplicates, one: NDArray[np.bool_], two: NDArray[np.bool_]) -> int:
    """Pairs of near-duplicate B-scans, identical ones included, with one B-scan on either side.

    Args:
        duplicates: Of the rows that the sides are cut from.
        one: For each row, whether it is on the first side.
        two: For each row, whether it is on the second.
    """
    size = int(duplicates.hash_of_row.max(initial=NO_HASH)) + 1
    left, right = (
        np.bincount(duplicates.hash_of_row[side & (duplicates.hash_of_row >= 0)], minlength=size)
        for side in (one, two)
    )
    first, second = duplicates.hash_pairs.T
    crossing = left[first] * right[second] + left[second] * right[first]
    return int((left * right).sum() + crossing.sum())


def check_hashes(rows: Sequence[Row]) -> None:
    """Refuse rows whose perceptual hash cannot be compared.

    Raises:
        TrainingError: ``bad-manifest``, with every such row.
    """
    digits = set("0123456789abcdef")
    wrong = [row.name for row in rows if len(row.phash) != DIGITS or not digits >= set(row.phash)]
    if wrong:
        raise TrainingError(
            "bad-manifest",
            f"{len(wrong)} B-scans have no perceptual hash of this version, so near-duplicates "
            "cannot be found; write the manifest again.",
            wrong,
        )


def _copies(rows: Sequence[Row]) -> list[list[Row]]:
    """Groups of two rows or more with the same grey values, pictures without structure left out."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.phash != FEATURELESS:
            groups[row.sha256].append(row)
    return [group for group in groups.values() if len(group) > 1]


def _numbered(rows: Sequence[Row]) -> tuple[Indices, list[str]]:
    """Number of each row's hash among the different hashes, and these, sorted."""
    hashes = sorted({row.phash for row in rows} - {FEATURELESS})
    number = {value: index for index, value in enumerate(hashes)}
    return np.array([number.get(row.phash, NO_HASH) for row in rows], dtype=np.int64), hashes


def _unite_near(
    rows: Sequence[Row], union: Union, near: tuple[Indices, Indices], hashes: Sequence[str]
) -> tuple[str, ...]:
    """Unite patients with near hashes; a line for each pair of pictures of two patients."""
    hash_of_row, pairs = near
    first: list[dict[str, Row]] = [{} for _ in hashes]  # of each hash, a row of each patient
    sha: list[set[str]] = [set() for _ in hashes]
    for row, number in zip(rows, hash_of_row.tolist(), strict=True):
        if number != NO_HASH:
            first[number].setdefault(row.patient, row)
            sha[number].add(row.sha256)
    words = hash_words(hashes)
    lines = []
    for one in np.flatnonzero([len(patients) > 1 for patients in first]).tolist():
        alike = list(first[one].values())
        for row in alike[1:]:
            union.unite(alike[0].patient, row.patient)
            if len(sha[one]) > 1:
                lines.append(_pair_line(alike[0], row, 0))
    for one, two in pairs.tolist():
        if len(first[one].keys() | first[two].keys()) < 2:
            continue
        left, right = next(iter(first[one].values())), next(iter(first[two].values()))
        union.unite(left.patient, right.patient)
        apart = int(np.bitwise_count(words[one] ^ words[two]).sum())
        lines.append(_pair_line(left, right, apart))
    return tuple(lines)


def _classes(group: Sequence[Row], codes: Mapping[str, str]) -> set[str]:
    return {codes.get(row.label, row.label) for row in group if row.label}


def _volume_classes(group: Sequence[Row], codes: Mapping[str, str]) -> set[str]:
    return {codes.get(row.volume_label, row.volume_label) for row in group if row.volume_label}


def _line(group: Sequence[Row]) -> str:
    return " = ".join(sorted({row.name for row in group}))


def _pair_line(one: Row, two: Row, bits: int) -> str:
    return f"{one.name} and {two.name}: {bits} bits apart"
