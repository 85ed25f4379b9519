"""The commands of the bootstrap script, without installing anything."""

import ast
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from installer import bootstrap
from installer import system_libraries as system
from installer.environment import VirtualEnvironment

ROOT = Path(__file__).resolve().parents[2]
INSTALLER = ROOT / "installer"


class Calls:
    """Stands in for the packages: notes the groups, and the commands that would be started."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.oracles = False
        self.command: list[str] = []
        self.environment: dict[str, str] = {}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    noted = Calls()

    def prepare(environment: VirtualEnvironment, groups: list[str]) -> None:
        if environment.folder.name == ".venv":
            noted.groups = groups
        else:
            assert (environment.folder.name, groups) == (".venv-oracles", ["oracles"])
            noted.oracles = True

    def run(
        command: list[str], *, env: dict[str, str] | None = None, **_: object
    ) -> subprocess.CompletedProcess[str]:
        noted.command, noted.environment = command, env or {}
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(VirtualEnvironment, "prepare", prepare)
    monkeypatch.setattr(system, "missing_libraries", lambda _libraries: [])
    monkeypatch.setattr(system, "missing_programs", lambda _programs: [])
    monkeypatch.setattr(system, "missing_venv", list)
    monkeypatch.setattr(subprocess, "run", run)
    return noted


def test_test_hands_every_further_word_to_pytest_and_returns_its_exit_code(calls: Calls) -> None:
    assert bootstrap.main(["test", "-k", "reader", "--lf", "tests/io"]) == 7
    assert calls.command[1:] == ["-m", "pytest", "-k", "reader", "--lf", "tests/io"]
    assert calls.groups == ["run", "test", "training"]
    assert calls.oracles
    assert calls.environment["QT_QPA_PLATFORM"]


def test_demo_needs_no_training_packages_and_runs_off_screen_without_a_display(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "display_answers", lambda: False)
    assert bootstrap.main(["demo"]) == 7
    assert calls.groups == ["run"]
    assert calls.command[1:] == [
        *("-m", "kdoct_desktop", "demo", "--offscreen", str(ROOT / "demo-output")),
    ]
    assert calls.environment["QT_QPA_PLATFORM"] == "offscreen"


def test_demo_opens_the_window_where_a_display_answers(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "display_answers", lambda: True)
    bootstrap.main(["demo"])
    assert calls.command[1:] == ["-m", "kdoct_desktop", "demo"]


def test_the_gpu_runtime_comes_only_when_asked_for(calls: Calls) -> None:
    assert bootstrap.main(["install"]) == 0
    assert calls.groups == ["run"]
    assert bootstrap.main(["install", "--gpu"]) == 0
    assert calls.groups == ["run", "gpu"]


def test_reading_nifti_comes_only_when_asked_for(calls: Calls) -> None:
    assert bootstrap.main(["install", "--nifti"]) == 0
    assert calls.groups == ["run", "nifti"]


def test_a_local_team_installs_what_training_needs_without_the_test_tools(calls: Calls) -> None:
    assert bootstrap.main(["install", "--training"]) == 0
    assert calls.groups == ["run", "training"]


def test_a_wrong_word_is_a_usage_error(calls: Calls) -> None:
    for words in ([], ["demonstrate"], ["demo", "--loud"]):
        with pytest.raises(SystemExit) as stop:
            bootstrap.main(words)
        assert stop.value.code == 2
    assert calls.groups == []


def test_without_the_rights_to_install_qt_the_one_line_is_printed_and_demo_stops(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "missing_libraries", lambda _libraries: ["libegl1"])
    monkeypatch.setattr(system, "_is_root", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/apt-get")
    assert bootstrap.main(["demo"]) == 1
    printed = capsys.readouterr().out
    assert "sudo apt-get update && sudo apt-get install -y libegl1" in printed
    assert calls.groups == []


def test_without_window_libraries_the_demo_still_runs_off_screen(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(libraries: object) -> list[str]:
        return ["libxcb-cursor0"] if libraries is system.WINDOW_LIBRARIES else []

    monkeypatch.setattr(system, "missing_libraries", missing)
    monkeypatch.setattr(system, "_is_root", lambda: False)
    monkeypatch.setattr(bootstrap, "display_answers", lambda: False)
    assert bootstrap.main(["demo"]) == 7
    assert "--offscreen" in calls.command


def test_root_installs_system_packages_without_questions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = tmp_path / "calls.txt"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >> "{noted}"\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(system, "_is_root", lambda: True)
    assert system.install(["libegl1", "xvfb"], purpose="the tests")
    update, install = noted.read_text().splitlines()
    assert update.startswith("noninteractive")
    assert update.endswith("update")
    assert install.endswith("install -y --no-install-recommends libegl1 xvfb")
    assert "Installing system packages for the tests: libegl1 xvfb" in capsys.readouterr().out


def test_a_library_counts_as_missing_when_the_loader_does_not_open_it() -> None:
    table = {"libc.so.6": "libc6", "libkdoct-no-such.so.9": "libnosuch9"}
    assert system.missing_libraries(table) == (
        ["libnosuch9"] if sys.platform.startswith("linux") else []
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 sockets")
@pytest.mark.parametrize("display", ["", ":7341", "nonsense", ":"])
def test_a_display_that_does_not_answer_is_none(
    display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert not bootstrap.display_answers()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 sockets")
def test_a_wayland_or_tcp_display_that_answers_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert not bootstrap.display_answers()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        assert bootstrap.display_answers()


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_an_x11_server_that_runs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "64x64x24"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as server:
        try:
            assert server.stdout is not None
            monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().strip()}")
            assert bootstrap.display_answers()
            monkeypatch.setenv("DISPLAY", f"{os.environ['DISPLAY']}.0")
            assert bootstrap.display_answers()
        finally:
            server.terminate()
    assert not bootstrap.display_answers()


def test_the_script_itself_needs_the_standard_library_only() -> None:
    for path in INSTALLER.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }  # fmt: skip
        roots = {name.partition(".")[0] for name in names}
        assert roots <= sys.stdlib_module_names | {"installer"}, path.name


def test_an_old_python_is_told_in_one_sentence(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "MINIMUM_PYTHON", (99, 0))
    assert bootstrap.main(["demo"]) == 1
    assert capsys.readouterr().out.startswith("Python 3.11 or newer is needed; this is 3.")
    assert calls.command == []
