"""The card says what the manifest holds, and nothing else."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from training.run_folder import RunFolder
from training.ship.card_tables import cell, figure
from training.ship.package_report import blocked_by, held_out
from training.ship.site_card import BY_NAME, write_card
from training.splits.split import Fold, Split

SPLIT = Split(
    "m", ("NORMAL", "CNV"), (Fold(("a",), ("b",), ("c",)), Fold(("b",), ("c",), ("a",))), {}
)


def interval(value: float | None) -> dict[str, float | None]:
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def table(n: int, patients: int, accuracy: float) -> dict[str, Any]:
    return {
        "n": n, "patients": patients, "no_call": 1,
        "confusion": [[n - 5, 2, 1], [1, 1, 0]],
        "figures": {"accuracy": interval(accuracy), "kappa": interval(None)},
        "classes": {
            "NORMAL": {"n": n - 2, "patients": patients - 1, "recall": interval(0.9)},
            "CNV": {"n": 2, "patients": 1, "recall": interval(0.5), "auroc": interval(0.8)},
        },
        "calibration": {"ece_before": interval(0.2), "ece_after": interval(0.1), "bins": 15,
                        "reliability_after": [1, 2]},
        "secret": ["patient 7"],
    }  # fmt: skip


def training_facts() -> dict[str, Any]:
    initial: dict[str, Any] = {"name": "random", "licence": "none", "source": "none", "notice": ""}
    return {
        "fold": 1, "chosen": "swa", "split_sha256": "s" * 64, "manifest_sha256": "m" * 64,
        "weights_sha256": "w" * 64, "source_commit": "abc", "network": "efficientnet_b2",
        "validation": {"raw": {"accuracy": 0.9, "loss": 0.3}, "swa": {"accuracy": 0.92}},
        "initial_weights": initial,
        "teacher": {"model": "convnext", "fold": 1, "validation": {"accuracy": 0.88},
                    "initial_weights": {**initial, "licence": "MIT"}},
        "waiver": "few | patients\nyet", "folds": 2,
        "config": {"distill": {"gate": 0.9}, "data": {"labelled_share": 1.0}},
        "data": [{"name": "clinic", "train": {"patients": 9, "bscans": 90},
                  "validation": {"patients": 3, "bscans": 30}}],
        "devices": {"Spectralis": 120}, "test_patients": 4, "worst_case": False,
        "split": {
            "leak": {"sentence": "Image-level splitting would have put 17 across; here 0."},
            "warnings": ["3 pictures belong to several patients, who were united."],
            "counts": {
                part: {"patients": 9, "bscans": 90, "classes": {
                    "NORMAL": {"patients": 6, "bscans": 60},
                    "CNV": {"patients": 3, "bscans": 30}}}
                for part in ("train", "validation", "test")
            },
        },
    }  # fmt: skip


def manifest(held: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "ward", "version": "1.2", "demonstration": False,
        "notice": "Not validated.", "created": "2026-05-04",
        "classes": [{"code": "NORMAL", "display": "Normal"}, {"code": "CNV", "display": "CNV"}],
        "input": {"height": 384, "width": 384}, "calibration": {"temperature": 0.8},
        "ood": {"threshold": 0.31},
        "eye_rule": {"adjacent": 3, "thresholds": {"CNV": 0.4}, "scale": {"CNV": 1.5},
                     "offset": {"CNV": -0.5}},
        "training": training_facts(),
        "metrics": {
            "fold_chosen_by": "best validation accuracy of all folds", "held_out": held,
            "outside": {}, "remarks": [],
            "finished": True, "promotion": {"blocked_by": [], "waiver": ""},
            "parity": {"pictures": 200, "difference": 3e-7},
            "operating": {"thresholds": {"CNV": 0.25, "disease": None},
                          "facts": {"bscans": 30, "patients": 3, "eyes": 3, "sensitivity": 0.95,
                                    "eye_rule_not_fitted": ["CNV"]}},
            "half": {"holds": False, "difference": 0.02, "pictures": 200, "same_class": True,
                     "bytes_half": 15_500_000, "bytes_full": 30_800_000},
        },
    }  # fmt: skip


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


def pointed(n: int) -> dict[str, Any]:
    names = ("hit", "chance_hit", "centre_hit", "energy", "chance_energy", "centre_energy")
    return {"n": n, "patients": 3, **{name: interval(0.1 * k) for k, name in enumerate(names, 1)}}


def outside() -> dict[str, Any]:
    """What `outside_facts` gives of two data sets and a disease."""
    return {
        "outside_manifest_sha256": "o", "labels": {"AMD": "CNV", "ERM": "-"},
        "left_out": {"of a patient that the run knows": 4, "without a label": 0},
        "sets": {
            "north | clinic": {"bscan": table(30, 5, 0.8), "pointing": pointed(11)},
            "south": {"bscan": table(20, 3, 0.6), "pointing": {"n": 0}},
        },
        "unlike": {"south": {"ERM": {
            "n": 9, "patients": 7, "called": {"NORMAL": 5, "CNV": 4},
            "called_normal": interval(0.55), "unlike_training": None,
        }}},
    }  # fmt: skip


def test_other_data_sets_stand_with_their_rules_and_what_was_left_out() -> None:
    values = manifest({})
    values["metrics"]["outside"] = outside()
    card = write_card(values)
    assert "AMD counts as CNV. Left out: 4 of a patient that the run knows." in card
    assert "| north / clinic | 30 | 5 |" in card
    assert "| south ERM | 9 | 7 | 5 | 4 | 0.550 (0.500 to 0.600) | – |" in card
    assert "| north / clinic | 11 | 3 | 0.100 (0.050 to 0.150) |" in card
    assert "| south | 0 |" not in card
    assert "## On other data sets" not in write_card(manifest({}))
    assert "## Does the heatmap" not in write_card(manifest({}))


def test_the_evidence_on_held_out_patients_is_shown() -> None:
    curves = {name: interval(0.25) for name in ("deletion", "random_deletion", "insertion",
                                                "random_insertion")}  # fmt: skip
    held = {
        "evidence": {"pointing": pointed(20), "faithfulness": {"n": 6, "patients": 6, **curves}}
    }
    card = write_card(manifest(held))
    assert "| held-out patients | 20 | 3 |" in card
    assert "on 6 B-scans of 6 held-out patients" in card


def test_a_demonstration_does_not_speak_of_a_site_and_its_remarks_are_limits() -> None:
    values = manifest({})
    assert "Research at the site that trained it" in write_card(values)
    values |= {"demonstration": True}
    values["metrics"]["remarks"] = ["Lesions are drawn."]
    card = write_card(values)
    assert "Research at the site" not in card
    assert "of one site" not in card
    assert card.rstrip().endswith("- Lesions are drawn.")


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
