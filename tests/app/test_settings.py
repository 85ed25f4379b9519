"""Settings and the urgency map: kept whole, refused when not understood, never overwritten."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kdoct_desktop.app.paths import HOME_VARIABLE, config_dir
from kdoct_desktop.app.settings import (
    RECENT_LIMIT,
    Settings,
    SettingsError,
    load_settings,
    load_urgency,
    save_settings,
)
from kdoct_desktop.domain.finding import Urgency


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def test_without_a_file_there_are_defaults_and_none_is_made() -> None:
    assert load_settings() == Settings()
    assert not config_dir().exists()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    settings = Settings(
        provider="cpu",
        theme="light",
        clinic="Augenklinik Süd, Zürich",
        heatmap_at_opening=False,
        tta=True,
        urgency_file=tmp_path / "urgency.json",
        recent=(tmp_path / "b.dcm", tmp_path / "a.dcm"),
    )
    save_settings(settings)
    assert load_settings() == settings


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "settings-damaged"),
        ("[1]", "settings-damaged"),
        ("{}", "settings-damaged"),
        ('{"schema": "1"}', "settings-damaged"),
        ("[" * 100_000, "settings-damaged"),
        ('{"schema": 2, "theme": "dark"}', "settings-newer"),
        ('{"schema": 1, "colour": "red"}', "settings-unknown"),
        ('{"schema": 1, "theme": "red"}', "settings-unknown"),
        ('{"schema": 1, "provider": 1}', "settings-unknown"),
        ('{"schema": 1, "tta": "yes"}', "settings-unknown"),
        ('{"schema": 1, "recent": "a.dcm"}', "settings-unknown"),
        ('{"schema": 1, "recent": [1]}', "settings-unknown"),
        ('{"schema": 1, "urgency_file": 3}', "settings-unknown"),
        ('{"schema": 1, "clinic": "two\\nlines"}', "settings-unknown"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_by_name_and_never_overwritten(
    text: str, code: str
) -> None:
    path = config_dir() / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert refusal.value.code == code
    assert "settings" in refusal.value.message
    with pytest.raises(SettingsError):
        save_settings(Settings())
    assert path.read_text() == text


def test_a_setting_with_an_unknown_value_cannot_even_be_made() -> None:
    with pytest.raises(SettingsError, match="provider"):
        Settings(provider="tpu")
    with pytest.raises(SettingsError, match="clinic"):
        replace(Settings(), clinic="x" * 121)


def test_recent_inputs_are_few_the_latest_first_each_once_and_can_be_forgotten() -> None:
    settings = Settings()
    for number in range(RECENT_LIMIT + 3):
        settings = settings.remembering(Path(f"{number}.dcm"))
    settings = settings.remembering(Path("7.dcm"))
    assert settings.recent[:3] == (Path("7.dcm"), Path("12.dcm"), Path("11.dcm"))
    assert len(settings.recent) == RECENT_LIMIT
    assert len(set(settings.recent)) == RECENT_LIMIT
    save_settings(settings.forgetting_recent())
    assert "dcm" not in (config_dir() / "settings.json").read_text()


def test_the_programs_own_urgency_map_covers_the_factory_classes() -> None:
    urgency = load_urgency()
    assert urgency.version == "1"
    assert urgency.by_class == {
        "CNV": Urgency.URGENT,
        "DME": Urgency.SEMI_URGENT,
        "DRUSEN": Urgency.ROUTINE,
        "NORMAL": Urgency.OBSERVE,
    }


def test_a_sites_urgency_map_goes_before_the_programs_and_a_named_file_before_both(
    tmp_path: Path,
) -> None:
    def write(path: Path, version: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"schema": 1, "version": version, "urgency": {"CNV": "needs human read"}}
        path.write_text(json.dumps(content))

    write(config_dir() / "urgency.json", "site")
    write(tmp_path / "named.json", "named")
    assert load_urgency().version == "site"
    assert load_urgency().by_class == {"CNV": Urgency.NEEDS_HUMAN_READ}
    assert load_urgency(tmp_path / "named.json").version == "named"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "urgency-damaged"),
        ('{"schema": 9, "version": "1", "urgency": {}}', "urgency-newer"),
        ('{"schema": 1, "urgency": {}}', "urgency-unknown"),
        ('{"schema": 1, "version": "1", "urgency": {"CNV": "soon"}}', "urgency-unknown"),
        ('{"schema": 1, "version": "1", "urgency": {"CNV": ["urgent"]}}', "urgency-unknown"),
        ('{"schema": 1, "version": "1", "urgency": {}, "note": 1}', "urgency-unknown"),
    ],
)
def test_an_urgency_map_that_is_not_understood_is_refused(
    content: str, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "urgency.json"
    path.write_text(content)
    with pytest.raises(SettingsError) as refusal:
        load_urgency(path)
    assert refusal.value.code == code


def test_a_named_urgency_map_that_is_gone_is_refused_and_not_replaced_by_another(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match=r"gone\.json"):
        load_urgency(tmp_path / "gone.json")
