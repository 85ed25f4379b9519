"""The virtual environment beside the repository root: make it, fill it, repair it.

A stamp file inside it holds the hash of every requirements file that is installed, so a second
run does nothing. A marker file lies there while pip works: where one is found, the installation
was interrupted, and every distribution whose files are not all there is installed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SCHEMA = 1
REQUIREMENTS = {
    "run": "requirements.txt",
    "test": "requirements-test.txt",
    "training": "requirements-training.txt",
    "gpu": "requirements-gpu.txt",
    "nifti": "requirements-nifti.txt",
    "oracles": "requirements-oracles.txt",
}
"""Group of packages to the file that pins it."""
NEEDED_GB = {"run": 1.5, "test": 0.5, "training": 12.0, "gpu": 6.0, "oracles": 1.5}
"""Free disk that installing a group takes, unpacking included."""
WHAT = {
    "run": "the packages that the program needs",
    "test": "the test tools",
    "training": "the training packages (about 5.5 GB, some minutes)",
    "gpu": "the GPU runtime",
    "nifti": "the package that reads NIfTI",
    "oracles": "readers of others to compare with (about 0.6 GB)",
}

_PROBE = """
import json, sys, sysconfig
print(json.dumps([sys.version_info[:2], sysconfig.get_path("purelib")]))
"""
_LAUNCHERS = {"kdoct": "kdoct_desktop", "kdoct-train": "training"}
"""Command to the module that it runs."""
_LAUNCHER = """#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -m {module} "$@"
"""
_LAUNCHER_WINDOWS = '@"%~dp0python.exe" -m {module} %*\r\n'


class EnvironmentProblem(Exception):  # noqa: N818 - a sentence for the user, not a defect
    """The environment could not be made; the text says why."""


class VirtualEnvironment:
    """A virtual environment of one checkout.

    Attributes:
        root: The checkout.
        folder: Where the environment lies.
    """

    def __init__(self, root: Path, folder: str = ".venv") -> None:
        """Name an environment; nothing is made yet.

        Args:
            root: The checkout.
            folder: Its folder; only the default one imports the checkout and gets its commands.
        """
        self.root = root
        self.folder = root / folder
        self._linked = folder == ".venv"
        self._stamp_file = self.folder / ".kdoct-installed.json"
        self._marker = self.folder / ".kdoct-installing"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        if sys.platform == "win32":
            return self.folder / "Scripts" / "python.exe"
        return self.folder / "bin" / "python"

    @property
    def launcher(self) -> Path:
        """The command ``kdoct``."""
        return self.python.with_name("kdoct.cmd" if sys.platform == "win32" else "kdoct")

    def prepare(self, groups: list[str]) -> None:
        """Bring the environment to the pins of `groups`; quick where it is there already.

        Args:
            groups: Keys of `REQUIREMENTS`.

        Raises:
            EnvironmentProblem: venv or pip failed.
        """
        site_packages = self._ensure_interpreter()
        if self._marker.exists():
            self._repair(site_packages)
        if self._linked:
            self._link(site_packages)
        stamp = self._stamp()
        if "gpu" in stamp:  # a change of the run-time pins brings the CPU runtime back
            groups = [*groups, "gpu"]
        for group in dict.fromkeys(groups):
            if stamp.get(group) != self._hash(group):
                self._install(group)

    def stale(self, groups: list[str]) -> list[str]:
        """Those of `groups` whose pins differ from what is installed."""
        stamp = self._stamp()
        return [group for group in groups if stamp.get(group) != self._hash(group)]

    def _ensure_interpreter(self) -> Path:
        """Make the environment where it is missing or broken; return its site-packages."""
        probed = self._probe()
        if probed is None:
            print(f"Making the virtual environment {self.folder.name}", flush=True)
            command = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
            if self._run(command) != 0:
                raise EnvironmentProblem(f"Python could not make {self.folder}.")
            probed = self._probe()
        if probed is None:
            raise EnvironmentProblem(f"The interpreter in {self.folder} does not start.")
        return probed

    def _probe(self) -> Path | None:
        """Where packages go; None where the environment is missing, broken or of another Python."""
        if not self.python.exists():
            return None
        result = subprocess.run(
            [str(self.python), "-c", _PROBE],
            env=_clean_environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if result.returncode != 0:
            return None
        version, site_packages = json.loads(result.stdout)
        has_pip = any(Path(site_packages).glob("pip-*.dist-info/RECORD"))
        return Path(site_packages) if has_pip and version >= [3, 11] else None

    def _install(self, group: str) -> None:
        """Install one group's pins and note it in the stamp."""
        free_gb = shutil.disk_usage(self.folder).free / 1e9
        if free_gb < NEEDED_GB[group]:
            raise EnvironmentProblem(
                f"Installing {WHAT[group]} needs {NEEDED_GB[group]:g} GB of free disk;"
                f" {free_gb:.1f} GB are free."
            )
        print(f"Installing {WHAT[group]}", flush=True)
        started = time.monotonic()
        self._marker.write_text(group, encoding="utf-8")
        if group == "gpu":  # both runtimes bring the same module
            self._pip("uninstall", "--yes", "onnxruntime")
        arguments = ["--requirement", str(self._requirements(group))]
        if group == "oracles":
            arguments.append("--no-deps")
        if group in ("test", "training", "nifti"):
            arguments += ["--constraint", str(self._requirements("run"))]
        if self._pip("install", "--no-warn-script-location", *arguments) != 0:
            raise EnvironmentProblem(
                "pip could not install the pinned packages; its message is above."
                " Run the same command again to go on from here."
            )
        installed = {**self._stamp(), group: self._hash(group)}
        self._write(json.dumps({"schema": SCHEMA, "groups": installed}, indent=1) + "\n")
        self._marker.unlink()
        print(f"  done in {time.monotonic() - started:.0f} s", flush=True)

    def _pip(self, *arguments: str) -> int:
        """Run the environment's pip without questions; return its exit code."""
        options = ["--no-input", "--disable-pip-version-check", "-qq"]
        verb, *rest = arguments
        return self._run([str(self.python), "-m", "pip", verb, *options, *rest])

    def _run(self, command: list[str]) -> int:
        return subprocess.run(
            command, env=_clean_environment(), cwd=self.root, stdin=subprocess.DEVNULL, check=False
        ).returncode

    def _repair(self, site_packages: Path) -> None:
        """Forget every distribution that an interrupted pip left incomplete."""
        print("The last installation was interrupted; checking what is there", flush=True)
        for broken in incomplete_distributions(site_packages):
            shutil.rmtree(broken)
        for left in site_packages.glob("~*"):  # pip's name for what it was about to remove
            shutil.rmtree(left, ignore_errors=True)
        self._stamp_file.unlink(missing_ok=True)

    def _link(self, site_packages: Path) -> None:
        """Make the checkout importable and put the commands beside the interpreter."""
        _write_if_changed(site_packages / "kdoct-desktop.pth", f"{self.root}\n")
        windows = sys.platform == "win32"
        text = _LAUNCHER_WINDOWS if windows else _LAUNCHER
        for name, module in _LAUNCHERS.items():
            place = self.python.with_name(f"{name}.cmd" if windows else name)
            _write_if_changed(place, text.format(module=module))
            place.chmod(0o755)

    def _requirements(self, group: str) -> Path:
        return self.root / "installer" / REQUIREMENTS[group]

    def _hash(self, group: str) -> str:
        """Hash of a group's pins; the GPU runtime also depends on the run-time pins."""
        files = [group, "run"] if group == "gpu" else [group]
        text = b"".join(self._requirements(name).read_bytes() for name in files)
        return hashlib.sha256(text).hexdigest()

    def _stamp(self) -> dict[str, str]:
        """Group to hash of what is installed; empty where nothing is known."""
        try:
            stamp = json.loads(self._stamp_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return dict(stamp["groups"]) if stamp.get("schema") == SCHEMA else {}

    def _write(self, text: str) -> None:
        beside = self._stamp_file.with_suffix(".part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._stamp_file)


def incomplete_distributions(site_packages: Path) -> list[Path]:
    """The ``.dist-info`` folders whose list of files is missing, or names a file that is not whole.

    Args:
        site_packages: Where packages lie.
    """
    broken = []
    for folder in sorted(site_packages.glob("*.dist-info")):
        record = folder / "RECORD"
        if not record.is_file() or not all(
            _is_whole(site_packages, line)
            for line in record.read_text(encoding="utf-8").splitlines()
        ):
            broken.append(folder)
    return broken


def _is_whole(site_packages: Path, line: str) -> bool:
    """True when the file of one line of RECORD (path,hash,size) is there with its size."""
    name, _, size = line.rsplit(",", 2)
    path = site_packages / name.strip('"')
    if name.endswith(".pyc") or not size:
        return True
    try:
        return path.stat().st_size == int(size)
    except OSError:
        return False


def _clean_environment() -> dict[str, str]:
    """This process's environment without what would lead Python or pip out of the environment."""
    led_astray = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    kept = {name: value for name, value in os.environ.items() if name not in led_astray}
    return {**kept, "PIP_USER": "0"}


def _write_if_changed(path: Path, text: str) -> None:
    data = text.encode()
    if not path.is_file() or path.read_bytes() != data:
        path.write_bytes(data)
