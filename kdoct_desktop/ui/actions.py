"""What each key does."""

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence, QShortcut

from kdoct_desktop.ui.bscan_geometry import Aspect
from kdoct_desktop.ui.keys import KEYS, READING

if TYPE_CHECKING:
    from kdoct_desktop.ui.main_window import MainWindow


def bind_keys(window: "MainWindow", actions: "Actions") -> list[QShortcut]:
    """Make every key do its action; gives back the keys of the reading page."""
    reading = []
    for key in KEYS:
        for sequence in key.keys:
            shortcut = QShortcut(QKeySequence(sequence), window)
            shortcut.activated.connect(getattr(actions, key.act))
            if key.act in READING:
                reading.append(shortcut)
    return reading


class Actions:
    """One method a key of ``keys.KEYS``."""

    def __init__(self, window: "MainWindow") -> None:
        self._window = window
        self._bench = window.bench

    def previous_bscan(self) -> None:
        """One B-scan back."""
        self._bench.step(-1)

    def next_bscan(self) -> None:
        """One B-scan on."""
        self._bench.step(1)

    def back_ten(self) -> None:
        """Ten B-scans back."""
        self._bench.step(-10)

    def on_ten(self) -> None:
        """Ten B-scans on."""
        self._bench.step(10)

    def first_bscan(self) -> None:
        """The first B-scan."""
        self._bench.go_to(0)

    def last_bscan(self) -> None:
        """The last B-scan."""
        if self._bench.scan is not None:
            self._bench.go_to(self._bench.scan.shape[0] - 1)

    def previous_eye(self) -> None:
        """The eye or study before."""
        self._bench.step_scan(-1)

    def next_eye(self) -> None:
        """The next eye or study."""
        self._bench.step_scan(1)

    def next_peak(self) -> None:
        """The next B-scan where the evidence peaks."""
        self._bench.next_peak()

    def toggle_heatmap(self) -> None:
        """Heatmap on or off."""
        self._bench.change_look(heatmap=not self._bench.look.heatmap)

    def weaker(self) -> None:
        """Heatmap weaker."""
        self._bench.step_opacity(-1)

    def stronger(self) -> None:
        """Heatmap stronger."""
        self._bench.step_opacity(1)

    def toggle_cells(self) -> None:
        """The model's own cells, or a smooth map."""
        self._bench.change_look(cells=not self._bench.look.cells, heatmap=True)

    def toggle_twin(self) -> None:
        """Plain tissue above the evidence, or the evidence alone."""
        self._bench.change_look(twin=not self._bench.look.twin, heatmap=True)

    def toggle_layers(self) -> None:
        """Layer boundaries as the device found them, or none."""
        self._bench.change_look(layers=not self._bench.look.layers)

    def class_1(self) -> None:
        """The first class."""
        self._bench.choose_class(0)

    def class_2(self) -> None:
        """The second class."""
        self._bench.choose_class(1)

    def class_3(self) -> None:
        """The third class."""
        self._bench.choose_class(2)

    def class_4(self) -> None:
        """The fourth class."""
        self._bench.choose_class(3)

    def true_aspect(self) -> None:
        """A micrometre is as long down as across."""
        self._window.read.bscan.set_aspect(Aspect.TRUE)

    def fill_aspect(self) -> None:
        """As large as the view allows, axial direction stretched."""
        self._window.read.bscan.set_aspect(Aspect.FILL)

    def pixel_aspect(self) -> None:
        """One B-scan pixel on one screen pixel."""
        self._window.read.bscan.set_aspect(Aspect.PIXEL)

    def zoom_in(self) -> None:
        """Closer."""
        self._window.read.bscan.zoom(1)

    def zoom_out(self) -> None:
        """Farther."""
        self._window.read.bscan.zoom(-1)

    def toggle_invert(self) -> None:
        """Black becomes white."""
        self._bench.change_look(inverted=not self._bench.look.inverted)

    def reset_view(self) -> None:
        """Whole B-scan, true proportions, grey values as they are."""
        self._window.read.bscan.reset()

    def open_file(self) -> None:
        """Ask for a file."""
        self._window.ask_for_file()

    def export_report(self) -> None:
        """Ask where the report goes."""
        self._window.ask_for_report()

    def show_keys(self) -> None:
        """Show all keys."""
        self._window.sheet.open()
