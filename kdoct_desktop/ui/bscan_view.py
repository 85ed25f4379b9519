"""The B-scan: every pixel that is left, tissue first, evidence over it."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from kdoct_desktop.ui.bscan_captions import draw_captions
from kdoct_desktop.ui.bscan_geometry import (
    ZOOM_STEP,
    Aspect,
    Pane,
    Placement,
    Zoom,
    place,
    twin_panes,
)
from kdoct_desktop.ui.layer import ScaledPicture
from kdoct_desktop.ui.layer_lines import draw_layers
from kdoct_desktop.ui.overlay import HeatCache, draw_heat, grey_colours, indexed_image
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.workbench import Workbench

_WHEEL_STEP = 120


class BscanView(QWidget):
    """Shows the current B-scan with its evidence.

    Attributes:
        pointed: Row and column under the pointer; ``(-1, -1)`` when it left.
        aspect_changed: The way the B-scan is laid into the view changed.
        moved: The pointer moved over the view.
    """

    pointed = Signal(float, float)
    aspect_changed = Signal(str)
    moved = Signal()

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setObjectName("canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setMinimumSize(320, 200)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._bench = bench
        self._aspect = Aspect.TRUE
        self._zoom = Zoom()
        self._heats = HeatCache()
        self._tissue = ScaledPicture()
        self._grab: tuple[Qt.MouseButton, QPointF] | None = None
        self._wheel = 0
        self._seen: tuple[object, ...] = ()
        self.space_held = False
        bench.scan_changed.connect(self._other_scan)
        bench.evidence_changed.connect(self._grew)
        bench.bscan_changed.connect(self._other_bscan)
        bench.bscan_read.connect(self._read)
        bench.class_changed.connect(self.update)
        bench.look_changed.connect(self.update)
        self._other_scan()

    # How the B-scan lies in the view

    @property
    def aspect(self) -> Aspect:
        """How the B-scan is laid into the view."""
        return self._aspect

    def set_aspect(self, aspect: Aspect) -> None:
        """Lay the B-scan another way, the whole of it."""
        self._aspect, self._zoom = aspect, Zoom()
        self.aspect_changed.emit(aspect.value)
        self.update()

    def zoom(self, steps: float, at: QPointF | None = None) -> None:
        """Magnify about a point of the view, its middle where None."""
        middle = QPointF(self.width() / 2.0, self.panes()[0].height / 2.0)
        point = (self._in_pane(at) if at is not None else middle) - middle
        self._zoom = self._zoom.magnified(ZOOM_STEP**steps, (point.x(), point.y()))
        self.update()

    def pan(self, right: float, down: float) -> None:
        """Shift the B-scan."""
        zoom = self._zoom
        self._zoom = Zoom(zoom.factor, zoom.right + right, zoom.down + down)
        self.update()

    def hold_space(self, held: bool) -> None:
        """Be the hand that moves the B-scan while the space bar is held."""
        self.space_held = held
        shape = Qt.CursorShape.OpenHandCursor if held else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    def reset(self) -> None:
        """Whole B-scan, true proportions, grey values as they are."""
        self.set_aspect(Aspect.TRUE)
        self._bench.reset_look()

    def placement(self) -> Placement | None:
        """Where the B-scan lies; None where there is none."""
        scan = self._bench.scan
        if scan is None:
            return None
        return place(
            scan.shape[1:],
            scan.pixel_mm,
            view=(float(self.width()), self.panes()[0].height),
            aspect=self._aspect,
            zoom=self._zoom,
            device_pixel=1.0 / self.devicePixelRatioF(),
        )

    def panes(self) -> list[Pane]:
        """One pane, or plain tissue above and evidence below where both fit in full size."""
        scan, look = self._bench.scan, self._bench.look
        wanted = look.twin and look.heatmap and self._aspect is Aspect.TRUE
        if not wanted or scan is None or scan.evidence is None:
            return [Pane(0.0, float(self.height()), 0.0)]
        view = (float(self.width()), float(self.height()))
        single = place(scan.shape[1:], scan.pixel_mm, view=view, aspect=self._aspect)
        return twin_panes(view[1], single.down * scan.shape[1])

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        scan, placement = self._bench.scan, self.placement()
        if scan is None or placement is None:
            return
        pixels = scan.bscan(self._bench.index)
        withheld: str | None = None
        if pixels is not None:
            panes = self.panes()
            for pane in panes:
                top = placement.top + pane.top + pane.shift
                to_widget = QTransform(placement.across, 0, 0, placement.down, placement.left, top)
                painter.setClipRect(QRectF(0.0, pane.top, self.width(), pane.height))
                self._draw_tissue(painter, pixels, to_widget, scan)
                layers = scan.volume.layers if scan.volume is not None else None
                if layers is not None and self._bench.look.layers:
                    draw_layers(painter, layers, self._bench.index, to_widget)
                if pane is panes[-1]:
                    withheld = self._draw_evidence(painter, to_widget)
            painter.setClipping(False)
        draw_captions(painter, self, self._bench, placement, self._aspect, withheld)

    def _draw_tissue(
        self, painter: QPainter, pixels: NDArray[np.uint8], to_widget: QTransform, scan: Scan
    ) -> None:
        """Draw grey values; a B-scan that fits is scaled once and copied from then on."""
        look, index = self._bench.look, self._bench.index
        box = to_widget.mapRect(QRectF(0.0, 0.0, pixels.shape[1], pixels.shape[0]))
        colours = grey_colours(look.low, look.high, look.inverted)
        exact = self._aspect is Aspect.PIXEL and self._zoom.factor == 1.0
        if exact or box.width() * box.height() > 2.0 * self.width() * self.height():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not exact)
            painter.drawImage(box, indexed_image(pixels, colours))
            return
        scale = painter.deviceTransform().m11()
        left, top = round(box.left() * scale), round(box.top() * scale)
        size = (round(box.right() * scale) - left, round(box.bottom() * scale) - top)
        key = (id(scan), index, look.low, look.high, look.inverted, scan.volume is None)
        image = self._tissue.get(key, size, lambda: indexed_image(pixels, colours))
        image.setDevicePixelRatio(scale)
        painter.drawImage(QPointF(left / scale, top / scale), image)

    def _draw_evidence(self, painter: QPainter, to_widget: QTransform) -> str | None:
        """Draw the evidence where it is wanted; returns why it is not drawn though wanted."""
        scan, look = self._bench.scan, self._bench.look
        if scan is None or scan.evidence is None or not look.heatmap:
            return None
        index, shown = self._bench.index, self._bench.shown_class
        withheld = scan.evidence.withheld(index, shown)
        if withheld is None:
            heat = self._heats.heat(scan.evidence, index, shown, cells=look.cells)
            draw_heat(painter, heat, to_widget, look.opacity)
        return withheld

    # Pointer

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Turn the wheel: see the class."""
        turned = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(turned / _WHEEL_STEP, event.position())
        else:
            self._wheel += turned
            steps = int(self._wheel / _WHEEL_STEP)
            self._wheel -= steps * _WHEEL_STEP
            fast = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._bench.step(-steps * (10 if fast else 1))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin with the pointer: see the class."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._grab = (event.button(), event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go on with the pointer: see the class."""
        self.moved.emit()
        if self._grab is None:
            self._point(event.position())
            return
        button, before = self._grab
        by = event.position() - before
        self._grab = (button, event.position())
        pans = button is Qt.MouseButton.LeftButton and self.space_held
        if pans or button is Qt.MouseButton.MiddleButton:
            self.pan(by.x(), by.y())
        elif button is Qt.MouseButton.RightButton:
            self._drag_window(by)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        self._grab = None

    def leaveEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """The pointer left."""
        self.pointed.emit(-1.0, -1.0)

    def _drag_window(self, by: QPointF) -> None:
        """Right: wider window; down: darker, as readers of DICOM viewers are used to."""
        look = self._bench.look
        centre = (look.low + look.high) / 2.0 + by.y() / 2.0
        width = max(look.high - look.low + by.x(), 8.0)
        low, high = round(centre - width / 2.0), round(centre + width / 2.0)
        if low >= -128 and high <= 383:
            self._bench.change_look(low=low, high=high)

    def _point(self, at: QPointF) -> None:
        placement, scan = self.placement(), self._bench.scan
        if placement is None or scan is None:
            return
        inner = self._in_pane(at)
        row, column = placement.pixel_at(inner.x(), inner.y())
        inside = 0 <= row < scan.shape[1] and 0 <= column < scan.shape[2]
        self.pointed.emit(*((row, column) if inside else (-1.0, -1.0)))

    def _in_pane(self, at: QPointF) -> QPointF:
        """A point of the view as a point of its pane, without the pane's shift."""
        pane = next((p for p in self.panes() if at.y() < p.top + p.height), self.panes()[-1])
        return QPointF(at.x(), at.y() - pane.top - pane.shift)

    # What changed

    def _other_scan(self) -> None:
        self._heats.clear()
        self._seen = ()
        self._zoom = Zoom()
        self._name()
        self.update()

    def _other_bscan(self, index: int) -> None:
        self._name()
        self.update()

    def _read(self, index: int) -> None:
        if index == self._bench.index:
            self.update()

    def _grew(self) -> None:
        """Most of the evidence that comes is about other B-scans and changes nothing here."""
        self._heats.clear()
        scan, shown = self._bench.scan, self._bench.shown_class
        if scan is None or scan.evidence is None:
            return
        seen = (scan.evidence.bscan(self._bench.index), shown, scan.evidence.peak(shown))
        if seen != self._seen:
            self._seen = seen
            self.update()

    def _name(self) -> None:
        scan = self._bench.scan
        name = "B-scan" if scan is None else f"B-scan {self._bench.index + 1} of {scan.shape[0]}"
        self.setAccessibleName(name)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit to the new size."""
        self.update()
