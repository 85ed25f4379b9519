"""What a package may say: numbers and names of files, never a patient."""

import dataclasses
from typing import Any

import pytest

from training.errors import TrainingError
from training.manifest import Row
from training.package_manifest import check_private, numbers_only, without_places


def test_only_numbers_of_the_split_are_kept_and_local_folders_are_cut_off() -> None:
    facts: dict[str, Any] = {
        "seed": 43,
        "leak": {"across": 12, "pairs": ["neh:CNV_1 neh:CNV_2"], "note": "text"},
        "by": {"neh:CNV_1": 3, "CNV": 4},
    }
    assert numbers_only(facts, {"neh:CNV_1"}) == {
        "seed": 43, "leak": {"across": 12}, "by": {"CNV": 4},
    }  # fmt: skip
    config = {"teacher": {"weights": "/home/dr_who/w/"}, "student": {"weights": "C:\\a\\b.kdmodel"}}
    assert without_places(config) == {
        "teacher": {"weights": "w"}, "student": {"weights": "b.kdmodel"},
    }  # fmt: skip
    assert without_places({"teacher": {"weights": "timm"}, "student": {"weights": "none"}}) == {
        "teacher": {"weights": "timm"}, "student": {"weights": "none"},
    }  # fmt: skip


def test_a_bare_number_is_no_name_but_a_key_with_letters_is() -> None:
    row = Row("a.png", 0, "0" * 64, "0" * 16, "site", "site:1234567")
    check_private(["n 1234567 B-scans"], [row])
    with pytest.raises(TrainingError):
        check_private(["of site:1234567"], [row])
    lettered = dataclasses.replace(row, patient="site:MRN12345")
    with pytest.raises(TrainingError):
        check_private(["of MRN12345"], [lettered])
