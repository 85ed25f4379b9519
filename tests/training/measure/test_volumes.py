"""Which B-scans make up an eye, and what the data set says of it: nothing is guessed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.eye_level import eye_scores
from kdoct_desktop.domain.finding import EyeRule
from tests.training.measure.scored_run import big_manifest, big_split, made_up
from tests.training.tiny_run import CODES, tiny_config
from training.config import Config
from training.data.manifest import Manifest, Row, write_manifest
from training.data.select_rows import UNLABELLED
from training.measure.asked import asked_rows, with_neighbours
from training.measure.eye_metrics import eyes, patients_from_bscans, patients_from_eyes
from training.measure.metrics import Units
from training.measure.scoring import choose_operating, score
from training.measure.thresholds import _eyes_of
from training.measure.volumes import AMBIGUOUS, Volumes, own_labels, volumes_of
from training.splits.held_out import held_rows


def rows_of(volume: str, labels: Sequence[str], wholes: Sequence[str] = ()) -> list[Row]:
    """B-scans of one volume with these labels and classes of the volume."""
    return [
        Row(f"{volume}-{k}.png", 0, "", "", "site", volume, "OD", f"{volume}-OD", k, label,
            wholes[k] if wholes else "")
        for k, label in enumerate(labels)
    ]  # fmt: skip


def truth_of(rows: Sequence[Row], labels: dict[str, str] | None = None) -> list[int]:
    classes = tiny_config(classes={"codes": list(CODES), "labels": labels or {}}).classes
    own = own_labels(rows, classes)
    found = volumes_of(rows, own, classes=CODES, names=classes.labels)
    return [int(k) for k in found.truth]


def test_an_eye_of_a_class_that_is_not_taught_is_of_no_class() -> None:
    rows = rows_of("p", ["NORMAL"] * 8, ["RVO"] * 8)
    assert truth_of(rows, {"RVO": "-"}) == [AMBIGUOUS]
    assert truth_of(rows) == [AMBIGUOUS]


def test_an_eye_whose_bscans_name_several_classes_is_of_no_class() -> None:
    rows = rows_of("p", ["NORMAL"] * 8, ["CNV"] * 4 + ["DRUSEN"] * 4)
    assert truth_of(rows) == [AMBIGUOUS]


def test_names_of_one_class_agree_and_an_empty_one_says_nothing() -> None:
    rows = rows_of("p", ["NORMAL"] * 3, ["CNV", "wet", ""])
    assert truth_of(rows, {"wet": "CNV"}) == [CODES.index("CNV")]


@pytest.mark.parametrize(
    ("labels", "truth"),
    [
        (["NORMAL", "NORMAL", ""], AMBIGUOUS),
        (["NORMAL", "CNV", ""], CODES.index("CNV")),
        (["NORMAL", "RVO", "NORMAL"], AMBIGUOUS),
        (["NORMAL", "NORMAL", "NORMAL"], CODES.index("NORMAL")),
    ],
)
def test_without_a_class_of_the_volume_normal_needs_every_bscan(
    labels: list[str], truth: int
) -> None:
    assert truth_of(rows_of("p", labels), {"RVO": "-"}) == [truth]


def test_a_patient_with_an_unclear_eye_is_left_out_and_counted() -> None:
    found = Units(np.array([0, 0]), np.full((2, 3), 1 / 3), np.array([0, 0]), ("p", "q"))
    for rule in (patients_from_eyes, patients_from_bscans):
        made = rule(found, CODES, {"p", "r"})
        assert made.units.patients == ("q",)
        assert made.left_out == 2


def fitted(manifest: Manifest, config: Config) -> dict[str, object]:
    """What the validation part of the first fold chooses, from made-up answers."""
    split = big_split(manifest)
    asked = asked_rows(manifest, split, config, 0)
    made = made_up(asked, split, config, fold=0, role="student", strength=2.0, seed=0)
    return choose_operating(made["validation"], asked.validation.rows, config).facts


def test_the_eye_rule_is_not_fitted_on_an_eye_of_no_class(tmp_path: Path) -> None:
    config = tiny_config(classes={"codes": list(CODES), "labels": {"RVO": "-"}})
    plain = big_manifest(tmp_path / "plain.csv")
    assert fitted(plain, config)["eyes_left_out"] == {}
    rows = [
        replace(row, volume_label="RVO") if row.volume == "neh:NORMAL1-OD" else row
        for row in plain.rows
    ]
    other = write_manifest(tmp_path / "other.csv", rows)
    before, after = fitted(plain, config), fitted(other, config)
    assert after["eyes"] == before["eyes"] - 1  # type: ignore[operator]
    assert after["eyes_left_out"] == {"class unclear": 1}
    assert after["bscans"] == before["bscans"]


def test_all_bscans_of_the_volumes_are_asked_about(tmp_path: Path) -> None:
    manifest = big_manifest(tmp_path / "plain.csv")
    rows = [replace(row, label="") if row.bscan in (2, 5) else row for row in manifest.rows]
    manifest = write_manifest(tmp_path / "some.csv", rows)
    config, split = tiny_config(), big_split(manifest)
    held = held_rows(manifest, split, config, 0)
    asked = asked_rows(manifest, split, config, 0)
    assert len(held.test.rows) == 6 * 6
    assert len(asked.test.rows) == 6 * 8
    assert asked.test.rows[: 6 * 6] == held.test.rows
    assert set(asked.test.labels[6 * 6 :].tolist()) == {UNLABELLED}
    assert [manifest.rows[k] for k in asked.test.indices.tolist()] == list(asked.test.rows)
    assert len(with_neighbours(asked.test, manifest).rows) == 6 * 8


def test_a_filter_of_bscans_does_not_make_neighbours_of_others(tmp_path: Path) -> None:
    rows = [
        replace(row, label="NORMAL") if row.label == "CNV" and row.bscan % 2 else row
        for row in big_manifest(tmp_path / "plain.csv").rows
    ]
    manifest = write_manifest(tmp_path / "blinking.csv", rows)
    config, split = tiny_config(data={"worst_case": True}), big_split(manifest)
    asked = asked_rows(manifest, split, config, 0)
    fit = made_up(asked, split, config, fold=0, role="teacher", strength=3.0, seed=0)
    chosen = choose_operating(fit["validation"], asked.validation.rows, config)
    operating = replace(chosen, temperature=1.0)
    assert operating.rule.scale["CNV"] == 1.0  # few eyes: the score stands as it is
    logits = 4.0 * np.eye(3, dtype=np.float32)[own_labels(asked.test.rows, config.classes)]
    answers = replace(fit["test"], logits=logits)
    made = score(answers, asked.test.rows, operating, config=config, keep=asked.held.filtered)
    whole = [k for k, row in enumerate(asked.test.rows) if row.volume == "neh:CNV2-OD"]
    kept = [k for k in whole if asked.held.filtered[k]]
    assert (len(whole), len(kept), len(made.bscan)) == (8, 4, 6 * 8 - 2 * 4)
    all_of_it, some_of_it = (
        eye_scores(operating.probabilities(logits[at]), 3)[2] for at in (whole, kept)
    )
    found = made.eye.scores[made.eye.patients.index("neh:CNV2"), 2]
    assert found == pytest.approx(all_of_it)
    assert found < some_of_it - 0.2


def test_the_eye_rule_is_fitted_on_whole_eyes_where_bscans_are_filtered(tmp_path: Path) -> None:
    manifest = big_manifest(tmp_path / "manifest.csv", wrong=3)
    for worst_case, count in ((True, 4 * (8 + 5 + 5)), (False, 4 * 3 * 8)):
        config = tiny_config(data={"worst_case": worst_case})
        split = big_split(manifest)
        asked = asked_rows(manifest, split, config, 0)
        assert len(asked.validation.rows) == 4 * 3 * 8
        facts = fitted(manifest, config)
        assert (facts["bscans"], facts["eyes"]) == (count, 12)


def test_bscans_on_both_sides_of_a_missing_one_are_no_neighbours_as_in_use() -> None:
    rows = [row for row in rows_of("p", ["CNV"] * 9) if row.bscan != 4] + rows_of("q", ["CNV"] * 8)
    rows += [replace(row, bscan=-1, volume="r-OD") for row in rows_of("r", ["CNV"] * 8)]
    labels = own_labels(rows, tiny_config().classes)
    volumes = volumes_of(rows, labels, classes=CODES, names={})
    assert volumes.numbers == ((0, 1, 2, 3, 5, 6, 7, 8), (), ())
    assert volumes.why_not(5) == ["", "", ""]
    rule = EyeRule(thresholds={"DRUSEN": 0.5, "CNV": 0.5})
    eye = [[0.9, 0.0, 0.1]] * 3 + [[0.1, 0.0, 0.9]] * 3 + [[0.9, 0.0, 0.1]] * 2
    table = np.array(eye * 3)  # in p, one of the three stands before the gap
    found = eyes(volumes, table, classes=CODES, rule=rule)
    assert found.units.scores[:, 2] == pytest.approx([1.9 / 3, 0.9, 0.9])
    scores, _, _ = _eyes_of(volumes, table, labels, 3)
    assert scores[:, 2] == pytest.approx([1.9 / 3, 0.9, 0.9])


def test_volumes_are_kept_whole_when_some_are_chosen() -> None:
    volumes = Volumes(
        (np.array([0, 1]), np.array([2, 3])), np.array([0, 1]), ("p", "q"), ("a", "b"),
        ((), (4, 6)),
    )  # fmt: skip
    kept = volumes.holding(np.array([False, False, False, True]))
    assert [members.tolist() for members in kept.members] == [[2, 3]]
    assert (kept.truth.tolist(), kept.patients, kept.keys) == ([1], ("q",), ("b",))
    assert kept.numbers == ((4, 6),)
