"""What the colours of scan lines mean."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from kdoct_desktop.ui.overlay import evidence_colour
from kdoct_desktop.ui.theme import DARK, SMALL, Theme
from kdoct_desktop.ui.widgets import font
from kdoct_desktop.ui.workbench import Workbench

_HEIGHT = 32


class EvidenceLegend(QWidget):
    """Evidence from low to high, as on the en face."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.theme: Theme = DARK
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        bench.scan_changed.connect(self.update)
        bench.evidence_changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        return QSize(200, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        scan = self._bench.scan
        if scan is None or scan.evidence is None:
            return
        painter = QPainter(self)
        painter.setFont(font(SMALL))
        metrics = painter.fontMetrics()
        box = QRectF(16, 0, self.width() - 32, self.height())
        align = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.setPen(QColor(self.theme.second))
        painter.drawText(box, align, "Evidence  low")
        left = box.left() + metrics.horizontalAdvance("Evidence  low") + 8
        for step, height in enumerate((4, 7, 10, 14)):
            bar = QRectF(left + step * 10, self.height() / 2 + 7 - height, 7, height)
            share = (step + 1) / 4
            colour = (
                evidence_colour(share * 0.6)
                if self.theme.name == "dark"
                else QColor(self.theme.warning)
            )
            colour.setAlphaF(0.35 + 0.65 * share)
            painter.fillRect(bar, colour)
        painter.drawText(box.adjusted(left - 16 + 48, 0, 0, 0), align, "high")
