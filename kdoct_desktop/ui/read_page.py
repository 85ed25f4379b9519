"""The reading page: en face and facts on the left, B-scan and chart, finding on the right."""

from PySide6.QtCore import QPauseAnimation, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from kdoct_desktop.ui.bscan_tools import BscanTools
from kdoct_desktop.ui.bscan_view import BscanView
from kdoct_desktop.ui.enface_view import EnfaceView
from kdoct_desktop.ui.facts import Facts
from kdoct_desktop.ui.findings_panel import FindingsPanel
from kdoct_desktop.ui.legend import EvidenceLegend
from kdoct_desktop.ui.scan_list import ScanList
from kdoct_desktop.ui.strip_chart import StripChart
from kdoct_desktop.ui.theme import GRID, Theme
from kdoct_desktop.ui.widgets import Act, text_label
from kdoct_desktop.ui.workbench import Workbench

_TOOLS_MARGIN = 12
_LIST_HEIGHT = 216  # two scans, their study, and a bit, so that one sees that it goes on


class ReadPage(QWidget):
    """Lays out the views of one visit."""

    def __init__(self, bench: Workbench, show_keys: Act) -> None:
        super().__init__()
        self.setObjectName("page")
        self._bench = bench
        self.bscan = BscanView(bench)
        self.tools = BscanTools(bench, self.bscan, show_keys)
        self.chart = StripChart(bench)
        self.enface = EnfaceView(bench)
        self.facts = Facts(bench)
        self.legend = EvidenceLegend(bench)
        self.panel = FindingsPanel(bench)
        self._left = self._make_left()
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.bscan, 1)
        middle.addWidget(self.chart)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._left)
        row.addLayout(middle, 1)
        row.addWidget(self.panel)
        bench.visits_changed.connect(self._show_list)
        bench.scan_changed.connect(self.place_tools)  # a scan with layers has one tool more
        self.bscan.installEventFilter(self)
        self._show_list()

    def prepare(self) -> None:
        """Do once, unseen, what the first scan would wait for: style, paint, animate.

        The first animation sends an event from a class of which PySide has no name; because the
        program looks at all events, PySide then sets up every class that it knows.
        """
        QPauseAnimation(1, self).start(QPauseAnimation.DeletionPolicy.DeleteWhenStopped)
        if not self.isVisible():
            self.grab()

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self.chart.theme = theme
        self.facts.theme = theme
        self.legend.theme = theme
        self.scans.theme = theme
        self.scans.refresh()
        self.facts.refresh()
        self.panel.set_theme(theme)
        self.update()

    def _make_left(self) -> QWidget:
        left = QWidget()
        left.setObjectName("left")
        left.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 1, 0)
        column.setSpacing(0)
        column.addWidget(self.enface)
        column.addWidget(self.legend)
        column.addWidget(self.facts)
        self._scans_title = text_label("Scans of this input", "section")
        self._scans_title.setContentsMargins(16, 8, 16, 8)
        self.scans = ScanList(self._bench)
        self.scans.setMinimumHeight(_LIST_HEIGHT)
        column.addWidget(self._scans_title)
        column.addWidget(self.scans, 1)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(left)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return scroll

    def _show_list(self) -> None:
        """Offer the scans as a list where the header's buttons are not enough."""
        self._scans_title.setVisible(self.scans.wanted)
        self.scans.setVisible(self.scans.wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit to the new size."""
        width = self.width()
        self._left.setFixedWidth(_grid(width * 0.19, 256, 400))
        self.panel.setFixedWidth(_grid(width * 0.205, 272, 400))
        self.place_tools()

    def place_tools(self) -> None:
        """Put the tools into the upper right corner of the B-scan."""
        self.tools.adjustSize()
        self.tools.move(self.bscan.width() - self.tools.width() - _TOOLS_MARGIN, _TOOLS_MARGIN)
        self.tools.raise_()

    def eventFilter(self, watched: object, event: object) -> bool:  # noqa: N802 - Qt's name
        """Follow the view when its size changes."""
        if isinstance(event, QResizeEvent):
            self.place_tools()
        return False


def _grid(wanted: float, least: int, most: int) -> int:
    """A width on the grid between two bounds."""
    return min(max(round(wanted / GRID) * GRID, least), most)
