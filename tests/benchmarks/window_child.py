"""The measuring side of ``window``: runs the real window off screen and prints one JSON line."""

import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_SWITCHES = 400
_BEAT_MS = 1
_LIMIT_S = 120.0


def shown() -> dict[str, float]:
    """Seconds from the start of the process to the first painted window."""
    from PySide6.QtCore import QCoreApplication

    from kdoct_desktop.app.services import DesktopServices
    from kdoct_desktop.ui.main import create_application, make_window

    create_application()
    services = DesktopServices()
    window = make_window(services)
    window.show()
    QCoreApplication.processEvents()  # paints
    taken = time.time() - float(os.environ["KDOCT_BENCHMARK_START"])
    window.close()
    services.close()
    return {"shown_s": taken}


def feel(path: Path) -> dict[str, float]:
    """Open and analyse a scan in the window, then walk through its B-scans."""
    from PySide6.QtCore import QCoreApplication, QTimer

    from kdoct_desktop.app.services import DesktopServices
    from kdoct_desktop.ui.main import show_window

    services = DesktopServices()
    window = show_window(services)
    troubles: list[object] = []
    window.desk.troubled.connect(troubles.append)
    beats: list[tuple[float, float]] = []
    timer = QTimer(window)
    timer.setInterval(_BEAT_MS)
    timer.timeout.connect(lambda: beats.append((time.perf_counter(), time.thread_time())))
    QCoreApplication.processEvents()
    wait(lambda: window.desk.model_known, troubles)
    timer.start()
    window.open([path])
    wait(lambda: _done(window), troubles)
    timer.stop()
    pairs = list(itertools.pairwise(beats))
    gaps = sorted(1000.0 * (after[0] - before[0]) for before, after in pairs)
    busy = max(1000.0 * (after[1] - before[1]) for before, after in pairs)
    switches = _switch(window)
    window.close()
    services.close()
    return {
        "blocked_ms": gaps[-1],
        "blocked_p99_ms": gaps[int(len(gaps) * 0.99)],
        "busy_ms": busy,
        "switch_median_ms": statistics.median(switches),
        "switch_p99_ms": sorted(switches)[int(len(switches) * 0.99)],
    }


def wait(reached: Callable[[], bool], troubles: Sequence[object] = ()) -> None:
    """Let the window live until something is reached; what goes wrong lands in `troubles`."""
    from PySide6.QtCore import QCoreApplication

    deadline = time.monotonic() + _LIMIT_S
    while not reached():
        QCoreApplication.processEvents()
        time.sleep(0.0002)
        if troubles or time.monotonic() > deadline:
            raise RuntimeError(f"the scan was not analysed: {list(troubles)}")


def _done(window: Any) -> bool:
    scan = window.bench.scan
    return scan is not None and scan.result is not None and not window.desk.busy


def _switch(window: Any) -> list[float]:
    """Milliseconds from the wish for another B-scan to its painted picture with heatmap."""
    from PySide6.QtCore import QCoreApplication

    bench = window.bench
    if not bench.look.heatmap:
        bench.change_look(heatmap=True)
    QCoreApplication.processEvents()
    count = bench.scan.shape[0]
    taken = []
    for number in range(_SWITCHES):
        index = (number * 7) % count if number % 2 else number % count
        started = time.perf_counter()
        bench.go_to(index)
        QCoreApplication.processEvents()
        taken.append(1000.0 * (time.perf_counter() - started))
    return taken


def main(arguments: list[str]) -> int:
    """Measure what is named and print it."""
    told = shown() if arguments[0] == "start" else feel(Path(arguments[1]))
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
