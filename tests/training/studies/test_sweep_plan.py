"""Sweep files: every ready one is valid, and what cannot be compared is refused."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.training.studies.tiny_sweep import write_sweep
from training.errors import TrainingError
from training.networks.trunks import check_exact
from training.studies.search_space import read_space
from training.studies.sweep_plan import SWEEPS, read_plan
from training.studies.toml_text import to_toml

READY = sorted(path.stem for path in SWEEPS.glob("*.toml"))
EXPERIMENTS = {
    "no-distillation", "soft-weight", "temperature", "focal", "soft-targets", "student-size",
    "labelled-fraction", "augmentation", "two-modalities", "search", "site",
}  # fmt: skip


def flat(values: dict[str, Any], head: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        inner = flat(value, f"{head}{key}.") if isinstance(value, dict) else {f"{head}{key}": value}
        found |= inner
    return found


def test_every_experiment_has_its_file() -> None:
    assert set(READY) == EXPERIMENTS


@pytest.mark.parametrize("name", READY)
def test_every_cell_of_a_ready_file_is_a_configuration_of_its_own(name: str) -> None:
    plan = read_plan(name)
    if plan.search:
        read_space(plan)
        return
    base = flat(plan.config.to_json())
    resolved = {cell.name: flat(cell.config(plan.file.seeds[0]).to_json()) for cell in plan.cells}
    for cell in plan.cells:
        changed = {k: v for k, v in resolved[cell.name].items() if base[k] != v}
        assert changed == {k: v for k, v in flat(cell.changes).items() if base[k] != v}
        assert bool(changed) == bool(cell.changes)
    texts = [str(values) for values in resolved.values()]
    assert len(set(texts)) == len(texts) >= 2


@pytest.mark.parametrize("name", sorted(EXPERIMENTS - {"search", "site"}))
def test_the_reference_of_an_experiment_on_one_value_is_the_recipe(name: str) -> None:
    plan = read_plan(name)
    reference = next(cell for cell in plan.cells if cell.name == plan.file.reference)
    assert reference.changes == {} or name == "no-distillation"


def test_the_cells_are_those_that_the_method_asks_for() -> None:
    def values(name: str, path: str) -> list[Any]:
        return [flat(cell.config(0).to_json())[path] for cell in read_plan(name).cells]

    assert values("soft-weight", "distill.soft_weight") == [0.5, 0.7, 0.9]
    assert values("temperature", "distill.temperature") == [2.0, 4.0, 6.0]
    assert values("no-distillation", "distill.soft_weight") == [0.0, 0.7]
    assert values("focal", "teacher.loss") == ["focal", "cross-entropy"]
    assert values("soft-targets", "distill.soft_targets") == ["online", "offline"]
    assert values("labelled-fraction", "data.labelled_share")[:4] == [1.0, 0.5, 0.25, 0.1]
    assert values("augmentation", "student.augment.strength") == [0.0, 0.5, 1.0, 1.5]
    assert values("two-modalities", "teacher.fundus_model")[0] == ""


def test_every_student_that_is_compared_has_exact_evidence() -> None:
    for cell in read_plan("student-size").cells:
        check_exact(cell.config(0).student.model, (96, 96))


def test_words_reach_every_cell_and_the_cell_wins(tmp_path: Path) -> None:
    cells = {"a": {}, "b": {"distill": {"temperature": 2.0}}}
    sweep = write_sweep(tmp_path, {"reference": "a", "cells": cells})
    plan = read_plan(sweep, words=["distill.temperature=6.0", "student.epochs=2"], seeds=[3, 4])
    assert [cell.config(4).distill.temperature for cell in plan.cells] == [6.0, 2.0]
    assert {cell.config(4).student.epochs for cell in plan.cells} == {2}
    assert plan.cells[0].config(4).compute.seed == 4
    assert plan.file.seeds == (3, 4)


def test_the_hash_of_a_cell_does_not_hang_on_the_seed_or_the_machine(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, {"reference": "a", "cells": {"a": {}}})
    one = read_plan(sweep).cells[0]
    other = read_plan(sweep, words=["compute.threads=2", "compute.seed=9"]).cells[0]
    assert one.sha256 == other.sha256
    assert one.sha256 != read_plan(sweep, words=["student.epochs=2"]).cells[0].sha256


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"cells": {}}, "there is no cell"),
        ({"cells": {"a": {}}}, "reference must name"),
        ({"cells": {"a": {}, "b": {}}}, "a and b are the same"),
        ({"cells": {"a": {"split": {"folds": 3}}}}, "changes split"),
        ({"cells": {"a": {"data": {"worst_case": True}}}}, "changes data"),
        ({"cells": {"a": {"compute": {"seed": 3}}}}, "changes compute"),
        ({"cells": {"a": {"student": {"speed": 3}}}}, "unknown key student.speed"),
        ({"cells": {"Not plain": {}}}, "plain name"),
        ({"cells": {"a": {}}, "seeds": [1, 1]}, "seeds must be different"),
        ({"cells": {"a": {}}, "seeds": []}, "seeds is empty"),
        ({"cells": {"a": {}}, "search": {"trials": 1}}, "not both"),
    ],
)
def test_a_file_that_makes_no_comparison_is_refused(
    tmp_path: Path, tables: dict[str, Any], said: str
) -> None:
    reference = {} if said == "reference must name" else {"reference": "a"}
    with pytest.raises(TrainingError) as caught:
        read_plan(write_sweep(tmp_path, {**reference, **tables}))
    assert caught.value.code == "bad-sweep"
    assert said in caught.value.message


def test_an_unknown_cell_is_named_with_those_that_there_are() -> None:
    with pytest.raises(TrainingError) as caught:
        read_plan("temperature").chosen(["t4", "t8"])
    assert caught.value.code == "no-such-cell"
    assert list(caught.value.details) == ["t2", "t4", "t6"]


def test_toml_text_reads_back_as_what_was_written() -> None:
    values = {
        "a": 1, "b": 1e-4, "c": True, "d": 'a "quoted" \\ line\nand \x7f more', "e": [1, 2.5],
        "empty": {}, "t": {"x": {"y": [["p"], []]}, "z": -0.0}, "odd key": {"k": "v"},
    }  # fmt: skip
    assert tomllib.loads(to_toml(values)) == values
    with pytest.raises(TypeError):
        to_toml({"a": None})
