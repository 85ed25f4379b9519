"""The card says what the manifest holds, and nothing else."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.ship.card_parts import manifest, table
from training.run_folder import RunFolder
from training.ship.card_tables import cell, figure
from training.ship.package_report import blocked_by, held_out
from training.ship.site_card import BY_NAME, write_card
from training.splits.split import Fold, Split

SPLIT = Split(
    "m", ("NORMAL", "CNV"), (Fold(("a",), ("b",), ("c",)), Fold(("b",), ("c",), ("a",))), {}
)


def written(tmp_path: Path, *, views: str = "single", weights: str = "w") -> dict[str, Any]:
    """Held-out figures from reports as the evaluation writes them."""
    folder = RunFolder(tmp_path)
    student = {
        "model": {"weights_sha256": "w"},
        "test": {"unfiltered": {"bscan": table(40, 4, 0.85), "eye": table(8, 4, 0.75),
                                "patient": {"n": 0, "patients": 0}}},
        "single": {"temperature": 1.1, "unfiltered": table(40, 4, 0.80)},
    }  # fmt: skip
    one = {"split_sha256": SPLIT.sha256, "views": views, "roles": {"student": student}}
    run = {
        "split_sha256": SPLIT.sha256, "views": views,
        "folds": [{"fold": 1, "roles": {"student": student}}],
        "pooled": {"student": {"unfiltered": {"folds": [0, 1], "bscan": table(80, 9, 0.83)}}},
        "signatures": [{"code": "fold-gap", "level": "warning", "message": "Folds differ.",
                        "advice": "Look at them.", "details": ["patient 7"]}],
    }  # fmt: skip
    folder.fold(1).mkdir(parents=True)
    (folder.fold(1) / "evaluation.json").write_text(json.dumps(one))
    folder.report.write_text(json.dumps(run))
    return held_out(folder, SPLIT, 1, weights)


def test_figures_stand_with_their_number_and_interval(tmp_path: Path) -> None:
    card = write_card(manifest(written(tmp_path)))
    assert "| | B-scans (n 40, 4 patients) | eyes (n 8, 4 patients) |" in card
    assert "| accuracy | 0.850 (0.800 to 0.900) | 0.750 (0.700 to 0.800) |" in card
    assert "| kappa | – | – |" in card
    assert "| ECE as shipped | 0.100 (0.050 to 0.150) | 0.100 (0.050 to 0.150) |" in card
    assert "### The method: folds 0, 1 of the run" in card
    assert "| | B-scans (n 80, 9 patients) |" in card
    assert "| NORMAL | 38 | 3 | 0.900 (0.850 to 0.950) | – | 35 | 2 | 1 |" in card
    assert "- **warning, fold-gap**: Folds differ. Look at them." in card


def test_only_the_named_parts_of_a_report_reach_the_package(tmp_path: Path) -> None:
    text = json.dumps(written(tmp_path))
    assert "patient 7" not in text
    assert "reliability" not in text
    assert "secret" not in text


def test_with_test_time_views_the_card_shows_the_plain_view_that_the_desktop_uses(
    tmp_path: Path,
) -> None:
    held = written(tmp_path, views="tta")
    assert held["fold"]["unfiltered"]["bscan"]["figures"]["accuracy"]["value"] == 0.80
    assert set(held["fold"]["unfiltered"]) == {"bscan"}


def test_every_table_says_of_which_view_it_is(tmp_path: Path) -> None:
    card = write_card(manifest(written(tmp_path, views="tta")))
    one, whole = (line for line in card.splitlines() if line.startswith("### "))
    assert one.endswith("; plain view")
    assert one.startswith("### This network, held-out patients of fold 1")
    assert whole.endswith("; mean of five views, which the desktop makes only when it is asked to")


def test_an_evaluation_of_other_weights_or_of_another_split_is_passed_over(tmp_path: Path) -> None:
    assert written(tmp_path, weights="other") == {}
    folder = RunFolder(tmp_path)
    other = Split("n", SPLIT.classes, SPLIT.folds, {})
    assert held_out(folder, other, 1, "w") == {}
    folder.report.write_text("{")
    held = held_out(folder, SPLIT, 1, "w")
    assert set(held) == {"fold", "evidence"}
    assert "## Warnings" not in write_card(manifest(held))


def test_folds_that_test_the_same_patients_warn_without_a_pooled_table(tmp_path: Path) -> None:
    written(tmp_path)
    folder = RunFolder(tmp_path)
    run = json.loads(folder.report.read_text())
    folder.report.write_text(json.dumps({**run, "pooled": {"paired": {}}}))
    card = write_card(manifest(held_out(folder, SPLIT, 1, "w")))
    assert "### The method" not in card
    assert "- **warning, fold-gap**: Folds differ." in card


def test_the_card_says_what_is_not_known_of_eyes_where_it_shows_any(tmp_path: Path) -> None:
    said = "Eyes are called from all of their B-scans. Quality, extent and scan pattern are not"
    assert said in write_card(manifest(written(tmp_path / "single")))
    assert said not in write_card(manifest(written(tmp_path / "tta", views="tta")))


def test_a_blocking_code_blocks_whatever_became_of_its_sentences(tmp_path: Path) -> None:
    written(tmp_path)
    folder = RunFolder(tmp_path)
    run = json.loads(folder.report.read_text())
    assert blocked_by(folder, SPLIT) == []
    for by, codes in ((["fold-gap", "gone"], ["fold-gap", "gone"]), ([], ["blocked"])):
        folder.report.write_text(json.dumps({**run, "promotion": {"blocked": True, "by": by}}))
        assert [one["code"] for one in blocked_by(folder, SPLIT)] == codes


def test_without_an_evaluation_the_card_says_so_and_warns_of_nothing() -> None:
    card = write_card(manifest({}))
    assert "**Not evaluated.**" in card
    assert "## Warnings" not in card


@pytest.mark.parametrize(
    "sentence",
    [
        "| clinic | 9 | 90 | 3 | 30 |",
        "Devices: Spectralis (120 B-scans).",
        f"into 2 folds, sha256 {'s' * 64}; 4 patients of this fold were held out",
        "- Image-level splitting would have put 17 across; here 0.",
        "- Found while splitting: 3 pictures belong to several patients, who were united.",
        "| CNV | 3 (30) | 3 (30) | 3 (30) |",
        "Teacher started from: random, licence MIT",
        "below the validation gate of 0.9.** Waiver: few / patients yet",
        "Within the fold the **swa** weights were best",
        "30 B-scans of 3 patients of the validation part, 3 eyes: temperature 0.8",
        "from 0.400 on, after scale 1.5 and offset -0.5 (not fitted: too few eyes)",
        "CNV: 95% of its validation B-scans lie at or above 0.250",
        "on 200 validation B-scans: largest difference in probability 3.0e-07",
        "(15.5 of 30.8 MB): largest difference in probability 2.0e-02 on 200 B-scans, same class; "
        "not kept.",
        "It may not be used",
        "Research at the site that trained it",
        "It calls every scan one of 2 classes.",
    ],
)
def test_the_card_states(sentence: str) -> None:
    assert sentence in write_card(manifest({}))


def test_that_no_test_score_was_looked_at_is_said_of_a_choice_by_validation_only() -> None:
    values = manifest({})
    assert "No test score was looked at." in write_card(values)
    values["metrics"] |= {"fold_chosen_by": BY_NAME, "finished": False}
    card = write_card(values)
    assert "No test score was looked at" not in card
    assert "Whether a test score was looked at is not known." in card
    assert "**Its training was stopped before its end.**" in card


UNSEEN = "On patients that no weight, threshold or temperature has seen."


@pytest.mark.parametrize(
    ("role", "start", "known"),
    [
        ("student", {"split": "", "fold": -1}, False),
        ("student", {"split": "other", "fold": 1}, True),
        ("student", {"split": "s" * 64, "fold": 0}, True),
        ("student", {"split": "s" * 64, "fold": 1}, True),  # it knows those of the other folds
        ("teacher", {"split": "other", "fold": 1}, True),
        ("student", {"source": "model package a.kdmodel that was trained on the split ?"}, True),
    ],
)
def test_patients_that_the_first_weights_may_know_are_not_called_unseen(
    tmp_path: Path, role: str, start: dict[str, Any], known: bool
) -> None:
    values = manifest(written(tmp_path))
    training = values["training"]
    (training if role == "student" else training["teacher"])["initial_weights"].update(start)
    card = write_card(values)
    assert (UNSEEN in card) is not known
    assert (f"**But {role} started from weights of another split or fold" in card) is known


def test_the_fold_alone_is_unseen_by_weights_of_the_same_fold(tmp_path: Path) -> None:
    held = written(tmp_path)
    del held["all_folds"]
    values = manifest(held)
    values["training"]["initial_weights"] |= {"split": "s" * 64, "fold": 1}
    assert UNSEEN in write_card(values)


def test_a_blocked_promotion_and_its_waiver_stand_on_the_card() -> None:
    values = manifest({})
    assert "## Promotion" not in write_card(values)
    values["metrics"]["promotion"] = {"blocked_by": ["less-sensitive-than-teacher"],
                                      "waiver": "for a | study"}  # fmt: skip
    said = "blocks the promotion of this network (less-sensitive-than-teacher).** It was waived:"
    assert f"{said} for a / study" in write_card(values)
    values["metrics"]["promotion"]["blocked_by"] = []
    assert "nothing that was evaluated needed it: for a / study" in write_card(values)


def test_a_waiver_given_for_a_teacher_above_the_gate_is_no_failure() -> None:
    values = copy.deepcopy(manifest({}))
    values["training"]["teacher"]["validation"]["accuracy"] = 0.95
    card = write_card(values)
    assert "below the validation gate" not in card
    assert "- Waiver: few / patients yet" in card


def test_a_student_without_a_teacher_is_told_apart() -> None:
    values = copy.deepcopy(manifest({}))
    assert "is a legal question" in write_card(values)
    values["training"] |= {"teacher": {}, "waiver": ""}
    card = write_card(values)
    assert "No teacher: trained on labels alone." in card
    assert "is a legal question" not in card


def test_labels_that_were_not_used_are_not_claimed() -> None:
    values = copy.deepcopy(manifest({}))
    assert "of the training patients were used" not in write_card(values)
    values["training"]["config"]["data"]["labelled_share"] = 0.25
    assert "- Labels of 25% of the training patients were used, and none" in write_card(values)


def test_texts_from_outside_cannot_break_a_table() -> None:
    assert cell("a | b\n# c") == "a / b # c"
    assert figure(None) == "–"
    assert figure({"value": 0.5, "low": None, "high": None}) == "0.500"
