"""Decoding the B-scans of a volume in one reading process, or dealt out to several.

No codec that is used gives Python's lock away while it decodes, so threads in the reading process
would gain nothing. The first B-scans are decoded by the first process alone and tell what one
costs. Where the rest would take longer than it takes to start helpers, they get short runs of
B-scans as they become free; else the first process gets the rest at once. B-scans are written into
the volume as they come and told of in order: there is nothing else to keep.
"""

import time
from collections import Counter, deque
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.contained import TICK_S
from kdoct_desktop.io.crew import Decoded, Member, Run
from kdoct_desktop.io.failures import FileRefusedError, RefusedError, timed_out
from kdoct_desktop.io.frames import Asked
from kdoct_desktop.io.pipes import readable
from kdoct_desktop.io.plan import VolumePlan
from kdoct_desktop.io.session import Session

_TRIAL = 4  # B-scans that are asked for together while it is not known what one costs
_MEASURED_S, _MEASURED = 0.03, 8  # work, or B-scans, after which it is known
_RUN_S, _LONGEST_RUN = 0.03, 16  # work that is asked for together, and most B-scans
_START_S = 0.8  # work for which helpers are started: one costs half of it before it helps
_USE_S = 0.1  # work for which helpers are used that are there
_SHARE_S = 0.4  # work for each helper at least
_PATIENCE_S = 2.0  # a helper that is silent for longer than this, and
_PATIENCE = 10  # times what a B-scan costs, is given up
_LAST_PATIENCE_S, _LAST_PATIENCE = 0.1, 4  # the same when everything else is done


