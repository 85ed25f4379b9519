"""The report over folds, from saved answers, against numbers worked out again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.measure.scored_run import answered, big_manifest, big_split
from tests.training.tiny_run import CODES, tiny_config
from training.config import Config
from training.data.manifest import Manifest
from training.data.predictions import load_predictions
from training.errors import TrainingError
from training.measure.anchors import FILTERED_BSCANS, anchors_for
from training.measure.cv_report import build_report
from training.measure.gather import Gathered, gather
from training.measure.over_folds import _mean
from training.measure.resample import Bootstrap
from training.measure.summary_tables import class_table, main_table
from training.run_folder import RunFolder
from training.splits.split import Fold, Split

BOTH = {"teacher": 2.5, "student": 2.0}


def made(
    place: Path, config: Config | None = None, *, folds: tuple[int, ...] = (0, 1),
    skill: dict[str, float] | None = None, wrong: int = 0, dataset: str = "neh",
) -> tuple[dict[str, Any], RunFolder, Manifest, Split]:  # fmt: skip
    """A report over made-up answers."""
    config = config or tiny_config()
    manifest = big_manifest(place / "manifest.csv", wrong=wrong, dataset=dataset)
    split, folder = big_split(manifest, dataset=dataset), RunFolder(place / "run")
    for fold in folds:
        answered(manifest, split, config, folder, fold=fold, skill=skill or BOTH)
    report = build_report(gather(folder, manifest, split, config), manifest, split, config)
    return report, folder, manifest, split


def test_mean_and_spread_over_folds_by_hand_in_both_ways() -> None:
    # The reference teacher's five folds: 92.57 +- 2.32 as published (n), 2.59 as a sample (n - 1).
    found = _mean([0.9441, 0.9382, 0.8952, 0.9506, 0.9004])
    assert found["mean"] == pytest.approx(0.9257, abs=5e-5)
    assert found["sd_published"] == pytest.approx(0.0232, abs=5e-5)
    assert found["sd"] == pytest.approx(0.0259, abs=5e-5)
    assert _mean([0.9, None])["folds"] == 1
    assert _mean([None])["mean"] is None
    assert _mean([0.5])["sd"] is None


def test_pooled_figures_are_those_of_all_saved_answers_together(tmp_path: Path) -> None:
    report, folder, _, split = made(tmp_path)
    right = count = 0
    for fold in range(2):
        saved = load_predictions(folder.predictions(fold, "student", "test"),
                                 split_sha256=split.sha256)  # fmt: skip
        right += int((saved.logits.argmax(axis=1) == saved.labels).sum())
        count += len(saved.labels)
    pooled = report["pooled"]["student"]["unfiltered"]["bscan"]
    assert pooled["n"] == count
    assert pooled["figures"]["accuracy"]["value"] == pytest.approx(right / count, abs=1e-6)
    assert report["pooled"]["student"]["unfiltered"]["folds"] == [0, 1]
    folds = [one["roles"]["student"]["test"]["unfiltered"]["bscan"] for one in report["folds"]]
    mean = np.mean([one["figures"]["accuracy"]["value"] for one in folds])
    over = report["over_folds"]["student"]["unfiltered"]["bscan"]["accuracy"]
    assert over["mean"] == pytest.approx(mean, abs=1e-6)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_pooled_difference_is_that_of_the_pooled_figures(tmp_path: Path) -> None:
    report, *_ = made(tmp_path)
    change = report["pooled"]["paired"]["unfiltered"]["bscan"]["accuracy"]
    student, teacher = (
        report["pooled"][role]["unfiltered"]["bscan"]["figures"]["accuracy"]["value"]
        for role in ("student", "teacher")
    )
    assert change["value"] == pytest.approx(student - teacher, abs=2e-6)
    assert change["low"] <= change["value"] <= change["high"]


def same_test(place: Path, *, folds: tuple[int, ...] = (0, 1)) -> dict[str, Any]:
    """A report whose folds all test the patients of the first, as an official test part does."""
    return build_report(*same_test_gathered(place, folds=folds))


def same_test_gathered(
    place: Path, *, folds: tuple[int, ...] = (0, 1)
) -> tuple[Gathered, Manifest, Split, Config]:
    """What `same_test` is built from."""
    config = tiny_config()
    manifest = big_manifest(place / "manifest.csv")
    drawn = big_split(manifest)
    test = drawn.folds[0].test
    parts = tuple(
        Fold(
            tuple(name for name in one.train if name not in test),
            tuple(name for name in one.validation if name not in test),
            test,
        )
        for one in drawn.folds
    )
    split = Split(manifest.sha256, drawn.classes, parts, {"leak": {}})
    folder = RunFolder(place / "run")
    for fold in folds:
        answered(manifest, split, config, folder, fold=fold, skill=BOTH, seed=fold)
    return gather(folder, manifest, split, config), manifest, split, config


def test_patients_who_are_tested_in_every_fold_are_not_counted_once_a_fold(tmp_path: Path) -> None:
    report = same_test(tmp_path)
    assert report["same_test_in_every_fold"] is True
    assert set(report["pooled"]) == {"paired"}
    over = report["over_folds"]["student"]["unfiltered"]
    assert over["patient"]["counts"] == {"n": [6, 6], "patients": 6}
    assert over["bscan"]["counts"] == {"n": [48, 48], "patients": 6}
    assert over["eye"]["accuracy"]["folds"] == 2
    shown = [main_table(report, "unfiltered", level) for level in ("bscan", "eye", "patient")]
    for table in shown:
        assert table is not None
        assert "over 2 folds, in which 6 different patients are tested, not pooled" in table.caption
        assert all("(" not in cell for row in table.rows for cell in row)
    classes = class_table(report, "unfiltered")
    assert classes is not None
    assert {row[0] for row in classes.rows} >= {"CNV, student, fold 0", "CNV, student, fold 1"}


def test_a_difference_over_folds_that_test_the_same_is_their_mean_with_one_interval(
    tmp_path: Path,
) -> None:
    gathered, manifest, split, config = same_test_gathered(tmp_path)
    report = build_report(gathered, manifest, split, config)
    made = report["pooled"]["paired"]["unfiltered"]
    assert (made["folds"], made["averaged"]) == ([0, 1], True)
    change = made["bscan"]["accuracy"]
    folds = [one["paired"]["unfiltered"]["bscan"]["accuracy"] for one in report["folds"]]
    assert change["value"] == pytest.approx(np.mean([one["value"] for one in folds]), abs=2e-6)
    patients = gathered.scored["student"]["unfiltered"][0].bscan.patients
    draws = Bootstrap(patients, resamples=config.evaluate.resamples)
    right = {
        (role, fold): draws.mean((one.bscan.called == one.bscan.truth).astype(np.float64))
        for role, by_set in gathered.scored.items()
        for fold, one in by_set["unfiltered"].items()
    }  # patients of all folds are drawn once, with the answers of every fold's network
    means = [right["student", k] - right["teacher", k] for k in (0, 1)]
    low, high = np.percentile(np.mean(means, axis=0)[1:], [2.5, 97.5])
    assert (change["low"], change["high"]) == pytest.approx((low, high), abs=2e-6)


def test_one_fold_of_a_shared_test_part_is_shown_as_it_is(tmp_path: Path) -> None:
    report = same_test(tmp_path, folds=(1,))
    assert report["same_test_in_every_fold"] is False
    assert report["pooled"]["student"]["unfiltered"]["patient"]["n"] == 6


def test_figures_of_several_folds_say_how_many_views_they_rest_on(tmp_path: Path) -> None:
    report, *_ = made(tmp_path)
    assert report["pooled"]["student"]["unfiltered"]["views"] == "single"
    assert report["pooled"]["paired"]["unfiltered"]["views"] == "single"
    table = main_table(report, "unfiltered")
    assert table is not None
    assert "single view" in table.caption
    several = made(tmp_path / "tta", tiny_config(evaluate={"views": "tta", "resamples": 50}))[0]
    assert several["pooled"]["student"]["unfiltered"]["views"] == "tta"
    table = main_table(several, "unfiltered")
    assert table is not None
    assert "mean of five test-time views" in table.caption


def test_a_report_of_other_views_is_passed_over(tmp_path: Path) -> None:
    _, folder, manifest, split = made(tmp_path)
    config = tiny_config(evaluate={"views": "tta"})
    assert gather(folder, manifest, split, config).folds == []


def test_the_report_names_no_patient_and_no_file(tmp_path: Path) -> None:
    config = tiny_config()
    _, folder, manifest, plain = made(tmp_path)
    facts = {
        "seed": 43, "patients": 36, "counts": [], "left_out_patients": ["neh:CNV3"],
        "united": [["neh:CNV3", "neh:CNV4"]], "featureless": ["CNV/3/0.png"],
        "warnings": [{"code": "featureless", "message": "1", "details": ["CNV/3/0.png"]}],
        "leak": {"by_image": {"patients": [3]}, "sentence": "No patient is in two parts."},
    }  # fmt: skip
    split = replace(plain, facts=facts)
    report = build_report(gather(folder, manifest, split, config), manifest, split, config)
    assert report["split_facts"] == {
        "seed": 43, "patients": 36, "counts": [], "leak": "No patient is in two parts.",
    }  # fmt: skip
    text = json.dumps(report)
    assert not [row for row in manifest.rows if row.patient in text or row.path in text]


def test_missing_folds_are_named_and_the_rest_is_reported(tmp_path: Path) -> None:
    report, *_ = made(tmp_path, folds=(1,), skill={"student": 2.0})
    assert report["missing"] == [
        {"fold": 0, "role": "teacher"}, {"fold": 0, "role": "student"},
        {"fold": 1, "role": "teacher"},
    ]  # fmt: skip
    assert report["pooled"]["student"]["unfiltered"]["folds"] == [1]
    assert report["pooled"]["paired"] == {}
    assert report["over_folds"]["student"]["unfiltered"]["bscan"]["accuracy"]["sd"] is None


def test_a_student_without_a_teacher_on_purpose_misses_none(tmp_path: Path) -> None:
    config = tiny_config(distill={"soft_weight": 0.0, "hard_weight": 1.0})
    report, *_ = made(tmp_path, config, skill={"student": 2.0})
    assert report["missing"] == []


def test_neh_is_reported_filtered_and_unfiltered(tmp_path: Path) -> None:
    for worst_case, primary in ((False, "unfiltered"), (True, "filtered")):
        config = tiny_config(data={"worst_case": worst_case})
        report, *_ = made(tmp_path / primary, config, wrong=3)
        assert report["primary"] == primary
        assert set(report["sets"]) == {"filtered", "unfiltered"}
        wide, narrow = (
            report["pooled"]["student"][name]["bscan"]["n"] for name in ("unfiltered", "filtered")
        )
        assert wide == 12 * 8  # of each class two patients a fold, two folds
        assert narrow == wide - 2 * 4 * 3  # three of each diseased volume have another label
    assert report["anchors"]["dataset"] == "neh"


def test_published_figures_compare_only_on_the_same_bscans() -> None:
    def comparable(filtered: int) -> int:
        found = anchors_for(["neh"], CODES, filtered=filtered)
        return sum(one["comparable"] for one in found["rows"])

    assert comparable(FILTERED_BSCANS) == 4
    assert comparable(FILTERED_BSCANS - 1) == comparable(0) == 0
    kermany = anchors_for(["kermany"], (*CODES, "DME"), filtered=0)
    assert sum(one["comparable"] for one in kermany["rows"]) == 2


def test_data_without_wrong_labels_is_reported_once(tmp_path: Path) -> None:
    report, *_ = made(tmp_path, dataset="clinic")
    assert report["sets"] == ["unfiltered"]
    assert report["anchors"] == {}


def test_eyes_of_all_folds_are_called_by_their_own_folds_rule(tmp_path: Path) -> None:
    report, *_ = made(tmp_path)
    eye = report["pooled"]["student"]["unfiltered"]["eye"]
    assert eye["n"] == 12
    assert sum(eye["states"].values()) == 12
    assert report["pooled"]["student"]["unfiltered"]["patient"]["rule"] == "most urgent of the eyes"


def test_a_class_that_a_fold_does_not_test_has_no_figure_there(tmp_path: Path) -> None:
    config = tiny_config()
    manifest = big_manifest(tmp_path / "manifest.csv")
    whole = big_split(manifest)
    first = whole.folds[0]
    poor = type(first)(
        first.train, first.validation, tuple(n for n in first.test if "CNV" not in n)
    )
    split = Split(manifest.sha256, whole.classes, (poor, whole.folds[1]), {"leak": {}})
    folder = RunFolder(tmp_path / "run")
    for fold in range(2):
        answered(manifest, split, config, folder, fold=fold, skill=BOTH)
    report = build_report(gather(folder, manifest, split, config), manifest, split, config)
    table = report["folds"][0]["roles"]["student"]["test"]["unfiltered"]["bscan"]
    assert table["classes"]["CNV"]["recall"]["value"] is None
    assert table["classes"]["CNV"]["auroc"]["value"] is None
    over = report["over_folds"]["student"]["unfiltered"]["bscan"]["recall:CNV"]
    assert over["folds"] == 1
    assert "class-absent" in {one["code"] for one in report["signatures"]}


def test_a_run_without_an_evaluated_fold_is_an_error(tmp_path: Path) -> None:
    manifest = big_manifest(tmp_path / "manifest.csv")
    split, folder, config = big_split(manifest), RunFolder(tmp_path / "run"), tiny_config()
    with pytest.raises(TrainingError, match="No fold"):
        build_report(gather(folder, manifest, split, config), manifest, split, config)


def test_answers_to_other_rows_are_refused(tmp_path: Path) -> None:
    _, folder, manifest, split = made(tmp_path)
    path = folder.predictions(0, "student", "test")
    path.write_bytes(folder.predictions(1, "student", "test").read_bytes())
    with pytest.raises(TrainingError, match="other rows"):
        gather(folder, manifest, split, tiny_config())
