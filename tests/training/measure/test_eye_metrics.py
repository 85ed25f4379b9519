"""Eyes and patients against the desktop's rule and numbers worked by hand."""

import numpy as np
import pytest

from kdoct_desktop.domain.eye_level import eye_scores
from kdoct_desktop.domain.finding import EyeRule
from training.data.manifest import Row
from training.measure.eye_metrics import (
    eyes,
    patients_from_bscans,
    patients_from_eyes,
    program_urgency,
)
from training.measure.metrics import NO_CALL, Units, bscan_units
from training.measure.volumes import AMBIGUOUS, volumes_of

CODES = ("NORMAL", "DRUSEN", "CNV")
RULE = EyeRule(thresholds={"DRUSEN": 0.5, "CNV": 0.5})


def row(
    volume: str, bscan: int, *, label: str = "NORMAL", whole: str = "", patient: str = ""
) -> Row:
    name = patient or volume.partition("/")[0]
    return Row(f"{volume}-{bscan}.png", 0, "", "", "toy", name, volume=volume, bscan=bscan,
               label=label, volume_label=whole)  # fmt: skip


def probabilities(columns: list[tuple[float, float]]) -> np.ndarray:
    """Rows (NORMAL, DRUSEN, CNV) from the two diseases' probabilities."""
    return np.array([[1 - d - c, d, c] for d, c in columns])


def test_bscans_are_put_in_the_order_of_the_eye_whatever_the_order_of_the_file() -> None:
    rows = [row("p/OD", 2), row("q/OS", 0), row("p/OD", 0), row("", 5), row("p/OD", 1)]
    found = volumes_of(rows, np.zeros(5, dtype=np.int64), classes=CODES, names={})
    assert found.keys == ("p/OD", "q/OS")
    assert [members.tolist() for members in found.members] == [[2, 4, 0], [1]]
    assert found.patients == ("p", "q")


def test_the_truth_of_an_eye_is_the_data_sets_own_class_of_the_volume() -> None:
    rows = [row("p/OD", k, whole="cnv") for k in range(3)]
    found = volumes_of(rows, np.array([0, 0, 1]), classes=CODES, names={"cnv": "CNV"})
    assert found.truth.tolist() == [2]


def test_without_a_class_of_the_volume_the_only_disease_counts_and_two_are_unclear() -> None:
    rows = [row("a", k) for k in range(2)] + [row("b", k) for k in range(3)] + [row("c", 0)]
    labels = np.array([0, 1, 0, 1, 2, 0])
    found = volumes_of(rows, labels, classes=CODES, names={})
    assert found.truth.tolist() == [1, AMBIGUOUS, 0]


def test_three_adjacent_bscans_call_an_eye_and_three_scattered_ones_do_not() -> None:
    high, low = (0.0, 0.9), (0.0, 0.1)
    together = [low, high, high, high, low, low, low]
    scattered = [high, low, low, high, low, low, high]
    rows = [row(name, k) for name in ("a", "b") for k in range(7)]
    table = probabilities(together + scattered)
    volumes = volumes_of(rows, np.zeros(14, dtype=np.int64), classes=CODES, names={})
    found = eyes(volumes, table, classes=CODES, rule=RULE)
    assert found.units.called.tolist() == [2, 0]
    assert found.units.scores[0, 2] == pytest.approx(0.9)
    assert found.units.scores[1, 2] == pytest.approx((0.9 + 0.1 + 0.1) / 3)
    assert found.units.scores[1, 2] == pytest.approx(eye_scores(table[7:], 3)[2])
    assert found.units.scores[0, 0] == pytest.approx(0.1)  # least normal three
    assert found.states == {"found": 2}


def test_the_more_urgent_of_two_diseases_leads_as_in_the_desktop() -> None:
    rows = [row("a", k) for k in range(8)]
    table = probabilities([(0.95, 0.0)] * 4 + [(0.2, 0.6)] * 4)
    volumes = volumes_of(rows, np.zeros(8, dtype=np.int64), classes=CODES, names={})
    assert eyes(volumes, table, classes=CODES, rule=RULE).units.called.tolist() == [2]
    assert program_urgency().urgency("CNV").value == "urgent"


def test_an_eye_that_is_mostly_unlike_the_training_data_gets_no_call() -> None:
    rows = [row("a", k) for k in range(6)]
    volumes = volumes_of(rows, np.zeros(6, dtype=np.int64), classes=CODES, names={})
    table = probabilities([(0.0, 0.9)] * 6)
    flags = np.array([True] * 4 + [False] * 2)
    found = eyes(volumes, table, classes=CODES, rule=RULE, unlike=flags)
    assert found.units.called.tolist() == [NO_CALL]
    assert found.states == {"unlike the training data": 1}


def test_eyes_with_too_few_bscans_or_unclear_labels_are_counted_not_called() -> None:
    rows = [row("a", k) for k in range(4)] + [row("b", k) for k in range(6)]
    labels = np.array([0] * 4 + [1, 2, 0, 0, 0, 0])
    volumes = volumes_of(rows, labels, classes=CODES, names={})
    found = eyes(volumes, probabilities([(0.0, 0.0)] * 10), classes=CODES, rule=RULE)
    assert len(found.units) == 0
    assert found.left_out == {"class unclear": 1, "fewer than 5 B-scans": 1}


def test_a_patient_is_called_what_the_most_urgent_eye_is_called() -> None:
    scores = np.array([[0.9, 0.2, 0.1], [0.3, 0.1, 0.7], [0.8, 0.6, 0.1], [0.9, 0.1, 0.1],
                       [0.4, 0.3, 0.3], [0.9, 0.0, 0.0]])  # fmt: skip
    found = Units(
        np.array([0, 2, 1, 1, 0, 0]),
        scores,
        np.array([0, 2, 1, 0, NO_CALL, 0]),
        ("p", "p", "q", "q", "r", "r"),
    )
    made = patients_from_eyes(found, CODES)
    assert made.units.patients == ("p", "q", "r")
    assert made.units.truth.tolist() == [2, 1, 0]
    assert made.units.called.tolist() == [2, 1, NO_CALL]
    assert made.units.scores[0].tolist() == [0.3, 0.2, 0.7]


def test_without_volumes_a_patient_is_the_mean_of_the_bscans() -> None:
    table = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.9, 0.1, 0.0]])
    found = bscan_units(np.array([0, 1, 1, 0]), table, ["p", "p", "p", "q"])
    made = patients_from_bscans(found, CODES)
    assert made.units.called.tolist() == [1, 0]
    assert made.units.truth.tolist() == [1, 0]
    assert made.units.scores[0] == pytest.approx([1.1 / 3, 1.6 / 3, 0.1])


def test_a_patient_with_two_diseases_is_left_out_and_counted() -> None:
    found = bscan_units(np.array([1, 2]), np.full((2, 3), 1 / 3), ["p", "p"])
    made = patients_from_bscans(found, CODES)
    assert (len(made.units), made.left_out) == (0, 1)
