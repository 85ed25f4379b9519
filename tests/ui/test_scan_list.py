"""Several scans of one input are offered as a list with thumbnails; layers and gaps are shown."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.layers import LayerSurfaces
from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import Notice, OctVolume, Provenance, ScanPattern
from kdoct_desktop.ui.enface_geometry import front_pixels, scan_lines
from kdoct_desktop.ui.layer_lines import boundary_segments
from kdoct_desktop.ui.main_window import MainWindow
from kdoct_desktop.ui.theme import DARK, THEMES
from tests.ui.conftest import MakeWindow, both_eyes
from tests.ui.fake_services import Chosen, FakeServices
from tests.ui.test_every_screen import check


def with_volumes(analysis: StudyAnalysis, change: Mapping[str, object]) -> StudyAnalysis:
    items: list[VolumeAnalysis] = [
        replace(item, volume=replace(item.volume, **change))  # type: ignore[arg-type]
        for item in analysis.volumes
    ]
    study = replace(analysis.study, volumes=tuple(item.volume for item in items))
    return replace(analysis, study=study, volumes=tuple(items))


def another() -> StudyAnalysis:
    analysis = both_eyes()
    return replace(analysis, study=replace(analysis.study, patient=Patient("OTHER^Eye", "7")))


def layers(volume: OctVolume) -> LayerSurfaces:
    bscans, depth, ascans = volume.voxels.shape
    rows = np.full((2, bscans, ascans), depth // 3, dtype=np.float32)
    rows[1] = depth // 2
    rows[1, :, 10:20] = np.nan
    return LayerSurfaces(("ILM", "RPE"), rows)


def texts(window: MainWindow) -> list[str]:
    scans = window.read.scans
    role = Qt.ItemDataRole.AccessibleTextRole
    return [scans.item(at).data(role) for at in range(scans.count())]


def test_two_eyes_of_one_visit_need_no_list(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(both_eyes()))

    assert not window.read.scans.isVisible()


def test_scans_of_several_visits_are_listed_under_their_patients(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([both_eyes(), another()])

    assert window.read.scans.isVisible()
    told = texts(window)
    assert len(told) == 6
    assert told[0].startswith("PHANTOM, Olga D")
    assert told[1].startswith("OD · ▲ urgent · raster, 25 B-scans")
    assert told[3].startswith("OTHER, Eye")
    check(window, "scan-list-dark")


def test_a_line_opens_its_scan_and_the_arrows_move_the_mark(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([both_eyes(), another()])

    window.read.scans.setCurrentRow(5)
    assert (window.bench.visit_index, window.bench.scan_index) == (1, 1)
    window.bench.step_scan(-1)
    assert window.read.scans.currentRow() == 4
    window.bench.step_scan(-1)
    assert window.read.scans.currentRow() == 2


def test_the_line_of_a_visit_cannot_be_chosen(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([both_eyes(), another()])

    assert not window.read.scans.item(3).flags() & Qt.ItemFlag.ItemIsSelectable


def test_thumbnails_are_made_only_for_what_is_seen_and_forgotten_with_their_scans(
    open_window: MakeWindow,
) -> None:
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([both_eyes(), *[another() for _ in range(40)]])
    QApplication.processEvents()
    made = len(window.read.scans._pictures)
    assert 0 < made < 12

    window.show_analyses([both_eyes()])
    assert window.read.scans._pictures == {}


def test_the_thumbnail_shows_the_tissue_in_true_proportions(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    window.show_analyses([both_eyes(), another()])
    scan = window.bench.visits[0].scans[0]
    image = window.read.scans.picture(scan, 1.0)

    assert image is not None
    grey = np.array(
        [[image.pixelColor(x, y).value() for x in range(72)] for y in range(44)], dtype=np.int64
    )
    rows = np.flatnonzero(grey.max(axis=1) > 12)
    pixel_mm = scan.pixel_mm
    assert pixel_mm is not None
    wanted = 72 * scan.shape[1] * pixel_mm[0] / (scan.shape[2] * pixel_mm[1])
    assert abs((rows[-1] - rows[0] + 1) - wanted) <= 2


def blue_pixels(window: MainWindow) -> int:
    image = window.read.bscan.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    wanted = QColor(DARK.action)
    tools = window.read.tools.geometry()
    return sum(
        abs(colour.red() - wanted.red()) + abs(colour.blue() - wanted.blue()) < 40
        for y in range(tools.bottom() + 2, image.height(), 1)
        for x in range(0, image.width(), 7)
        for colour in [image.pixelColor(x, y)]
    )


def test_layers_are_drawn_on_demand(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    analysis = both_eyes()
    window.show_analyses([with_volumes(analysis, {"layers": layers(analysis.volumes[0].volume)})])
    QApplication.processEvents()
    assert window.read.tools._layers.isVisible()
    assert blue_pixels(window) == 0
    window.read.tools._layers.click()
    assert blue_pixels(window) > 50
    right = window.read.tools.geometry().right()
    assert right <= window.read.bscan.width()
    check(window, "layers-dark")


def test_without_layers_there_is_no_tool_for_them(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(both_eyes()))

    assert not window.read.tools._layers.isVisible()


def test_a_boundary_has_no_line_where_the_device_found_none() -> None:
    rows = np.array([[[5.0, 5.0, np.nan, 6.0, 7.0]]], dtype=np.float32)
    segments = boundary_segments(LayerSurfaces(("ILM",), rows), 0)

    np.testing.assert_array_equal(segments, [[[5.5, 0.5], [5.5, 1.5]], [[6.5, 3.5], [7.5, 4.5]]])


def test_missing_bscans_and_an_experimental_format_are_told(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    count = both_eyes().volumes[0].volume.bscan_count
    numbers = tuple(at + (at > 3) for at in range(count))
    notice = Notice("experimental-format", "It was not tried on a device's own file.")
    window.show_analyses(
        [
            with_volumes(
                both_eyes(), {"numbers": numbers, "planned": count + 1, "notices": (notice,)}
            )
        ]
    )
    rows = {
        name.text(): (value.text, badge.accessibleName())  # type: ignore[attr-defined]
        for name, value, badge in window.read.facts._rows
    }
    assert rows["B-scans"] == (f"{count} of {count + 1}", "1 missing")
    assert rows["Format"][1] == "experimental"
    assert "not tried" in " ".join(label.text() for label in window.read.panel._note_labels)


def test_a_scan_whose_place_is_unknown_shows_its_localizer_without_lines(
    open_window: MakeWindow,
) -> None:
    window = open_window(FakeServices(), opened=False)
    circle = {"scan_pattern": ScanPattern.CIRCLE, "scan_lines": None}
    window.show_analyses([with_volumes(both_eyes(), circle)])
    scan = window.bench.scan
    assert scan is not None
    assert scan.volume is not None
    assert scan.volume.localizer is not None

    pixels = front_pixels(scan)
    assert pixels is not None
    np.testing.assert_array_equal(pixels, scan.volume.localizer.pixels)
    assert len(scan_lines(scan)) == 0
    window.read.enface.grab()


def test_a_time_that_is_assumed_says_so(open_window: MakeWindow) -> None:
    window = open_window(FakeServices(), opened=False)
    assumed = {"acquired_provenance": Provenance.ASSUMED}
    window.show_analyses([with_volumes(both_eyes(), assumed)])
    rows = {
        name.text(): (value.text, badge.accessibleName())  # type: ignore[attr-defined]
        for name, value, badge in window.read.facts._rows
    }
    assert rows["Taken"] == ("2026-11-20", "")
    assert rows["Time"] == ("09:41", "assumed")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_current_scan_is_seen_in_both_themes(open_window: MakeWindow, theme: str) -> None:
    window = open_window(FakeServices(settings=Chosen(theme=theme)), opened=False)
    window.show_analyses([both_eyes(), another()])
    QApplication.processEvents()
    scans = window.read.scans
    image = scans.viewport().grab().toImage()
    marked, other = (scans.visualItemRect(scans.item(row)) for row in (1, 2))

    assert image.pixelColor(1, marked.center().y()) == QColor(THEMES[theme].action)
    assert image.pixelColor(1, other.center().y()) != QColor(THEMES[theme].action)
    assert image.pixelColor(8, marked.top() + 4) != image.pixelColor(8, other.top() + 4)
