"""The cache under several processes, and when they are killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.training.data.cached import LARGE, SPEC, data, opened, right, spied
from training.data import cache_build
from training.data.cache import cache_name
from training.data.cache_block import draft_of
from training.data.manifest import write_manifest

CHILD = """
import sys, threading, time
from pathlib import Path
from kdoct_desktop.inference.preprocess import InputSpec
from training.data import cache_build
from training.data.cache import open_cache
from training.data.manifest import read_manifest
root, delay = Path(sys.argv[1]), float(sys.argv[2])
cache_build.CHUNK = 4
plain, speaking = cache_build.read_picture, threading.Lock()
def say(line):
    with speaking:  # several threads speak: each line is written whole
        sys.stdout.write(line + "\\n")
        sys.stdout.flush()
def slow(*words):
    say("picture")
    time.sleep(delay)  # whoever heard it comes before the picture is done
    return plain(*words)
cache_build.read_picture = slow
rows = read_manifest(root / "manifest.csv").rows[int(sys.argv[3]) :]
open_cache(root / "cache", root, rows, InputSpec(32, 48), enlarged=(36, 54))
say("finished")
"""


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

    def start(delay: float, first: int = 0) -> Child:
        words = [sys.executable, "-c", CHILD, str(tmp_path), str(delay), str(first)]
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
    rows = data(tmp_path, 12)
    write_manifest(tmp_path / "manifest.csv", rows)
    child = children(0.3)
    child.pictures(7)  # blocks hold four: one is complete, one is in the middle
    child.process.send_signal(signal.SIGKILL)
    child.process.wait()
    folder = tmp_path / "cache" / cache_name(SPEC, LARGE)
    assert len(list(folder.glob("*.block"))) == 1
    (draft,) = folder.glob("*.draft")
    monkeypatch.setattr(cache_build, "CHUNK", 4)
    read = spied(monkeypatch)
    right(opened(tmp_path, rows), list(range(12)))
    assert len(set(read)) == len(read) == 8, "the whole block is kept"
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
    child = children(0.3)
    child.pictures(1)
    monkeypatch.setattr(cache_build, "CHUNK", 4)
    monkeypatch.setattr(cache_build, "read_picture", lambda *words: pytest.fail("made twice"))
    begun = time.monotonic()
    right(opened(tmp_path, rows), [0, 1, 2, 3])
    assert time.monotonic() - begun > 0.1


def test_processes_with_other_rows_give_one_right_cache(tmp_path: Path, children: Any) -> None:
    rows = data(tmp_path, 18)
    write_manifest(tmp_path / "manifest.csv", rows)
    both = [children(0.02), children(0.02, first=3)]
    said = [child.process.communicate(timeout=60)[0].split() for child in both]
    assert [lines[-1] for lines in said] == ["finished", "finished"]
    for path in tmp_path.glob("*.png"):
        path.unlink()
    right(opened(tmp_path, rows), list(range(18)))
