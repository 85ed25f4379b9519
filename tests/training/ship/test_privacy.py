"""Names in the texts that people write: found word by word, and only there."""

import copy
from typing import Any

import pytest

from tests.training.tiny_run import tiny_config
from training.data.manifest import Row
from training.errors import TrainingError
from training.ship.privacy import check_free_texts, config_texts, manifest_texts

CODES = ("NORMAL", "CNV")


def row(bare: str, label: str = "CNV") -> Row:
    return Row("a.png", 0, "0" * 64, "0" * 16, "site", f"site:{bare}", label=label)


def looked_at(text: str, *bare: str, label: str = "CNV") -> None:
    check_free_texts([("export.notice", text)], [row(one, label) for one in bare], CODES)


@pytest.mark.parametrize(
    ("bare", "text"),
    [
        ("Mueller_Hans", "without the eye of Mueller_Hans"),
        ("Mueller_Hans", "MUELLER, HANS was left out"),
        ("Müller", "of Mu\N{COMBINING DIAERESIS}ller"),
        ("P12", "for P12."),
        ("1234567", "waived for 1234567"),
        ("1234-567", "1234 567"),
    ],
)
def test_a_patient_is_found_whatever_stands_between_the_words(bare: str, text: str) -> None:
    with pytest.raises(TrainingError) as refusal:
        looked_at(text, "someone", bare)
    assert refusal.value.code == "names-a-patient"
    assert refusal.value.details == ("in: export.notice",)
    assert bare not in refusal.value.message


@pytest.mark.parametrize(
    ("bare", "text"),
    [
        ("P12", "for P123 and MP12"),
        ("Hans", "Hansestadt"),
        ("Mueller_Hans", "Mueller and Hans"),
        ("3", "Ward 3, version 1.3"),
        ("1.2", "version 1.2"),
        ("5000", "CIRRUS 5000"),
        ("CNV", "finds CNV"),
        ("ERM", "without ERM"),
        ("a", "for a study"),
        ("", "anything"),
    ],
)
def test_parts_of_words_small_numbers_and_classes_are_no_patient(bare: str, text: str) -> None:
    looked_at(text, bare, label="ERM")


def test_every_text_of_a_person_in_a_configuration_is_looked_at() -> None:
    config = tiny_config(
        export={
            "name": "a1",
            "version": "a2",
            "notice": "a3",
            "waiver": "a4",
            "credits": {"a7": "a10"},
            "remarks": ["a11"],
        },
        distill={"waiver": "a5"},
        classes={"display": {"CNV": "a6"}},
        data={"datasets": ["a7"]},
        teacher={"weights": "a8"},
        student={"weights": "a9"},
    ).to_json()
    assert {text for _, text in config_texts(config)} == {f"a{k}" for k in range(1, 12)}


def test_devices_data_sets_and_first_weights_of_a_manifest_are_looked_at() -> None:
    start = {"name": "b1", "source": "b2", "notice": "b3"}
    values: dict[str, Any] = {
        "name": "n", "version": "v", "notice": "t", "classes": [{"code": "CNV", "display": "b4"}],
        "metrics": {"promotion": {"blocked_by": [], "waiver": "b5"}, "remarks": ["b11"],
                    "outside": {"sets": {"b12": {}}, "unlike": {"b13": {}}}},
        "training": {
            "config": tiny_config().to_json(), "waiver": "b6", "devices": {"b8": 3},
            "data": [{"name": "b7", "licence": "b10"}], "initial_weights": start,
            "teacher": {"initial_weights": {**start, "name": "b9"}},
        },
    }  # fmt: skip
    found = {text for _, text in manifest_texts(values)}
    assert {f"b{k}" for k in range(1, 14)} <= found
    alone = copy.deepcopy(values)
    alone["training"]["teacher"] = {}
    assert "b9" not in {text for _, text in manifest_texts(alone)}
