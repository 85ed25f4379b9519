"""Which B-scans take part, and whose labels are used."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.splits.hand_made import clinic, config, manifest, row, rows_of
from training.data import batches
from training.data.select_rows import UNLABELLED, drawn_order, hide_labels, select
from training.errors import TrainingError


def test_labels_become_class_indices_through_the_map_in_the_order_of_the_manifest() -> None:
    rows = [
        row("a", "cnv", 0),
        row("b", "NORMAL", 0),
        row("c", "ERM", 0),
        row("d", "", 0),
        row("e", "DRUSEN", 0),
    ]
    rules = config(classes={"labels": {"cnv": "CNV", "ERM": "-"}})
    chosen = select(manifest(rows), rules)
    assert [one.patient for one in chosen.rows] == ["site:a", "site:b", "site:e"]
    assert chosen.indices.tolist() == [0, 1, 4]
    assert chosen.labels.tolist() == [2, 0, 1]
    assert chosen.labels.dtype == chosen.indices.dtype == np.int64
    with_none = select(manifest(rows), rules, unlabelled=True)
    assert with_none.indices.tolist() == [0, 1, 3, 4]
    assert with_none.labels.tolist() == [2, 0, UNLABELLED, 1]
    asked = config(classes={"labels": {"cnv": "CNV", "ERM": "-"}}, data={"unlabelled": True})
    assert select(manifest(rows), asked).indices.tolist() == [0, 1, 3, 4]
    assert chosen.of(["site:e", "site:a"]).indices.tolist() == [0, 4]
    assert [one.patient for one in chosen.at(np.array([2, 0])).rows] == ["site:e", "site:a"]
    assert chosen.at(np.array([2, 0])).labels.tolist() == [1, 2]
    assert chosen.of([]).indices.dtype == np.int64
    assert batches.UNLABELLED == UNLABELLED


def test_every_unknown_label_is_named_at_once_with_its_number_and_an_example() -> None:
    rows = [*clinic(1), row("x", "AMD", 0), row("x", "AMD", 1), row("y", "normal", 0)]
    with pytest.raises(TrainingError, match="2 labels") as caught:
        select(manifest(rows), config())
    assert caught.value.code == "unknown-label"
    assert caught.value.details == (
        "AMD in site: 2 B-scans, for example x/AMD-0.png",
        "normal in site: 1 B-scans, for example y/normal-0.png",
    )


def test_labels_of_data_sets_that_take_no_part_need_not_be_known() -> None:
    rows = [*clinic(1), row("x", "AMD", 0, dataset="other")]
    chosen = select(manifest(rows), config(data={"datasets": ["site"]}))
    assert {one.dataset for one in chosen.rows} == {"site"}
    with pytest.raises(TrainingError) as caught:
        select(manifest(rows), config(data={"datasets": ["site", "neh"]}))
    assert (caught.value.code, caught.value.details) == ("unknown-dataset", ("neh",))


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(TrainingError) as caught:
        select(manifest([row("a", "")]), config())
    assert caught.value.code == "nothing-selected"


def test_the_worst_case_filter_keeps_bscans_that_show_the_class_of_their_volume() -> None:
    rows = [
        row("a", "cnv", 0, volume_label="CNV"),  # another spelling of the same class
        row("a", "NORMAL", 1, volume_label="CNV"),
        row("a", "DRUSEN", 2, volume_label="CNV"),
        row("b", "NORMAL", 0, volume_label="NORMAL"),
        row("c", "DRUSEN", 0, dataset="kermany"),  # has no classes of volumes: nothing to filter
        row("d", "", 0, volume_label="CNV"),
        row("e", "", 0),  # without a label, the class of its volume is not needed
        row("f", "ERM", 0),  # nor where it is left out
    ]
    rules = config(classes={"labels": {"cnv": "CNV", "ERM": "-"}}, data={"worst_case": True})
    assert select(manifest(rows), rules).indices.tolist() == [0, 3, 4]
    assert select(manifest(rows), rules, unlabelled=True).indices.tolist() == [0, 3, 4, 5, 6]
    assert len(select(manifest(rows), rules, worst_case=False).rows) == 5
    with pytest.raises(TrainingError) as caught:
        select(manifest(clinic(1)), rules)
    assert caught.value.code == "no-volume-label"


@pytest.mark.parametrize("worst_case", [None, False])
def test_unknown_classes_of_volumes_are_refused_where_the_filter_is_asked_for(
    worst_case: bool | None,
) -> None:
    rows = [*clinic(1), row("a", "CNV", 5, volume_label="wet AMD"), row("b", "", volume_label="x")]
    with pytest.raises(TrainingError, match="2 labels") as caught:  # as the split is drawn, too
        select(manifest(rows), config(data={"worst_case": True}), worst_case=worst_case)
    assert caught.value.code == "unknown-label"
    assert caught.value.details == (
        "wet AMD in site: 1 B-scans, for example a/CNV-5.png",
        "x in site: 1 B-scans, for example b/none-0.png",
    )
    assert len(select(manifest(rows), config()).rows) == 7


def test_labelled_bscans_without_the_class_of_their_volume_are_counted_and_refused() -> None:
    rows = [
        row("a", "CNV", 0, volume_label="CNV"),
        row("b", "DRUSEN", 0),
        row("b", "DRUSEN", 1),
        row("c", "CNV", 0, dataset="other", volume_label="CNV"),
        row("d", "CNV", 0, dataset="other"),
    ]
    with pytest.raises(TrainingError, match="3 labelled B-scans") as caught:
        select(manifest(rows), config(data={"worst_case": True}))
    assert caught.value.code == "no-volume-label"
    assert caught.value.details == (
        "other: 1 B-scans, for example d/CNV-0.png",
        "site: 2 B-scans, for example b/DRUSEN-0.png",
    )


def test_patients_of_the_official_test_part_keep_only_its_bscans() -> None:
    rows = [
        row("a", "CNV", 0, part="train"),
        row("a", "CNV", 1, part="test"),
        row("b", "NORMAL", 0, part="train"),
        row("b", "NORMAL", 1, part="val"),
    ]
    assert len(select(manifest(rows), config()).rows) == 4
    official = config(split={"official_test": True})
    assert select(manifest(rows), official).indices.tolist() == [1, 2, 3]


def test_hidden_labels_belong_to_whole_patients_and_every_class_keeps_one() -> None:
    chosen = select(manifest(clinic(each=10, bscans=3)), config())
    hidden = hide_labels(chosen, 0.1, seed=3)
    assert hidden.rows == chosen.rows
    shown = {
        one.patient: label
        for one, label in zip(hidden.rows, hidden.labels.tolist(), strict=True)
        if label != UNLABELLED
    }
    assert sorted(shown.values()) == [0, 1, 2]  # one of ten patients of each class
    assert np.count_nonzero(hidden.labels != UNLABELLED) == 9  # with all of their B-scans
    assert hide_labels(chosen, 1.0, seed=3) is chosen
    again = hide_labels(chosen, 0.1, seed=3)
    assert again.labels.tolist() == hidden.labels.tolist()
    assert hide_labels(chosen, 0.1, seed=4).labels.tolist() != hidden.labels.tolist()


def test_a_smaller_share_of_labels_is_part_of_a_larger_one() -> None:
    chosen = select(manifest(clinic(each=9)), config(), unlabelled=True)
    shares = [hide_labels(chosen, share, seed=1).labels >= 0 for share in (0.1, 0.25, 0.5, 1.0)]
    for small, large in itertools.pairwise(shares):
        assert not (small & ~large).any()
    assert [int(one.sum()) for one in shares] == [3 * 1 * 2, 3 * 3 * 2, 3 * 5 * 2, 3 * 9 * 2]


def test_a_patient_of_several_classes_counts_by_the_rarest() -> None:
    rows = [*rows_of({f"n{k}": "NORMAL" for k in range(8)}), *rows_of({"d0": "DRUSEN"})]
    rows += [row("n0", "CNV", 7), row("d1", "DRUSEN"), row("n1", "CNV", 7)]
    hidden = hide_labels(select(manifest(rows), config()), 0.5, seed=0)
    people = {
        one.patient for one, y in zip(hidden.rows, hidden.labels.tolist(), strict=True) if y >= 0
    }
    # 6 patients count as NORMAL (3 shown), n0 and n1 as CNV (1 shown), 2 as DRUSEN (1 shown)
    assert len(people) == 5
    assert len(people & {"site:n0", "site:n1"}) == 1
    assert len(people & {"site:d0", "site:d1"}) == 1


@given(st.lists(st.integers(0, 99), unique=True, max_size=12), st.integers(0, 9))
def test_the_drawn_order_depends_on_names_and_seed_alone(numbers: list[int], seed: int) -> None:
    names = [f"site:{number}" for number in numbers]
    assert drawn_order(names, seed) == drawn_order(reversed(names), seed)
    assert sorted(drawn_order(names, seed)) == sorted(names)


def test_the_drawn_order_is_the_same_on_every_machine() -> None:
    # sha256sum of "43:a" begins 8b26, of "43:b" 4a63, of "43:c" 0515, of "43:d" 0147
    assert drawn_order(["a", "b", "c", "d"], 43) == ["d", "c", "b", "a"]
