"""The virtual environment: what is installed when, and how an interruption is repaired.

A small shell script stands in for the environment's interpreter and notes what pip was asked.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from installer.environment import (
    REQUIREMENTS,
    EnvironmentProblem,
    VirtualEnvironment,
    incomplete_distributions,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")

_INTERPRETER = """#!/bin/sh
if [ "$1" = "-c" ]; then
  echo '[[3, 11], "{site}"]'
elif [ "$1 $2" = "-m pip" ]; then
  echo "$@" >> "{calls}"
  [ -e "{marker}" ] && echo marked >> "{calls}"
  exit $(cat "{answer}")
fi
"""


class Checkout:
    """A repository root with pins and an environment whose pip only takes notes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = root / "calls.txt"
        self.answer = root / "answer.txt"
        self.site = root / ".venv" / "lib" / "site-packages"
        self.marker = root / ".venv" / ".kdoct-installing"
        (root / "installer").mkdir()
        for group in REQUIREMENTS:
            self.pin(group, f"{group}-package==1.0")
        self.calls.touch()
        self.answer.write_text("0")
        self._make_environment()

    def _make_environment(self) -> None:
        self.add_distribution("pip", content=b"pip")
        python = self.root / ".venv" / "bin" / "python"
        python.parent.mkdir()
        python.write_text(
            _INTERPRETER.format(
                site=self.site, calls=self.calls, marker=self.marker, answer=self.answer
            )
        )
        python.chmod(0o755)

    def add_distribution(self, name: str, *, content: bytes) -> Path:
        info = self.site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (self.site / f"{name}.py").write_bytes(content)
        record = f"{name}.py,sha256=x,{len(content)}\n{info.name}/RECORD,,\n"
        (info / "RECORD").write_text(record)
        return info

    def pin(self, group: str, text: str) -> None:
        (self.root / "installer" / REQUIREMENTS[group]).write_text(text)

    def prepare(self, *groups: str) -> list[str]:
        """Prepare, and return what pip was asked for by that."""
        self.calls.write_text("")
        VirtualEnvironment(self.root).prepare(list(groups))
        return self.calls.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_run_installs_the_pins_with_a_marker_beside_it(checkout: Checkout) -> None:
    call, marked = checkout.prepare("run")
    assert call.startswith("-m pip install --no-input --disable-pip-version-check")
    assert call.endswith("installer/requirements.txt")
    assert marked == "marked"
    assert not checkout.marker.exists()


def test_the_second_run_asks_pip_for_nothing(checkout: Checkout) -> None:
    checkout.prepare("run", "test")
    assert checkout.prepare("run", "test") == []


def test_only_the_group_whose_pins_changed_is_installed_again(checkout: Checkout) -> None:
    checkout.prepare("run", "test", "training")
    checkout.pin("test", "test-package==2.0")
    calls = [call for call in checkout.prepare("run", "test", "training") if call != "marked"]
    assert len(calls) == 1
    assert "requirements-test.txt --constraint" in calls[0]


def test_the_run_time_pins_constrain_what_tests_and_training_bring(checkout: Checkout) -> None:
    calls = [call for call in checkout.prepare("test", "training") if call != "marked"]
    assert all(call.endswith("installer/requirements.txt") for call in calls)


def test_a_failure_of_pip_is_told_and_the_next_run_goes_on(checkout: Checkout) -> None:
    checkout.answer.write_text("1")
    with pytest.raises(EnvironmentProblem, match="Run the same command again"):
        checkout.prepare("run")
    assert checkout.marker.exists()
    checkout.answer.write_text("0")
    assert len(checkout.prepare("run")) == 2
    assert not checkout.marker.exists()


def test_too_little_free_disk_is_told_before_pip_starts(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = int(3.14e9)

    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage)
    with pytest.raises(EnvironmentProblem, match=r"needs 12 GB of free disk; 3\.1 GB are free"):
        checkout.prepare("run", "training")
    calls = [call for call in checkout.calls.read_text().splitlines() if call != "marked"]
    assert len(calls) == 1


