"""The cache: right pictures, built by several at once, killed in the middle, extended, refused."""

import errno
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.inference.preprocess import InputSpec, unit_picture
from tests.training.drawn import Grey, normal_bscan
from training import cache_build
from training.cache import Cache, cache_name, open_cache
from training.cache_block import Sizes, draft_of, read_keys
from training.errors import TrainingError
from training.events import Silent
from training.manifest import Row, write_manifest
from training.read_picture import picture_sha256, read_picture

SPEC = InputSpec(32, 48)
LARGE = (36, 54)

CHILD = """
import sys, time
from pathlib import Path
from kdoct_desktop.inference.preprocess import InputSpec
from training import cache_build
from training.cache import open_cache
from training.manifest import read_manifest
root, delay = Path(sys.argv[1]), float(sys.argv[2])
cache_build.CHUNK = 4
plain = cache_build.read_picture
def slow(*words):
    time.sleep(delay)
    print("picture", flush=True)
    return plain(*words)
cache_build.read_picture = slow
rows = read_manifest(root / "manifest.csv").rows
open_cache(root / "cache", root, rows, InputSpec(32, 48), enlarged=(36, 54), threads=1)
print("finished", flush=True)
"""


def row(path: str, picture: Grey, frame: int = 0) -> Row:
    return Row(path, frame, picture_sha256(picture), "0" * 16, "toy", f"toy:{path}", label="NORMAL")


def drawn(seed: int) -> Grey:
    return normal_bscan(depth=60, ascans=80, seed=seed)[0]


def data(root: Path, count: int, *, first: int = 0) -> list[Row]:
    """So many pictures as PNG files under `root`, and their rows."""
    rows = []
    for seed in range(first, first + count):
        Image.fromarray(drawn(seed)).save(root / f"{seed:03d}.png")
        rows.append(row(f"{seed:03d}.png", drawn(seed)))
    return rows


def opened(root: Path, rows: list[Row], **more: Any) -> Cache:
    return open_cache(root / "cache", root, rows, SPEC, enlarged=LARGE, **more)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that the cache reads from now on."""
    read: list[str] = []

    def reading(root: Path, path: str, frame: int) -> Grey:
        read.append(path)
        return read_picture(root, path, frame)

    monkeypatch.setattr(cache_build, "read_picture", reading)
    return read


def right(cache: Cache, seeds: list[int]) -> None:
    """Every picture is what the desktop's preprocessing gives, within the rounding."""
    large = replace(SPEC, height=LARGE[0], width=LARGE[1])
    for at, seed in enumerate(seeds):
        exact, enlarged = cache.exact(at), cache.enlarged(at)
        assert exact.dtype == np.float32
        assert enlarged.dtype == np.uint8
        assert np.abs(exact - unit_picture(drawn(seed), SPEC)[0]).max() <= 1 / 131070 + 1e-7
        plain = unit_picture(drawn(seed), large)[0]
        assert np.abs(enlarged / 255.0 - plain).max() <= 0.5 / 255 + 1e-6


def test_pictures_are_those_of_the_desktops_preprocessing(tmp_path: Path) -> None:
    rows = data(tmp_path, 5)
    cache = opened(tmp_path, rows)
    assert (len(cache), cache.size, cache.enlarged_size) == (5, (32, 48), LARGE)
    right(cache, [0, 1, 2, 3, 4])


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
        patched.setattr("training.cache_block.os.fsync", full)
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


def test_the_events_say_how_far_it_is(tmp_path: Path) -> None:
    class Listener(Silent):
        said: list[tuple[int, int]] = []  # noqa: RUF012 - one test

        def progress(self, done: int, total: int, step: str) -> None:
            self.said.append((done, total))

    opened(tmp_path, data(tmp_path, 3), events=Listener())
    assert Listener.said[-1] == (3, 3)
    assert Listener.said == sorted(Listener.said)


class Child(NamedTuple):
    process: subprocess.Popen[str]

    def pictures(self, count: int) -> None:
        """Wait until it has begun so many pictures."""
        assert self.process.stdout is not None
        for _ in range(count):
            assert self.process.stdout.readline() == "picture\n"


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Any]:
    started: list[Child] = []

    def start(delay: float) -> Child:
        words = [sys.executable, "-c", CHILD, str(tmp_path), str(delay)]
        child = Child(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        started.append(child)
        return child

    yield start
    for child in started:
        child.process.kill()
        child.process.communicate()


def test_a_killed_process_leaves_nothing_wrong_and_another_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: Any
) -> None:
    rows = data(tmp_path, 10)
    write_manifest(tmp_path / "manifest.csv", rows)
    child = children(0.05)
    child.pictures(7)  # blocks hold four: one is complete, one is in the middle
    child.process.send_signal(signal.SIGKILL)
    child.process.wait()
    folder = tmp_path / "cache" / cache_name(SPEC, LARGE)
    assert len(list(folder.glob("*.block"))) == 1
    (draft,) = folder.glob("*.draft")
    monkeypatch.setattr(cache_build, "CHUNK", 4)
    read = spied(monkeypatch)
    right(opened(tmp_path, rows), list(range(10)))
    assert sorted(read) == [f"{seed:03d}.png" for seed in range(4, 10)], "the whole block is kept"
    assert not draft.exists()


def test_a_draft_that_nobody_makes_any_more_is_removed(tmp_path: Path) -> None:
    rows = data(tmp_path, 1)
    folder = tmp_path / "cache" / cache_name(SPEC, LARGE)
    folder.mkdir(parents=True)
    draft = draft_of(folder / "0123456789abcdef-000.block")
    draft.write_bytes(b"half")
    opened(tmp_path, rows)
    assert not draft.exists()


def test_two_processes_at_once_share_the_work_and_give_one_right_cache(
    tmp_path: Path, children: Any
) -> None:
    rows = data(tmp_path, 16)
    write_manifest(tmp_path / "manifest.csv", rows)
    both = [children(0.03), children(0.03)]
    said = [child.process.communicate(timeout=60)[0].split() for child in both]
    assert [lines[-1] for lines in said] == ["finished", "finished"]
    assert sum(lines.count("picture") for lines in said) == 16, "none was made twice"
    folder = tmp_path / "cache" / cache_name(SPEC, LARGE)
    assert len(list(folder.glob("*.block"))) == 4
    assert not list(folder.glob("*.draft"))
    right(opened(tmp_path, rows), list(range(16)))


def test_a_process_waits_for_the_block_that_another_one_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: Any
) -> None:
    rows = data(tmp_path, 4)
    write_manifest(tmp_path / "manifest.csv", rows)
    child = children(0.1)
    child.pictures(1)
    monkeypatch.setattr(cache_build, "CHUNK", 4)
    monkeypatch.setattr(cache_build, "read_picture", lambda *words: pytest.fail("made twice"))
    begun = time.monotonic()
    right(opened(tmp_path, rows), [0, 1, 2, 3])
    assert time.monotonic() - begun > 0.1
