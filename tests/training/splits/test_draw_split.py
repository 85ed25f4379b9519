"""Splits by patient: nobody in two parts, everybody tested once, and what cannot be divided."""

import csv
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.splits.hand_made import (
    CODES,
    clinic,
    config,
    drawn,
    far_hash,
    manifest,
    near_hash,
    refused,
    row,
    rows_of,
    warned,
)
from training.data.manifest import Row
from training.data.perceptual_hash import perceptual_hash
from training.splits.draw_split import draw_split
from training.splits.duplicates import find_duplicates
from training.splits.split import PARTS, Split, load_split, save_split

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
SAME = {code: code for code in CODES}


def who_is_tested(split: Split) -> Counter[str]:
    return Counter(patient for fold in split.folds for patient in fold.test)


def test_every_patient_is_tested_once_and_the_parts_have_the_sizes_of_the_method() -> None:
    split = drawn(clinic(each=25))
    assert set(who_is_tested(split).values()) == {1}
    assert len(who_is_tested(split)) == 75
    for fold, counts in zip(split.folds, split.facts["counts"], strict=True):
        assert len({*fold.train, *fold.validation, *fold.test}) == 75
        # of 25 patients of a class: 5 tested, 20 % of the other 20 validate, 16 train
        for name, count in (("test", 5), ("validation", 4), ("train", 16)):
            part = counts["parts"][name]
            assert part["patients"] == 3 * count
            assert part["classes"]["CNV"] == {"patients": count, "bscans": 2 * count}
    assert split.facts["warnings"] == []
    assert split.facts["seed"] == 43
    assert [len(set(fold.validation)) for fold in split.folds] == [12] * 5
    assert len({fold.validation for fold in split.folds}) == 5


def test_neither_the_order_of_rows_nor_the_draw_of_another_day_changes_the_split() -> None:
    rows = clinic(each=8, bscans=3)
    one = drawn(rows)
    turned = drawn([rows[k] for k in np.random.default_rng(1).permutation(len(rows))])
    assert one.sha256 == turned.sha256
    assert one.facts == turned.facts
    assert drawn(rows, split={"seed": 44}).folds != one.folds
    only = replace(manifest(rows), sha256="0")
    # pinned: a released split must be drawn again from the same manifest by every later version
    assert draw_split(only, config()).sha256.startswith("656553056092e24b")


def test_the_split_is_saved_and_read_with_its_facts(tmp_path: Path) -> None:
    split = drawn(clinic())
    save_split(tmp_path / "split.json", split)
    assert load_split(tmp_path / "split.json").sha256 == split.sha256
    assert load_split(tmp_path / "split.json").facts == split.facts


def test_bscans_are_spread_evenly_where_patients_have_very_different_numbers() -> None:
    rows: list[Row] = []
    for label in CODES:
        for k in range(20):
            rows += rows_of({f"{label}-{k}": label}, bscans=2 ** (1 + k % 5))
    split = drawn(rows)
    # 4 * (2 + 4 + 8 + 16 + 32) = 248 B-scans of a class, 49.6 a fold, patients 4 a fold
    for fold in split.facts["counts"]:
        for code in CODES:
            part = fold["parts"]["test"]["classes"][code]
            assert part["patients"] == 4
            assert 40 <= part["bscans"] <= 60
            assert fold["parts"]["validation"]["classes"][code]["bscans"] in range(28, 53)


def test_parts_stay_even_where_many_patients_have_several_classes() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for k in range(300):
        own = list(CODES) if k % 4 == 0 else [CODES[k % 3]]
        rows += [row(f"p{k}", own[b % len(own)], b) for b in range(int(rng.integers(1, 60)))]
    total = Counter(one.label for one in rows)
    for fold in drawn(rows).facts["counts"]:
        for code in CODES:
            part = fold["parts"]["test"]["classes"][code]["bscans"]
            assert abs(part - total[code] / 5) < 0.03 * total[code] / 5
            held = fold["parts"]["validation"]["classes"][code]["bscans"]
            assert abs(held - 0.16 * total[code]) < 0.1 * 0.16 * total[code]


def test_the_right_eye_and_later_visits_stay_with_the_patient() -> None:
    rows = clinic()
    rows += [row("CNV-0", "NORMAL", 90, eye="OS"), row("CNV-0", "CNV", 91, volume="site:late")]
    split = drawn(rows)
    for fold in split.folds:
        assert sum("site:CNV-0" in fold.part(name) for name in PARTS) == 1
    assert split.facts["patients_of_several_classes"] == {
        "count": 1, "lines": ["site:CNV-0: NORMAL, CNV"],
    }  # fmt: skip


