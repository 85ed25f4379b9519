"""Work off the window's thread: the only module that knows threads.

A job's work is a plain function that gets a :class:`Report`; it knows no Qt. Nothing of Qt is
touched from a worker's thread: what it says is put into a queue, and a timer of the window's
thread hands it over in slices of a few milliseconds, so that a worker that talks a lot cannot
freeze the window.
"""

import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from PySide6.QtCore import QObject, QTimer, Signal

from kdoct_desktop.domain.errors import Cancelled, KdoctError

log = logging.getLogger(__name__)

_SLICE_S = 0.006
_LISTEN_MS = 8


class Lane(StrEnum):
    """Which queue a job waits in; each lane does one job at a time."""

    READ = "read"
    MODEL = "model"
    LIGHT = "light"


class Report:
    """How work speaks to its job.

    Calling it is a ``Progress``; it raises ``Cancelled`` once the job was cancelled.
    """

    def __init__(self, say: Callable[[str, object], None], stop: threading.Event) -> None:
        self._say = say
        self._stop = stop

    def __call__(self, done: int, total: int, step: str) -> None:
        """Say how far the work is; stops the work where it was cancelled."""
        self.check()
        self._say("progress", (done, total, step))

    def deliver(self, item: object) -> None:
        """Hand over a part of the result; stops the work where it was cancelled."""
        self.check()
        self._say("item", item)

    def check(self) -> None:
        """Stop the work where it was cancelled."""
        if self._stop.is_set():
            raise Cancelled


Work = Callable[[Report], object]


class Job(QObject):
    """One piece of work; every signal is emitted in the window's thread.

    Attributes:
        name: What is being done, for the log.
        progressed: Done, total, step.
        delivered: A part of the result.
        succeeded: The result.
        failed: The exception.
        cancelled: The work was stopped by the user.
        finished: Last signal of every job.
    """

    progressed = Signal(int, int, str)
    delivered = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    finished = Signal()

    def __init__(self, work: Work, name: str, parent: QObject) -> None:
        super().__init__(parent)
        self.name = name
        self._work = work
        self._stop = threading.Event()
        self._said: deque[tuple[str, object]] = deque()

    def cancel(self) -> None:
        """Ask the work to stop; `cancelled` follows when it has."""
        self._stop.set()

    def run(self) -> None:
        """Do the work; called in the lane's thread."""
        report = Report(self._say, self._stop)
        try:
            report.check()
            result = self._work(report)
        except Cancelled:
            self._say("cancelled", None)
        except Exception as error:  # noqa: BLE001 - the door: whatever it is, it is told
            _log(self.name, error)
            self._say("failed", error)
        else:
            self._say("succeeded", result)

    def _say(self, kind: str, value: object) -> None:
        self._said.append((kind, value))

    def hand_over(self, until: float) -> bool:
        """Emit what the work has said; called in the window's thread.

        Args:
            until: Moment of ``time.perf_counter`` at which to leave the rest for later.

        Returns:
            True when the job is finished.
        """
        while self._said and time.perf_counter() < until:
            kind, value = self._said.popleft()
            stopped = self._stop.is_set()
            if kind == "progress" and isinstance(value, tuple):
                if not stopped:
                    self.progressed.emit(*value)
            elif kind == "item":
                if not stopped:
                    self.delivered.emit(value)
            else:
                self._end("cancelled" if stopped else kind, value)
                return True
        return False

    def _end(self, kind: str, value: object) -> None:
        if kind == "cancelled":
            self.cancelled.emit()
        elif kind == "failed":
            self.failed.emit(value)
        else:
            self.succeeded.emit(value)
        self.finished.emit()


def _log(name: str, error: Exception) -> None:
    """Note a failure without its text, which may hold a path or a name."""
    kind = error.code if isinstance(error, KdoctError) else type(error).__name__
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("job %r failed: %s\n%s", name, kind, frames)


class _LaneThread:
    """Does the jobs of one lane, one after the other, until it gets None."""

    def __init__(self, lane: Lane) -> None:
        self.waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"lane-{lane}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (job := self.waiting.get()) is not None:
            job.run()

    def join(self, seconds: float) -> bool:
        """Wait for the end; True when it came."""
        self._thread.join(max(seconds, 0.0))
        return not self._thread.is_alive()


class JobRunner(QObject):
    """Starts jobs, counts them and ends them all before the window goes.

    Attributes:
        changed: The number of jobs that wait or run has changed.
    """

    changed = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes: dict[Lane, _LaneThread] = {}
        self._jobs: list[tuple[Lane, Job]] = []
        self._closed = False
        self._listen = QTimer(self)
        self._listen.setInterval(_LISTEN_MS)
        self._listen.timeout.connect(self._hand_over)

    def start(self, work: Work, name: str, lane: Lane) -> Job:
        """Queue work; connect to the job before control returns to the event loop.

        Raises:
            RuntimeError: The runner is closed.
        """
        if self._closed:
            raise RuntimeError("the job runner is closed")
        job = Job(work, name, self)
        self._jobs.append((lane, job))
        if lane not in self._lanes:
            self._lanes[lane] = _LaneThread(lane)
        self._lanes[lane].waiting.put(job)
        self._listen.start()
        self.changed.emit(self.count)
        return job

    @property
    def count(self) -> int:
        """Jobs that wait or run and that the user should know of."""
        return sum(lane is not Lane.LIGHT for lane, _ in self._jobs)

    @property
    def busy(self) -> bool:
        """True while any job waits or runs."""
        return bool(self._jobs)

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for _, job in self._jobs:
            job.cancel()

    def close(self, *, timeout_s: float = 20.0, unblock: Callable[[], None] | None = None) -> bool:
        """Cancel every job and wait for the threads; no signal follows.

        Args:
            timeout_s: How long to wait.
            unblock: Called after a second when a job still runs; makes blocking calls return.

        Returns:
            True when no thread is left.
        """
        self._closed = True
        self._listen.stop()
        self.cancel_all()
        for lane in self._lanes.values():
            lane.waiting.put(None)
        if not self._wait(1.0) and unblock is not None:
            unblock()
        self._jobs.clear()
        return self._wait(timeout_s)

    def _wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        ended = [lane.join(deadline - time.monotonic()) for lane in self._lanes.values()]
        return all(ended)

    def _hand_over(self) -> None:
        """Let the jobs speak for a few milliseconds; the rest after the window had its turn."""
        until = time.perf_counter() + _SLICE_S
        for lane, job in list(self._jobs):
            if (lane, job) in self._jobs and job.hand_over(until):
                self._jobs.remove((lane, job))
                self.changed.emit(self.count)
                job.deleteLater()
        if not self._jobs:
            self._listen.stop()
