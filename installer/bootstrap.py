"""Installs KD-OCT Desktop into this checkout and starts it.

    python3 installer/bootstrap.py demo                 install, then open the analysed demo study
    python3 installer/bootstrap.py test [ARGUMENT...]   install all, then run the tests with pytest
    python3 installer/bootstrap.py install [--gpu] [--nifti] [--training]    install only
    python3 installer/bootstrap.py prepare              install what the tests need, run nothing

Everything goes into ``.venv`` beside this folder, and the readers of others that the tests compare
with into ``.venv-oracles``. Needs Python 3.11 or newer and nothing else; works on Debian 12 or
newer and on Windows. A second run takes seconds.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from installer import system_libraries as system  # noqa: E402
from installer.environment import EnvironmentProblem, VirtualEnvironment  # noqa: E402

MINIMUM_PYTHON = (3, 11)
GROUPS = {
    "demo": ["run"],
    "install": ["run"],
    "test": ["run", "test", "training"],
    "prepare": ["run", "test", "training"],
}

ORACLES = ".venv-oracles"
"""Folder of the readers of others, which get along with nothing else; for tests only."""


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; return the exit code."""
    if sys.version_info < MINIMUM_PYTHON:
        print("Python 3.11 or newer is needed; this is " + sys.version.split()[0])
        return 1
    words = sys.argv[1:] if arguments is None else arguments
    for_pytest = words[1:] if words[:1] == ["test"] else []
    options = _parser().parse_args(words[:1] if for_pytest else words)
    environment = VirtualEnvironment(ROOT)
    try:
        _prepare(environment, options.command, more=_more(options))
        if options.command == "demo":
            return _demo(environment)
        if options.command == "test":
            return _test(environment, for_pytest)
    except EnvironmentProblem as problem:
        print(problem)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.")
        return 130
    print(f"Ready. Start it with {environment.launcher}")
    return 0


def display_answers() -> bool:
    """True when a window can be shown: not Linux, or an X11 or Wayland server that answers."""
    if not sys.platform.startswith("linux"):
        return True
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if wayland and (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland).is_socket():
        return True
    host, colon, screen = os.environ.get("DISPLAY", "").rpartition(":")
    number = screen.partition(".")[0]
    if not colon or not number.isdigit():
        return False
    unix = host in ("", "unix")
    address = f"/tmp/.X11-unix/X{number}" if unix else (host, 6000 + int(number))  # noqa: S108
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
        connection.settimeout(3.0)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True


def _more(options: argparse.Namespace) -> list[str]:
    """Groups that were asked for beside those of the command."""
    return [group for group in ("gpu", "nifti", "training") if getattr(options, group, False)]


def _prepare(environment: VirtualEnvironment, command: str, *, more: list[str]) -> None:
    """System libraries, then the virtual environment with its packages."""
    if not environment.python.exists() and not system.install(
        system.missing_venv(), purpose="virtual environments"
    ):
        raise EnvironmentProblem("Python's venv module is needed; nothing was changed.")
    core = system.missing_libraries(system.QT_LIBRARIES)
    wanted = [*core, *system.missing_libraries(system.WINDOW_LIBRARIES)]
    if command in ("test", "prepare"):
        wanted += system.missing_programs(system.TEST_PROGRAMS)
    if not system.install(wanted, purpose="the window" if command != "test" else "the tests"):
        if system.missing_libraries(system.QT_LIBRARIES) and command in ("demo", "test"):
            raise EnvironmentProblem(
                "Qt cannot load without them; install them and run this again."
            )
        if command == "demo" and display_answers():
            raise EnvironmentProblem("No window can open without them; install them and run again.")
    environment.prepare([*GROUPS[command], *more])
    if command in ("test", "prepare"):
        VirtualEnvironment(ROOT, ORACLES).prepare(["oracles"])


def _demo(environment: VirtualEnvironment) -> int:
    """Open the demo study in a window, or off screen where there is no display."""
    command = [str(environment.python), "-m", "kdoct_desktop", "demo"]
    if display_answers():
        print("Opening the demo study", flush=True)
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    output = ROOT / "demo-output"
    print("No display: running the demo off screen", flush=True)
    command += ["--offscreen", str(output)]
    off_screen = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(command, cwd=ROOT, env=off_screen, check=False).returncode


def _test(environment: VirtualEnvironment, arguments: list[str]) -> int:
    """Run the suite; Qt draws off screen unless the caller chose a platform."""
    command = [str(environment.python), "-m", "pytest", *arguments]
    chosen = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    return subprocess.run(command, cwd=ROOT, env=chosen, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bootstrap.py",
        description="Installs KD-OCT Desktop into .venv beside this folder and starts it.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="install, then open the analysed demo study")
    commands.add_parser("test", help="install all, then run the tests; more goes to pytest")
    install = commands.add_parser("install", help="install only")
    install.add_argument("--gpu", action="store_true", help="with the NVIDIA runtime")
    install.add_argument("--nifti", action="store_true", help="with what reading NIfTI needs")
    install.add_argument("--training", action="store_true", help="with what kdoct-train needs")
    commands.add_parser("prepare", help="install what the tests need, run nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
