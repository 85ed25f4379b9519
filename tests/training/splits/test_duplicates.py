"""Who is united, and what is reported about copies."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.splits.hand_made import far_hash, near_hash, row
from training.data.manifest import Row
from training.data.perceptual_hash import FEATURELESS
from training.errors import TrainingError
from training.splits.duplicates import NO_HASH, Duplicates, Union, find_duplicates, near_across

SAME = {"NORMAL": "NORMAL", "DRUSEN": "DRUSEN", "CNV": "CNV", "cnv": "CNV"}


def found(rows: Sequence[Row], bits: int = 24) -> Duplicates:
    return find_duplicates(rows, SAME, bits)


def together(duplicates: Duplicates) -> set[tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for patient, key in duplicates.unit.items():
        groups.setdefault(key, []).append(patient.removeprefix("site:"))
    return {tuple(sorted(group)) for group in groups.values()}


def test_identical_pictures_unite_patients_through_others() -> None:
    rows = [
        row("a", "CNV", 0, sha256="one", phash=far_hash("one")),
        row("b", "CNV", 0, sha256="one", phash=far_hash("one")),
        row("b", "CNV", 1, sha256="two", phash=far_hash("two")),
        row("c", "CNV", 0, sha256="two", phash=far_hash("two")),
        row("d", "CNV", 0),
    ]
    duplicates = found(rows)
    assert together(duplicates) == {("a", "b", "c"), ("d",)}
    assert duplicates.unit == duplicates.unit_by_copies
    assert set(duplicates.unit.values()) == {"site:a", "site:d"}
    assert duplicates.shared == (
        "a/CNV-0.png = b/CNV-0.png",
        "b/CNV-1.png = c/CNV-0.png",
    )
    assert duplicates.near == duplicates.mixed == ()


def test_near_duplicates_unite_patients_up_to_the_number_of_bits_and_are_listed() -> None:
    look = far_hash("look")
    rows = [
        row("a", "CNV", 0, phash=look),
        row("a", "CNV", 1, phash=near_hash(look, 4)),  # of one patient: no news
        row("b", "CNV", 0, phash=near_hash(look, 24)),
        row("c", "CNV", 0, phash=near_hash(look, 64)),
        row("d", "CNV", 0, phash=near_hash(look, 64)),  # another picture with the hash of c's
    ]
    duplicates = found(rows)
    assert together(duplicates) == {("a", "b"), ("c", "d")}
    assert len(set(duplicates.unit_by_copies.values())) == 4
    assert "c/CNV-0.png and d/CNV-0.png: 0 bits apart" in duplicates.near
    assert any("24 bits apart" in line for line in duplicates.near)
    assert not any(line.count("a/") > 1 for line in duplicates.near)
    assert not any("site:" in line for line in duplicates.near)  # files, never patients
    assert together(found(rows, 23)) == {("a", "b"), ("c", "d")}  # by a's second picture: 20 bits
    assert together(found(rows, 19)) == {("a",), ("b",), ("c", "d")}
    assert together(found(rows, 0)) == {("a",), ("b",), ("c", "d")}


def test_black_frames_unite_nobody() -> None:
    rows = [
        row("a", "CNV", 0, sha256="black", phash=FEATURELESS),
        row("b", "NORMAL", 0, sha256="black", phash=FEATURELESS),
    ]
    duplicates = found(rows)
    assert together(duplicates) == {("a",), ("b",)}
    assert duplicates.mixed == duplicates.shared == ()
    assert duplicates.featureless == ("a/CNV-0.png", "b/NORMAL-0.png")
    assert duplicates.hash_of_row.tolist() == [NO_HASH, NO_HASH]


def test_a_picture_under_two_classes_is_listed_and_two_spellings_of_one_are_not() -> None:
    rows = [
        row("a", "CNV", 0, sha256="one", phash=far_hash("one"), volume_label="CNV"),
        row("b", "DRUSEN", 0, sha256="one", phash=far_hash("one"), volume_label="DRUSEN"),
        row("c", "cnv", 0, sha256="two", phash=far_hash("two"), volume_label="cnv"),
        row("c", "CNV", 1, sha256="two", phash=far_hash("two"), volume_label="CNV"),
        row("d", "", 0, sha256="two", phash=far_hash("two")),
    ]
    duplicates = found(rows)
    assert duplicates.mixed == ("a/CNV-0.png = b/DRUSEN-0.png: CNV, DRUSEN",)
    assert duplicates.mixed_bscans == 2
    assert duplicates.across_volumes == ("a/CNV-0.png = b/DRUSEN-0.png",)


def test_rows_without_a_comparable_hash_are_all_named() -> None:
    rows = [row("a", "CNV"), row("b", "CNV", phash=""), row("c", "CNV", phash="0" * 16),
            row("d", "CNV", phash="x" * 64)]  # fmt: skip
    with pytest.raises(TrainingError) as caught:
        found(rows)
    assert caught.value.code == "bad-manifest"
    assert caught.value.details == ("b/CNV-0.png", "c/CNV-0.png", "d/CNV-0.png")


def test_pairs_across_two_sides_are_counted_by_bscan() -> None:
    look = far_hash("look")
    rows = [
        row("a", "CNV", 0, phash=look),
        row("a", "CNV", 1, phash=look),
        row("a", "CNV", 2, phash=near_hash(look, 10)),
        row("a", "CNV", 3),
        row("a", "CNV", 4, phash=FEATURELESS),
        row("a", "CNV", 5, phash=FEATURELESS),
    ]
    duplicates = found(rows)

    def across(one: list[int], two: list[int]) -> int:
        sides = np.zeros((2, len(rows)), dtype=bool)
        sides[0, one] = True
        sides[1, two] = True
        return near_across(duplicates, sides[0], sides[1])

    assert across([0], [1]) == 1
    assert across([0], [1, 2]) == 2
    assert across([2], [0, 1, 3]) == 2
    assert across([0, 1], [2]) == 2
    assert across([4], [5]) == across([3], [0, 1, 2]) == across([], [0]) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15))
def test_union_find_joins_exactly_what_is_connected(edges: list[tuple[int, int]]) -> None:
    union = Union(str(k) for k in range(10))
    sets = [{k} for k in range(10)]
    for one, two in edges:
        union.unite(str(one), str(two))
        joined = sets[one] | sets[two]
        for k in joined:
            sets[k] = joined
    assert union.tops() == {str(k): str(min(sets[k])) for k in range(10)}
