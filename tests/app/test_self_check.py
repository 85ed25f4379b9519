"""The self-check, on a whole program folder and on ones that something was done to."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kdoct_desktop.app import paths, self_check
from kdoct_desktop.inference.signing import public_pem
from tests.self_check_scans import write_scans
from tests.tiny_model import write_tiny_package

RESOURCES = Path(__file__).resolve().parents[2] / "resources"


@pytest.fixture
def resources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program folder with a tiny model, and a home of its own."""
    folder = tmp_path / "program" / "resources"
    for name in ("models", "keys", "demo"):
        (folder / name).mkdir(parents=True)
    for name in ("urgency.json", "result.schema.json"):
        shutil.copy(RESOURCES / name, folder / name)
    keep_scan(folder, "rle.dcm")
    key = write_tiny_package(folder / "models" / "tiny.kdmodel")
    (folder / "keys" / "tiny.pub").write_bytes(public_pem(key))
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "program" / "kdoct_desktop")
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(paths.DATA_VARIABLE, raising=False)
    return folder


def keep_scan(resources: Path, *names: str) -> None:
    """Copy some of the scans that are decoded: each costs a child process."""
    folder = resources / "self-check"
    folder.mkdir()
    expected = json.loads((RESOURCES / "self-check" / "expected.json").read_text())
    for name in names:
        shutil.copy(RESOURCES / "self-check" / name, folder / name)
    (folder / "expected.json").write_text(json.dumps({name: expected[name] for name in names}))


def states(report: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in report["checks"]}


def test_a_whole_program_can_work_and_says_so_for_people_and_machines(resources: Path) -> None:
    shutil.rmtree(resources / "self-check")
    shutil.copytree(RESOURCES / "self-check", resources / "self-check")
    report = self_check.run()
    found = states(report)
    assert report["ok"] is True
    assert set(found) == {
        *("python", "memory", "disk", "packages", "resources"),
        *("codecs", "window", "settings", "folders", "model"),
    }
    assert {found[name] for name in ("resources", "codecs", "settings", "folders")} == {"ok"}
    assert json.loads(json.dumps(report)) == report
    text = self_check.lines(report)
    assert text[0].startswith("KD-OCT Desktop ")
    assert text[-1] == "This installation can work."
    assert any("8 compressions decoded exactly" in line for line in text)


def no_model(resources: Path) -> None:
    (resources / "models" / "tiny.kdmodel").unlink()


def changed_model(resources: Path) -> None:
    path = resources / "models" / "tiny.kdmodel"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def no_schema(resources: Path) -> None:
    (resources / "result.schema.json").unlink()


def changed_scan(resources: Path) -> None:
    shutil.copy(RESOURCES / "self-check" / "htj2k.dcm", resources / "self-check" / "rle.dcm")


def wrong_settings(resources: Path) -> None:
    paths.settings_file().parent.mkdir(parents=True)
    paths.settings_file().write_text('{"schema": 1, "colour": "red"}')


def unwritable_data(resources: Path) -> None:
    paths.data_dir().parent.mkdir(parents=True)
    paths.data_dir().write_text("a file where the folder should be")


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (no_model, "model"),
        (changed_model, "model"),
        (no_schema, "resources"),
        (changed_scan, "codecs"),
        (wrong_settings, "settings"),
        (unwritable_data, "folders"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_is_still_checked(
    damage: Callable[[Path], None], name: str, resources: Path
) -> None:
    damage(resources)
    report = self_check.run()
    found = states(report)
    assert report["ok"] is False
    assert found[name] == "failed"
    assert len(found) == 10
    text = self_check.lines(report)
    assert text[-1] == "This installation cannot work."
    assert any(line.startswith("failed") and name in line for line in text)


def test_a_package_that_is_not_as_pinned_is_a_warning_and_a_missing_one_a_failure(
    resources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"numpy": "0.1", "onnxruntime": None, "onnxruntime-gpu": "1.0"}
    really = self_check._version
    monkeypatch.setattr(self_check, "_version", lambda name: versions.get(name, really(name)))
    check = self_check._packages()
    assert check.state == "warning"
    assert "numpy 0.1, tested with" in check.detail
    assert "onnxruntime" not in check.detail
    versions["onnxruntime-gpu"] = None
    assert self_check._packages().detail == "missing: onnxruntime"


def test_the_script_makes_scans_that_the_self_check_accepts(resources: Path) -> None:
    shutil.rmtree(resources / "self-check")
    write_scans(resources / "self-check")
    names = [path.name for path in sorted((resources / "self-check").iterdir())]
    assert names == [path.name for path in sorted((RESOURCES / "self-check").iterdir())]
    assert self_check._codecs().state == "ok"
