"""Folders, resources, and files that are written whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kdoct_desktop.app import paths

ROOT = Path(__file__).resolve().parents[2]


def test_one_variable_moves_every_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(paths.DATA_VARIABLE, raising=False)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path))
    folders = {paths.data_dir(), paths.config_dir(), paths.log_dir()}
    assert len(folders) == 3
    assert all(folder.parent == tmp_path for folder in folders)
    assert paths.settings_file().parent == paths.config_dir()


def test_an_administrator_shares_the_data_folder_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(paths.HOME_VARIABLE, raising=False)
    own = paths.config_dir(), paths.log_dir()
    monkeypatch.setenv(paths.DATA_VARIABLE, str(tmp_path))
    assert paths.data_dir() == tmp_path
    assert (paths.config_dir(), paths.log_dir()) == own
    assert tmp_path not in {*own[0].parents, *own[1].parents}


def test_resources_are_found_from_the_checkout_whatever_the_current_folder(tmp_path: Path) -> None:
    code = "from kdoct_desktop.app.paths import resource_path as r; print(r('urgency.json'))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert Path(answer.stdout.strip()) == ROOT / "resources" / "urgency.json"


def test_resources_of_a_frozen_program_lie_in_its_bundle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert paths.resource_path("keys") == tmp_path / "resources" / "keys"


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.json"
    paths.write_file(target, b"one")
    paths.write_file(target, b"two")
    assert target.read_bytes() == b"two"
    assert list(target.parent.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = tmp_path / "a.json"
    paths.write_file(target, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        paths.write_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_target_that_is_a_folder_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.json" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"a\.json"):
        paths.write_file(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
