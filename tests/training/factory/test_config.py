"""The run's configuration is read strictly."""

from pathlib import Path

import pytest

from training.factory.config import FACTORY, ConfigError, load_config

TEXT = FACTORY.read_text("utf-8")


def write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_factory_configuration_is_read() -> None:
    config = load_config(FACTORY)
    assert config.name == "kdoct-factory"
    assert config.input.height % 32 == 0
    assert sum(config.data.balance) == pytest.approx(1.0)
    assert config.data.painted + config.data.phantom + config.data.real == pytest.approx(1.0)
    assert config.to_json()["train"]["epochs"] == config.train.epochs


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[input]", "colour = 1\n[input]", "unknown key colour"),
        ("[train]", "[train]\nmixup = 0.4", "unknown key train.mixup"),
        ("batch = 16", "", "missing key train.batch"),
        ("batch = 16", 'batch = "16"', "train.batch has the wrong type"),
        ("batch = 16", "batch = 16.5", "train.batch has the wrong type"),
        ("[input]", "[input", "cannot be read"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, TEXT.replace(old, new, 1)))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml cannot be read"):
        load_config(tmp_path / "none.toml")
