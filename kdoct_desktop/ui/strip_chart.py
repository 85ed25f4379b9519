"""One bar a B-scan: how likely the chosen class is there, and the slider through the volume."""

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QWidget

from kdoct_desktop.ui.layer import Layer
from kdoct_desktop.ui.overlay import evidence_colour
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.theme import DARK, SMALL, Theme
from kdoct_desktop.ui.widgets import font
from kdoct_desktop.ui.words import probability
from kdoct_desktop.ui.workbench import Workbench

HEIGHT = 96
_SIDE, _TOP, _BOTTOM = 16.0, 26.0, 18.0


class StripChart(QWidget):
    """Shows the chosen class over the volume; drag, click and wheel choose the B-scan."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setObjectName("strip")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFixedHeight(HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Evidence per B-scan")
        self.setMouseTracking(True)
        self._bench = bench
        self.theme: Theme = DARK
        self._wheel = 0
        self._bars = Layer()
        self._version = 0
        for signal in (bench.scan_changed, bench.evidence_changed, bench.bscan_read):
            signal.connect(self._grew)
        bench.bscan_changed.connect(self._changed)
        bench.class_changed.connect(self._changed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        return QSize(480, HEIGHT)

    def index_at(self, x: float) -> int:
        """The B-scan under a position; the nearest one beside the chart."""
        scan = self._bench.scan
        count = scan.shape[0] if scan is not None else 1
        share = (x - _SIDE) / max(self._plot().width(), 1.0)
        return min(max(int(share * count), 0), count - 1)

    def _plot(self) -> QRectF:
        return QRectF(_SIDE, _TOP, self.width() - 2 * _SIDE, self.height() - _TOP - _BOTTOM)

    def _grew(self, *_: object) -> None:
        """More B-scans or more evidence: the bars are painted anew."""
        self._version += 1
        self._changed()

    def _changed(self, *_: object) -> None:
        scan = self._bench.scan
        if scan is not None:
            words = f"B-scan {self._bench.index + 1} of {scan.shape[0]}"
            self.setAccessibleDescription(words)
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw; the bars are painted once for a class and copied from then on."""
        painter = QPainter(self)
        scan = self._bench.scan
        key = (id(scan), self._version, self._bench.shown_class, self.theme.name)
        self._bars.draw(painter, self.size(), key, self._paint_bars, ground=self.theme.panel)
        if scan is None:
            return
        plot = self._plot()
        self._draw_value(painter, scan)
        self._draw_current(painter, scan, plot)
        self._draw_marker(painter, scan, plot)

    def _paint_bars(self, painter: QPainter) -> None:
        """Everything that does not depend on the current B-scan."""
        theme, scan = self.theme, self._bench.scan
        painter.fillRect(0, 0, self.width(), 1, QColor(theme.line))
        if scan is None:
            return
        plot = self._plot()
        self._draw_title(painter, scan)
        painter.fillRect(QRectF(plot.left(), plot.bottom(), plot.width(), 1), QColor(theme.line))
        self._draw_bars(painter, scan, plot)
        self._draw_threshold(painter, scan, plot)

    def _draw_title(self, painter: QPainter, scan: Scan) -> None:
        painter.setFont(font(SMALL))
        painter.setPen(QColor(self.theme.second))
        title = "B-scans"
        if scan.evidence is not None:
            title = f"{scan.evidence.names[self._bench.shown_class]} by B-scan"
        box = QRectF(_SIDE, 6, self.width() - 2 * _SIDE, 16)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft), title)

    def _draw_value(self, painter: QPainter, scan: Scan) -> None:
        """Number and probability of the current B-scan."""
        if scan.evidence is None:
            return
        value = float(scan.evidence.column(self._bench.shown_class)[self._bench.index])
        painter.setFont(font(SMALL))
        painter.setPen(QColor(self.theme.text))
        box = QRectF(_SIDE, 6, self.width() - 2 * _SIDE, 16)
        words = f"{self._bench.index + 1}: {probability(value)}"
        painter.drawText(box, int(Qt.AlignmentFlag.AlignRight), words)

    def _draw_bars(self, painter: QPainter, scan: Scan, plot: QRectF) -> None:
        quiet = QColor(self.theme.second)
        for index, value in enumerate(self._values(scan)):
            if value is not None:
                painter.fillRect(self._bar(scan, index, value, plot), self._bar_colour(value))
            elif scan.is_read(index):
                painter.fillRect(self._bar(scan, index, 0.0, plot), quiet)

    def _draw_current(self, painter: QPainter, scan: Scan, plot: QRectF) -> None:
        """The bar of the current B-scan, in the colour of the text."""
        index = self._bench.index
        value = self._values(scan)[index]
        if value is not None:
            painter.fillRect(self._bar(scan, index, value, plot), QColor(self.theme.text))

    def _values(self, scan: Scan) -> list[float | None]:
        """Probability of the chosen class in each B-scan; None where it is not known."""
        if scan.evidence is None:
            return [None] * scan.shape[0]
        column = scan.evidence.column(self._bench.shown_class).tolist()
        return [None if value != value else value for value in column]

    @staticmethod
    def _bar(scan: Scan, index: int, value: float, plot: QRectF) -> QRectF:
        """Where a bar stands."""
        step = plot.width() / scan.shape[0]
        gap = 1.0 if step >= 3.0 else 0.0
        height = max(2.0, value * plot.height())
        left = plot.left() + index * step
        return QRectF(left, plot.bottom() - height, step - gap, height)

    def _bar_colour(self, value: float) -> QColor:
        """Amber on dark, the warning colour on light."""
        dark = self.theme.name == "dark"
        colour = evidence_colour(value * 0.6) if dark else QColor(self.theme.warning)
        colour.setAlphaF(0.35 + 0.65 * value)
        return colour

    def _draw_threshold(self, painter: QPainter, scan: Scan, plot: QRectF) -> None:
        """The threshold of the class on the scale of a B-scan."""
        finding = scan.result.finding if scan.result is not None else None
        if finding is None or scan.evidence is None:
            return
        threshold = finding.bscan_thresholds.get(scan.evidence.classes[self._bench.shown_class])
        if threshold is None:
            return
        y = plot.bottom() - threshold * plot.height()
        pen = QPen(QColor(self.theme.second), 1, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawLine(QLineF(plot.left(), y, plot.right(), y))

    def _draw_marker(self, painter: QPainter, scan: Scan, plot: QRectF) -> None:
        """A triangle under the current B-scan, with its number."""
        centre = plot.left() + (self._bench.index + 0.5) * plot.width() / scan.shape[0]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.theme.text))
        tip = plot.bottom() + 2
        points = [QPointF(centre, tip), QPointF(centre - 5, tip + 7), QPointF(centre + 5, tip + 7)]
        painter.drawPolygon(QPolygonF(points))
        painter.setFont(font(SMALL))
        painter.setPen(QColor(self.theme.second))
        ends = QRectF(_SIDE, self.height() - 16, plot.width(), 14)
        if centre > 48:
            painter.drawText(ends, int(Qt.AlignmentFlag.AlignLeft), "1")
        if centre < self.width() - 64:
            painter.drawText(ends, int(Qt.AlignmentFlag.AlignRight), str(scan.shape[0]))
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    # Pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin with the pointer: see the class."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._bench.go_to(self.index_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go on with the pointer: see the class."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._bench.go_to(self.index_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Turn the wheel: see the class."""
        self._wheel += event.angleDelta().y()
        steps = int(self._wheel / 120)
        self._wheel -= steps * 120
        self._bench.step(-steps)
        event.accept()