def test_an_interruption_drops_half_installed_distributions_and_installs_all_again(
    checkout: Checkout,
) -> None:
    checkout.prepare("run")
    whole = checkout.add_distribution("whole", content=b"all of it")
    cut = checkout.add_distribution("cut", content=b"all of it")
    (checkout.site / "cut.py").write_bytes(b"all")
    unrecorded = checkout.add_distribution("unrecorded", content=b"all of it")
    (unrecorded / "RECORD").unlink()
    checkout.marker.write_text("run")
    assert len(checkout.prepare("run")) == 2
    assert whole.is_dir()
    assert not cut.exists()
    assert not unrecorded.exists()


def test_a_recorded_file_that_is_gone_makes_its_distribution_incomplete(checkout: Checkout) -> None:
    gone = checkout.add_distribution("gone", content=b"all of it")
    assert incomplete_distributions(checkout.site) == []
    (checkout.site / "gone.py").unlink()
    assert incomplete_distributions(checkout.site) == [gone]


def test_the_gpu_runtime_takes_the_place_of_the_other_and_stays_when_pins_change(
    checkout: Checkout,
) -> None:
    first = [call for call in checkout.prepare("run", "gpu") if call != "marked"]
    assert [call.split()[2] for call in first] == ["install", "uninstall", "install"]
    assert first[1].endswith("--yes onnxruntime")
    assert checkout.prepare("run") == []
    checkout.pin("run", "run-package==2.0")
    again = [call for call in checkout.prepare("run") if call != "marked"]
    assert [call.split()[2] for call in again] == ["install", "uninstall", "install"]


def test_a_damaged_or_newer_stamp_counts_as_nothing_installed(checkout: Checkout) -> None:
    checkout.prepare("run")
    stamp = checkout.root / ".venv" / ".kdoct-installed.json"
    groups = json.loads(stamp.read_text())["groups"]
    for text in ("{", json.dumps({"schema": 2, "groups": groups})):
        stamp.write_text(text)
        assert len(checkout.prepare("run")) == 2


def test_an_environment_that_does_not_start_is_made_anew_by_the_real_venv(tmp_path: Path) -> None:
    (tmp_path / "installer").mkdir()
    broken = tmp_path / ".venv" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    VirtualEnvironment(tmp_path).prepare([])
    answer = subprocess.run(
        [str(broken), "-c", "import pip, sys; print(sys.path)"], capture_output=True, text=True
    )
    assert answer.returncode == 0
    assert str(tmp_path) in answer.stdout


@pytest.mark.parametrize(
    ("command", "module"), [("kdoct", "kdoct_desktop"), ("kdoct-train", "training")]
)
def test_the_commands_work_from_any_folder_through_a_link(
    checkout: Checkout, tmp_path: Path, command: str, module: str
) -> None:
    checkout.prepare()
    python = checkout.root / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    link = tmp_path / "kdoct-link"
    link.symlink_to(python.with_name(command))
    answer = subprocess.run([str(link), "analyze", "a b"], capture_output=True, text=True, cwd="/")
    assert answer.stdout == f"-m {module} analyze a b\n"


def test_what_leads_pip_astray_is_not_handed_on(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    python = checkout.root / ".venv" / "bin" / "python"
    script = python.read_text().replace('echo "$@"', 'echo "$PYTHONPATH,$PIP_USER"')
    python.write_text(script)
    assert checkout.prepare("run")[0] == ",0"
    assert os.environ["PYTHONPATH"] == "/elsewhere"


def test_the_readers_of_others_live_apart_and_do_not_import_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = Checkout(tmp_path)
    (tmp_path / ".venv").rename(tmp_path / ".venv-oracles")
    python = tmp_path / ".venv-oracles" / "bin" / "python"
    python.write_text(python.read_text().replace("/.venv/", "/.venv-oracles/"))
    python.chmod(0o755)

    VirtualEnvironment(tmp_path, ".venv-oracles").prepare(["oracles"])
    (call,) = [line for line in checkout.calls.read_text().splitlines() if line != "marked"]
    assert "--no-deps" in call
    assert "requirements-oracles.txt" in call
    assert not list(tmp_path.rglob("*.pth"))
    assert not (python.parent / "kdoct").exists()
