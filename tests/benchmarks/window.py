"""How the window feels and what it costs, measured in processes of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from kdoct_desktop.app.paths import DATA_VARIABLE, HOME_VARIABLE
from kdoct_desktop.inference.signing import public_pem
from tests.benchmarks.measures import Measure, at_most, stated
from tests.benchmarks.subject import Subject, phantom_voxels, write_volume

ROOT = Path(__file__).resolve().parents[2]
_MIB = 1 << 20
_LIMIT_S = 300.0


def start(folder: Path, *, rounds: int) -> list[Measure]:
    """From the start of the process to the first painted window, files in the cache."""
    times = [child(folder, "start")["shown_s"] for _ in range(rounds + 1)]
    return [at_most("window shown, warm start", min(times[1:]), unit="s", limit=1.5)]


def feel(subject: Subject, folder: Path) -> list[Measure]:
    """Switching B-scans with the heatmap shown, and how long the window's thread is busy."""
    home = _home(subject, folder)
    path = write_volume(phantom_voxels(), folder / "feel.dcm")
    told = child(home, "feel", str(path))
    return [
        at_most("switch of B-scan with heatmap, p99", told["switch_p99_ms"], unit="ms", limit=16.0),
        stated("switch of B-scan with heatmap, median", told["switch_median_ms"], unit="ms"),
        at_most(
            "window's thread blocked while opening and analysing, longest",
            told["blocked_ms"],
            unit="ms",
            limit=50.0,
            note=f"p99 {told['blocked_p99_ms']:.0f} ms; other programs count as well",
        ),
        stated("window's thread computing without a pause, longest", told["busy_ms"], unit="ms"),
    ]


def memory(subject: Subject, folder: Path, *, bscans: int = 512) -> list[Measure]:
    """Peak memory of window and children for a short and a long volume.

    Counted is the proportional set: memory that two processes share counts once.
    """
    home = _home(subject, folder)
    peaks, sizes = [], []
    for count in (49, bscans):
        voxels = phantom_voxels(count)
        path = write_volume(voxels, folder / f"memory{count}.dcm")
        sizes.append(voxels.nbytes)
        peaks.append(child(home, "feel", str(path), watch=True)["peak_bytes"])
        path.unlink()
    growth = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    return [
        stated("peak memory, 49 B-scans", peaks[0] / _MIB, unit="MiB"),
        stated(f"peak memory, {bscans} B-scans", peaks[1] / _MIB, unit="MiB"),
        at_most(
            "growth of peak memory / growth of the voxels",
            growth,
            unit="ratio",
            limit=1.05,
            note=f"voxels grow by {(sizes[1] - sizes[0]) / _MIB:.0f} MiB; results and the en-face"
            " projection of each B-scan come on top",
        ),
    ]


def _home(subject: Subject, folder: Path) -> Path:
    """A home in which the subject is installed and in use."""
    home = folder / "home"
    models, keys = home / "data" / "models", home / "data" / "keys"
    models.mkdir(parents=True, exist_ok=True)
    keys.mkdir(parents=True, exist_ok=True)
    (models / "subject.kdmodel").write_bytes(subject.path.read_bytes())
    for number, key in enumerate(subject.trusted_keys):
        (keys / f"{number}.pub").write_bytes(public_pem(key))
    state = {"schema": 1, "active": "subject", "history": []}
    (models / "registry.json").write_text(json.dumps(state), encoding="utf-8")
    return home


def child(
    home: Path, what: str, *arguments: str, side: str = "window_child", watch: bool = False
) -> dict[str, Any]:
    """Run one measurement off screen in a process of its own; its last line is the answer.

    Args:
        home: Of the program.
        what: Name of the measurement.
        arguments: Of the measurement.
        side: Module of this package that measures.
        watch: Follow the memory as well: ``peak_bytes`` of the answer.
    """
    environment = {**os.environ, HOME_VARIABLE: str(home), "QT_QPA_PLATFORM": "offscreen"}
    environment.pop(DATA_VARIABLE, None)
    environment["KDOCT_BENCHMARK_START"] = str(time.time())
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{side}", what, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    peak = _watch(process) if watch else 0
    answer, _ = process.communicate(timeout=_LIMIT_S)
    if process.returncode != 0:
        raise RuntimeError(f"the measurement {what} ended with {process.returncode}")
    return {**json.loads(answer.splitlines()[-1]), "peak_bytes": peak}


def _watch(process: "subprocess.Popen[str]") -> int:
    """Largest memory of a process and everything below it, in bytes, until it ends."""
    root, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        used = sum(_proportional(each) for each in (root, *_below(root)))
        peak = max(peak, used)
        time.sleep(0.02)
    return peak


def _below(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _proportional(process: psutil.Process) -> int:
    """Proportional set size where the system tells it, else the resident one."""
    try:
        told = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(told, "pss", told.rss))
