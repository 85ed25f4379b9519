"""The reading processes of one input: the first, and helpers where decoding is long.

The first does everything that one process can do. Helpers only decode B-scans, each behind the
same walls and with the same caps as the first; what they fail at, the first does over, so that
they never change what an input is read to.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.failures import garbage
from kdoct_desktop.io.frames import Asked, arguments_of, picture_of
from kdoct_desktop.io.limits import MIB, Limits, free_memory

_MOST_HELPERS = 7
_HELPER_BYTES = 256 * MIB  # free memory without which no further helper starts


def usable_cores() -> int:
    """Processor cores that this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True)
class Run:
    """B-scans of one file that a process was asked for together.

    Attributes:
        asked: Task and file.
        shape: Axes (depth, ascan) that each must have.
        wanted: Those that have not come: place in the volume, and picture of the file.
        begun: The process is at it.
    """

    asked: Asked
    shape: tuple[int, int]
    wanted: deque[tuple[int, int]] = field(default_factory=deque)
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A B-scan as it came.

    Attributes:
        place: In the volume, from 0.
        pixels: Axes (depth, ascan).
        spent_s: Processor time that it took.
        apart: Another process would be as quick at others of the same file.
    """

    place: int
    pixels: NDArray[np.uint8]
    spent_s: float
    apart: bool


@dataclass(slots=True, eq=False)
class Member:
    """A reading process and what it was asked for.

    Attributes:
        contained: The process.
        runs: What it was asked for, in order.
        silent_s: How long it was waited for since it gave a sign of life.
        proven: It has done what it was asked for before.
    """

    contained: Contained
    runs: deque[Run] = field(default_factory=deque)
    silent_s: float = 0.0
    proven: bool = False

    @property
    def owes(self) -> list[int]:
        """Places of the B-scans that it was asked for and that have not come."""
        return [place for run in self.runs for place, _ in run.wanted]

    def ask(self, run: Run, limits: Limits) -> None:
        """Ask for B-scans; for none, to have the file's header parsed.

        Raises:
            IngestError: The process died.
            OSError: It cannot be started.
        """
        indices = [index for _, index in run.wanted]
        self.contained.send(run.asked.task, **arguments_of(run.asked, indices, limits))
        if not self.runs:
            self.silent_s = 0.0
        self.runs.append(run)

    def hear(self, seconds: float) -> Decoded | None:
        """The next B-scan within some seconds; None for another sign of life.

        Raises:
            IngestError: The file was refused, or the process hung, died or sent rubbish.
        """
        message, payload = self.contained.receive(seconds)
        self.silent_s = 0.0
        run = self.runs[0]
        if message.get("alive") is True:
            run.begun = True
            return None
        if message.get("done") is True:
            if run.wanted:
                raise garbage()
            self.runs.popleft()
            self.proven = True
            return None
        if not run.wanted:
            raise garbage()
        place, index = run.wanted[0]
        pixels = picture_of(message, payload, index=index)
        spent_s = message.get("spent_s")
        if pixels.shape != run.shape or not isinstance(spent_s, float):
            raise garbage()
        run.wanted.popleft()
        return Decoded(place, pixels, spent_s, message.get("apart") is not False)


class Crew(Closing):
    """Owns the reading processes of one input; a context manager.

    Attributes:
        first: The process that does everything.
        helpers: Those that decode with it.
        most: How many helpers there may be.
        useful: How many would have been of use for what was read so far.
        tick: Called while waiting for any of them; may raise to stop the work.
    """

    def __init__(
        self, limits: Limits, tick: Callable[[], None], *, preload: Sequence[str] = ()
    ) -> None:
        self._limits = limits
        self._preload = preload
        self.tick = tick
        self.first = Contained(limits, self._tick, preload=preload)
        self.helpers: list[Member] = []
        self.most = min(usable_cores() - 1, _MOST_HELPERS)
        self.useful = 0

    def close(self) -> None:
        """Kill the processes and remove their folders."""
        self.dismiss()
        self.first.close()

    def call(self, count: int) -> None:
        """Start helpers until there are so many; fewer where there is no room for more."""
        while len(self.helpers) < min(count, self.most):
            free = free_memory()
            if free is not None and free < _HELPER_BYTES:
                return
            helper = Member(Contained(self._limits, self._tick, preload=self._preload, gentle=True))
            try:
                helper.contained.start()
            except OSError:
                helper.contained.close()
                self.most = len(self.helpers)
                return
            self.helpers.append(helper)

    def lose(self, helper: Member) -> None:
        """End a helper that failed; no other takes its place."""
        helper.contained.close()
        self.helpers.remove(helper)
        self.most -= 1

    def dismiss(self) -> None:
        """End every helper."""
        for helper in self.helpers:
            helper.contained.close()
        self.helpers.clear()

    def _tick(self) -> None:
        self.tick()
