"""The cache: right pictures, built by several at once, killed in the middle, extended, refused."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.inference.preprocess import InputSpec, unit_picture, unit_pictures
from kdoct_desktop.io.limits import Limits
from tests.training.data.cached import LARGE, SPEC, data, drawn, opened, right, row, spied
from tests.training.drawn import Grey
from training.data import cache_build
from training.data.cache import cache_name, open_cache
from training.data.cache_block import Sizes, read_keys
from training.data.npz_frames import NpzFrames
from training.errors import TrainingError
from training.events import Silent


def test_pictures_are_those_of_the_desktops_preprocessing(tmp_path: Path) -> None:
    rows = data(tmp_path, 5)
    cache = opened(tmp_path, rows)
    assert (len(cache), cache.size, cache.enlarged_size) == (5, (32, 48), LARGE)
    right(cache, [0, 1, 2, 3, 4])


def test_a_picture_is_prepared_once_for_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def preparing(picture: Grey, spec: InputSpec, sizes: list[tuple[int, int]]) -> Any:
        asked.append(sizes)
        return unit_pictures(picture, spec, sizes)

    monkeypatch.setattr(cache_build, "unit_pictures", preparing)
    opened(tmp_path, data(tmp_path, 2))
    assert asked == [[LARGE, (32, 48)]] * 2


def test_row_indices_count_in_the_rows_as_they_were_given(tmp_path: Path) -> None:
    rows = data(tmp_path, 4)
    cache = opened(tmp_path, [rows[2], rows[0], rows[3], rows[1]])
    right(cache, [2, 0, 3, 1])
    assert cache.positions([rows[1], rows[2]]).tolist() == [3, 0]
    stranger = replace(rows[0], sha256="0" * 64, path="stranger.png")
    with pytest.raises(TrainingError) as caught:
        cache.positions([stranger])
    assert (caught.value.code, caught.value.details) == ("not-in-cache", ("stranger.png",))


def test_identical_pictures_are_stored_once(tmp_path: Path) -> None:
    rows = data(tmp_path, 2)
    shutil.copy(tmp_path / "000.png", tmp_path / "copy.png")
    cache = opened(tmp_path, [*rows, row("copy.png", drawn(0))])
    right(cache, [0, 1, 0])
    (block,) = (tmp_path / "cache").rglob("*.block")
    assert len(read_keys(block, Sizes((32, 48), LARGE)) or ()) == 2


def test_a_second_opening_reads_no_picture(tmp_path: Path) -> None:
    rows = data(tmp_path, 3)
    opened(tmp_path, rows)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    right(opened(tmp_path, rows), [0, 1, 2])


def test_more_rows_extend_the_cache_without_touching_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = data(tmp_path, 3)
    opened(tmp_path, rows)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.block")}
    read = spied(monkeypatch)
    more = data(tmp_path, 2, first=3)
    right(opened(tmp_path, [*more, *rows]), [3, 4, 0, 1, 2])
    assert sorted(read) == ["003.png", "004.png"]
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())


def test_another_preprocessing_or_size_is_another_folder(tmp_path: Path) -> None:
    names = {
        cache_name(SPEC, LARGE),
        cache_name(replace(SPEC, normalise=False), LARGE),
        cache_name(replace(SPEC, height=40), LARGE),
        cache_name(SPEC, (40, 60)),
    }
    assert len(names) == 4
    rows = data(tmp_path, 1)
    opened(tmp_path, rows)
    plain = replace(SPEC, normalise=False)
    other = open_cache(tmp_path / "cache", tmp_path, rows, plain, enlarged=LARGE)
    assert np.abs(other.exact(0) - unit_picture(drawn(0), plain)[0]).max() < 1e-5


def test_every_changed_file_is_listed_and_the_others_are_kept(tmp_path: Path) -> None:
    rows = data(tmp_path, 5)
    Image.fromarray(drawn(90)).save(tmp_path / "001.png")
    Image.fromarray(drawn(91)).save(tmp_path / "003.png")
    with pytest.raises(TrainingError) as caught:
        opened(tmp_path, rows)
    assert caught.value.code == "changed-file"
    assert [line.split()[0] for line in caught.value.details] == ["001.png", "003.png"]
    right(opened(tmp_path, [rows[0], rows[2], rows[4]]), [0, 2, 4])
    Image.fromarray(drawn(1)).save(tmp_path / "001.png")  # put right again
    right(opened(tmp_path, rows[:3]), [0, 1, 2])


def test_every_unreadable_file_is_listed_before_an_epoch_is_spent(tmp_path: Path) -> None:
    rows = data(tmp_path, 4)
    (tmp_path / "002.png").write_bytes(b"nothing")
    (tmp_path / "003.png").unlink()
    with pytest.raises(TrainingError) as caught:
        opened(tmp_path, rows)
    assert caught.value.code == "unreadable-file"
    assert [line.split()[0] for line in caught.value.details] == ["002.png", "003.png"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = data(tmp_path, 2)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(TrainingError, match="needs 67 MB more and 0 MB are free") as caught:
        opened(tmp_path, rows)
    assert caught.value.code == "disk-full"
    assert not list(tmp_path.rglob("*.draft"))


def test_a_disk_that_fills_up_on_the_way_leaves_no_half_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = data(tmp_path, 2)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr("training.data.cache_block.os.fsync", full)
        with pytest.raises(TrainingError) as caught:
            opened(tmp_path, rows)
    assert caught.value.code == "disk-full"
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".draft", ".block")]
    right(opened(tmp_path, rows), [0, 1])


def test_a_damaged_block_is_made_again(tmp_path: Path) -> None:
    rows = data(tmp_path, 3)
    opened(tmp_path, rows)
    (block,) = (tmp_path / "cache").rglob("*.block")
    block.write_bytes(block.read_bytes()[:-100])
    right(opened(tmp_path, rows), [0, 1, 2])


def test_frames_of_one_file_lie_in_the_cache_one_by_one(tmp_path: Path) -> None:
    stack = np.stack([drawn(seed) for seed in range(6)])
    np.savez_compressed(tmp_path / "set.npz", images=stack)
    rows = [row("set.npz::images", stack[frame], frame) for frame in (5, 0, 3, 1, 2, 4)]
    right(opened(tmp_path, rows), [5, 0, 3, 1, 2, 4])


def test_several_threads_decompress_an_archive_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []

    class Counted(NpzFrames):
        def _read_header(self, limits: Limits) -> None:
            began.append(0)
            super()._read_header(limits)

        def _rewind(self) -> None:
            began.append(self._next)
            super()._rewind()

    monkeypatch.setattr("training.data.read_picture.NpzFrames", Counted)
    monkeypatch.setattr(cache_build, "usable_cores", lambda: 4)
    monkeypatch.setattr(cache_build, "_RUN", 4)
    stack = np.stack([drawn(seed) for seed in range(40)])
    np.savez_compressed(tmp_path / "set.npz", images=stack)
    rows = [row("set.npz::images", one, frame) for frame, one in enumerate(stack)]
    right(opened(tmp_path, rows), list(range(40)))
    assert began == [0]


def test_the_events_say_how_far_it_is(tmp_path: Path) -> None:
    class Listener(Silent):
        said: list[tuple[int, int]] = []  # noqa: RUF012 - one test

        def progress(self, done: int, total: int, step: str) -> None:
            self.said.append((done, total))

    opened(tmp_path, data(tmp_path, 3), events=Listener())
    assert Listener.said[-1] == (3, 3)
    assert Listener.said == sorted(Listener.said)