def test_patients_who_share_pictures_are_never_divided() -> None:
    rows = clinic(each=8)
    look = far_hash("look")
    rows += [
        row("CNV-0", "CNV", 90, sha256="same", phash=far_hash("same")),
        row("DRUSEN-3", "CNV", 90, sha256="same", phash=far_hash("same")),
        row("DRUSEN-3", "DRUSEN", 91, phash=look),
        row("NORMAL-5", "NORMAL", 91, phash=near_hash(look, 20)),
    ]
    split = drawn(rows)
    group = {"site:CNV-0", "site:DRUSEN-3", "site:NORMAL-5"}
    for fold in split.folds:
        assert [len(group & set(fold.part(name))) for name in PARTS].count(3) == 1
    assert split.facts["united"] == [sorted(group)]
    assert split.facts["united_by_copies"] == [["site:CNV-0", "site:DRUSEN-3"]]
    assert (split.facts["patients"], split.facts["units"]) == (24, 22)
    assert warned(split, "shared-pictures")["message"].startswith("1 pictures belong to several")
    assert split.facts["listed"]["shared-pictures"]["count"] == 1
    assert warned(split, "near-duplicates")["message"].startswith("1 pairs of pictures")
    assert split.facts["listed"]["near-duplicates"]["lines"] == [
        "DRUSEN-3/DRUSEN-91.png and NORMAL-5/NORMAL-91.png: 20 bits apart"
    ]
    assert drawn(rows, split={"near_duplicate_bits": 8}).facts["units"] == 23


def test_a_few_pictures_under_two_labels_warn_and_many_are_refused() -> None:
    rows = clinic(each=10, bscans=4)  # 120 B-scans
    for k in range(2):
        rows.append(row("CNV-0", "CNV", 90 + k, sha256=f"s{k}", phash=far_hash(f"s{k}")))
        rows.append(row("DRUSEN-0", "DRUSEN", 90 + k, sha256=f"s{k}", phash=far_hash(f"s{k}")))
    warning = warned(drawn(rows), "mixed-up-labels")
    assert warning["message"].startswith("2 pictures stand under several classes")
    lines = drawn(rows).facts["listed"]["mixed-up-labels"]["lines"]
    assert len(lines) == 2
    assert all(line.endswith(": CNV, DRUSEN") for line in lines)
    copies = [
        replace(one, label="CNV", path="x" + one.path) for one in rows if "NORMAL" in one.path
    ]
    error = refused(rows + copies)
    assert error.code == "mixed-up-labels"
    assert len(error.details) == 42
    assert not any("site:" in line for line in error.details)


def test_a_patient_under_another_name_in_another_class_is_reported() -> None:
    rows = clinic()
    more = {"sha256": "v", "phash": far_hash("v")}
    rows += [
        row("CNV-1", "NORMAL", 90, volume_label="CNV", **more),
        row("DRUSEN-1", "NORMAL", 90, volume_label="DRUSEN", **more),
    ]
    split = drawn(rows)
    assert warned(split, "duplicate-across-classes")["message"].startswith("1 pictures stand in")
    assert split.facts["listed"]["duplicate-across-classes"]["count"] == 1


def test_patients_without_a_label_train_only_and_take_no_part_in_the_test() -> None:
    rows = [*clinic(), *rows_of({"u0": "", "u1": ""})]
    split = drawn(rows)
    for fold in split.folds:
        assert {"site:u0", "site:u1"} <= set(fold.train)
    assert split.facts["unlabelled"] == 4
    assert split.facts["counts"][0]["parts"]["train"]["unlabelled"] == 4
    look = far_hash("look")
    known = [row("CNV-0", "CNV", 80, phash=look), row("u0", "", 80, phash=near_hash(look, 2))]
    split = drawn([*rows, *known])
    assert (
        who_is_tested(split)["site:u0"] == 1
    )  # the same eye as a labelled one: goes where that one goes
    assert who_is_tested(split)["site:u1"] == 0


def test_the_filters_of_a_run_do_not_change_who_is_where() -> None:
    rows = [replace(one, volume_label=one.patient.split(":")[1].split("-")[0]) for one in clinic()]
    rows += [row(f"CNV-{k}", "NORMAL", 70, volume_label="CNV") for k in range(6)]
    both = [drawn(rows, data={"worst_case": flag}).sha256 for flag in (False, True)]
    assert both[0] == both[1]
    assert drawn(rows, data={"unlabelled": True}).sha256 == both[0]


