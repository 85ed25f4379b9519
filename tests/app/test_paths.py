"""Folders and resources."""

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
