"""Every screen in both themes and several sizes: nothing clipped, everything named and reachable.

Set ``KDOCT_GRABS`` to a folder to have the pictures written there, and look at them.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.study import Patient, Problem
from kdoct_desktop.ui.bscan_view import BscanView
from kdoct_desktop.ui.enface_view import EnfaceView
from kdoct_desktop.ui.main_window import MainWindow
from kdoct_desktop.ui.strip_chart import StripChart
from kdoct_desktop.ui.theme import THEMES
from tests import samples
from tests.ui.conftest import MakeWindow, both_eyes, every_state, keep_grab, with_own_keys
from tests.ui.fake_services import Chosen, FakeServices

GERMAN = (
    "Unauffälliger Netzhautbefund",
    "Drusen und Pigmentepithelveränderungen",
    "Chorioidale Neovaskularisationsmembran",
    "Diabetisches Makulaödem",
)
NAME = "Schnarrenberger-Leutheusser^Maximiliane Wilhelmine Theodora Anna"
SCREENS = [
    (1440, 900, 1.0, "dark"),
    (1440, 900, 2.0, "light"),
    (1280, 720, 1.5, "dark"),
    (1280, 720, 1.0, "light"),
    (1920, 1080, 2.0, "dark"),
]
CONTROLS = (QAbstractButton, QComboBox, QLineEdit, QListWidget, QPlainTextEdit)
VIEWS = (BscanView, EnfaceView, StripChart)


def long_words() -> StudyAnalysis:
    """Both eyes with the longest names that a site may have."""
    analysis = both_eyes()
    model = replace(samples.MODEL, display_names=GERMAN)
    items = []
    for item in analysis.volumes:
        assert item.prediction is not None
        items.append(replace(item, prediction=replace(item.prediction, model=model)))
    study = replace(analysis.study, patient=Patient(NAME, "0" * 64))
    return with_own_keys(replace(analysis, study=study, volumes=tuple(items), model=model))


def fits(label: QLabel) -> bool:
    """True where the whole text of a label is inside it."""
    if label.wordWrap():
        return label.heightForWidth(label.width()) <= label.height() + 1
    hint = label.sizeHint()
    return hint.width() <= label.width() + 1 and hint.height() <= label.height() + 1


def clipped(window: MainWindow) -> list[str]:
    """Texts that are cut off; those that are cut in the middle on purpose have an ellipsis."""
    bad = [
        f"label {label.text()!r} {label.sizeHint()} {label.size()}"
        for label in window.findChildren(QLabel)
        if label.isVisible() and label.text() and "…" not in label.text() and not fits(label)
    ]
    for button in window.findChildren(QPushButton):
        metrics = QFontMetrics(button.font())
        needed = QSize(metrics.horizontalAdvance(button.text()), metrics.height())
        if button.isVisible() and (
            needed.width() > button.width() - 4 or needed.height() > button.height() - 4
        ):
            bad.append(f"button {button.text()!r}")
    return bad


def overlapping(window: MainWindow) -> list[str]:
    """Pairs of labels of one parent that lie over each other."""
    labels = [label for label in window.findChildren(QLabel) if label.isVisible() and label.text()]
    return [
        f"{first.text()!r} over {second.text()!r}"
        for at, first in enumerate(labels)
        for second in labels[at + 1 :]
        if first.parent() is second.parent() and first.geometry().intersects(second.geometry())
    ]


def nameless(window: MainWindow) -> list[str]:
    """Controls that a screen reader could not name."""
    return [
        f"{type(widget).__name__} {widget.objectName()}"
        for kind in (*CONTROLS, *VIEWS)
        for widget in window.findChildren(kind)
        if widget.isVisible() and not widget.accessibleName()
    ]


def unreachable(window: MainWindow) -> list[str]:
    """Controls that the Tab key does not come to."""
    reached: set[QWidget] = set()
    widget = window.nextInFocusChain()
    while widget is not window and widget is not None:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            reached.add(widget)
        widget = widget.nextInFocusChain()
    return [
        f"{type(widget).__name__} {widget.accessibleName()}"
        for kind in (*CONTROLS, *VIEWS)
        for widget in window.findChildren(kind)
        if widget.isVisible() and widget.isEnabled() and widget not in reached
    ]


def check(window: MainWindow, name: str, *, scale: float = 1.0) -> None:
    QApplication.processEvents()
    keep_grab(window, name, scale=scale)
    assert clipped(window) == []
    assert overlapping(window) == []
    assert nameless(window) == []
    assert unreachable(window) == []


@pytest.mark.parametrize(("width", "height", "scale", "theme"), SCREENS)
def test_the_reading_page_with_long_words(
    open_window: MakeWindow, width: int, height: int, scale: float, theme: str
) -> None:
    window = open_window(FakeServices(settings=Chosen(theme=theme)), opened=False)
    window.resize(width, height)
    window.show_analyses([long_words()])
    check(window, f"long-{width}x{height}-{scale:g}x-{theme}", scale=scale)
    assert "Schnarrenberger-Leutheusser" in window.header._name.toolTip()


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_every_state_of_a_finding(open_window: MakeWindow, theme: str) -> None:
    window = open_window(FakeServices(settings=Chosen(theme=theme)), opened=False)
    window.resize(1280, 720)
    for name, analysis in every_state().items():
        window.problem_line.clear()
        window.show_analyses([analysis])
        check(window, f"state-{name}-{theme}".replace(" ", "-").replace(",", ""))


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_the_other_pages(open_window: MakeWindow, qtbot: QtBot, theme: str) -> None:
    services = FakeServices(settings=Chosen(theme=theme))
    services.remembered = [Path("study.zip"), Path("n" * 64 + ".dcm")]
    window = open_window(services, opened=False)
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: not window.runner.busy)
    check(window, f"empty-{theme}")
    window.show_page(1)
    check(window, f"models-{theme}")
    window.show_page(2)
    check(window, f"settings-{theme}")


def test_the_sheet_of_keys(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    window.resize(1280, 720)
    window.show_analyses([both_eyes()])
    window.sheet.open()
    check(window, "keys-dark")


def _has_scan(window: MainWindow) -> bool:
    return window.bench.scan is not None


@pytest.mark.parametrize(("theme", "scale"), [("dark", 1.0), ("light", 2.0)])
def test_loading_analysing_and_no_model(
    open_window: MakeWindow, qtbot: QtBot, theme: str, scale: float
) -> None:
    chosen = Chosen(theme=theme)
    for name, model in (("reading", True), ("analysing", True), ("no-model", False)):
        services = FakeServices(both_eyes(), settings=chosen)
        if not model:
            services = FakeServices(both_eyes(), model=None, settings=chosen)
        services.read_gate = 9 if name == "reading" else None
        services.predict_gate = 12 if name == "analysing" else None
        window = open_window(services, opened=False)
        window.resize(1280, 720)
        window.open([Path("x")])
        qtbot.waitUntil(partial(_has_scan, window))
        qtbot.wait(150)
        check(window, f"{name}-{theme}", scale=scale)


def test_a_problem_with_details(open_window: MakeWindow) -> None:
    problems = tuple(
        Problem(f"file{at}.dcm", "truncated-file", "The file ends before its pixel data does.")
        for at in range(40)
    )
    window = open_window(FakeServices(), opened=False)
    window.resize(1280, 720)
    window.show_analyses([replace(both_eyes(), problems=problems)])
    window.problem_line._more.click()
    check(window, "problem-dark")


def test_many_scans_and_many_studies_fit(open_window: MakeWindow) -> None:
    scans = every_state()["found CNV"].volumes * 9
    analysis = with_own_keys(samples.study_analysis(*scans))
    window = open_window(FakeServices(), opened=False)
    window.resize(1280, 720)
    window.show_analyses([analysis, both_eyes(), long_words()])
    check(window, "many-dark")
    assert window.header._more.text() == "1 of 9"
    for _ in range(8):
        window.bench.step_scan(1)
    assert window.header._more.text() == "9 of 9"
    window.bench.step_scan(1)
    assert window.bench.visit_index == 1


def test_tool_buttons_are_large_enough(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([both_eyes()])
    QApplication.processEvents()
    for button in (*window.findChildren(QToolButton), *window.findChildren(QPushButton)):
        if button.isVisible():
            assert min(button.width(), button.height()) >= 32, button.accessibleName()
