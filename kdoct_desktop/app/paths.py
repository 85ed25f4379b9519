"""Where the program keeps its files.

Data (installed models, trusted keys), settings and logs lie in the user's own folders. An
administrator shares one data folder between the users of a machine by setting `DATA_VARIABLE`
for the system, on Windows for example to ``%ProgramData%\\KD-OCT``. `HOME_VARIABLE` moves
everything below one folder, for tests and for use from a stick.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import platformdirs

APP_FOLDER = "KD-OCT"
HOME_VARIABLE = "KDOCT_HOME"
DATA_VARIABLE = "KDOCT_DATA"

_PACKAGE = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """Where installed models and added keys lie; it may not exist yet."""
    shared = os.environ.get(DATA_VARIABLE)
    if shared:
        return Path(shared)
    return _below_home("data") or platformdirs.user_data_path(APP_FOLDER, appauthor=False)


def config_dir() -> Path:
    """Where settings and the site's urgency map lie; it may not exist yet."""
    return _below_home("config") or platformdirs.user_config_path(APP_FOLDER, appauthor=False)


def log_dir() -> Path:
    """Where logs lie; it may not exist yet."""
    return _below_home("logs") or platformdirs.user_log_path(APP_FOLDER, appauthor=False)


def resource_path(name: str = "") -> Path:
    """A file or folder that came with the program; empty for the folder of all of them.

    Works from a checkout, from an installed package and from a frozen program.

    Args:
        name: Path below ``resources``, with forward slashes.
    """
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None:
        return Path(frozen) / "resources" / name
    installed = _PACKAGE / "resources"
    return (installed if installed.is_dir() else _PACKAGE.parent / "resources") / name


def settings_file() -> Path:
    """The user's settings."""
    return config_dir() / "settings.json"


def environment() -> Mapping[str, str]:
    """Those of this program's variables that are set; for the self-check."""
    names = (HOME_VARIABLE, DATA_VARIABLE)
    return {name: os.environ[name] for name in names if name in os.environ}


def _below_home(name: str) -> Path | None:
    """A folder below `HOME_VARIABLE`; None where that is not set."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) / name if home else None
