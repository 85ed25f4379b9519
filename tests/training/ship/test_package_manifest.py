"""What a package may say: numbers and names of files, never a patient."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny_run import tiny_config, write_data
from training.data.manifest import Row, write_manifest
from training.errors import TrainingError
from training.ship.package_manifest import numbers_only, split_about, without_places
from training.ship.privacy import check_private, identifiers
from training.splits.draw_split import draw_split


def test_only_numbers_of_the_split_are_kept_and_local_folders_are_cut_off() -> None:
    facts: dict[str, Any] = {
        "seed": 43,
        "leak": {"across": [12, 3], "pairs": ["neh:CNV_1 neh:CNV_2"], "note": "text"},
        "by": {"neh:CNV_1": 3, "CNV": 4},
    }
    assert numbers_only(facts, {"neh:CNV_1"}) == {
        "seed": 43, "leak": {"across": [12, 3]}, "by": {"CNV": 4},
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


def test_the_drawn_split_reaches_the_package_without_a_single_key(tmp_path: Path) -> None:
    manifest = write_data(tmp_path / "data", bscans=2)
    rows = [
        dataclasses.replace(row, patient=f"{row.patient}x") if row.bscan else row
        for row in manifest.rows
    ]
    rows.append(dataclasses.replace(rows[0], patient="tiny:NORMAL1x", path="NORMAL/copy/0.png"))
    whole = write_manifest(tmp_path / "whole.csv", rows)
    split = draw_split(whole, tiny_config(split={"folds": 2, "near_duplicate_bits": 0}))
    assert "tiny:" in json.dumps(split.facts)  # the site's own file names the united patients
    about = split_about(split, 1, identifiers(whole.rows))
    check_private([json.dumps(about)], whole.rows)
    assert about["leak"]["sentence"].startswith("Image-level splitting would have put")
    assert about["leak"]["by_patient"]["patients"] == [0, 0]
    assert about["counts"]["train"]["classes"]["CNV"]["patients"] > 0
    assert any("united" in one for one in about["warnings"])
