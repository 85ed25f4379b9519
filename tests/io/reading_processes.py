"""Reading processes for tests that decode nothing, and misbehave as they are told.

They are real processes behind the real walls; only the pictures are made of numbers, so that no
codec has to be loaded.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.volume import OctVolume, Source
from kdoct_desktop.io import contained, crew
from kdoct_desktop.io.crew import Crew
from kdoct_desktop.io.decode import BscanListener, decode_volume
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import FrameRef, InputFile, VolumePlan
from kdoct_desktop.io.session import Reporter, Session

DEPTH, ASCANS = 16, 20

_CHILD = """
import json, os, sys, time, types
sys.path[:] = json.loads(sys.argv[1])
from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import child
habit, bad_at, cost_s, apart, signal = json.loads(sys.argv[3])
count = [0]

def frames(work, arguments):
    if habit == "dead":
        os.abort()
    if habit == "never ready":
        time.sleep(60)
    for index in arguments["indices"]:
        deadline = time.monotonic() + 30
        count[0] += 1
        while signal and count[0] > 20 and not os.path.exists(signal):
            time.sleep(0.01)
            if time.monotonic() > deadline:
                os.abort()
        until = time.process_time() + cost_s
        while time.process_time() < until:
            pass
        picture = bytes((index * 7 + at) % 251 for at in range(DEPTH * ASCANS))
        answer = {"index": index, "shape": [DEPTH, ASCANS], "apart": apart}
        if index >= bad_at:
            if habit == "crash":
                os.abort()
            if habit == "hang":
                time.sleep(60)
            if habit == "crawl":
                time.sleep(0.4)
            if habit == "refuse":
                raise IngestError("damaged-frame", f"B-scan {index + 1} is damaged.")
            if habit == "memory":
                bytearray(1 << 40)
            if habit == "stall":
                for descriptor in range(3, 20):
                    try:
                        os.write(descriptor, b"\\x20\\x00")
                    except OSError:
                        pass
                time.sleep(60)
            if habit == "rubbish":
                answer = {"no": "picture"}
            if habit == "other picture":
                answer["index"] = index + 1
            if habit == "other shape":
                answer["shape"] = [ASCANS, DEPTH]
            if habit == "too many":
                yield answer, memoryview(picture)
            if habit == "too few":
                return
        yield answer, memoryview(picture)

sys.modules["made_of_numbers"] = types.SimpleNamespace(frames=frames)
child.TASKS["frames"] = "made_of_numbers:frames"
child.main(json.loads(sys.argv[2]))
""".replace("DEPTH", str(DEPTH)).replace("ASCANS", str(ASCANS))


@dataclass
class Habits:
    """How the processes behave.

    Attributes:
        first: Habit of the first process; empty for a good one.
        helpers: That of the others.
        bad_at: First picture at which a habit shows.
        cost_s: Processor time of a picture.
        apart: What every picture says (see ``crew.Decoded``).
        signal: Where a file appears once helpers decoded enough or were lost; the first process
            waits for it with the pictures after the twentieth.
        settings: What each process was started with, in order.
    """

    first: str = ""
    helpers: str = ""
    bad_at: int = 12
    cost_s: float = 0.004
    apart: bool = True
    signal: Path | None = None
    settings: list[dict[str, object]] = field(default_factory=list)

    def command(self, settings: str) -> list[str]:
        """Stands for ``contained.child_command``."""
        helper = bool(self.settings)
        self.settings.append(json.loads(settings))
        signal = "" if helper or self.signal is None else str(self.signal)
        habit = self.helpers if helper else self.first
        told = json.dumps([habit, self.bad_at, self.cost_s, self.apart, signal])
        return [sys.executable, "-c", _CHILD, json.dumps(sys.path), settings, told]


def expected(bscans: int) -> NDArray[np.uint8]:
    """The voxels that the processes give."""
    at = np.arange(DEPTH * ASCANS)
    return np.stack(
        [
            ((index * 7 + at) % 251).astype(np.uint8).reshape(DEPTH, ASCANS)
            for index in range(bscans)
        ]
    )


def plan_of(bscans: int, *, files: int = 1) -> VolumePlan:
    """A volume of so many pictures, laid out over some files."""
    own = [InputFile(Path(f"file-{number}"), f"file-{number}", "folder") for number in range(files)]
    frames = tuple(FrameRef(own[index * files // bscans], index) for index in range(bscans))
    source = Source(label="file-0", sha256="0" * 64, format="numbers", key="numbers")
    return VolumePlan(source=source, task="frames", frames=frames, depth=DEPTH, ascans=ASCANS)


@dataclass
class Reading:
    """One reading by processes with habits.

    Attributes:
        crew: The processes.
        by_helpers: Places of the B-scans that helpers decoded.
        told: Place of each B-scan that the listener was told of, in order.
    """

    crew: Crew
    by_helpers: list[int]
    told: list[int] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def read(
        self,
        plan: VolumePlan,
        *,
        progress: Progress = silent,
        on_bscan: BscanListener | None = None,
        later: int = 0,
    ) -> OctVolume:
        """Decode a volume."""
        reporter = Reporter(progress)
        self.crew.tick = reporter.tick
        session = Session(self.crew.first, self.limits, reporter, self.crew)
        count = len(plan.frames)
        return decode_volume(
            plan,
            session,
            done_before=0,
            total=count + later,
            on_bscan=on_bscan or (lambda header, index, pixels: self.told.append(index)),
        )


def start(
    monkeypatch: pytest.MonkeyPatch,
    habits: Habits,
    *,
    cores: int = 2,
    limits: Limits = Limits(),  # noqa: B008 - immutable
) -> Reading:
    """Processes with habits; close the crew."""
    monkeypatch.setattr(contained, "child_command", habits.command)
    monkeypatch.setattr(crew, "usable_cores", lambda: cores)
    return Reading(Crew(limits, lambda: None), _watch(monkeypatch, habits.signal), limits=limits)


def _watch(monkeypatch: pytest.MonkeyPatch, signal: Path | None) -> list[int]:
    """Places of what helpers decode from now on; gives the signal."""
    places: list[int] = []
    hear: Callable[[crew.Member, float], crew.Decoded | None] = crew.Member.hear

    def watched(member: crew.Member, seconds: float) -> crew.Decoded | None:
        decoded = hear(member, seconds)
        if decoded is not None and member.contained.gentle:
            places.append(decoded.place)
            if signal is not None and len(places) > 10:
                signal.touch()
        return decoded

    lose = crew.Crew.lose

    def watched_lose(self: Crew, helper: crew.Member) -> None:
        lose(self, helper)
        if signal is not None:
            signal.touch()

    monkeypatch.setattr(crew.Member, "hear", watched)
    monkeypatch.setattr(crew.Crew, "lose", watched_lose)
    return places


def leftovers() -> tuple[int, int]:
    """Child processes of this one, and reading folders in the temporary folder."""
    folders = list(Path(tempfile.gettempdir()).glob("kdoct-read-*"))
    return len(psutil.Process().children(recursive=True)), len(folders)


@contextlib.contextmanager
def no_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails where a process or a folder is left behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert leftovers() == (0, 0)
