"""What the user and the site have chosen, kept as JSON with a schema number.

A file of a newer program, or with a key that this one does not know, is refused and never
overwritten: better no start than a setting that silently does nothing.
"""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kdoct_desktop.app.paths import config_dir, resource_path, settings_file
from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.finding import Urgency, UrgencyMap
from kdoct_desktop.domain.whole_file import write_whole

SCHEMA = 1
URGENCY_SCHEMA = 1
PROVIDERS = ("auto", "cuda", "cpu")
THEMES = ("dark", "light")
RECENT_LIMIT = 10
_LONGEST_CLINIC = 120
_LARGEST_FILE = 1 << 20


class SettingsError(KdoctError):
    """A settings file cannot be used; it is left as it is."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of one user.

    Attributes:
        provider: Where the model runs: ``auto``, ``cuda`` or ``cpu``.
        theme: ``dark`` or ``light``.
        clinic: One line that is printed on the report; may be empty.
        heatmap_at_opening: Whether a study opens with its heatmap shown.
        tta: Whether the test-time views are averaged.
        urgency_file: The site's map from class to urgency; None for the one in the settings
            folder, or else the one that came with the program.
        recent: Inputs opened before, the latest first. Paths may name patients: they are kept in
            the user's own settings only, and never logged.
    """

    provider: str = "auto"
    theme: str = "dark"
    clinic: str = ""
    heatmap_at_opening: bool = True
    tta: bool = False
    urgency_file: Path | None = None
    recent: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        _require(self.provider in PROVIDERS, "provider")
        _require(self.theme in THEMES, "theme")
        one_line = self.clinic.isprintable() and len(self.clinic) <= _LONGEST_CLINIC
        _require(one_line, "clinic")
        _require(len(self.recent) <= RECENT_LIMIT, "recent")

    def remembering(self, path: Path) -> "Settings":
        """With `path` on top of the recent inputs."""
        kept = tuple(known for known in self.recent if known != path)
        return replace(self, recent=(path, *kept)[:RECENT_LIMIT])

    def forgetting_recent(self) -> "Settings":
        """Without any recent input."""
        return replace(self, recent=())


def load_settings(path: Path | None = None) -> Settings:
    """The user's settings; defaults where there is no file.

    Args:
        path: The file; the user's own where None.

    Raises:
        SettingsError: It is damaged (``settings-damaged``), has a key or value that is not known
            (``settings-unknown``) or is of a newer program (``settings-newer``).
    """
    path = path if path is not None else settings_file()
    if not path.exists():
        return Settings()
    values = _read(path, schema=SCHEMA, what="settings")
    types = {field.name: field.type for field in fields(Settings)}
    for name in values:
        _require(name in types, name)
    return Settings(**{name: _from_json(name, value) for name, value in values.items()})


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Keep the settings; the file is replaced whole.

    Args:
        settings: What to keep.
        path: The file; the user's own where None.

    Raises:
        SettingsError: A file is there that :func:`load_settings` refuses; it is not overwritten.
        OSError: The folder cannot be written.
    """
    path = path if path is not None else settings_file()
    load_settings(path)
    values = {field.name: _to_json(getattr(settings, field.name)) for field in fields(Settings)}
    text = json.dumps({"schema": SCHEMA, **values}, indent=2, ensure_ascii=False)
    write_whole(path, text.encode() + b"\n")


def load_urgency(path: Path | None = None) -> UrgencyMap:
    """The map from class to urgency: the named file, else the site's, else the program's own.

    Args:
        path: A site's file, as in :attr:`Settings.urgency_file`.

    Raises:
        SettingsError: The file is missing, damaged, or has a value that is not known.
    """
    if path is None:
        of_site = config_dir() / "urgency.json"
        path = of_site if of_site.exists() else resource_path("urgency.json")
    values = _read(path, schema=URGENCY_SCHEMA, what="urgency map")
    version, by_class = values.get("version"), values.get("urgency")
    known = {urgency.value for urgency in Urgency}
    sound = (
        set(values) == {"version", "urgency"}
        and isinstance(version, str)
        and isinstance(by_class, dict)
        and all(isinstance(value, str) and value in known for value in by_class.values())
    )
    if not sound or not isinstance(by_class, dict) or not isinstance(version, str):
        raise SettingsError(
            "urgency-unknown",
            f"The urgency map needs a version and, for each class, one of: {', '.join(known)}.",
        )
    return UrgencyMap(version, {code: Urgency(value) for code, value in by_class.items()})


def _read(path: Path, *, schema: int, what: str) -> dict[str, Any]:
    """Content of a JSON object without its schema number, which is checked."""
    damaged = SettingsError(
        f"{what.split()[0]}-damaged",
        f"The file {path.name} with the {what} cannot be read. Repair it or move it away.",
    )
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(_LARGEST_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged from error
    number = values.pop("schema", None) if isinstance(values, dict) else None
    if not isinstance(number, int) or number < 1:
        raise damaged
    if number > schema:
        raise SettingsError(
            f"{what.split()[0]}-newer",
            f"The file {path.name} was written by a newer program. Update this one.",
        )
    return dict(values)


def _from_json(name: str, value: object) -> Any:
    """A field's value from its JSON form."""
    default = Settings.__dataclass_fields__[name].default
    if name == "recent":
        paths = isinstance(value, list) and all(isinstance(item, str) for item in value)
        _require(paths, name)
        return tuple(Path(item) for item in value) if isinstance(value, list) else ()
    if name == "urgency_file":
        _require(value is None or isinstance(value, str), name)
        return Path(value) if isinstance(value, str) else None
    _require(type(value) is type(default), name)
    return value


def _to_json(value: object) -> object:
    """A field's JSON form."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value


def _require(true: bool, name: str) -> None:
    """Refuse a key or value that this program does not know."""
    if not true:
        raise SettingsError(
            "settings-unknown",
            f"The setting {name!r} is not known or has a value that cannot be used."
            " Correct it in settings.json.",
        )
