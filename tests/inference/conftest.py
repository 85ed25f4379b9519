"""The tiny package, its key and a scan for the tests of the inference process."""

from pathlib import Path

import pytest

from kdoct_desktop.domain.volume import OctVolume, Source
from tests.tiny_model import volume, write_tiny_package

CODES = ("NORMAL", "DRUSEN", "CNV", "DME") * 8 + ("CNV",)


@pytest.fixture(scope="module")
def package_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "tiny.kdmodel"
    write_tiny_package(path)
    return path


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny_package(tmp_path_factory.mktemp("key") / "tiny.kdmodel")


@pytest.fixture(scope="module")
def scan() -> OctVolume:
    return OctVolume(volume(CODES, shape=(120, 100)), Source("scan", "0" * 64, "test"))
