"""Opening, waiting, cancelling, asking, exporting, dropping, closing."""

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import Laterality, Provenance
from kdoct_desktop.ui.main import make_window
from kdoct_desktop.ui.main_window import MainWindow
from tests.ui.conftest import MakeWindow, both_eyes, every_state
from tests.ui.fake_services import PATH, FakeServices, Installed


def idle(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not window.desk.busy and not window.runner.busy, timeout=20_000)


def test_an_empty_window_offers_to_open_and_the_demo(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(both_eyes()), opened=False)
    assert window.pages.currentWidget() is window.empty
    assert not window.header.isVisible()
    window.empty.demo_wanted.emit()
    assert window.pages.currentWidget() is window.read


def test_the_first_bscan_is_shown_while_the_rest_is_still_read(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    services.read_gate = 1
    window = open_window(services, opened=False)
    window.open([PATH])
    qtbot.waitUntil(lambda: window.bench.scan is not None)
    scan = window.bench.scan
    assert scan is not None
    assert (scan.read_count, window.bench.index) == (1, 12)
    assert scan.bscan(12) is not None
    assert scan.bscan(0) is None
    assert window.read.panel.progress.isVisible()
    window.bench.go_to(0)  # not read yet: shown as such, nothing is made up
    services.opened.set()
    idle(window, qtbot)
    assert window.bench.index == 0  # where the reader went, not where the evidence is
    assert window.bench.scan is not None
    assert window.bench.scan.is_read(0)


def test_a_scan_that_is_read_before_the_model_is_loaded_is_analysed(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    services.load_gate = threading.Event()
    window = open_window(services, opened=False)
    window.open([PATH])
    qtbot.waitUntil(lambda: bool(window.bench.visits) and window.bench.scan is not None)
    qtbot.waitUntil(lambda: window.bench.scan is not None and window.bench.scan.is_read(0))
    qtbot.wait(50)  # the analysis waits behind the model
    services.load_gate.set()
    threading.Event().wait(0.3)  # the window's thread is slow to hear that the model is there
    idle(window, qtbot)
    assert window.bench.scan is not None
    assert window.bench.scan.result is not None


def test_evidence_grows_while_the_model_runs(open_window: MakeWindow, qtbot: QtBot) -> None:
    services = FakeServices(both_eyes())
    services.predict_gate = 5
    window = open_window(services, opened=False)
    window.open([PATH])
    qtbot.waitUntil(
        lambda: (
            window.bench.scan is not None
            and window.bench.scan.evidence is not None
            and window.bench.scan.evidence.known == 5
        )
    )
    assert window.bench.scan is not None
    assert window.bench.scan.result is None
    assert not window.read.panel._export.isEnabled()
    services.opened.set()
    idle(window, qtbot)
    assert window.read.panel._headline.text() == "CNV suspected"
    assert window.bench.index == 10


@pytest.mark.parametrize("gate", ["read_gate", "predict_gate"])
def test_cancelling_leaves_nothing_half_done(
    open_window: MakeWindow, qtbot: QtBot, gate: str
) -> None:
    services = FakeServices(both_eyes())
    setattr(services, gate, 3)
    window = open_window(services, opened=False)
    window.open([PATH])
    qtbot.waitUntil(lambda: window.bench.scan is not None)
    qtbot.waitUntil(window.read.panel.progress.isVisible)
    if gate == "predict_gate":
        qtbot.waitUntil(lambda: window.bench.scan.evidence is not None)  # type: ignore[union-attr]
    window.read.panel.progress._cancel.click()
    idle(window, qtbot)
    if gate == "read_gate":
        assert window.bench.visits == []
        assert window.pages.currentWidget() is window.empty
    else:
        assert window.read.panel._headline.text() == "Not analysed yet"
        services.opened.set()
        window.read.panel._analyse.click()
        idle(window, qtbot)
        assert window.read.panel._headline.text() == "CNV suspected"


def test_a_window_closed_while_a_job_runs_leaves_no_thread(qtbot: QtBot) -> None:
    before = threading.active_count()
    services = FakeServices(both_eyes())
    services.read_gate = 2
    window = make_window(services)
    window.show()
    window.start()
    window.open([PATH])
    qtbot.waitUntil(lambda: window.bench.scan is not None)
    assert threading.active_count() > before
    window.close()
    assert threading.active_count() == before
    window.deleteLater()


def test_opening_something_else_drops_what_still_comes_from_before(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    services.predict_gate = 2
    window = open_window(services, opened=False)
    window.open([PATH])
    qtbot.waitUntil(
        lambda: window.bench.scan is not None and window.bench.scan.evidence is not None
    )
    before = window.bench.visit
    services.analyses = (every_state()["found DME"],)
    services.predict_gate = None
    window.open([PATH])
    idle(window, qtbot)
    assert window.bench.visit is not before
    assert window.read.panel._headline.text() == "DME suspected"


def test_refused_inputs_are_one_line_with_details_and_the_rest_goes_on(
    open_window: MakeWindow,
) -> None:
    problems = (
        Problem("broken.dcm", "truncated-file", "The file ends before its pixel data does."),
        Problem("photo.dcm", "not-oct", "This is not an OCT scan."),
    )
    window = open_window(FakeServices(both_eyes(), problems=problems))
    assert window.problem_line.text == "2 inputs were refused; the others are shown."
    assert "broken.dcm" in window.problem_line._details.toPlainText()
    assert window.read.panel._headline.text() == "CNV suspected"
    window.problem_line._close.click()
    assert window.problem_line.text == ""


def test_an_input_that_cannot_be_opened_is_one_sentence(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices()
    services.open_error = IngestError("missing", "The file is not there.")
    window = open_window(services)
    assert window.problem_line.text == "The file is not there."
    assert window.pages.currentWidget() is window.empty


def test_an_eye_that_is_not_stated_is_asked_and_then_reported(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    window = open_window(FakeServices(every_state()["eye not stated"]))
    panel = window.read.panel
    assert panel._question.isVisible()
    assert not panel._export.isEnabled()
    window.bench.state_eye(Laterality.OS)
    assert not panel._question.isVisible()
    assert panel._export.isEnabled()
    visit = window.bench.visit
    assert visit is not None
    analysis = visit.current_analysis()
    assert analysis is not None
    stated = analysis.volumes[0].volume
    assert (stated.laterality, stated.laterality_provenance) == (Laterality.OS, Provenance.USER)
    assert analysis.study.volumes[0].laterality is Laterality.OS


def test_a_scan_pattern_that_the_model_does_not_know_is_shown_with_the_reason(
    open_window: MakeWindow,
) -> None:
    window = open_window(FakeServices(every_state()["not analysed"]))
    panel = window.read.panel
    assert panel._headline.text() == "Not analysed"
    assert "circle scan" in panel._where.accessibleName()
    assert not panel._export.isVisible()
    assert window.bench.scan is not None
    assert window.bench.scan.bscan(0) is not None


def test_a_report_is_written_where_the_user_says(
    open_window: MakeWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = FakeServices(both_eyes())
    window = open_window(services)
    target = tmp_path / "eye"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window.ask_for_report()
    qtbot.waitUntil(lambda: "Report written" in window.problem_line.text)
    assert (tmp_path / "eye.pdf").read_bytes() == b"%PDF-"
    assert window.problem_line.text == "Report written: eye.pdf"


def test_dropped_files_and_folders_are_opened(
    open_window: MakeWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    services = FakeServices(both_eyes())
    window = open_window(services, opened=False)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path)), QUrl("https://example.invalid/x")])
    at, copy = QPoint(300, 300), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(at, copy, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window.empty._drop.property("over") == "true"
    QApplication.sendEvent(window, QDropEvent(QPointF(at), copy, data, buttons, keys))
    idle(window, qtbot)
    qtbot.waitUntil(lambda: services.remembered == [tmp_path])
    assert window.bench.scan is not None


def test_without_a_model_scans_are_shown_and_the_models_page_is_offered(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes(), model=None)
    window = open_window(services)
    panel = window.read.panel
    assert panel._headline.text() == "No model"
    assert panel._models.isVisible()
    panel._models.click()
    assert window.pages.currentWidget() is window.models
    assert window.problem_line.text == ""


def test_models_are_installed_verified_and_rolled_back(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    window = open_window(services, opened=False)
    idle(window, qtbot)
    assert window.models.card_text == Installed().card
    window.model_desk.install(Path("new.kdmodel"))
    idle(window, qtbot)
    assert window.models._values["Version"].text == "2.0.0"
    window.models._verify.click()
    idle(window, qtbot)
    assert "golden outputs are in order" in window.problem_line.text
    window.models._back.click()
    idle(window, qtbot)
    assert window.models._values["Version"].text == "1.0.0"


def test_settings_are_kept_and_take_effect(open_window: MakeWindow, qtbot: QtBot) -> None:
    services = FakeServices(both_eyes())
    window = open_window(services, opened=False)
    window.settings.changed.emit("theme", "light")
    assert services.chosen.theme == "light"
    assert window.read.chart.theme.name == "light"
    window.settings.changed.emit("heatmap_at_opening", False)
    window.open([PATH])
    idle(window, qtbot)
    assert not window.bench.look.heatmap