def test_the_official_test_part_is_tested_in_every_fold_and_its_patients_learn_nothing() -> None:
    rows = clinic(each=8)
    rows += [row(f"{code}-{k}", code, 50, part="test") for code in CODES for k in (0, 1)]
    look = far_hash("look")
    rows += [row("CNV-1", "CNV", 60, phash=look), row("CNV-7", "CNV", 61, phash=look)]
    split = drawn(rows, split={"official_test": True, "folds": 3})
    official = tuple(sorted(f"site:{code}-{k}" for code in CODES for k in (0, 1)))
    for fold, counts in zip(split.folds, split.facts["counts"], strict=True):
        assert fold.test == official
        assert "site:CNV-7" not in {*fold.train, *fold.validation}
        assert counts["parts"]["test"]["bscans"] == 6  # the others of these patients are dropped
        assert len(fold.train) + len(fold.validation) == 24 - 6 - 1
    assert split.facts["left_out_patients"] == ["site:CNV-7"]
    assert len({fold.validation for fold in split.folds}) > 1
    assert refused(clinic(), split={"official_test": True}).code == "no-official-test"
    assert drawn(rows, split={"official_test": True, "folds": 1}).folds[0].test == official


def test_validation_has_every_class_that_two_patients_are_left_for() -> None:
    rows = [*clinic(each=5, classes=("DRUSEN", "CNV")), *clinic(each=40, classes=("NORMAL",))]
    for seed in range(6):
        split = drawn(rows, split={"seed": seed, "validation": 0.02})
        for fold in split.facts["counts"]:
            for name in PARTS:
                assert all(one["patients"] for one in fold["parts"][name]["classes"].values())


@st.composite
def hospitals(draw: st.DrawFn) -> tuple[list[Row], int]:
    """A manifest with several classes a patient, copies, near copies and unlabelled B-scans."""
    folds = draw(st.integers(2, 5))
    rows = clinic(each=draw(st.integers(folds + 4, 14)), bscans=1)
    names = sorted({one.patient.removeprefix("site:") for one in rows})
    for number in range(draw(st.integers(0, 25))):
        name = draw(st.sampled_from(names))
        rows.append(row(name, draw(st.sampled_from([*CODES, ""])), 100 + number))
    for number in range(draw(st.integers(0, 2))):
        look = far_hash(f"pair{number}")
        for k, bits in enumerate((0, draw(st.integers(0, 24)))):
            name = draw(st.sampled_from(names))
            rows.append(row(name, "", 200 + 2 * number + k, phash=near_hash(look, bits)))
    return rows, folds


@settings(max_examples=30, deadline=None)
@given(hospitals(), st.integers(0, 5), st.randoms(use_true_random=False))
def test_no_drawn_split_ever_overlaps_or_leaves_a_patient_out(
    hospital: tuple[list[Row], int], seed: int, random: Any
) -> None:
    rows, folds = hospital
    rules = {"folds": folds, "seed": seed}
    split = drawn(rows, split=rules)
    duplicates = find_duplicates(rows, SAME, 24)
    everybody = {one.patient for one in rows}
    assert who_is_tested(split) == Counter(everybody)
    for fold, counts in zip(split.folds, split.facts["counts"], strict=True):
        assert len(fold.train) + len(fold.validation) + len(fold.test) == len(everybody)
        assert {*fold.train, *fold.validation, *fold.test} == everybody
        units = [{duplicates.unit[p] for p in fold.part(name)} for name in PARTS]
        assert not units[0] & units[1]
        assert not units[0] & units[2]
        assert not units[1] & units[2]
        for name in PARTS:
            assert all(one["patients"] for one in counts["parts"][name]["classes"].values())
    random.shuffle(rows)
    assert drawn(rows, split=rules).sha256 == split.sha256


def test_real_groups_of_a_clinic_are_divided_without_a_leak() -> None:
    table = REAL / "bscans" / "manifest.csv"
    if not table.is_file():
        pytest.skip("no folder of real B-scans beside the project")
    rows = []
    with table.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["dataset"] != "octdl" or line["label"] == "AMD":
                continue
            grey = cv2.imread(str(table.parent / line["path"]), cv2.IMREAD_GRAYSCALE)
            picture = np.asarray(grey, dtype=np.uint8)
            sha = hashlib.sha256(picture.tobytes()).hexdigest()
            patient = f"octdl:{line['group']}"
            rows.append(
                Row(line["path"], 0, sha, perceptual_hash(picture), "octdl", patient,
                    label=line["label"])
            )  # fmt: skip
    mapping = {"codes": ["NORMAL", "ERM"], "labels": {"MACULAR_HOLE": "-"}}
    split = drawn(rows, classes=mapping)
    used = {one.patient for one in rows if one.label != "MACULAR_HOLE"}
    assert who_is_tested(split) == Counter(used)
    assert max(split.facts["leak"]["by_patient"]["near_duplicate_pairs"]) == 0
    assert min(split.facts["leak"]["by_image"]["patients"]) > 20
    # two eyes stand under two names each
    assert [len(one) for one in split.facts["united"]] == [2, 2]
    sizes = [fold["parts"]["test"]["classes"]["ERM"]["bscans"] for fold in split.facts["counts"]]
    assert sum(sizes) == 149
    assert max(sizes) - min(sizes) <= 12
