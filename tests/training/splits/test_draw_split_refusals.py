"""Manifests that cannot be divided: each is refused before anything is drawn."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.training.splits.hand_made import (
    CODES,
    clinic,
    drawn,
    far_hash,
    near_hash,
    refused,
    row,
)
from training.errors import TrainingError
from training.splits.duplicates import find_duplicates
from training.splits.leak_report import across, check_near_duplicates, leak_report, members
from training.splits.split import Fold
from training.splits.split_checks import least_patients

SAME = {code: code for code in CODES}


def test_one_class_alone_is_refused() -> None:
    error = refused(clinic(classes=("CNV",)))
    assert error.code == "one-class"
    assert "CNV" in error.message
    assert error.details == ("NORMAL: 0 patients", "DRUSEN: 0 patients", "CNV: 6 patients")


def test_a_class_without_a_patient_is_refused() -> None:
    error = refused(clinic(classes=("CNV", "NORMAL")))
    assert error.code == "empty-class"
    assert "DRUSEN" in error.message


def test_one_patient_per_class_is_refused() -> None:
    error = refused(clinic(each=1, bscans=9))
    assert error.code == "one-patient-per-class"
    assert "NORMAL, DRUSEN, CNV" in error.message
    united = [*clinic(each=6, classes=("NORMAL", "DRUSEN"))]
    united += [row(f"c{k}", "CNV", 0, sha256="one", phash=far_hash("one")) for k in range(6)]
    assert refused(united).code == "one-patient-per-class"  # six names, one person


def test_fewer_patients_of_a_class_than_folds_are_refused() -> None:
    rows = [*clinic(each=9, classes=("NORMAL", "CNV")), *clinic(each=4, classes=("DRUSEN",))]
    error = refused(rows)
    assert error.code == "fewer-patients-than-folds"
    assert error.details == ("NORMAL: 9 patients", "DRUSEN: 4 patients", "CNV: 9 patients")
    assert len(drawn(rows, split={"folds": 4}).folds) == 4
    assert [least_patients(folds) for folds in (2, 3, 4, 5, 10)] == [4, 3, 4, 5, 10]


def test_bscans_without_a_patient_are_all_named() -> None:
    error = refused([*clinic(), row("", "CNV", 1), row("", "CNV", 2)])
    assert error.code == "missing-patient"
    assert error.details == ("/CNV-1.png", "/CNV-2.png")


def test_unknown_labels_are_refused_before_anything_is_drawn() -> None:
    assert refused([*clinic(), row("x", "cnv")]).code == "unknown-label"


def test_near_duplicates_that_chain_half_of_the_patients_are_refused() -> None:
    rows = clinic(each=6)
    look = far_hash("dull")
    dull = [replace(one, phash=near_hash(look, k)) for k, one in enumerate(rows[::2]) if k % 2 == 0]
    assert len(dull) == 9  # of 18 patients: half is still let through
    more = [replace(rows[2], path="z.png", sha256="z", phash=near_hash(look, 3))]
    drawn_before = find_duplicates([*rows, *dull], SAME, 24)
    assert Counter(drawn_before.unit.values()).most_common(1)[0][1] == 9
    error = refused([*rows, *dull, *more])
    assert error.code == "near-duplicate-chain"
    assert "10 of 18" in error.message
    assert error.details


def test_the_leak_report_compares_with_image_level_splitting() -> None:
    rows = []
    for label in CODES:
        for k in range(6):
            look = far_hash(f"{label}{k}")  # ten B-scans of each patient nearly the same
            rows += [row(f"{label}-{k}", label, b, phash=near_hash(look, b)) for b in range(10)]
    leak = drawn(rows).facts["leak"]
    assert leak["by_patient"] == {"near_duplicate_pairs": [0] * 5, "patients": [0] * 5}
    # 180 B-scans, 18 * 45 = 810 pairs; a fold with 40 tested and 110 in training divides a pair
    # with a chance of 2 * (40 / 180) * (110 / 179) = 0.27: about 220
    assert all(120 <= count <= 320 for count in leak["by_image"]["near_duplicate_pairs"])
    assert all(count >= 15 for count in leak["by_image"]["patients"])
    assert leak["sentence"].endswith("; here 0 and 0.")
    mean = round(float(np.mean(leak["by_image"]["near_duplicate_pairs"])))
    people = round(float(np.mean(leak["by_image"]["patients"])))
    assert f"put {mean} pairs of near-duplicates and {people} patients across" in leak["sentence"]


def test_a_division_with_near_duplicates_across_is_refused() -> None:
    look = far_hash("look")
    rows = [row("a", "CNV", 0, phash=look), row("b", "CNV", 0, phash=near_hash(look, 5))]
    duplicates = find_duplicates(rows, SAME, 24)
    used = np.ones(2, dtype=bool)
    for fold in (Fold(("site:a",), (), ("site:b",)), Fold(("site:a",), ("site:b",), ())):
        with pytest.raises(TrainingError) as caught:
            leak_report(rows, (fold,), duplicates, compared=used, seed=0)
        assert caught.value.code == "near-duplicate-overlap"
        assert "1 pairs" in caught.value.message
    together = np.array([[False, False], [False, False], [True, True]])
    check_near_duplicates(together, duplicates, 0)


def test_the_proof_against_leaks_fails_for_a_patient_in_two_parts() -> None:
    rows = [row("a", "CNV", 0), row("a", "CNV", 1), row("b", "CNV", 0)]
    duplicates = find_duplicates(rows, SAME, 24)
    leaky = Fold(("site:a", "site:b"), (), ("site:a",))
    masks = members(["site:a", "site:b"], leaky)
    assert masks.tolist() == [[True, True], [False, False], [True, False]]
    rows_of_parts = masks[:, [0, 0, 1]]
    found = across(rows_of_parts, np.array([0, 0, 1]), duplicates)
    assert found == {"near_duplicate_pairs": 2, "patients": 1}
    with pytest.raises(TrainingError) as caught:
        leak_report(rows, (leaky,), duplicates, compared=np.ones(3, dtype=bool), seed=0)
    assert caught.value.code == "patient-overlap"