class Dealing:
    """Decodes one volume."""

    def __init__(
        self, plan: VolumePlan, session: Session, voxels: NDArray[np.uint8], *, later: int
    ) -> None:
        """Prepare.

        Args:
            plan: The volume.
            session: Processes and limits.
            voxels: Takes the B-scans, axes (bscan, depth, ascan).
            later: B-scans of the input that come after this volume.
        """
        count = len(plan.frames)
        middle = count // 2
        self._plan = plan
        self._session = session
        self._voxels = voxels
        self._later = later
        self._order = [middle, *(place for place in range(count) if place != middle)]
        self._fresh = deque(self._order)  # nobody was asked for these
        self._frames_of = Counter(frame.file.path for frame in plan.frames)
        self._there = np.zeros(count, dtype=np.bool_)
        self._first = Member(session.contained, proven=True)
        self._left_s = session.limits.volume_seconds(count)
        self._cost = _Cost()
        self._alone: bool | None = None if session.crew is not None and count > _TRIAL else True

    def places(self) -> Generator[int]:
        """Decode; yields the place of each B-scan when it is there: the middle one, then in order.

        Raises:
            FileRefusedError: A B-scan cannot be decoded.
        """
        complete = False
        try:
            for place in self._order:
                while not self._there[place]:
                    self._deal()
                    self._listen()
                yield place
            while self._first.runs:  # it has yet to say that it is done
                self._listen()
            complete = True
        finally:
            if not complete:
                self._break_off()

    def _break_off(self) -> None:
        """Leave nobody at work on the volume."""
        if self._first.runs:
            self._first.contained.kill()
        if self._session.crew is not None:
            self._session.crew.dismiss()

    @property
    def _helpers(self) -> list[Member]:
        crew = self._session.crew
        return [] if crew is None else list(crew.helpers)

    def _prove_all(self) -> None:
        for helper in self._helpers:
            self._prove(helper)

    def _prove(self, helper: Member) -> None:
        """Have a new helper parse the header of the next file; then it gets B-scans."""
        if not helper.proven and not helper.runs:
            place = self._fresh[0] if self._fresh else self._order[-1]
            self._ask(helper, self._run_of(place))

    def _deal(self) -> None:
        """Let everybody have enough to do."""
        if self._alone is None:
            self._judge()
        helpers = [] if self._alone is not False else self._helpers
        for member in (self._first, *(helper for helper in helpers if helper.proven)):
            while (run := self._next(member)) is not None:
                self._ask(member, run)

    def _judge(self) -> None:
        """Decide whether helpers are worth it, once it is known what a B-scan costs."""
        cost_s, crew = self._cost.known_s, self._session.crew
        if crew is None or cost_s is None:
            return
        work_s = cost_s * (len(self._fresh) + self._later)
        crew.useful = max(crew.useful, min(crew.most, int(work_s / _SHARE_S)))
        if work_s >= _START_S:
            crew.call(int(work_s / _SHARE_S))
        self._alone = work_s < _USE_S or not crew.helpers
        if not self._alone:
            self._prove_all()

    def _next(self, member: Member) -> Run | None:
        """What a process is asked for next; None while it has enough or nothing is left.

        Towards the end nobody gets a second run, which another might have done by then.
        """
        ahead = self._alone is not True and len(self._fresh) > 2 * len(self._helpers)
        if not self._fresh or len(member.runs) >= (2 if ahead else 1):
            return None
        run = self._run_of(self._fresh[0])
        most = self._most_together()
        while self._fresh and len(run.wanted) < most:
            frame = self._plan.frames[self._fresh[0]]
            if frame.file != run.asked.file:
                break
            run.wanted.append((self._fresh.popleft(), frame.index))
        return run

    def _most_together(self) -> int:
        """B-scans of one run: fewer towards the end, so that all are done at the same time."""
        if self._alone:
            return len(self._fresh)
        cost_s = self._cost.known_s
        if cost_s is None:
            return _TRIAL
        fair = len(self._fresh) // (4 * (1 + len(self._helpers)))
        return max(1, min(_LONGEST_RUN, int(_RUN_S / max(cost_s, 1e-6)), fair))

    def _run_of(self, place: int) -> Run:
        """A run for the file of a B-scan, still empty."""
        plan = self._plan
        asked = Asked(plan.task, plan.source.format, plan.frames[place].file)
        return Run(asked, (plan.depth, plan.ascans))

    def _ask(self, member: Member, run: Run) -> None:
        try:
            member.ask(run, self._session.limits)
        except IngestError as error:
            member.runs.append(run)
            self._failed(member, error)

    def _listen(self) -> None:
        """Wait for the next word of anybody, and take it."""
        members = [member for member in (self._first, *self._helpers) if member.runs]
        speaking = {member.contained.descriptor: member for member in members}
        started = time.monotonic()
        ready = readable(list(speaking), TICK_S)
        if not ready:
            self._session.contained.tick()
        for descriptor in ready:
            self._hear(speaking[descriptor])
        self._waited(time.monotonic() - started, members)

    def _hear(self, member: Member) -> None:
        seconds = self._first_seconds() if member is self._first else self._patience_s()
        try:
            decoded = member.hear(seconds)
        except IngestError as error:
            self._failed(member, error)
            return
        if decoded is not None:
            self._voxels[decoded.place] = decoded.pixels
            self._there[decoded.place] = True
            if member is self._first:
                self._cost.note(decoded)
                if self._alone is None and decoded.apart:
                    self._prove_all()  # those that are there already

    def _failed(self, member: Member, error: IngestError) -> None:
        """Refuse the volume where the first process failed; let it do what a helper failed at."""
        if member is self._first:
            file = member.runs[0].asked.file
            if isinstance(error, RefusedError):
                member.runs.popleft()
            text = error.message
            if len(self._frames_of) > 1:
                text += f" Its volume of {len(self._plan.frames)} B-scans is not read."
            raise FileRefusedError(file, error, text) from error
        self._fresh.extendleft(reversed(member.owes))
        assert self._session.crew is not None  # noqa: S101 - it has helpers
        self._session.crew.lose(member)

    def _waited(self, seconds: float, members: list[Member]) -> None:
        """Count the time that was waited; part with who is silent for too long."""
        first = self._first
        if not first.runs or first.runs[0].begun:
            self._left_s -= seconds
        for member in members:
            member.silent_s += seconds
        if first.runs and self._first_seconds() <= 0.0:
            self._failed(first, timed_out())
        for helper in self._helpers:
            if helper.owes and helper.silent_s > self._patience_s():
                self._failed(helper, timed_out())

    def _first_seconds(self) -> float:
        """How much longer the first process may be silent."""
        first, limits = self._first, self._session.limits
        run = first.runs[0]
        if not run.begun:
            return limits.start_s - first.silent_s
        if self._frames_of[run.asked.file.path] > 1:
            return self._left_s
        return min(self._left_s, limits.file_s - first.silent_s)

    def _patience_s(self) -> float:
        """How long a helper may be silent: shorter when all is done but what it was given."""
        cost_s = self._cost.known_s or 0.0
        if not self._fresh and not self._first.runs:
            return _LAST_PATIENCE_S + _LAST_PATIENCE * cost_s
        return _PATIENCE_S + _PATIENCE * cost_s


class _Cost:
    """Processor time of a B-scan, measured in the first process."""

    def __init__(self) -> None:
        self._spent_s = 0.0
        self._count = -1  # the first one loads the codec
        self.known_s: float | None = None

    def note(self, decoded: Decoded) -> None:
        """Take a B-scan into account."""
        if not decoded.apart:
            self.known_s = 0.0
        self._count += 1
        if self._count > 0 and self.known_s is None:
            self._spent_s += decoded.spent_s
            if self._spent_s >= _MEASURED_S or self._count >= _MEASURED:
                self.known_s = self._spent_s / self._count
