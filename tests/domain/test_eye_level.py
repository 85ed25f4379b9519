"""The rule from B-scans to an eye."""

from dataclasses import replace

import numpy as np
import pytest

from kdoct_desktop.domain.eye_level import calibrate, eye_scores, summarise
from kdoct_desktop.domain.finding import (
    EyeRule,
    FindingState,
    Urgency,
)
from kdoct_desktop.domain.quality import QualityState
from tests.domain.eyes import (
    CNV_ROW,
    DRUSEN_ROW,
    NORMAL_ROW,
    RULE,
    URGENCY,
    prediction,
    say,
    volume,
)


def test_the_score_is_the_best_mean_of_adjacent_bscans() -> None:
    table = np.array([[0.1], [0.9], [0.2], [0.6], [0.7], [0.8]])

    assert eye_scores(table, 3)[0] == pytest.approx(0.7)
    assert eye_scores(table[:2], 3)[0] == pytest.approx(0.5)


def test_a_healthy_volume_is_normal_and_only_observed() -> None:
    finding = say([NORMAL_ROW] * 25)

    assert finding.state is FindingState.FOUND
    assert (finding.class_code, finding.urgency) == ("NORMAL", Urgency.OBSERVE)
    assert not finding.needs_human_read
    assert finding.evidence_range is None


def test_three_adjacent_bscans_carry_a_finding_and_its_range() -> None:
    finding = say([NORMAL_ROW] * 10 + [CNV_ROW] * 4 + [NORMAL_ROW] * 10)

    assert (finding.class_code, finding.urgency) == ("CNV", Urgency.URGENT)
    assert finding.evidence_range == (10, 13)
    assert finding.strongest_bscan in range(10, 14)


def test_one_loud_bscan_alone_does_not_alarm() -> None:
    assert say([NORMAL_ROW] * 12 + [CNV_ROW] + [NORMAL_ROW] * 12).class_code == "NORMAL"


def test_a_peak_whose_neighbours_stay_below_the_threshold_is_called_isolated() -> None:
    near = (0.59, 0.02, 0.37, 0.02)
    finding = say([NORMAL_ROW] * 10 + [near, CNV_ROW, near] + [NORMAL_ROW] * 10)

    assert finding.class_code == "CNV"
    assert "isolated-bscan" in [reason.code for reason in finding.reasons]
    assert finding.needs_human_read


def test_the_more_urgent_of_two_findings_leads_and_both_are_named() -> None:
    finding = say([DRUSEN_ROW] * 10 + [CNV_ROW] * 3 + [NORMAL_ROW] * 10)

    assert finding.class_code == "CNV"
    assert any("CNV, DRUSEN" in reason.message for reason in finding.reasons)
    assert not finding.needs_human_read  # drusen beside an exudative lesion are the rule


def test_two_pressing_diseases_at_once_need_a_human_read() -> None:
    dme = (0.03, 0.03, 0.03, 0.91)
    finding = say([NORMAL_ROW] * 5 + [CNV_ROW] * 4 + [dme] * 4 + [NORMAL_ROW] * 5)

    assert finding.class_code == "CNV"
    assert "several-diseases" in [reason.code for reason in finding.reasons]
    assert finding.needs_human_read


def test_too_few_bscans_are_limited_coverage_and_never_normal() -> None:
    finding = say([NORMAL_ROW] * 3)

    assert finding.state is FindingState.LIMITED_COVERAGE
    assert finding.class_code is None
    assert finding.urgency is Urgency.NEEDS_HUMAN_READ


def test_a_disease_seen_in_a_line_scan_is_reported_with_the_coverage() -> None:
    finding = summarise(volume(1, line=True), prediction([CNV_ROW]), rule=RULE, urgency=URGENCY)

    assert finding.class_code == "CNV"
    assert finding.reasons[0].code == "limited-coverage"


def test_a_raster_that_spans_too_little_is_limited_coverage() -> None:
    finding = summarise(
        volume(9, step_mm=0.05), prediction([NORMAL_ROW] * 9), rule=RULE, urgency=URGENCY
    )

    assert finding.state is FindingState.LIMITED_COVERAGE
    assert "0.4 mm" in finding.reasons[0].message


def test_an_ungradable_volume_is_a_result_with_its_reason() -> None:
    finding = say([CNV_ROW] * 20, quality=(QualityState.UNGRADABLE, 15))

    assert (finding.state, finding.class_code) == (FindingState.UNGRADABLE, None)
    assert "weak signal" in finding.reasons[0].message


def test_a_volume_unlike_the_training_data_gets_no_class() -> None:
    finding = say([CNV_ROW] * 20, ood=11)

    assert (finding.state, finding.class_code) == (FindingState.UNLIKE_TRAINING, None)
    assert finding.urgency is Urgency.NEEDS_HUMAN_READ


def test_bscans_that_look_like_nothing_known_leave_the_eye_undecided() -> None:
    finding = say([(0.28, 0.24, 0.24, 0.24)] * 20)

    assert (finding.state, finding.class_code) == (FindingState.UNDECIDED, None)


def test_a_class_missing_from_the_urgency_map_needs_a_human_read() -> None:
    finding = summarise(
        volume(9, step_mm=0.5),
        prediction([CNV_ROW] * 9),
        rule=RULE,
        urgency=replace(URGENCY, by_class={}),
    )

    assert finding.class_code == "CNV"
    assert finding.needs_human_read


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (2.0, -0.5), (0.5, 1.0)])
def test_eye_level_calibration_keeps_the_order(scale: float, offset: float) -> None:
    values = [calibrate(score, scale, offset) for score in (0.0, 0.1, 0.5, 0.9, 1.0)]

    assert values == sorted(values)
    assert all(0.0 <= value <= 1.0 for value in values)


def test_a_calibrated_threshold_is_shown_on_the_scale_of_a_bscan() -> None:
    rule = EyeRule(
        thresholds={"CNV": 0.5, "DRUSEN": 0.5, "DME": 0.5},
        scale={"DRUSEN": 0.8},
        offset={"DRUSEN": -1.6},
    )

    at = rule.bscan_threshold("DRUSEN")

    assert at == pytest.approx(0.8808, abs=1e-4)
    assert calibrate(at, 0.8, -1.6) == pytest.approx(0.5)
    assert rule.bscan_threshold("CNV") == pytest.approx(0.5)


def test_a_diseased_eye_is_not_normal_however_many_bscans_look_healthy() -> None:
    finding = say([NORMAL_ROW] * 20 + [CNV_ROW] * 3)

    assert finding.probabilities["NORMAL"] == pytest.approx(0.03)


def test_the_run_that_carries_the_finding_is_named_and_not_a_louder_bscan_elsewhere() -> None:
    loud = (0.02, 0.02, 0.95, 0.01)
    finding = say([NORMAL_ROW] * 5 + [CNV_ROW] * 5 + [NORMAL_ROW] * 5 + [loud, NORMAL_ROW])

    assert finding.evidence_range == (5, 9)
    assert finding.strongest_bscan in range(5, 10)
