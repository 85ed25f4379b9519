"""How often files are opened and reading processes started."""

import builtins
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.io.dicom_files import opt, ramp, save
from tests.training.data.datasets.trees import put_text, taken
from tests.training.drawn import normal_bscan
from training.data import dicom_volumes
from training.data.read_picture import read_picture
from training.errors import TrainingError

PICTURE = normal_bscan(depth=60, ascans=80)[0]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is started from now on."""
    started: list[subprocess.Popen[bytes]] = []
    plain = subprocess.Popen.__init__

    def spied(self: subprocess.Popen[bytes], *words: Any, **more: Any) -> None:
        started.append(self)
        plain(self, *words, **more)

    monkeypatch.setattr(subprocess.Popen, "__init__", spied)
    return started


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are opened in this process from now on."""
    names: list[str] = []

    def spied(plain: Callable[..., Any]) -> Callable[..., Any]:
        def opening(path: Any, *words: Any, **more: Any) -> Any:
            names.append(Path(str(path)).name)
            return plain(path, *words, **more)

        return opening

    monkeypatch.setattr(builtins, "open", spied(builtins.open))
    monkeypatch.setattr(Path, "open", spied(Path.open))
    return names


def in_a_thread(work: Callable[[], None]) -> None:
    """Do something in a thread of its own, which ends."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def series(root: Path, count: int) -> list[str]:
    """Files of one B-scan each."""
    names = [f"{number}.dcm" for number in range(count)]
    for number, name in enumerate(names):
        save(opt(ramp(1, step=number + 2), eye="R"), root / name)
    return names


@pytest.mark.parametrize(("files", "needed"), [(200, 1), (2, 2)])
def test_one_process_reads_the_files_of_a_thread_and_ends_with_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processes: list[subprocess.Popen[bytes]],
    files: int,
    needed: int,
) -> None:
    monkeypatch.setattr(dicom_volumes, "_MOST_FILES", files)
    names = series(tmp_path, 3)

    def read() -> None:
        for number, name in enumerate(names):
            assert np.array_equal(read_picture(tmp_path, name), ramp(1, step=number + 2)[0])

    in_a_thread(read)
    assert len(processes) == needed
    assert all(process.returncode is not None for process in processes)


def test_a_damaged_file_costs_no_other(tmp_path: Path) -> None:
    first, second, third = series(tmp_path, 3)
    (tmp_path / second).write_bytes((tmp_path / second).read_bytes()[:-500])

    def read() -> None:
        read_picture(tmp_path, first)
        with pytest.raises(TrainingError, match=second):
            read_picture(tmp_path, second)
        assert np.array_equal(read_picture(tmp_path, third), ramp(1, step=4)[0])

    in_a_thread(read)


def test_a_file_is_looked_into_once_and_a_decoded_one_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(opt(ramp(2), eye="R"), tmp_path / "scan.dcm")
    read_picture(tmp_path, "scan.dcm", 0)
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    names = opened(monkeypatch)
    read_picture(tmp_path, "scan.dcm", 1)
    assert names == []
    read_picture(tmp_path, "a.png")
    assert names == ["a.png"] * 3  # its kind, its header, its pixels
    read_picture(tmp_path, "a.png")
    assert names == ["a.png"] * 4


def test_an_import_by_table_decodes_each_dicom_file_once(
    tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    names = series(tmp_path, 3)
    put_text(tmp_path, "labels.csv", "path,label,patient", *(f"{name},CNV,p" for name in names))
    assert len(taken("csv", tmp_path).rows) == 3
    assert len(processes) == 1
