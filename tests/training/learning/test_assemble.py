"""What a training is put together from: its identity, and where its weights come from."""

from collections.abc import Sequence

import pytest

from tests.training.tiny_run import tiny_config, tiny_fold, tiny_run
from training.events import Silent
from training.learning.assemble import identity, warn_of_start
from training.learning.fold_data import FoldData
from training.networks.initial_weights import InitialWeights


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        self.said.append((code, message))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    return tiny_fold(tiny_run(tmp_path_factory.mktemp("assemble")), 1)


def warned(data: FoldData, split: str, fold: int) -> list[tuple[str, str]]:
    heard = Heard()
    start = InitialWeights("earlier", "none", "a run", True, split=split, fold=fold)
    warn_of_start(start, data, heard)
    return heard.said


def test_a_start_that_saw_no_patient_of_the_site_is_not_warned_about(data: FoldData) -> None:
    assert warned(data, "", -1) == []
    assert warned(data, data.split.sha256[:12], 1) == []


def test_a_start_from_another_fold_has_learned_from_held_out_patients(data: FoldData) -> None:
    ((code, message),) = warned(data, data.split.sha256[:12], 0)
    assert code == "start-saw-held-out"
    assert "fold 0 of this split, and has learned" in message


def test_a_start_from_another_split_may_have(data: FoldData) -> None:
    ((code, message),) = warned(data, "0123456789ab", 1)
    assert code == "start-saw-held-out"
    assert "0123456789ab, and may have learned" in message


def test_what_decides_the_weights_decides_the_identity_and_nothing_else(data: FoldData) -> None:
    plain = identity("student", tiny_config(), data, {})
    for same in (
        tiny_config(distill={"waiver": "another reason", "gate": 0.95}),
        tiny_config(export={"name": "north"}),
        tiny_config(teacher={"epochs": 9}),
        tiny_config(compute={"loader_threads": 1}),
    ):
        assert identity("student", same, data, {}) == plain
    for other in (
        tiny_config(distill={"temperature": 2.0}),
        tiny_config(student={"epochs": 9}),
        tiny_config(compute={"seed": 6}),
        tiny_config(input={"width": 64}),
    ):
        assert identity("student", other, data, {}) != plain
    assert identity("student", tiny_config(), data, {"teacher": {"weights_sha256": "0"}}) != plain
