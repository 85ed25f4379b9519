"""Probabilities of an eye: one row a class, the threshold as a tick, the row chooses the class."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from kdoct_desktop.ui.theme import BASE, DARK, SMALL, Theme
from kdoct_desktop.ui.widgets import Act, font, tip
from kdoct_desktop.ui.words import plain, probability
from kdoct_desktop.ui.workbench import Workbench

_ROW = 40


class ClassRow(QAbstractButton):
    """One class: its key, name, bar with threshold, value."""

    def __init__(self, key: int) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setFixedHeight(_ROW)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.theme: Theme = DARK
        self._key = key
        self._name = ""
        self._value: float | None = None
        self._threshold: float | None = None

    def show_class(self, name: str, value: float | None, threshold: float | None) -> None:
        """Show a class.

        Args:
            name: As the user is shown it.
            value: Probability of the eye; None before it is known.
            threshold: Of the class; None where it has none.
        """
        self._name, self._value, self._threshold = plain(name), value, threshold
        words = f"{self._name}, key {self._key}"
        if value is not None:
            words = f"{self._name} {probability(value)}"
            if threshold is not None:
                words += f", threshold {probability(threshold)}"
        self.setAccessibleName(words)
        tip(self, f"{words}. Shows where its evidence lies (key {self._key}).")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        return QSize(200, _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, box = self.theme, QRectF(self.rect())
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.raised if theme.name == "dark" else theme.window))
            painter.drawRoundedRect(box, 6, 6)
        if self.isChecked():
            painter.fillRect(QRectF(0, 8, 3, box.height() - 16), QColor(theme.action))
        self._draw_words(painter, box)
        self._draw_bar(painter, QRectF(12, box.height() - 13, box.width() - 24, 5))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme.focus), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 6, 6)

    def _draw_words(self, painter: QPainter, box: QRectF) -> None:
        theme = self.theme
        line = QRectF(12, 4, box.width() - 24, 20)
        above = self._above()
        value = "" if self._value is None else probability(self._value)
        painter.setFont(font(BASE, bold=above))
        painter.setPen(QColor(theme.text))
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(line, right, value)
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        room = line.width() - 48 - 20
        shown = QFontMetrics(painter.font()).elidedText(
            self._name, Qt.TextElideMode.ElideMiddle, int(room)
        )
        painter.drawText(line, left, shown)
        used = QFontMetrics(painter.font()).horizontalAdvance(shown)
        painter.setFont(font(SMALL))
        painter.setPen(QColor(theme.second))
        painter.drawText(line.adjusted(used + 8, 1, 0, 1), left, str(self._key))

    def _draw_bar(self, painter: QPainter, bar: QRectF) -> None:
        theme = self.theme
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.line))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        if self._value is not None:
            filled = QRectF(bar)
            filled.setWidth(max(bar.width() * self._value, 3.0))
            painter.setBrush(QColor(theme.text if self._above() else theme.second))
            painter.drawRoundedRect(filled, 2.5, 2.5)
        if self._threshold is not None:
            x = bar.left() + bar.width() * self._threshold
            painter.fillRect(QRectF(x - 2, bar.top() - 3, 4, bar.height() + 6), QColor(theme.panel))
            painter.fillRect(QRectF(x - 1, bar.top() - 3, 2, bar.height() + 6), QColor(theme.text))

    def _above(self) -> bool:
        if self._value is None or self._threshold is None:
            return False
        return self._value >= self._threshold


class ProbabilityBars(QWidget):
    """All classes of the model for the current scan; exactly one is chosen."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._rows: list[ClassRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        bench.class_changed.connect(self._choose)
        bench.evidence_changed.connect(self._choose)  # while it grows another class may lead

    def show_scan(self, theme: Theme) -> None:
        """Show the classes of the current scan in the colours of a theme."""
        scan = self._bench.scan
        evidence = scan.evidence if scan is not None else None
        count = len(evidence.classes) if evidence is not None else 0
        while len(self._rows) < count:
            row = ClassRow(len(self._rows) + 1)  # no QButtonGroup: it is one stop of the Tab key
            row.clicked.connect(self._chooser(len(self._rows)))
            self._rows.append(row)
            self._column.addWidget(row)
        finding = scan.result.finding if scan is not None and scan.result is not None else None
        for shown, row in enumerate(self._rows):
            row.setVisible(shown < count)
            row.theme = theme
            if evidence is not None and shown < count:
                code = evidence.classes[shown]
                value = finding.probabilities[code] if finding is not None else None
                limit = finding.thresholds.get(code) if finding is not None else None
                row.show_class(evidence.names[shown], value, limit)
        self._choose()

    def _choose(self, *_: object) -> None:
        shown = self._bench.shown_class
        for at, row in enumerate(self._rows):
            row.setChecked(at == shown)

    def _chooser(self, shown: int) -> Act:
        def choose() -> None:
            self._bench.choose_class(shown)
            self._choose()

        return choose
