"""What the window shows while a scan is still being read and already analysed."""

import pytest
from pytestqt.qtbot import QtBot

from tests.ui.conftest import MakeWindow, both_eyes, keep_grab
from tests.ui.fake_services import PATH, FakeServices
from tests.ui.test_window_flow import idle


def test_a_scan_has_its_true_proportions_from_its_first_bscan_on(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    services.read_gate = 1
    window = open_window(services, opened=False)
    window.open([PATH])
    qtbot.waitUntil(lambda: window.bench.scan is not None)
    scan = window.bench.scan
    assert scan is not None
    assert scan.volume is None
    spacing = both_eyes().volumes[0].volume.spacing
    assert scan.pixel_mm == (spacing.axial_mm, spacing.ascan_mm)
    keep_grab(window, "reading-to-scale")
    services.opened.set()
    idle(window, qtbot)
    assert scan.pixel_mm == (spacing.axial_mm, spacing.ascan_mm)


def test_evidence_is_shown_while_the_scan_is_still_read(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    services.read_gate, services.ahead = 9, 6
    window = open_window(services, opened=False)
    idle(window, qtbot)  # the model is loaded
    window.open([PATH])
    bench = window.bench
    qtbot.waitUntil(lambda: bench.scan is not None and bench.scan.read_count == 9)
    scan = bench.scan
    assert scan is not None
    assert scan.volume is None
    assert scan.evidence is not None
    assert scan.evidence.known == 6
    qtbot.wait(200)  # the views follow
    marked = [row.isChecked() for row in window.read.panel._bars._rows]
    assert marked.index(True) == bench.shown_class == scan.evidence.classes.index("CNV")
    assert window.read.panel.progress.isVisible()
    assert not window.read.panel._export.isEnabled()
    keep_grab(window, "reading-with-evidence")
    keep_grab(window, "reading-with-evidence-200", scale=2.0)
    services.opened.set()
    idle(window, qtbot)
    assert bench.scan is scan
    assert window.read.panel._headline.text() == "CNV suspected"


def test_evidence_about_other_bscans_does_not_repaint_the_one_that_is_looked_at(
    open_window: MakeWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = FakeServices(both_eyes())
    services.predict_gate = 20  # past the strongest one
    window = open_window(services, opened=False)
    window.open([PATH])
    bench = window.bench
    qtbot.waitUntil(
        lambda: (
            bench.scan is not None
            and bench.scan.evidence is not None
            and bench.scan.evidence.known == 20
        )
    )
    qtbot.wait(200)
    painted: list[str] = []
    monkeypatch.setattr(window.read.bscan, "update", lambda: painted.append("B-scan"))
    bench.evidence_changed.emit()
    assert painted == []
    bench.go_to(bench.index - 1)
    assert painted == ["B-scan"]
    scan, said = bench.scan, both_eyes().volumes[0].prediction
    assert scan is not None
    assert scan.evidence is not None
    assert said is not None
    scan.evidence.add(said.bscans[bench.index], 2.0 * said.cams[bench.index], (0, 90, 0, 90))
    bench.evidence_changed.emit()
    assert painted == ["B-scan"] * 2


def test_reading_that_is_cancelled_after_evidence_came_leaves_nothing(
    open_window: MakeWindow, qtbot: QtBot
) -> None:
    services = FakeServices(both_eyes())
    services.read_gate, services.ahead = 4, 3
    window = open_window(services, opened=False)
    idle(window, qtbot)
    window.open([PATH])
    qtbot.waitUntil(lambda: window.bench.scan is not None and window.bench.scan.read_count == 4)
    window.read.panel.progress._cancel.click()
    idle(window, qtbot)
    assert window.bench.visits == []
    assert window.pages.currentWidget() is window.empty
