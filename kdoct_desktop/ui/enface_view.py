"""The eye from the front: where the B-scans lie, and where the evidence is."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.ui.enface_geometry import (
    evidence_contours,
    front_pixels,
    front_shape,
    nearest,
    scan_lines,
)
from kdoct_desktop.ui.layer import Layer
from kdoct_desktop.ui.overlay import (
    draw_lines,
    evidence_colour,
    grey_colours,
    indexed_image,
    lines_in_widget,
)
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.theme import CANVAS, DARK, SMALL
from kdoct_desktop.ui.widgets import font
from kdoct_desktop.ui.workbench import Workbench

_GROWS_MS = 120


class EnfaceView(QWidget):
    """Shows localizer or projection; click and drag choose the B-scan.

    Attributes:
        pointed: Row and column under the pointer as shares of the picture; -1, -1 outside.
    """

    pointed = Signal(float, float)

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setObjectName("canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("En face")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._bench = bench
        self._wheel = 0
        self._base = Layer()
        self._shown: tuple[Scan | None, OctVolume | None] | None = None
        self._version = 0
        self._pixels: NDArray[np.uint8] | None = None
        self._lines = np.zeros((0, 2, 2))
        self._contours: tuple[NDArray[np.float32], ...] = ()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_GROWS_MS)
        self._soon.timeout.connect(self._catch_up)
        bench.scan_changed.connect(self._other_scan)
        bench.bscan_read.connect(self._grew)
        bench.evidence_changed.connect(self._grew)
        bench.class_changed.connect(self._evidence)
        bench.bscan_changed.connect(self._name)
        bench.look_changed.connect(self.update)
        self._other_scan()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """True: the height follows the width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Height that shows the picture in its proportions."""
        scan = self._bench.scan
        height, across = front_shape(scan) if scan is not None else (1.0, 1.0)
        return round(width * min(max(height / across, 0.4), 1.0))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        return QSize(256, self.heightForWidth(256))

    def refresh(self) -> None:
        """Draw the picture anew; the projection has grown."""
        scan = self._bench.scan
        self._pixels = front_pixels(scan) if scan is not None else None
        self._version += 1
        self.update()

    def _other_scan(self) -> None:
        scan = self._bench.scan
        self._lines = scan_lines(scan) if scan is not None else np.zeros((0, 2, 2))
        shown = (scan, scan.volume if scan is not None else None)
        same = self._shown is not None and self._shown[0] is scan
        if shown != self._shown:
            self._shown = shown
            self.updateGeometry()
            self.refresh()
        if same and scan is not None and scan.evidence is not None:
            self._grew()  # more about what is shown; the other views are busy with it now
        else:
            self._evidence()
        self._name()

    def _grew(self, *_: object) -> None:
        """Draw again soon, and not together with the others; B-scans may come by the hundred."""
        if not self._soon.isActive():
            self._soon.start()

    def _catch_up(self) -> None:
        """Draw what has come."""
        self.refresh()
        self._evidence()

    def _evidence(self, *_: object) -> None:
        scan = self._bench.scan
        self._contours = ()
        if scan is not None and scan.evidence is not None:
            self._contours = evidence_contours(scan, scan.evidence, self._bench.shown_class)
        self._version += 1
        self.update()

    def _name(self, *_: object) -> None:
        scan = self._bench.scan
        if scan is not None:
            words = f"B-scan {self._bench.index + 1} of {scan.shape[0]}"
            self.setAccessibleDescription(words)
        self.update()

    # Painting

    def picture_box(self) -> QRectF:
        """Where the picture lies in the widget: all of it, in its true proportions."""
        scan = self._bench.scan
        height, width = front_shape(scan) if scan is not None else (1.0, 1.0)
        unit = min(self.width() / width, self.height() / height)
        box = QRectF(0.0, 0.0, width * unit, height * unit)
        box.moveCenter(QRectF(self.rect()).center())
        return box

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw; all but the current scan line is painted once and copied from then on."""
        painter = QPainter(self)
        scan, look = self._bench.scan, self._bench.look
        key = (id(scan), self._version, self._bench.shown_class, look.heatmap)
        self._base.draw(painter, self.size(), key, self._paint_base, ground=CANVAS)
        if scan is None:
            return
        self._draw_current(painter, scan, self._to_widget())
        if self.hasFocus():
            painter.setPen(QPen(QColor(DARK.focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _to_widget(self) -> QTransform:
        """From shares of the picture to the widget."""
        box = self.picture_box()
        return QTransform(box.width(), 0, 0, box.height(), box.left(), box.top())

    def _paint_base(self, painter: QPainter) -> None:
        """Picture, scan lines and evidence."""
        scan = self._bench.scan
        if scan is None:
            return
        if self._pixels is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.picture_box(), _image(self._pixels))
        to_widget = self._to_widget()
        self._draw_scan_lines(painter, scan, to_widget)
        if self._bench.look.heatmap:
            for segments, share in zip(self._contours, (0.0, 1.0), strict=False):
                draw_lines(painter, segments, to_widget, evidence_colour(share))

    def _draw_scan_lines(self, painter: QPainter, scan: Scan, to_widget: QTransform) -> None:
        """Every scan line in the colour of its evidence; quiet where there is none."""
        if not len(self._lines):
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        values = [0.0] * len(self._lines)
        if scan.evidence is not None:
            values = np.nan_to_num(scan.evidence.column(self._bench.shown_class)).tolist()
        crowd = min(1.0, 64.0 / max(len(self._lines), 1))
        quiet = QColor(DARK.second)
        lines = lines_in_widget(self._lines, to_widget)
        for line, value in zip(lines, values, strict=True):
            colour = evidence_colour(value * 0.6) if value >= 0.1 else quiet
            colour.setAlphaF((0.22 + 0.5 * value) * crowd)
            painter.setPen(QPen(colour, 1.0))
            painter.drawLine(line)

    def _draw_current(self, painter: QPainter, scan: Scan, to_widget: QTransform) -> None:
        """The current scan line, bright, with its number beside it."""
        if not len(self._lines):
            return
        (line,) = lines_in_widget(self._lines[self._bench.index], to_widget)
        for pen in (QPen(QColor(0, 0, 0, 170), 4), QPen(QColor(DARK.text), 2)):
            painter.setPen(pen)
            painter.drawLine(line)
        painter.setFont(font(SMALL, bold=True))
        text = str(self._bench.index + 1)
        width = painter.fontMetrics().horizontalAdvance(text) + 8
        x = min(max(line.x2() - width, 2.0), self.width() - width - 2.0)
        y = line.y2() - 18.0 if line.y2() > 22.0 else line.y2() + 4.0
        label = QRectF(x, y, width, 15)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 170))
        painter.drawRoundedRect(label, 3, 3)
        painter.setPen(QColor(DARK.text))
        painter.drawText(label, int(Qt.AlignmentFlag.AlignCenter), text)

    # Pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin with the pointer: see the class."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._choose(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go on with the pointer: see the class."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(event.position())
        box = self.picture_box()
        row = (event.position().y() - box.top()) / max(box.height(), 1.0)
        column = (event.position().x() - box.left()) / max(box.width(), 1.0)
        inside = 0.0 <= row <= 1.0 and 0.0 <= column <= 1.0
        self.pointed.emit(*((row, column) if inside else (-1.0, -1.0)))

    def leaveEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """The pointer left."""
        self.pointed.emit(-1.0, -1.0)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Turn the wheel: see the class."""
        self._wheel += event.angleDelta().y()
        steps = int(self._wheel / 120)
        self._wheel -= steps * 120
        self._bench.step(-steps)
        event.accept()

    def _choose(self, at: QPointF) -> None:
        if not len(self._lines):
            return
        box = self.picture_box()
        size = np.array([box.height(), box.width()])
        lines = self._lines * size
        self._bench.go_to(nearest(lines, at.y() - box.top(), at.x() - box.left()))


def _image(pixels: NDArray[np.uint8]) -> QImage:
    """Grey or RGB pixels as a picture; `pixels` outlives its use."""
    if pixels.ndim == 2:
        return indexed_image(pixels, grey_colours(0, 255, inverted=False))
    rows, columns = pixels.shape[:2]
    rgb = QImage.Format.Format_RGB888
    return QImage(pixels.data, columns, rows, pixels.strides[0], rgb)
