"""Scrolling works on one B-scan, and many B-scans come in slices: counted, not timed.

What it costs is measured by ``python -m tests.benchmarks scrolling``.
"""

import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from pytestqt.qtbot import QtBot

from kdoct_desktop.ui import desk, enface_view, jobs, layer, overlay
from kdoct_desktop.ui.enface_view import EnfaceView
from kdoct_desktop.ui.evidence import Evidence
from kdoct_desktop.ui.main_window import MainWindow
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.strip_chart import StripChart
from tests import samples
from tests.ui.conftest import MakeWindow
from tests.ui.counting import Calls, SteppingClock, WatchedVoxels, steps
from tests.ui.fake_services import PATH, FakeServices

FEW, MANY = 7, 140
LONG = 512
NEVER_MS = 3_600_000


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Counts everything that makes a picture, and every look at a B-scan."""
    calls = Calls(monkeypatch)
    calls.watch(Scan, "bscan")
    calls.watch(layer, "scaled")
    calls.watch(overlay, "make_heat")
    calls.watch(Evidence, "_make_en_face")
    calls.watch(enface_view, "front_pixels", "evidence_contours")
    calls.watch(EnfaceView, "_paint_base")
    calls.watch(StripChart, "_paint_bars")
    return calls


@pytest.fixture
def show(open_window: MakeWindow, qtbot: QtBot) -> Callable[[int], MainWindow]:
    """Shows a scan of so many B-scans with evidence on each, and waits until all is quiet."""

    def make(bscans: int) -> MainWindow:
        window = open_window(FakeServices(), opened=False)
        window.show_analyses([samples.of_size(bscans, 120, 128)])
        assert window.bench.look.heatmap
        enface = window.read.enface
        qtbot.waitUntil(lambda: not window.runner.busy and not enface._soon.isActive())
        QCoreApplication.processEvents()
        return window

    return make


def switch(window: MainWindow, index: int) -> None:
    window.bench.go_to(index)
    QCoreApplication.processEvents()


def test_a_switch_colours_one_heatmap_and_scales_one_bscan_and_nothing_else(
    show: Callable[[int], MainWindow], calls: Calls
) -> None:
    window = show(49)
    assert len(window.read.bscan.panes()) == 2  # the same picture is drawn in both
    for index in (3, 4, 30, 0, 48):
        made = calls.during(partial(switch, window, index))
        assert made == Counter(bscan=1, scaled=1, make_heat=1)


def test_a_switch_takes_one_bscan_out_of_the_volume(show: Callable[[int], MainWindow]) -> None:
    window = show(49)
    scan = window.bench.scan
    assert scan is not None
    assert scan.volume is not None
    voxels = WatchedVoxels(scan.volume.voxels)
    object.__setattr__(scan.volume, "voxels", voxels)
    for index in (3, 4, 30):
        switch(window, index)
    assert voxels.asked == [3, 4, 30]


def test_a_heatmap_that_was_seen_is_kept(show: Callable[[int], MainWindow], calls: Calls) -> None:
    window = show(49)
    for index in (3, 4):
        switch(window, index)
    made = calls.during(partial(switch, window, 3))
    assert made == Counter(bscan=1, scaled=1)


def test_a_switch_takes_no_more_steps_in_a_longer_scan(show: Callable[[int], MainWindow]) -> None:
    taken = []
    for bscans in (FEW, MANY):
        window = show(bscans)
        switch(window, 1)
        switch(window, 2)
        taken.append(min(steps(partial(switch, window, index)) for index in (4, 5, 6)))
    assert taken[0] > 100
    assert taken[1] <= taken[0] * 1.05


def test_a_switch_takes_no_more_memory_in_a_longer_scan(
    show: Callable[[int], MainWindow],
) -> None:
    peaks = []
    for bscans in (FEW, MANY):
        window = show(bscans)
        switch(window, 1)
        switch(window, 2)
        peaks.append(max(peak(partial(switch, window, index)) for index in (4, 5, 6)))
    volume = MANY * 120 * 128
    assert 0 < peaks[1] <= peaks[0] * 1.1
    assert peaks[1] < volume / 8


def peak(act: Callable[[], object]) -> int:
    """Most bytes that Python and numpy hold at a time beyond what they held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        act()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_more_about_the_shown_scan_is_drawn_from_the_front_after_the_other_views(
    open_window: MakeWindow, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enface_view, "_GROWS_MS", NEVER_MS)
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([samples.of_size(FEW, 48, 64), samples.of_size(FEW + 2, 48, 64)])
    QCoreApplication.processEvents()

    def other() -> None:
        window.bench.choose_visit(1)
        QCoreApplication.processEvents()

    def more() -> None:
        window.bench.scan_changed.emit()
        QCoreApplication.processEvents()

    assert calls.during(other)["evidence_contours"] == 1  # never those of the scan before
    made = calls.during(more)
    assert made["_paint_bars"] == 1
    assert made["evidence_contours"] == made["_paint_base"] == 0


@pytest.mark.parametrize("located", [True, False])
def test_many_bscans_are_drawn_by_the_slice_and_not_one_by_one(
    open_window: MakeWindow,
    qtbot: QtBot,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
    located: bool,
) -> None:
    monkeypatch.setattr(jobs, "time", SteppingClock(0.0001))
    for module in (desk, enface_view):  # what comes every few moments only may not come at all
        monkeypatch.setattr(module, "_GROWS_MS", NEVER_MS)
    calls.watch(jobs.Job, "hand_over")
    window = open_window(FakeServices(samples.of_size(LONG, 48, 64, located=located)), opened=False)
    qtbot.waitUntil(lambda: not window.runner.busy)

    def opened() -> None:
        window.open([PATH])
        qtbot.waitUntil(lambda: not window.desk.busy and not window.runner.busy, timeout=30_000)

    made = calls.during(opened)
    scan = window.bench.scan
    assert scan is not None
    assert scan.evidence is not None
    assert scan.evidence.known == LONG
    assert made["hand_over"] < LONG / 8
    assert made["_paint_bars"] <= made["hand_over"] + 4
    for whole in ("front_pixels", "evidence_contours", "_make_en_face", "_paint_base", "make_heat"):
        assert made[whole] <= 8, whole


def test_reading_and_projecting_are_done_outside_the_window_s_thread(
    open_window: MakeWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, int] = {}

    def note(name: str, work: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object) -> object:
            threads[name] = threading.get_ident()
            return work(*arguments)

        return noted

    for name in ("read", "project"):
        monkeypatch.setattr(desk, name, note(name, getattr(desk, name)))
    analysis = samples.of_size(9, 48, 64, located=False)
    window = open_window(FakeServices(analysis))
    window.show_analyses([analysis])
    qtbot.waitUntil(lambda: not window.runner.busy)
    assert sorted(threads) == ["project", "read"]
    assert threading.get_ident() not in threads.values()


def test_progress_is_painted_with_the_rest_of_the_window_and_not_at_once(
    open_window: MakeWindow,
) -> None:
    painted: list[QObject] = []

    class Painted(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
            if event.type() == QEvent.Type.Paint:
                painted.append(watched)
            return False

    window, painter = open_window(FakeServices()), Painted()
    window.show_analyses([samples.of_size(FEW, 48, 64)])
    window.read.panel.set_program(working=True)
    box = window.read.panel.progress
    box.show_progress(0, LONG, "reading")
    QCoreApplication.processEvents()
    box._bar.installEventFilter(painter)
    for done in range(LONG):
        box.show_progress(done, LONG, "reading")
    assert painted == []
    QCoreApplication.processEvents()
    assert painted == [box._bar]
    assert box._bar.value() == LONG - 1
