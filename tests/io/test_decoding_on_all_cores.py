"""Helpers change how long decoding takes, and never what is read."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import Cancelled
from kdoct_desktop.io import contained, crew, dealing
from kdoct_desktop.io.failures import FileRefusedError
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import VolumeHeader
from tests.io.reading_processes import Habits, expected, leftovers, no_leftovers, plan_of, start

MUCH = 2000  # B-scans that come later: enough work for helpers to start
COUNT = 60
IN_ORDER = [COUNT // 2, *(place for place in range(COUNT) if place != COUNT // 2)]
BAD = ["crash", "hang", "stall", "refuse", "memory", "rubbish", "other picture", "other shape"]
BAD += ["too many", "too few", "crawl"]


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test of this module may leave a process or a folder behind."""
    with no_leftovers(tmp_path, monkeypatch):
        yield


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy computer is no reason to give a good helper up."""
    monkeypatch.setattr(dealing, "_PATIENCE_S", 60.0)
    monkeypatch.setattr(dealing, "_LAST_PATIENCE_S", 60.0)


@pytest.fixture
def impatient(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers are given up soon."""
    monkeypatch.setattr(dealing, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(dealing, "_LAST_PATIENCE_S", 0.2)


def test_helpers_take_part_and_give_the_same_voxels_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = start(monkeypatch, Habits(signal=tmp_path / "go"), cores=3)
    with reading.crew:
        volume = reading.read(plan_of(COUNT), later=MUCH)
        assert len(reading.crew.helpers) == 2
    np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert reading.told == IN_ORDER
    assert len(reading.by_helpers) > 5


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("habit", BAD)
def test_what_a_helper_fails_at_the_first_process_does_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, habit: str
) -> None:
    habits = Habits(helpers=habit, bad_at=20, signal=tmp_path / "go")
    reading = start(monkeypatch, habits)
    started = time.monotonic()
    with reading.crew:
        volume = reading.read(plan_of(COUNT), later=MUCH)
        assert (reading.crew.helpers, reading.crew.most) == ([], 0)
    np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert reading.told == IN_ORDER
    assert time.monotonic() - started < 15.0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("habit", ["dead", "never ready"])
def test_a_helper_that_never_gets_ready_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, habit: str
) -> None:
    reading = start(monkeypatch, Habits(helpers=habit))
    with reading.crew:
        volume = reading.read(plan_of(COUNT), later=MUCH)
    np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert (reading.told, reading.by_helpers) == (IN_ORDER, [])


