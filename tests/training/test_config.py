"""Configurations: recipe, overrides, mistakes that are named, options that would have no effect."""

from pathlib import Path

import pytest

from training.config import CONFIGS, Config, load_config, make_config
from training.errors import TrainingError
from training.factory.sources import TRAINABLE
from training.painted.painting import CLASSES as CLASSES_OF_THE_FACTORY

CLASSES = {"codes": ["NORMAL", "DRUSEN", "CNV"]}
NOTICE = (
    "Demonstration model trained on synthetic and public pictures: "
    "not for any decision about a patient."
)
"""What window, report and card of the model that ships must say."""


def problem(values: dict[str, object], words: list[str] | None = None) -> str:
    with pytest.raises(TrainingError) as raised:
        make_config({"classes": CLASSES, **values})
    assert raised.value.code == "bad-configuration"
    return raised.value.message


@pytest.mark.parametrize("name", ["generic", "neh", "ucsd", "smoke"])
def test_every_shipped_configuration_loads_and_survives_json(name: str) -> None:
    config = load_config(name)
    assert make_config(config.to_json()) == config


def test_the_recipe_is_the_paper_s_where_nothing_is_said() -> None:
    config = make_config({"classes": CLASSES})
    teacher, student, distill = config.teacher, config.student, config.distill
    assert teacher.model.startswith("convnextv2_large")
    assert (teacher.batch * teacher.accumulation, teacher.epochs, teacher.patience) == (16, 150, 25)
    assert (teacher.head_rate, teacher.backbone_rate, teacher.weight_decay) == (1e-4, 2e-5, 0.05)
    assert (teacher.loss, teacher.gamma, teacher.warmup_epochs) == ("focal", 2.0, 10)
    assert (student.batch * student.accumulation, student.epochs, student.patience) == (16, 100, 20)
    assert (student.head_rate, student.backbone_rate, student.weight_decay) == (1e-3, 1e-3, 0.01)
    assert (distill.soft_weight, distill.hard_weight, distill.temperature) == (0.7, 0.3, 4.0)
    assert (distill.gate, distill.warn_below) == (0.90, 0.85)


def test_a_section_may_change_one_value_of_the_recipe() -> None:
    config = make_config({"classes": CLASSES, "student": {"epochs": 3}})
    assert (config.student.epochs, config.student.patience) == (3, 20)


def test_every_value_can_be_overridden_on_the_command_line() -> None:
    words = [
        *("teacher.epochs=7", "teacher.augment.rotation=2", "export.name=north"),
        *("input.width=64", 'data.datasets=["neh"]', "classes.labels.amd=-"),
    ]
    config = load_config("generic", words)
    assert (config.teacher.epochs, config.teacher.augment.rotation) == (7, 2.0)
    assert (config.export.name, config.input.width, config.data.datasets) == ("north", 64, ("neh",))
    assert config.classes.labels["amd"] == "-"


def test_an_override_that_is_none_is_an_error() -> None:
    for word in ("teacher.epochs", "=3", "teacher..epochs=1", "export.name.more=1"):
        with pytest.raises(TrainingError, match="Configuration"):
            load_config("generic", [word])


def test_an_unknown_key_is_named_with_its_table() -> None:
    assert "unknown key teacher.epoch." in problem({"teacher": {"epoch": 3}})
    assert "unknown key teacher.augment.vertical_flip" in problem(
        {"teacher": {"augment": {"vertical_flip": 0.5}}}
    )


def test_a_missing_key_and_a_wrong_type_are_named() -> None:
    with pytest.raises(TrainingError, match="missing key classes"):
        make_config({})
    assert "teacher.epochs has the wrong type" in problem({"teacher": {"epochs": "many"}})
    assert "data must be a table" in problem({"data": 3})
    assert "teacher.augment.scale needs 2 values" in problem(
        {"teacher": {"augment": {"scale": [1.0]}}}
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"teacher": {"smoothing": 0.1}}, "teacher.smoothing has no effect"),
        ({"teacher": {"mixup": 0.4}}, "teacher.mixup and cutmix have no effect"),
        ({"data": {"unlabelled": True}, "distill": {"soft_weight": 0.0}}, "data.unlabelled has no"),
        ({"student": {"fundus_model": "resnet18"}}, "the student sees OCT alone"),
        (
            {"student": {"mixup": 0.2}, "distill": {"soft_targets": "offline"}},
            "student.mixup needs",
        ),
        (
            {"student": {"mixup": 0.2}, "distill": {"outline_weight": 0.1}},
            "distill.outline_weight needs",
        ),
        ({"distill": {"outline_weight": -0.1}}, "must not be negative"),
        ({"teacher": {"freeze_epochs": 150}}, "leaves no epoch"),
        ({"teacher": {"loss": "hinge"}}, "teacher.loss must be one of"),
        ({"distill": {"temperature": 0.0}}, "distill.temperature"),
        ({"distill": {"soft_weight": 0.0, "hard_weight": 0.0}}, "are both 0"),
        ({"split": {"folds": 1}}, "split.folds"),
        ({"teacher": {"augment": {"enlarge": 0.9}}}, "enlarge"),
        (
            {"data": {"datasets": ["neh"]}, "export": {"credits": {"ucsd": "CC BY"}}},
            "export.credits names ucsd",
        ),
        ({"evaluate": {"faithful": -1}}, "evaluate.faithful must be 0 or more"),
    ],
)
def test_options_without_effect_and_impossible_values_are_refused(
    values: dict[str, object], named: str
) -> None:
    assert named in problem(values)


def test_class_maps_must_lead_to_classes() -> None:
    for classes in (
        {"codes": ["DRUSEN", "CNV"]},
        {"codes": ["NORMAL"]},
        {"codes": ["NORMAL", "CNV", "CNV"]},
        {**CLASSES, "labels": {"dme": "DME"}},
        {**CLASSES, "display": {"DME": "DME"}},
    ):
        with pytest.raises(TrainingError, match="classes"):
            make_config({"classes": classes})


def test_a_file_that_is_no_toml_is_said(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("classes = [", "utf-8")
    with pytest.raises(TrainingError, match=r"site\.toml cannot be read"):
        load_config(path)
    with pytest.raises(TrainingError, match=r"missing\.toml cannot be read"):
        load_config(tmp_path / "missing.toml")


def test_every_file_in_configs_is_a_configuration() -> None:
    names = {path.stem for path in CONFIGS.glob("*.toml")}
    assert all(isinstance(load_config(name), Config) for name in names)
    assert {"generic", "neh", "ucsd", "smoke", "factory", "factory-cpu"} <= names


@pytest.mark.parametrize("name", ["factory", "factory-cpu"])
def test_what_ships_learns_from_licensed_data_and_starts_from_free_weights(name: str) -> None:
    config = load_config(name)
    assert set(config.data.datasets) == {*TRAINABLE, "phantoms"}
    assert set(config.export.credits) == set(config.data.datasets)
    assert config.classes.codes == CLASSES_OF_THE_FACTORY
    assert (config.split.folds, config.split.official_test) == (1, True)
    for network in (config.teacher, config.student):
        assert (network.model, network.weights) == ("efficientnet_b2", "lite2")
    assert config.export.demonstration
    assert config.export.notice == NOTICE
    assert not config.distill.waiver
    assert not config.export.waiver
