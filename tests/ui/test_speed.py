"""Scrolling is instant and the window's thread stays free."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QTimer
from pytestqt.qtbot import QtBot

from kdoct_desktop.domain.volume import OctVolume
from tests import samples
from tests.sample_scans import volume
from tests.ui.conftest import MakeWindow
from tests.ui.fake_services import PATH, FakeServices

FRAME_MS = 16.0


def large(bscans: int, depth: int, ascans: int) -> OctVolume:
    """A volume of full size, made of a few B-scans over and over."""
    few = volume(bscans=7, depth=depth, ascans=ascans, lesion=(3, ascans // 2))
    voxels = few.voxels[np.arange(bscans) % 7]
    lines = np.zeros((bscans, 2, 2), dtype=np.float32)
    lines[:, :, 0] = np.linspace(40, 210, bscans)[:, None]
    lines[:, 1, 1] = 255.0
    return replace(few, voxels=voxels, scan_lines=lines)


def test_switching_the_bscan_with_heatmap_takes_less_than_a_frame(
    open_window: MakeWindow, record_property: pytest.FixtureRequest
) -> None:
    scan = large(49, 496, 768)
    said = samples.prediction(scan, code="CNV", at=(24, 400), spread=9.0)
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([samples.study_analysis(samples.analysed(scan, said))])
    assert window.bench.look.heatmap
    QCoreApplication.processEvents()
    spent = []
    for number in range(200):
        window.read.bscan._heats.clear()  # nothing is prepared: the worst case
        began = time.process_time()
        window.bench.go_to((number * 7) % 49)
        QCoreApplication.processEvents()
        spent.append(1000.0 * (time.process_time() - began))
    p99 = float(np.percentile(spent, 99))
    assert p99 < FRAME_MS, f"p99 {p99:.1f} ms of processor time"


def test_five_hundred_bscans_open_and_scroll_without_a_freeze(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    scan = large(512, 96, 128)
    said = samples.prediction(scan, code="CNV", at=(250, 64), spread=30.0)
    analysis = samples.study_analysis(samples.analysed(scan, said))
    window = open_window(FakeServices(analysis), opened=False)
    qtbot.waitUntil(lambda: not window.runner.busy)
    beats = [time.perf_counter()]
    cpu: list[float] = [time.thread_time()]
    timer = QTimer()

    def beat() -> None:
        beats.append(time.perf_counter())
        cpu.append(time.thread_time())

    timer.timeout.connect(beat)
    timer.start(10)
    window.open([PATH])
    qtbot.waitUntil(lambda: not window.desk.busy and not window.runner.busy, timeout=30_000)
    for index in range(0, 512, 5):
        window.bench.go_to(index)
        QCoreApplication.processEvents()
    timer.stop()
    busy = [after - before for before, after in pairwise(cpu)]
    assert len(beats) > 20
    assert max(busy) < 0.1  # seconds of the window's own work between two beats
    assert sorted(busy)[int(len(busy) * 0.95)] < 0.05
