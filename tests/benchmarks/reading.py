"""Long compressed volumes: one reading process against one a core, and what it takes in memory."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from kdoct_desktop.io.crew import usable_cores
from kdoct_desktop.io.readers import VolumeHeader, open_volumes, start_reading
from tests.benchmarks.measures import Measure, at_least, at_most, stated, times_as_fast
from tests.benchmarks.subject import write_volume
from tests.benchmarks.window import child
from training.phantom import PhantomSpec, generate

BSCANS, ASCANS = 97, 768
_SYNTAXES = {"JPEG 2000": JPEG2000Lossless, "JPEG-LS": JPEGLSLossless}
_READY_S = 1.5  # processes that wait load their libraries


@dataclass(frozen=True, slots=True)
class _Times:
    """Seconds from the opening to the first B-scan, to the last one, and to the end."""

    first: float
    last: float
    whole: float

    @property
    def decoding(self) -> float:
        """All B-scans but the first, which waits for the header."""
        return self.last - self.first


def on_all_cores(folder: Path, *, rounds: int, bscans: int = BSCANS) -> list[Measure]:
    """Decode in one process, in one a core that waits, and in one a core that has to start.

    Args:
        folder: For the files.
        rounds: How often; the three take turns.
        bscans: Of each volume.
    """
    voxels = long_phantom(bscans)
    measures: list[Measure] = []
    for name, syntax in _SYNTAXES.items():
        path = write_volume(voxels, folder / "long.dcm", syntax=syntax)
        measures += _compared(f"{name}, {bscans} B-scans", path, rounds)
        measures.append(_memory(f"{name}, {bscans} B-scans", path, voxels.nbytes))
        path.unlink()
    return measures


def long_phantom(bscans: int) -> NDArray[np.uint8]:
    """A phantom with as many A-scans as a large scan; more than 49 B-scans repeat."""
    spec = PhantomSpec(seed=213, condition="CNV", bscans=49, ascans=ASCANS, localizer_size=0)
    voxels = generate(spec).voxels
    return np.ascontiguousarray(np.resize(voxels, (bscans, *voxels.shape[1:])))


def _in_turns(path: Path, rounds: int) -> dict[str, list[_Times]]:
    """Open a file in each way in turn; the first round fills the file cache."""
    taken: dict[str, list[_Times]] = {"one": [], "waiting": [], "starting": []}
    for _ in range(rounds + 1):
        for how, times in taken.items():
            times.append(_open(path, how, usable_cores()))
    return {how: times[1:] for how, times in taken.items()}


def _compared(name: str, path: Path, rounds: int) -> list[Measure]:
    taken = _in_turns(path, rounds)

    def faster(how: str, seconds: Callable[[_Times], float]) -> float:
        ours, others = ([seconds(times) for times in taken[key]] for key in (how, "one"))
        return times_as_fast(ours, others)

    one, all_ = (
        statistics.median(times.decoding for times in taken[how]) for how in ("one", "waiting")
    )
    seconds = f"{one:.2f} s by one, {all_:.2f} s by {usable_cores()}, after the first B-scan"
    return [
        at_least(
            f"{name}: decoded by one core / by all",
            faster("waiting", lambda times: times.decoding),
            unit="ratio",
            limit=1.7,
            note=seconds,
        ),
        stated(
            f"{name}: opened by one core / by all",
            faster("waiting", lambda times: times.whole),
            unit="ratio",
        ),
        stated(
            f"{name}: the same with helpers that have to start",
            faster("starting", lambda times: times.whole),
            unit="ratio",
            note="as with the first such file after the program's start",
        ),
        at_most(
            f"{name}: first B-scan / whole volume",
            statistics.median(times.first / times.whole for times in taken["waiting"]),
            unit="ratio",
            limit=0.5,
        ),
    ]


def _open(path: Path, how: str, cores: int) -> _Times:
    """Open a file as a window does that stands open."""
    ready = start_reading(helpers=cores - 1 if how == "waiting" else 0)
    if how == "one":
        ready.most = 0
    time.sleep(_READY_S)
    seen: list[float] = []

    def note(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        seen.append(time.perf_counter() - started)

    started = time.perf_counter()
    opened = open_volumes(path, ready=ready, on_bscan=note)
    whole = time.perf_counter() - started
    if len(opened.studies) != 1:
        raise RuntimeError("the volume was not read")
    return _Times(seen[0], seen[-1], whole)


def _memory(name: str, path: Path, voxel_bytes: int) -> Measure:
    """How much the program itself grows while it opens a file, in a process of its own."""
    told = child(path.parent, "memory", str(path), side="reading_child")
    return at_most(
        f"{name}: growth of peak memory / voxels",
        told["grown_bytes"] / voxel_bytes,
        unit="ratio",
        limit=1.3,
        note=f"the program's own; {told['helpers']:.0f} helpers at most would be of use",
    )
