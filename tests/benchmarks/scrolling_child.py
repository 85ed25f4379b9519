"""The measuring side of ``scrolling``: runs the window on made-up results, prints one JSON line."""

import json
import statistics
import sys
import time
from itertools import pairwise

from PySide6.QtCore import QCoreApplication, QPointF, Qt, QTimer
from PySide6.QtGui import QImage, QPainter

from kdoct_desktop.ui.layer import scaled
from kdoct_desktop.ui.main import show_window
from kdoct_desktop.ui.main_window import MainWindow
from kdoct_desktop.ui.overlay import grey_colours, indexed_image
from tests import samples
from tests.benchmarks.window_child import wait
from tests.ui.fake_services import PATH, FakeServices

_FULL = (49, 496, 768)
_LONGER = 4
_MANY = (512, 96, 128)
_STEP = 11  # shares no factor with the B-scans: each is switched to
_BEAT_MS = 10


def switches(turns: int) -> dict[str, float]:
    """Processor time of switches of the B-scan in a scan of full size and in a longer one.

    Args:
        turns: How often each B-scan of the first is switched to; as often it is the turn of the
            second, and of what no viewer can leave out.
    """
    bscans, depth, ascans = _FULL
    window = show_window(FakeServices())
    scans = [samples.of_size(many, depth, ascans) for many in (bscans, _LONGER * bscans)]
    window.show_analyses(scans)
    full: list[list[float]] = []
    longer, bare = [], []  # ratios, one a turn
    for turn in range(-1, turns):
        first, second = (_turn(window, visit) for visit in range(2))
        least = [_bare_ms(window) for _ in range(bscans)]
        if turn >= 0:  # the turn before them warms up
            full.append(first)
            longer.append(statistics.median(second) / statistics.median(first))
            bare.append(statistics.median(first) / statistics.median(least))
    window.close()
    every = sorted(time_ms for times in full for time_ms in times)
    return {
        "median_ms": statistics.median(every),
        "p99_ms": every[int(len(every) * 0.99)],
        "slowest_ms": max(min(times) for times in zip(*full, strict=True)),
        "longer": statistics.median(longer),
        "bare": statistics.median(bare),
    }


def _turn(window: MainWindow, visit: int) -> list[float]:
    """Switches in a visit; in the first, to each of its B-scans in the same order every time."""
    window.bench.choose_visit(visit)
    _rest(window)
    return [_switch_ms(window) for _ in range(_FULL[0])]


def many() -> dict[str, float]:
    """Work of the window's thread between two beats while many B-scans come and are looked at."""
    window = show_window(FakeServices(samples.of_size(*_MANY)))
    _rest(window)
    spent = [time.thread_time()]
    timer = QTimer(window)
    timer.timeout.connect(lambda: spent.append(time.thread_time()))
    timer.start(_BEAT_MS)
    window.open([PATH])
    wait(lambda: not window.desk.busy and not window.runner.busy)
    for index in range(0, _MANY[0], 5):
        window.bench.go_to(index)
        QCoreApplication.processEvents()
    timer.stop()
    window.close()
    busy = sorted(1000.0 * (after - before) for before, after in pairwise(spent))
    return {
        "beats": float(len(busy)),
        "longest_ms": busy[-1],
        "p95_ms": busy[int(len(busy) * 0.95)],
    }


def _rest(window: MainWindow) -> None:
    """Let everything that is under way end, so that a switch is measured alone."""
    wait(lambda: not window.runner.busy and not window.read.enface._soon.isActive())
    QCoreApplication.processEvents()


def _switch_ms(window: MainWindow) -> float:
    """Milliseconds of processor time from the wish to the painted picture with its heatmap."""
    scan = window.bench.scan
    if scan is None or not window.bench.look.heatmap:
        raise RuntimeError("no scan with a heatmap is shown")
    window.read.bscan._heats.clear()  # nothing is prepared: the worst case
    began = time.process_time()
    window.bench.go_to((window.bench.index + _STEP) % scan.shape[0])
    QCoreApplication.processEvents()
    return 1000.0 * (time.process_time() - began)


def _bare_ms(window: MainWindow) -> float:
    """The same for what no viewer can leave out: the tissue, scaled to the view and painted."""
    scan, view = window.bench.scan, window.read.bscan
    placement = view.placement()
    pixels = scan.bscan(window.bench.index) if scan is not None else None
    if pixels is None or placement is None:
        raise RuntimeError("no scan is shown")
    rows, columns = pixels.shape
    screen = QImage(view.size(), QImage.Format.Format_RGB32)
    began = time.process_time()
    image = indexed_image(pixels, grey_colours(0, 255, inverted=False))
    size = (round(columns * placement.across), round(rows * placement.down))
    painter = QPainter(screen)
    painter.fillRect(screen.rect(), Qt.GlobalColor.black)
    painter.drawImage(QPointF(placement.left, placement.top), scaled(image, size))
    painter.end()
    return 1000.0 * (time.process_time() - began)


def main(arguments: list[str]) -> int:
    """Measure what is named and print it."""
    told = many() if arguments[0] == "many" else switches(int(arguments[1]))
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