def test_a_helper_that_is_killed_from_outside_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = start(monkeypatch, Habits(signal=tmp_path / "go"))
    killed: list[int] = []

    def listener(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        reading.told.append(index)
        if reading.by_helpers and reading.crew.helpers:
            process = reading.crew.helpers[0].contained._process
            assert process is not None
            process.kill()
            killed.append(process.pid)

    with reading.crew:
        volume = reading.read(plan_of(200), later=MUCH, on_bscan=listener)
        assert reading.crew.helpers == []
    assert killed
    np.testing.assert_array_equal(volume.voxels, expected(200))
    assert reading.told == [100, *range(100), *range(101, 200)]


def test_reading_goes_on_alone_where_no_helper_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = contained.Contained.start

    def refused(process: contained.Contained) -> None:
        if process.gentle:
            raise OSError("no more processes")
        begin(process)

    monkeypatch.setattr(contained.Contained, "start", refused)
    habits = Habits()
    reading = start(monkeypatch, habits)
    with reading.crew:
        volume = reading.read(plan_of(COUNT), later=MUCH)
        assert reading.crew.most == 0
    np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert len(habits.settings) == 1


@pytest.mark.parametrize(
    ("habit", "code"),
    [
        *(("crash", "reader-crashed"), ("rubbish", "reader-garbage"), ("hang", "read-timeout")),
        *(("stall", "read-timeout"), ("refuse", "damaged-frame"), ("memory", "too-much-memory")),
        *(("other picture", "reader-garbage"), ("too few", "reader-garbage")),
    ],
)
def test_what_the_first_process_fails_at_refuses_the_volume_and_ends_the_helpers(
    monkeypatch: pytest.MonkeyPatch, habit: str, code: str
) -> None:
    limits = replace(Limits(), volume_s=1.0, bscan_s=0.0)
    reading = start(monkeypatch, Habits(first=habit, bad_at=40), limits=limits)
    with reading.crew:
        with pytest.raises(FileRefusedError) as refused:
            reading.read(plan_of(COUNT), later=MUCH)
        assert reading.crew.helpers == []
        assert leftovers()[0] <= 1
    assert (refused.value.code, refused.value.file.label) == (code, "file-0")


def test_the_next_volume_is_read_after_one_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    habits = Habits(first="refuse", bad_at=40)
    reading = start(monkeypatch, habits)
    with reading.crew:
        with pytest.raises(FileRefusedError, match=r"B-scan 4\d is damaged"):
            reading.read(plan_of(COUNT), later=MUCH)
        volume = reading.read(plan_of(38))
    np.testing.assert_array_equal(volume.voxels, expected(38))


def test_helpers_of_one_volume_help_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    habits = Habits(signal=tmp_path / "go")
    reading = start(monkeypatch, habits)
    with reading.crew:
        for _ in range(2):
            volume = reading.read(plan_of(COUNT), later=MUCH)
            np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert len(habits.settings) == 2


def test_files_of_a_volume_are_dealt_out_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = start(monkeypatch, Habits(signal=tmp_path / "go"))
    plan = plan_of(COUNT, files=COUNT)
    with reading.crew:
        volume = reading.read(plan, later=MUCH)
    np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert reading.told == IN_ORDER
    assert reading.by_helpers


def test_of_a_volume_of_several_files_the_one_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = start(monkeypatch, Habits(first="refuse", bad_at=25))
    with reading.crew, pytest.raises(FileRefusedError, match="volume of 60 B-scans") as refused:
        reading.read(plan_of(COUNT, files=4), later=MUCH)
    assert refused.value.file.label in ("file-1", "file-2")


@pytest.mark.parametrize(
    ("habits", "cores", "later"),
    [
        (Habits(), 1, MUCH),
        (Habits(), 2, 0),
        (Habits(apart=False), 2, MUCH),
    ],
    ids=["one core", "little work", "nothing to gain"],
)
def test_no_helper_starts_where_it_would_not_pay(
    monkeypatch: pytest.MonkeyPatch, habits: Habits, cores: int, later: int
) -> None:
    reading = start(monkeypatch, habits, cores=cores)
    with reading.crew:
        volume = reading.read(plan_of(COUNT), later=later)
        assert reading.crew.useful == 0
    np.testing.assert_array_equal(volume.voxels, expected(COUNT))
    assert reading.told == IN_ORDER
    assert len(habits.settings) == 1


def test_there_are_never_more_processes_than_cores_nor_than_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, later, processes in ((3, 100_000, [3]), (64, 100_000, [8]), (64, 250, [3, 4, 5])):
        habits = Habits()
        reading = start(monkeypatch, habits, cores=cores)
        with reading.crew:
            reading.read(plan_of(COUNT), later=later)
        assert len(habits.settings) in processes


@pytest.mark.skipif(sys.platform == "win32", reason="address space is capped on POSIX")
def test_every_process_has_its_memory_cap_and_helpers_stand_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(Limits(), child_bytes=700 * 2**20)
    reading = start(monkeypatch, Habits(signal=tmp_path / "go"), limits=limits)
    seen: list[tuple[int, int]] = []

    def listener(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        if reading.by_helpers and not seen:
            for child in psutil.Process().children():
                seen.append((child.rlimit(psutil.RLIMIT_AS)[0], child.nice()))

    with reading.crew:
        reading.read(plan_of(200), later=MUCH, on_bscan=listener)
    nice = os.nice(0)
    assert sorted(seen) == [(limits.child_bytes, nice), (limits.child_bytes, nice + 5)]


def test_no_helper_starts_on_a_computer_that_is_short_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "free_memory", lambda: 100 * 2**20)
    habits = Habits()
    reading = start(monkeypatch, habits)
    with reading.crew:
        reading.read(plan_of(COUNT), later=MUCH)
    assert len(habits.settings) == 1


@pytest.mark.parametrize("helpers", ["", "hang", "stall"])
def test_cancel_stops_all_processes_at_once(monkeypatch: pytest.MonkeyPatch, helpers: str) -> None:
    habits = Habits(helpers=helpers, bad_at=20)
    reading = start(monkeypatch, habits)
    asked: list[float] = []

    def progress(done: int, total: int, step: str) -> None:
        if len(habits.settings) == 2 and done > 20:
            asked.append(time.monotonic())
            raise Cancelled

    with reading.crew, pytest.raises(Cancelled):
        reading.read(plan_of(400), later=MUCH, progress=progress)
    assert time.monotonic() - asked[0] < 2.0


def test_an_error_of_the_listener_leaves_nobody_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = start(monkeypatch, Habits(signal=tmp_path / "go"))

    def listener(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        if reading.by_helpers:
            raise RuntimeError("the window is gone")

    with reading.crew:
        with pytest.raises(RuntimeError, match="window"):
            reading.read(plan_of(400), later=MUCH, on_bscan=listener)
        assert leftovers()[0] == 0
