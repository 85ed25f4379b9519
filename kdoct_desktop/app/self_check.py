"""Can this installation work? Answered by trying each part, for the help desk and for scripts.

A failed check means that the main job cannot be done; a warning, that something is not as it was
tested. Nothing about a patient is looked at.
"""

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from kdoct_desktop import __version__
from kdoct_desktop.app.models import ModelRegistry
from kdoct_desktop.app.paths import config_dir, data_dir, log_dir, resource_path
from kdoct_desktop.app.settings import Settings, load_settings, load_urgency
from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.whole_file import write_whole
from kdoct_desktop.io.readers import open_volumes

SCHEMA = 1
_GIB = 1 << 30
_LEAST_RAM = 4 * _GIB
_LEAST_DISK = _GIB
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)\s*$")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


class State(StrEnum):
    """What came of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: What was checked.
        state: What came of it.
        detail: What was found, in a few words.
        advice: What to do; empty where all is well.
    """

    name: str
    state: State
    detail: str
    advice: str = ""


def run() -> dict[str, Any]:
    """Try everything.

    Returns:
        A document ready for JSON: ``ok`` is False when a check failed; ``checks`` holds one entry
        each with ``name``, ``state``, ``detail``, ``advice``.
    """
    checks: list[Check] = []
    for name, check in _CHECKS.items():
        try:
            checks.append(check())
        except KdoctError as error:
            checks.append(Check(name, State.FAILED, f"{error.code}: {error.message}"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            checks.append(Check(name, State.FAILED, reason, "Check the folder's rights."))
    return {
        "schema": SCHEMA,
        "ok": all(check.state is not State.FAILED for check in checks),
        "app": {"name": "KD-OCT Desktop", "version": __version__},
        "checks": [asdict(check) for check in checks],
    }


def lines(report: Mapping[str, Any]) -> list[str]:
    """The same for people, one line a check and one of advice where there is some."""
    checks: Sequence[Mapping[str, str]] = report["checks"]
    width = max(len(check["name"]) for check in checks)
    text = [f"{report['app']['name']} {report['app']['version']}"]
    for check in checks:
        text.append(f"{check['state']:8} {check['name']:{width}}  {check['detail']}")
        if check["advice"]:
            text.append(" " * (11 + width) + check["advice"])
    last = "This installation can work." if report["ok"] else "This installation cannot work."
    return [*text, last]


def _python() -> Check:
    found = f"Python {platform.python_version()}, {platform.platform()}"
    fits = sys.version_info >= (3, 11)
    return Check("python", State.OK if fits else State.FAILED, found)


def _memory() -> Check:
    total = psutil.virtual_memory().total
    found = f"{total / _GIB:.1f} GiB, {os.cpu_count()} processor cores"
    if total >= _LEAST_RAM:
        return Check("memory", State.OK, found)
    return Check("memory", State.WARNING, found, "Long volumes need 4 GiB.")


def _disk() -> Check:
    folders = {_existing(data_dir()), Path(tempfile.gettempdir())}
    free = min(shutil.disk_usage(folder).free for folder in folders)
    found = f"{free / _GIB:.1f} GiB free"
    if free >= _LEAST_DISK:
        return Check("disk", State.OK, found)
    return Check("disk", State.WARNING, found, "Make room: 1 GiB is needed for long volumes.")


def _packages() -> Check:
    """Every pinned package is there, in its version; without pins, in any version."""
    pins = _pins()
    missing, other = [], []
    for name, wanted in pins.items():
        found = _version(name)
        if found is None and name in _RUNTIMES:
            found = next((wanted for runtime in _RUNTIMES if _version(runtime)), None)
        if found is None:
            missing.append(name)
        elif found != wanted:
            other.append(f"{name} {found}, tested with {wanted}")
    advice = "Install again: python3 installer/bootstrap.py install"
    if missing:
        return Check("packages", State.FAILED, "missing: " + ", ".join(missing), advice)
    if other:
        return Check("packages", State.WARNING, "; ".join(other), advice)
    return Check("packages", State.OK, f"{len(pins)} as pinned" if pins else "no pins to compare")


def _resources() -> Check:
    """Everything that came with the program, unchanged where its hash is known."""
    wanted = ("urgency.json", "result.schema.json", "models", "keys", "demo", "self-check")
    missing = [name for name in wanted if not resource_path(name).exists()]
    if missing:
        return Check("resources", State.FAILED, "missing: " + ", ".join(missing), "Install again.")
    load_urgency(resource_path("urgency.json"))
    json.loads(resource_path("result.schema.json").read_text(encoding="utf-8"))
    return Check("resources", State.OK, f"in {resource_path()}")


def _codecs() -> Check:
    """Decode one small scan in every compression, through the same child process as real ones."""
    folder = resource_path("self-check")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    wrong = []
    for name, digest in sorted(expected.items()):
        studies = open_volumes(folder / name).studies
        voxels = [volume.voxels.tobytes() for study in studies for volume in study.volumes]
        if [hashlib.sha256(one).hexdigest() for one in voxels] != [digest]:
            wrong.append(Path(name).stem)
    if wrong:
        return Check("codecs", State.FAILED, "wrong: " + ", ".join(wrong), "Install again.")
    return Check("codecs", State.OK, f"{len(expected)} compressions decoded exactly")


def _qt() -> Check:
    """Load the platform plug-ins of Qt, which brings every system library they need."""
    spec = importlib.util.find_spec("PySide6")
    if spec is None or spec.origin is None:
        return Check("window", State.FAILED, "PySide6 is missing", "Install again.")
    if not sys.platform.startswith("linux"):
        return Check("window", State.OK, "Qt is there")
    plugins = Path(spec.origin).parent / "Qt" / "plugins" / "platforms"
    advice = "Run as administrator: python3 installer/bootstrap.py install"
    for name, state in (("libqoffscreen.so", State.FAILED), ("libqxcb.so", State.WARNING)):
        try:
            ctypes.CDLL(str(plugins / name))
        except OSError as error:
            library = str(error).partition(":")[0]
            return Check("window", state, f"Qt lacks {Path(library).name}", advice)
    return Check("window", State.OK, "Qt finds its system libraries")


def _settings() -> Check:
    settings = load_settings()
    urgency = load_urgency(settings.urgency_file)
    chosen = "defaults" if settings == Settings() else "own settings"
    return Check("settings", State.OK, f"{chosen}, urgency map version {urgency.version}")


def _folders() -> Check:
    """Write into the program's own folders."""
    for folder in (config_dir(), log_dir(), data_dir()):
        probe = folder / ".write-test"
        try:
            write_whole(probe, b"")
            probe.unlink()
        except OSError:
            text = f"{folder} cannot be written"
            return Check("folders", State.FAILED, text, "Give this user the right to write there.")
    return Check("folders", State.OK, f"data in {data_dir()}, logs in {log_dir()}")


def _model() -> Check:
    """Signature, hashes, golden outputs and speed of the model in use."""
    registry = ModelRegistry()
    model = registry.active()
    ran = registry.verify(model.reference, provider=load_settings().provider)
    identity = model.identity
    found = (
        f"{identity.name} {identity.version} on {ran.ran}: {ran.canary_ms:.0f} ms a batch, "
        f"{ran.parity:.0e} from its golden outputs"
    )
    if damaged := registry.damaged():
        names = ", ".join(one.reference for one in damaged)
        return Check("model", State.WARNING, found, f"Not usable, remove: {names}")
    return Check("model", State.WARNING if ran.note else State.OK, found, ran.note)


_CHECKS: Mapping[str, Callable[[], Check]] = {
    "python": _python,
    "memory": _memory,
    "disk": _disk,
    "packages": _packages,
    "resources": _resources,
    "codecs": _codecs,
    "window": _qt,
    "settings": _settings,
    "folders": _folders,
    "model": _model,
}


def _pins() -> dict[str, str]:
    """Package to version as pinned; empty where the program is not run from a checkout."""
    path = Path(__file__).resolve().parents[2] / "installer" / "requirements.txt"
    if not path.is_file():
        return {}
    found = map(_PIN.match, path.read_text(encoding="utf-8").splitlines())
    return {match[1]: match[2] for match in found if match}


def _version(name: str) -> str | None:
    """Installed version of a package; None where it is missing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder
