"""All scans of the input as a list with thumbnails, under their studies where there are several."""

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from kdoct_desktop.ui import words
from kdoct_desktop.ui.scan import Scan, Visit
from kdoct_desktop.ui.theme import BASE, DARK, SMALL, URGENCY_SHAPES, Theme
from kdoct_desktop.ui.thumbnail import thumbnail
from kdoct_desktop.ui.widgets import font
from kdoct_desktop.ui.workbench import Workbench

_ROW = Qt.ItemDataRole.UserRole
_SCAN_HEIGHT, _VISIT_HEIGHT = 72, 32
_PICTURE = QSize(72, 44)
_FEW = 2  # scans of one study that the header shows well enough


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of the list.

    Attributes:
        visit: Position of its study.
        scan: Position of the scan in the study; None for the line of the study itself.
        shown: The scan.
        title: What stands first.
        time: Time of day, which tells scans of one eye apart; empty where unknown.
        state: Shape and word of the urgency, or why there is none.
        colour: Of `state`.
        detail: What stands below.
    """

    visit: int
    scan: int | None
    shown: Scan | None
    title: str
    time: str = ""
    state: str = ""
    colour: str = ""
    detail: str = ""


class ScanList(QListWidget):
    """Chooses a scan; shown where the header's buttons would not tell the scans apart."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.theme: Theme = DARK
        self._bench = bench
        self._pictures: dict[tuple[int, bool, float], QImage] = {}
        self.setAccessibleName("Scans of this input")
        self.setItemDelegate(_Delegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.currentItemChanged.connect(self._chosen)
        bench.visits_changed.connect(self.refresh)
        bench.scan_changed.connect(self._mark)
        bench.bscan_read.connect(self._read)
        self.refresh()

    @property
    def wanted(self) -> bool:
        """Whether there is something to choose that the header does not offer."""
        visits = self._bench.visits
        return len(visits) > 1 or any(len(visit.scans) > _FEW for visit in visits)

    def refresh(self) -> None:
        """Show what is open."""
        lines = list(_lines(self._bench.visits, self.theme)) if self.wanted else []
        self.blockSignals(True)
        while self.count() > len(lines):
            self.takeItem(self.count() - 1)
        while self.count() < len(lines):
            self.addItem(QListWidgetItem())
        for at, line in enumerate(lines):
            self._fill(self.item(at), line)
        self._forget()
        self.blockSignals(False)
        self._mark()

    def picture(self, scan: Scan, scale: float) -> QImage | None:
        """The thumbnail of a scan, made when it is first drawn."""
        key = (id(scan), scan.volume is not None, scale)
        found = self._pictures.get(key)
        if found is None:
            made = thumbnail(scan, _PICTURE, scale)
            if made is None:
                return None
            found = self._pictures[key] = made
        return found

    def _fill(self, item: QListWidgetItem, line: Line) -> None:
        item.setData(_ROW, line)
        height = _VISIT_HEIGHT if line.scan is None else _SCAN_HEIGHT
        item.setSizeHint(QSize(0, height))
        name = " · ".join(part for part in (line.title, line.state, line.detail, line.time) if part)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, name)
        selectable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        item.setFlags(Qt.ItemFlag.NoItemFlags if line.scan is None else selectable)

    def _forget(self) -> None:
        """Drop the thumbnails of scans that are no longer open."""
        here = {id(scan) for visit in self._bench.visits for scan in visit.scans}
        self._pictures = {key: kept for key, kept in self._pictures.items() if key[0] in here}

    def _mark(self) -> None:
        """Mark the current scan."""
        place = (self._bench.visit_index, self._bench.scan_index)
        for at in range(self.count()):
            line = self.item(at).data(_ROW)
            if (line.visit, line.scan) == place:
                self.blockSignals(True)
                self.setCurrentRow(at)
                self.blockSignals(False)
                return

    def _read(self, index: int) -> None:
        """A B-scan came; the thumbnail needs the middle one only."""
        scan = self._bench.scan
        if scan is not None and index == scan.shape[0] // 2:
            self.viewport().update()

    def _chosen(self, item: QListWidgetItem | None, _before: object) -> None:
        line = item.data(_ROW) if item is not None else None
        if line is not None and line.scan is not None:
            self._bench.choose_visit(line.visit)
            self._bench.choose_scan(line.scan)


def _lines(visits: list[Visit], theme: Theme) -> Iterator[Line]:
    """Everything that is open, in order."""
    for at, visit in enumerate(visits):
        if len(visits) > 1:
            yield Line(at, None, None, _visit_line(visit))
        for number, scan in enumerate(visit.scans):
            state, colour = _state(scan, theme)
            title, detail = words.eye(scan.eye), words.scan_words(scan)
            yield Line(at, number, scan, title, _time(scan), state, colour, detail)


def _visit_line(visit: Visit) -> str:
    """Who and when."""
    if visit.study is None:
        return "Study"
    parts = [words.name(visit.study.patient)]
    if visit.study.performed is not None:
        parts.append(visit.study.performed.isoformat())
    return " · ".join(parts)


def _state(scan: Scan, theme: Theme) -> tuple[str, str]:
    """Urgency as shape and word with its colour; or what is there instead."""
    if scan.result is None:
        return "", theme.second
    if scan.result.finding is None:
        return "not analysed", theme.second
    urgency = scan.result.finding.urgency
    return f"{URGENCY_SHAPES[urgency]} {urgency.value}", theme.urgency[urgency]


def _time(scan: Scan) -> str:
    """Time of day."""
    taken = scan.volume.acquired if scan.volume is not None else None
    return taken.strftime("%H:%M") if taken is not None else ""


class _Delegate(QStyledItemDelegate):
    """Draws the lines."""

    def __init__(self, owner: ScanList) -> None:
        super().__init__(owner)
        self._owner = owner

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw one line."""
        line = index.data(_ROW)
        widget: QWidget = option.widget
        box = QRectF(option.rect)
        if line.scan is None:
            _text(painter, box.adjusted(16, 0, -8, 0), line.title, self._owner.theme.second)
            return
        if option.state & QStyle.StateFlag.State_Selected:
            self._draw_selected(painter, box)
        else:
            style = QStyle.PrimitiveElement.PE_PanelItemViewItem
            widget.style().drawPrimitive(style, option, painter, widget)
        self._draw_picture(painter, box, line.shown)
        text = QRectF(box.left() + _PICTURE.width() + 28, box.top() + 7, 0, 20)
        text.setRight(box.right() - 8)
        theme = self._owner.theme
        used = _text(painter, text, line.title, theme.text, bold=True) + 8
        _text(painter, text.adjusted(used, 0, 0, 0), line.time, theme.second, size=SMALL)
        text.translate(0, 19)
        _text(painter, text, line.state or line.detail, line.colour)
        if line.state:
            text.translate(0, 19)
            _text(painter, text, line.detail, theme.second, size=SMALL)

    def _draw_selected(self, painter: QPainter, box: QRectF) -> None:
        """A ground and a bar: panel and raised colour are one white in the light theme."""
        theme = self._owner.theme
        ground = theme.raised if theme.raised != theme.panel else theme.window
        painter.fillRect(box, QColor(ground))
        painter.fillRect(
            QRectF(box.left(), box.top() + 8, 3, box.height() - 16), QColor(theme.action)
        )

    def _draw_picture(self, painter: QPainter, box: QRectF, scan: Scan | None) -> None:
        left, top = box.left() + 16, box.top() + (box.height() - _PICTURE.height()) / 2
        frame = QRectF(left, top, _PICTURE.width(), _PICTURE.height())
        painter.fillRect(frame, Qt.GlobalColor.black)
        scale = painter.deviceTransform().m11()
        image = self._owner.picture(scan, scale) if scan is not None else None
        if image is not None:
            painter.drawImage(QPointF(left, top), image)


def _text(
    painter: QPainter, box: QRectF, text: str, colour: str, *, size: int = BASE, bold: bool = False
) -> int:
    """Draw one line of plain text, cut in the middle where it does not fit; returns its width."""
    chosen = font(size, bold=bold)
    metrics = QFontMetrics(chosen)
    cut = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, max(int(box.width()), 0))
    painter.setFont(chosen)
    painter.setPen(QColor(colour))
    align = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    painter.drawText(box, align, cut)
    return metrics.horizontalAdvance(cut)
