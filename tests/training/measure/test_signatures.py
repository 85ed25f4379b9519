"""Each failure signature shows where it should and stays away where it should not."""

from copy import deepcopy
from typing import Any

from training.measure.signatures import (
    BLOCKS,
    NOTICE,
    RED,
    WARNING,
    blocks_promotion,
    promotion,
    signatures,
)


def fold(
    number: int, *, teacher: float = 0.95, student: float = 0.94, **more: Any
) -> dict[str, Any]:
    def role(test: float, validation: float) -> dict[str, Any]:
        return {
            "model": {"validation_accuracy": validation, "waiver": "", "finished": True},
            "test": {"unfiltered": {"bscan": {
                "n": 100, "figures": {"accuracy": {"value": test}},
                "unlike_training": {"value": 0.01},
                "calibration": {"ece_after": {"value": 0.02}},
            }}},
        }  # fmt: skip

    return {
        "fold": number,
        "roles": {"teacher": role(teacher, more.get("gate", 0.95)), "student": role(student, 0.9)},
        "agreement": {"divergence": {"value": more.get("kl", 0.3)}},
        "data": {"test": {"classes": more.get("classes", {"NORMAL": 50, "CNV": 50})}},
    }


def report(*folds: dict[str, Any], accuracy: Any = None, disease: Any = None) -> dict[str, Any]:
    even = {"value": 0.0, "low": -0.01, "high": 0.01, "p": 1.0}
    bscan = {"accuracy": accuracy or even, "disease_sensitivity": disease or even}
    return {
        "primary": "unfiltered", "missing": [], "folds": list(folds),
        "pooled": {"paired": {"unfiltered": {"bscan": bscan}}},
    }  # fmt: skip


def found(values: dict[str, Any]) -> dict[str, str]:
    return {one.code: one.level for one in signatures(values, gate=0.9, warn_below=0.85)}


def change(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high, "p": 0.01}


def test_a_sound_run_has_no_signature() -> None:
    assert found(report(fold(0), fold(1))) == {}


def test_a_student_above_its_teacher_hints_at_leakage_where_it_is_no_chance() -> None:
    above = report(fold(0), accuracy=change(0.02, 0.01, 0.03))
    assert found(above) == {"student-above-teacher": WARNING}
    chance = report(fold(0), accuracy=change(0.002, -0.01, 0.02))
    assert found(chance) == {"student-above-teacher": NOTICE}


def test_lower_disease_sensitivity_blocks_promotion() -> None:
    made = report(fold(0), disease=change(-0.019, -0.03, -0.01))
    listed = signatures(made, gate=0.9, warn_below=0.85)
    assert [(one.code, one.level) for one in listed] == [("less-sensitive-than-teacher", BLOCKS)]
    assert "1.90 points" in listed[0].message
    assert blocks_promotion(listed)
    assert not blocks_promotion(signatures(report(fold(0)), gate=0.9, warn_below=0.85))


def test_what_an_export_reads_names_every_reason_and_no_advice_that_cannot_help() -> None:
    listed = signatures(report(fold(0), disease=change(-0.019, -0.03, -0.01)),
                        gate=0.9, warn_below=0.85)  # fmt: skip
    assert promotion(listed) == {
        "blocked": True, "by": ["less-sensitive-than-teacher"], "reasons": [listed[0].message],
    }  # fmt: skip
    assert promotion([]) == {"blocked": False, "by": [], "reasons": []}
    assert "raise the sensitivity" not in listed[0].advice
    assert "no operating threshold changes it" in listed[0].advice


def test_a_weak_student_that_copies_well_had_an_undertrained_teacher() -> None:
    weak = report(fold(0, teacher=0.79, student=0.78, kl=0.05))
    assert found(weak) == {"teacher-undertrained": WARNING}
    assert found(report(fold(0, teacher=0.79, student=0.78, kl=0.5))) == {}


def test_the_teachers_gate_has_two_steps() -> None:
    made = report(fold(0, gate=0.88), fold(1, gate=0.80), fold(2, gate=0.90))
    made["folds"][0]["roles"]["student"]["model"]["waiver"] = "pilot"
    listed = {one.code: one for one in signatures(made, gate=0.9, warn_below=0.85)}
    assert listed["teacher-broken"].level == RED
    assert listed["teacher-broken"].details == ("fold 1: 0.8000",)
    assert listed["teacher-below-gate"].details == ("fold 0: 0.8800",)
    assert "pilot" in listed["teacher-below-gate"].message


def test_folds_far_apart_are_shown_with_their_class_counts() -> None:
    made = report(fold(0, teacher=0.97), fold(1, teacher=0.90, classes={"NORMAL": 90, "CNV": 9}))
    listed = {one.code: one for one in signatures(made, gate=0.9, warn_below=0.85)}
    assert set(listed) == {"fold-gap"}
    assert listed["fold-gap"].details[1] == "fold 1: 0.9000; NORMAL 90, CNV 9"


def test_what_is_missing_or_unfinished_is_said() -> None:
    made = report(fold(0))
    made["missing"] = [{"fold": 1, "role": "student"}]
    made["folds"][0]["roles"]["student"]["model"]["finished"] = False
    assert found(made) == {"missing-folds": WARNING, "unfinished-training": NOTICE}


def test_absent_classes_unlike_rows_and_bad_calibration_are_said() -> None:
    made = report(fold(0, classes={"NORMAL": 50, "CNV": 0}))
    bscan = made["folds"][0]["roles"]["student"]["test"]["unfiltered"]["bscan"]
    bscan["unlike_training"]["value"] = 0.2
    bscan["calibration"]["ece_after"]["value"] = 0.15
    assert set(found(made)) == {"class-absent", "unlike-training", "miscalibrated"}


def test_a_student_alone_needs_no_teacher() -> None:
    made = deepcopy(report(fold(0)))
    del made["folds"][0]["roles"]["teacher"]
    made["pooled"]["paired"] = {}
    assert found(made) == {}


def test_the_pressing_ones_come_first() -> None:
    made = report(fold(0, gate=0.5), accuracy=change(0.002, -0.01, 0.02),
                  disease=change(-0.1, -0.2, -0.05))  # fmt: skip
    levels = [one.level for one in signatures(made, gate=0.9, warn_below=0.85)]
    assert levels == [BLOCKS, RED, NOTICE]
