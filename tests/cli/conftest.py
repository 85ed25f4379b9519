"""A home of its own with a trusted tiny model, and scans that the model knows."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from kdoct_desktop.app.paths import data_dir
from kdoct_desktop.inference.signing import public_pem
from tests.io.dicom_files import opt, raster_lines, save
from tests.tiny_model import volume, write_tiny_package


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that this home trusts."""
    monkeypatch.setenv("KDOCT_HOME", str(tmp_path / "home"))
    package = tmp_path / "tiny.kdmodel"
    key = write_tiny_package(package)
    keys = data_dir() / "keys"
    keys.mkdir(parents=True)
    (keys / "tiny.pub").write_bytes(public_pem(key))
    return package


def write_scan(path: Path, codes: Sequence[str], *, eye: str | None = "R") -> Path:
    """A raster in DICOM whose B-scans the tiny model calls `codes`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = raster_lines(len(codes))
    data = opt(volume(codes, shape=(120, 160)), eye=eye, lines=lines, StudyInstanceUID="1.2.3.4")
    return save(data, path)
