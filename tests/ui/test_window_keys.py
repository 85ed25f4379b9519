"""Keys, wheel and pointer: what they do, and that everything shown follows."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from kdoct_desktop.ui.bscan_geometry import Aspect
from kdoct_desktop.ui.keys import KEYS
from kdoct_desktop.ui.main_window import MainWindow
from tests.ui.conftest import MakeWindow, both_eyes
from tests.ui.fake_services import FakeServices

K = Qt.Key
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def window(open_window: MakeWindow) -> MainWindow:
    """A right eye with CNV and a normal left eye."""
    return open_window(FakeServices(both_eyes()))


def press(window: MainWindow, *keys: Qt.Key, shift: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    for key in keys:
        QTest.keyClick(window, key, modifier)


def wheel(widget: QWidget, notches: int, *, ctrl: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ControlModifier if ctrl else Qt.KeyboardModifier.NoModifier
    at = QPointF(widget.rect().center())
    event = QWheelEvent(
        at,
        widget.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_a_study_opens_at_its_strongest_bscan(window: MainWindow) -> None:
    assert window.bench.index == 10


def test_arrows_step_one_and_with_shift_ten_and_the_ends_hold(window: MainWindow) -> None:
    window.bench.go_to(12)
    press(window, K.Key_Down, K.Key_Down, K.Key_Up)
    assert window.bench.index == 13
    press(window, K.Key_Up, shift=True)
    assert window.bench.index == 3
    press(window, K.Key_Up, shift=True)
    assert window.bench.index == 0
    press(window, K.Key_End)
    assert window.bench.index == 24
    press(window, K.Key_Down)
    assert window.bench.index == 24
    press(window, K.Key_Home)
    assert window.bench.index == 0


def test_arrows_scroll_whatever_has_the_focus(window: MainWindow) -> None:
    for widget in (window.read.chart, window.read.enface, window.read.panel._export):
        widget.setFocus()
        before = window.bench.index
        press(window, K.Key_Down)
        assert window.bench.index == before + 1


def test_left_and_right_change_the_eye_and_each_keeps_its_bscan(window: MainWindow) -> None:
    window.bench.go_to(3)
    press(window, K.Key_Right)
    assert window.bench.scan_index == 1
    window.bench.go_to(20)
    press(window, K.Key_Left)
    assert (window.bench.scan_index, window.bench.index) == (0, 3)
    press(window, K.Key_Right)
    assert window.bench.index == 20


def test_e_goes_from_peak_to_peak(window: MainWindow) -> None:
    window.bench.go_to(0)
    press(window, K.Key_E)
    assert window.bench.index == 10


def test_number_keys_choose_the_class_everywhere(window: MainWindow) -> None:
    assert window.bench.scan is not None
    assert window.bench.scan.evidence is not None
    assert window.bench.scan.evidence.classes == ("DRUSEN", "CNV", "DME", "NORMAL")
    assert window.bench.shown_class == 1
    press(window, K.Key_4)
    assert window.bench.shown_class == 3
    rows = window.read.panel._bars._rows
    assert [row.isChecked() for row in rows] == [False, False, False, True]


def test_look_keys_change_the_look_and_r_brings_it_back(window: MainWindow) -> None:
    press(window, K.Key_H, K.Key_I, K.Key_T, K.Key_G)
    look = window.bench.look
    assert (look.heatmap, look.inverted, look.twin, look.cells) == (True, True, False, True)
    press(window, K.Key_BracketLeft, K.Key_BracketLeft, K.Key_BracketRight)
    assert window.bench.look.opacity == pytest.approx(0.9)
    aspects = []
    for key in (K.Key_F, K.Key_P, K.Key_R):
        press(window, key)
        aspects.append(window.read.bscan.aspect)
    assert aspects == [Aspect.FILL, Aspect.PIXEL, Aspect.TRUE]
    assert not window.bench.look.inverted


def test_plus_and_minus_zoom_about_the_middle(window: MainWindow) -> None:
    view = window.read.bscan
    before = view.placement()
    press(window, K.Key_Plus)
    closer = view.placement()
    press(window, K.Key_Minus)
    after = view.placement()
    assert before is not None
    assert closer is not None
    assert closer.across == pytest.approx(before.across * 1.25)
    assert after == before


def test_the_wheel_scrolls_and_with_control_zooms(window: MainWindow) -> None:
    window.bench.go_to(10)
    for widget in (window.read.bscan, window.read.chart, window.read.enface):
        wheel(widget, -1)
    assert window.bench.index == 13
    before = window.read.bscan.placement()
    wheel(window.read.bscan, 1, ctrl=True)
    after = window.read.bscan.placement()
    assert window.bench.index == 13
    assert before is not None
    assert after is not None
    assert after.across > before.across


def test_the_chart_is_a_slider(window: MainWindow) -> None:
    chart = window.read.chart
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, NONE, QPoint(chart.width() - 20, 50))
    assert window.bench.index == 24
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, NONE, QPoint(20, 50))
    assert window.bench.index == 0
    QTest.mouseMove(chart, QPoint(chart.width() // 2, 50))
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton)


def test_a_click_on_the_en_face_goes_to_the_nearest_line(window: MainWindow) -> None:
    view = window.read.enface
    box = view.picture_box()
    low = QPoint(int(box.center().x()), int(box.top() + 0.86 * box.height()))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, NONE, low)
    assert window.bench.index == 0  # the first B-scan lies lowest, as the device writes it
    high = QPoint(int(box.center().x()), int(box.top() + 0.1 * box.height()))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, NONE, high)
    assert window.bench.index == 24


def test_a_right_drag_changes_window_and_level(window: MainWindow) -> None:
    view = window.read.bscan
    QTest.mousePress(view, Qt.MouseButton.RightButton, NONE, QPoint(300, 200))
    event_at = QPoint(250, 220)
    QTest.mouseMove(view, event_at)
    view._drag_window(QPointF(-50.0, 20.0))
    QTest.mouseRelease(view, Qt.MouseButton.RightButton)
    look = window.bench.look
    assert look.high - look.low < 255
    assert (look.high + look.low) / 2 > 127.5


def test_space_and_drag_move_the_bscan(window: MainWindow) -> None:
    view = window.read.bscan
    before = view.placement()
    view.pan(30.0, -12.0)
    after = view.placement()
    assert before is not None
    assert after is not None
    assert (after.left - before.left, after.top - before.top) == (30.0, -12.0)


def test_question_mark_shows_all_keys_and_any_key_ends_it(window: MainWindow) -> None:
    press(window, K.Key_Question)
    assert window.sheet.isVisible()
    index = window.bench.index
    QTest.keyClick(window.sheet, K.Key_Down)
    assert not window.sheet.isVisible()
    assert window.bench.index == index


def test_every_key_has_its_action(window: MainWindow) -> None:
    sequences = [sequence for key in KEYS for sequence in key.keys]
    assert len(sequences) == len(set(sequences))
    for key in KEYS:
        assert not key.keys or callable(getattr(window.actions_, key.act))


def test_reading_keys_rest_on_other_pages(window: MainWindow) -> None:
    window.show_page(2)
    before = window.bench.index
    press(window, K.Key_Down)
    assert window.bench.index == before


def test_inverting_shows_black_as_white(window: MainWindow) -> None:
    window.bench.change_look(heatmap=False)
    view = window.read.bscan
    plain = view.grab().toImage()
    window.bench.change_look(inverted=True)
    turned = view.grab().toImage()
    centre = view.rect().center()
    first, second = plain.pixelColor(centre).value(), turned.pixelColor(centre).value()
    assert first + second == pytest.approx(255, abs=4)


def test_the_heatmap_changes_pixels_only_where_evidence_is(window: MainWindow) -> None:
    window.bench.change_look(twin=False)
    view = window.read.bscan
    with_heat = _grey(view)
    window.bench.change_look(heatmap=False)
    without = _grey(view)
    changed = np.abs(with_heat.astype(int) - without) > 12
    placement = view.placement()
    assert placement is not None
    column = int(placement.left + 90 * placement.across)
    assert changed[:, column - 20 : column + 20].any()
    assert not changed[200:400, -120:].any()


def _grey(view: QWidget) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    image = view.grab().toImage().convertToFormat(view.grab().toImage().Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), dtype=np.uint8)
    return rows.reshape(image.height(), image.bytesPerLine())[:, : image.width()].copy()
