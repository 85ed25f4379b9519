"""What of a run is decided once, and what later."""

from pathlib import Path

import pytest

from tests.training.tiny_run import tiny_config, tiny_run
from training.errors import TrainingError
from training.open_run import open_run


def test_waivers_and_names_of_a_package_can_be_given_after_the_evaluation(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    assert run.config.export.waiver == ""
    asked = tiny_config(
        export={"waiver": "a study of errors", "name": "ward"}, distill={"waiver": "few patients"}
    )
    assert tiny_run(tmp_path, asked).config == asked
    again = open_run(run.folder.root)
    assert again.config == asked
    assert (again.root, again.cache) == (run.root, run.cache)


def test_what_is_learned_or_measured_cannot_change_in_a_run(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    before = run.folder.config.read_bytes()
    for asked in (
        tiny_config(student={"epochs": 9}),
        tiny_config(distill={"temperature": 2.0, "waiver": "a test"}),
        tiny_config(evaluate={"views": "tta"}, export={"waiver": "a study"}),
    ):
        with pytest.raises(TrainingError) as refusal:
            tiny_run(tmp_path, asked)
        assert refusal.value.code == "other-configuration"
        assert run.folder.config.read_bytes() == before
