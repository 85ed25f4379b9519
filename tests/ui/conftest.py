"""A window on made-up services, closed after every test with no thread left."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.ui.main import create_application, grab, make_window
from kdoct_desktop.ui.main_window import MainWindow
from tests import samples
from tests.ui.fake_services import PATH, FakeServices

MakeWindow = Callable[..., MainWindow]
GRABS = "KDOCT_GRABS"
"""Environment variable: folder into which the grab tests write what they look at."""


@pytest.fixture
def open_window(qtbot: QtBot) -> Iterator[MakeWindow]:
    """Makes windows, by default with the study of the services open and analysed."""
    windows: list[MainWindow] = []
    threads = threading.active_count()
    create_application()

    def make(services: FakeServices, *, opened: bool = True) -> MainWindow:
        window = make_window(services)
        windows.append(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        window.start()
        if opened:
            window.open([PATH])
            qtbot.waitUntil(lambda: not window.desk.busy and not window.runner.busy)
        return window

    yield make
    for window in windows:
        window.close()
        window.deleteLater()
    qtbot.wait(1)
    assert threading.active_count() <= threads


@lru_cache(maxsize=1)
def both_eyes() -> StudyAnalysis:
    """A right eye with CNV and a normal left eye; made once, nothing in it can be changed."""
    return with_own_keys(samples.study_analysis())


def with_own_keys(analysis: StudyAnalysis) -> StudyAnalysis:
    """The analysis with a key for each scan that tells it from the others, as readers give."""
    items = []
    for number, item in enumerate(analysis.volumes):
        source = replace(item.volume.source, key=f"series {number}")
        items.append(replace(item, volume=replace(item.volume, source=source)))
    study = replace(analysis.study, volumes=tuple(item.volume for item in items))
    return replace(analysis, study=study, volumes=tuple(items))


@lru_cache(maxsize=1)
def every_state() -> dict[str, StudyAnalysis]:
    """One small visit for each kind of result."""
    return samples.every_state()


def keep_grab(window: MainWindow, name: str, *, scale: float = 1.0) -> None:
    """Write a picture of the window where `GRABS` says; nothing where it is not set."""
    folder = os.environ.get(GRABS)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        grab(window, scale=scale).save(str(Path(folder) / f"{name}.png"))
