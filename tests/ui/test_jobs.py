"""Jobs: everything arrives in the window's thread, everything can be stopped, nothing stays."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QTimer, Signal
from pytestqt.qtbot import QtBot

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.ui import jobs
from kdoct_desktop.ui.jobs import Job, JobRunner, Lane, Report
from tests.ui.counting import SteppingClock


@pytest.fixture
def runner(qtbot: QtBot) -> Iterator[JobRunner]:
    runner = JobRunner()
    yield runner
    assert runner.close(timeout_s=5.0)


def test_a_result_arrives_in_the_window_s_thread(runner: JobRunner, qtbot: QtBot) -> None:
    threads: list[int] = []
    job = runner.start(lambda report: threading.get_ident(), "work", Lane.READ)
    job.succeeded.connect(lambda worked_in: threads.extend([worked_in, threading.get_ident()]))
    with qtbot.waitSignal(job.finished):
        pass
    assert threads[1] == threading.get_ident()
    assert threads[0] != threads[1]


def test_progress_and_parts_arrive_in_order_and_before_the_result(
    runner: JobRunner, qtbot: QtBot
) -> None:
    heard: list[object] = []

    def work(report: Report) -> str:
        for at in range(1500):
            report(at, 1500, "counting")
            report.deliver(at)
        return "done"

    job = runner.start(work, "work", Lane.READ)
    job.progressed.connect(lambda done, total, step: heard.append(("p", done)))
    job.delivered.connect(lambda item: heard.append(("i", item)))
    job.succeeded.connect(heard.append)
    with qtbot.waitSignal(job.finished):
        pass
    assert heard[-1] == "done"
    assert heard[:-1] == [(kind, at) for at in range(1500) for kind in ("p", "i")]


def test_a_talkative_worker_is_heard_in_slices_and_does_not_stop_the_heartbeat(
    runner: JobRunner, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    slices: list[int] = []
    beats: list[int] = []
    hand_over = Job.hand_over

    def counted(job: Job, until: float) -> bool:
        before = len(heard)
        ended = hand_over(job, until)
        slices.append(len(heard) - before)
        return ended

    def work(report: Report) -> None:
        for at in range(600):
            report.deliver(at)

    monkeypatch.setattr(jobs, "time", SteppingClock(0.001))  # so long takes each part
    monkeypatch.setattr(Job, "hand_over", counted)
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(len(heard)))
    timer.start(5)
    job = runner.start(work, "work", Lane.READ)
    job.delivered.connect(heard.append)
    with qtbot.waitSignal(job.finished, timeout=20_000):
        pass
    timer.stop()
    assert heard == list(range(600))
    assert max(slices) <= 6
    assert len(set(beats)) > 20


def test_cancelling_ends_the_work_and_silences_it(runner: JobRunner, qtbot: QtBot) -> None:
    started, heard = threading.Event(), list[str]()

    def work(report: Report) -> None:
        while True:
            started.set()
            report(0, 0, "working")
            time.sleep(0.001)

    job = runner.start(work, "work", Lane.READ)
    job.cancelled.connect(lambda: heard.append("cancelled"))
    job.succeeded.connect(lambda result: heard.append("succeeded"))
    started.wait(5.0)
    with qtbot.waitSignal(job.finished):
        job.cancel()
    assert heard == ["cancelled"]


def test_a_result_that_comes_after_cancelling_is_dropped(runner: JobRunner, qtbot: QtBot) -> None:
    heard: list[str] = []
    go = threading.Event()
    job = runner.start(lambda report: go.wait(5.0), "work", Lane.READ)
    job.cancelled.connect(lambda: heard.append("cancelled"))
    job.succeeded.connect(lambda result: heard.append("succeeded"))
    job.cancel()
    with qtbot.waitSignal(job.finished):
        go.set()
    assert heard == ["cancelled"]


def test_a_failure_is_told_and_logged_without_its_text(
    runner: JobRunner, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    secret = Path("/scans/Mustermann_Erika.dcm")
    errors: list[Exception] = []

    def work(report: Report) -> None:
        raise FileNotFoundError(2, "No such file", str(secret))

    with caplog.at_level(logging.DEBUG):
        job = runner.start(work, "work", Lane.READ)
        job.failed.connect(errors.append)
        with qtbot.waitSignal(job.finished):
            pass
    assert isinstance(errors[0], FileNotFoundError)
    assert "FileNotFoundError" in caplog.text
    assert "Mustermann" not in caplog.text


def test_a_lane_does_one_job_at_a_time_and_others_go_on(runner: JobRunner, qtbot: QtBot) -> None:
    order: list[str] = []
    gate = threading.Event()

    def hold(report: Report) -> None:
        gate.wait(5.0)
        order.append("first")

    first = runner.start(hold, "first", Lane.READ)
    second = runner.start(lambda report: order.append("second"), "second", Lane.READ)
    other = runner.start(lambda report: order.append("other"), "other", Lane.MODEL)
    assert runner.count == 3
    with qtbot.waitSignal(other.finished):
        pass
    assert order == ["other"]
    with qtbot.waitSignals([first.finished, second.finished]):
        gate.set()
    assert order == ["other", "first", "second"]
    assert runner.count == 0


def test_closing_stops_what_runs_and_what_waits(qtbot: QtBot) -> None:
    before = threading.active_count()
    runner = JobRunner()
    ran: list[str] = []

    def forever(report: Report) -> None:
        while True:
            time.sleep(0.002)
            report.check()

    runner.start(forever, "runs", Lane.READ)
    runner.start(lambda report: ran.append("waited"), "waits", Lane.READ)
    assert runner.close(timeout_s=5.0)
    assert ran == []
    assert threading.active_count() == before
    with pytest.raises(RuntimeError):
        runner.start(forever, "late", Lane.READ)


def test_closing_unblocks_a_call_that_does_not_listen() -> None:
    runner = JobRunner()
    stuck = threading.Event()
    runner.start(lambda report: stuck.wait(30.0), "stuck", Lane.MODEL)
    began = time.monotonic()
    assert runner.close(timeout_s=10.0, unblock=stuck.set)
    assert time.monotonic() - began < 8.0


def test_a_known_error_keeps_its_code_in_the_log(
    runner: JobRunner, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    def work(report: Report) -> None:
        raise IngestError("truncated-file", "The file ends too early.")

    job = runner.start(work, "work", Lane.READ)
    with qtbot.waitSignal(job.finished):
        pass
    assert "truncated-file" in caplog.text


def test_three_thousand_emits_of_every_kind_of_value_do_not_end_the_program(
    qtbot: QtBot,
) -> None:
    class Sender(QObject):
        flag = Signal(bool)
        number = Signal(int)
        thing = Signal(object)

    sender, heard = Sender(), list[object]()
    for signal in (sender.flag, sender.number, sender.thing):
        signal.connect(heard.append)
    for at in range(1000):
        sender.flag.emit(True)
        sender.number.emit(at)
        sender.thing.emit(None)
    assert len(heard) == 3000
