"""Missing B-scans, radial scans and unknown extents keep an eye from being called too surely."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from kdoct_desktop.domain.eye_level import eye_scores, summarise
from kdoct_desktop.domain.finding import (
    Finding,
    FindingState,
)
from kdoct_desktop.domain.volume import ScanPattern
from tests.domain.eyes import (
    CNV_ROW,
    NORMAL_ROW,
    RULE,
    URGENCY,
    prediction,
    say,
    say_of,
    volume,
)


def say_with_gaps(rows: Sequence[tuple[float, ...]], numbers: tuple[int, ...]) -> Finding:
    scan = replace(volume(len(rows)), numbers=numbers, planned=numbers[-1] + 1)
    return summarise(scan, prediction(rows), rule=RULE, urgency=URGENCY)


def test_bscans_on_both_sides_of_a_missing_one_are_no_neighbours() -> None:
    table = np.array([[0.1], [0.9], [0.9], [0.9], [0.1], [0.1]])

    assert eye_scores(table, 3, numbers=(0, 1, 2, 4, 5, 6))[0] == pytest.approx(1.9 / 3)
    assert eye_scores(table, 3)[0] == pytest.approx(0.9)


def test_a_short_stretch_between_missing_bscans_is_not_overlooked() -> None:
    rows = [NORMAL_ROW] * 10 + [CNV_ROW] * 2 + [NORMAL_ROW] * 10
    gaps = (*range(10), 11, 12, *range(14, 24))

    assert say(rows).class_code == "CNV"
    finding = say_with_gaps(rows, gaps)
    assert finding.class_code == "CNV"
    assert finding.evidence_range == (10, 11)


def test_evidence_ends_where_bscans_are_missing() -> None:
    rows = [NORMAL_ROW] * 8 + [CNV_ROW] * 6 + [NORMAL_ROW] * 8
    finding = say_with_gaps(rows, (*range(11), *range(12, 23)))

    assert finding.evidence_range in {(8, 10), (11, 13)}
    assert finding.needs_human_read


def test_a_normal_volume_with_missing_bscans_needs_a_human_read() -> None:
    finding = say_with_gaps([NORMAL_ROW] * 24, (*range(12), *range(13, 25)))

    assert finding.class_code == "NORMAL"
    assert finding.needs_human_read
    assert "bscans-missing" in {reason.code for reason in finding.reasons}


def test_the_extent_counts_the_missing_bscans() -> None:
    scan = replace(volume(6, step_mm=0.3), numbers=(0, 2, 4, 6, 8, 10), planned=11)
    finding = summarise(scan, prediction([NORMAL_ROW] * 6), rule=RULE, urgency=URGENCY)

    assert finding.state is FindingState.FOUND


def test_a_radial_scan_is_flagged_for_a_human_read() -> None:
    scan = replace(volume(24), scan_pattern=ScanPattern.RADIAL)
    finding = summarise(scan, prediction([NORMAL_ROW] * 24), rule=RULE, urgency=URGENCY)

    assert finding.class_code == "NORMAL"
    assert finding.needs_human_read
    assert "radial-scan" in {reason.code for reason in finding.reasons}


def test_a_normal_volume_of_unknown_extent_needs_a_human_read() -> None:
    finding = say_of(volume(24, step_mm=None), [NORMAL_ROW] * 24)

    assert finding.class_code == "NORMAL"
    assert finding.needs_human_read
    assert [reason.code for reason in finding.reasons] == ["extent-unknown"]


def test_an_unknown_extent_says_nothing_where_a_disease_is_seen_or_none_is_called() -> None:
    diseased = say_of(volume(24, step_mm=None), [CNV_ROW] * 24)
    few = say_of(volume(3, step_mm=None), [NORMAL_ROW] * 3)

    assert "extent-unknown" not in {reason.code for reason in diseased.reasons}
    assert "extent-unknown" not in {reason.code for reason in few.reasons}
    assert few.state is FindingState.LIMITED_COVERAGE
