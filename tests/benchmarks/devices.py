"""Device files: how fast a whole one is opened, against the readers of others, in the same run."""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.decode import VolumeHeader
from kdoct_desktop.io.readers import open_volumes, start_reading
from tests.benchmarks.measures import Measure, at_least, at_most
from tests.io.devices import write_e2e, write_topcon, write_vol
from tests.oracles.oracle import PYTHON, ask
from tests.sample_scans import retina

Write = Callable[[Path, int], Path]
_READY_S = 1.0  # the reading process waits while somebody chooses a file
BSCANS, DEPTH, ASCANS = 97, 496, 768


def against_others(folder: Path, *, rounds: int, bscans: int = BSCANS) -> list[Measure]:
    """Open a whole scan of each format as the program does and as others do, in turn.

    Ours includes the reading process, its pipe and the copy into the volume; it is started ahead,
    as the window does. Theirs counts neither start nor import.

    Args:
        folder: For the files.
        rounds: How often.
        bscans: Of each scan.
    """
    if not PYTHON.exists():
        return []
    measures: list[Measure] = []
    for name, (reader, write) in _SCANS.items():
        path = write(folder, bscans)
        ours, theirs, firsts = [], [], []
        for _ in range(rounds):
            whole, first = _open(path)
            ours.append(whole)
            firsts.append(first / whole)
            theirs += ask(reader, path, folder).seconds
        ratio = statistics.median(theirs) / statistics.median(ours)
        note = f"{bscans} B-scans in {statistics.median(ours):.2f} s, {reader} is the other"
        measures += [
            at_least(
                f"{name}: time of another reader / ours", ratio, limit=1.0, unit="ratio", note=note
            ),
            at_most(
                f"{name}: first B-scan / whole file",
                statistics.median(firsts),
                limit=0.5,
                unit="ratio",
            ),
        ]
        path.unlink()
    return measures


def _open(path: Path) -> tuple[float, float]:
    """Seconds until the whole file is read, and until its first B-scan is there."""
    firsts: list[float] = []

    def on_bscan(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        del header, index, pixels
        if not firsts:
            firsts.append(time.perf_counter() - began)

    ready = start_reading()
    time.sleep(_READY_S)
    began = time.perf_counter()
    opened = open_volumes(path, on_bscan=on_bscan, ready=ready)
    whole = time.perf_counter() - began
    assert len(opened.studies) == 1
    return whole, firsts[0]


def _tissue(bscans: int, depth: int, ascans: int) -> NDArray[np.uint8]:
    """B-scans of full size: a few different ones over and over, as speckle compresses badly."""
    few = retina(5, depth, ascans)
    return np.ascontiguousarray(few[np.arange(bscans) % len(few)])


def _vol(folder: Path, bscans: int) -> Path:
    values = write_vol.reflectance(_tissue(bscans, DEPTH, ASCANS))
    slo = np.zeros((1536, 1536), np.uint8)
    return write_vol.write_vol(folder / "speed.vol", values, slo=slo)


def _e2e(folder: Path, bscans: int) -> Path:
    scan = write_e2e.Scan(_tissue(bscans, DEPTH, ASCANS), write_e2e.raster(bscans))
    return write_e2e.write_e2e(folder / "speed.e2e", scan)


def _fda(folder: Path, bscans: int) -> Path:
    parts: list[Any] = write_topcon.fda(_tissue(bscans, 650, 512))
    return write_topcon.save(folder / "speed.fda", parts)


_SCANS: Mapping[str, tuple[str, Write]] = {
    ".vol": ("eyepy-vol", _vol),
    ".e2e": ("E2E", _e2e),
    ".fda": ("FDA", _fda),
}
