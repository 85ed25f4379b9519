"""Who, when, what device, and the eyes of the visit."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QWidget,
)

from kdoct_desktop.domain.study import Patient
from kdoct_desktop.ui import words
from kdoct_desktop.ui.scan import Scan, Visit
from kdoct_desktop.ui.theme import BASE, DARK, HEADER_HEIGHT, HEADING, URGENCY_SHAPES, Theme
from kdoct_desktop.ui.widgets import Act, ElidedLabel, font, push_button, tip
from kdoct_desktop.ui.workbench import Workbench

_MOST_CHIPS = 6
_CHIP_ROOM, _OTHER_ROOM = 136, 760


class EyeChip(QPushButton):
    """One scan of the visit: eye, and the urgency as shape, word and colour."""

    def __init__(self) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setProperty("kind", "eye")
        self.index = 0
        self._eye, self._shape, self._word, self._colour = "", "", "", ""

    def show_scan(self, scan: Scan, number: int | None, theme: Theme) -> None:
        """Show a scan; `number` tells scans of the same eye apart."""
        self._eye = words.eye(scan.eye) + (f" {number}" if number is not None else "")
        finding = scan.result.finding if scan.result is not None else None
        self._shape, self._word, self._colour = "", "", theme.second
        if finding is not None:
            self._shape = URGENCY_SHAPES[finding.urgency]
            self._word = finding.urgency.value
            self._colour = theme.urgency[finding.urgency]
        elif scan.result is not None:
            self._word = "not analysed"
        name = " ".join(part for part in (self._eye, self._word) if part)
        self.setAccessibleName(name)
        tip(self, f"{name} · {words.scan_words(scan)} (Left, Right)")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        bold, normal = QFontMetrics(font(BASE, bold=True)), QFontMetrics(font(BASE))
        width = bold.horizontalAdvance(self._eye) + 24
        if self._word:
            width += normal.horizontalAdvance(f"{self._shape} {self._word}") + 10
        return QSize(max(width, 56), 34)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Least size that shows something."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        box = QRectF(self.rect()).adjusted(12, 0, -8, 0)
        align = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(font(BASE, bold=True))
        painter.setPen(self.palette().buttonText().color())
        painter.drawText(box, align, self._eye)
        used = painter.fontMetrics().horizontalAdvance(self._eye) + 10
        painter.setFont(font(BASE))
        painter.setPen(QColor(self._colour))
        text = f"{self._shape} {self._word}".strip()
        painter.drawText(box.adjusted(used, 0, 0, 0), align, text)


class Header(QWidget):
    """The line above the page; every part of it is plain text, cut in the middle if need be."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEADER_HEIGHT)
        self.theme: Theme = DARK
        self._bench = bench
        self._name = ElidedLabel(size=HEADING, bold=True)
        self._id = ElidedLabel("second")
        self._visit = ElidedLabel("second")
        self._chips: list[EyeChip] = []
        self._more = push_button("", lambda: bench.step_scan(1), kind="quiet")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(16)
        shrinks = QSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        for label in (self._name, self._id, self._visit):
            label.setSizePolicy(shrinks)
        row.addWidget(self._name)
        row.addWidget(self._id)
        row.addStretch(1)
        row.addWidget(self._visit)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        row.addLayout(self._row)
        row.addWidget(self._more)
        bench.visits_changed.connect(self.refresh)
        bench.scan_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the current visit."""
        visit, scan = self._bench.visit, self._bench.scan
        study = visit.study if visit is not None else None
        patient = study.patient if study is not None else Patient()
        self._name.set_text(words.name(patient) if study is not None else "")
        tip(self._name, patient.name or "")
        self._id.set_text(f"ID {patient.identifier}" if patient.identifier else "")
        self._visit.set_text(" · ".join(visit_words(visit, scan)))
        self._show_chips(visit)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """As many scans as there is room for."""
        self._show_chips(self._bench.visit)

    def _chooser(self, chip: EyeChip) -> Act:
        def choose() -> None:
            self._bench.choose_scan(chip.index)
            self.refresh()

        return choose

    def _show_chips(self, visit: Visit | None) -> None:
        scans = visit.scans if visit is not None else []
        current = self._bench.scan_index
        most = min(max((self.width() - _OTHER_ROOM) // _CHIP_ROOM, 2), _MOST_CHIPS)
        first = min(max(0, current - most + 1), max(0, len(scans) - most))
        window = scans[first : first + most]
        while len(self._chips) < len(window):
            chip = EyeChip()  # no QButtonGroup: it is one stop of the Tab key
            chip.clicked.connect(self._chooser(chip))
            self._chips.append(chip)
            self._row.addWidget(chip)
        for at, chip in enumerate(self._chips):
            chip.setVisible(at < len(window))
            if at < len(window):
                chip.index = first + at
                chip.show_scan(window[at], _number(scans, first + at), self.theme)
                chip.setChecked(first + at == current)
        rest = len(scans) - len(window)
        self._more.setVisible(rest > 0)
        self._more.setText(f"{current + 1} of {len(scans)}")
        self._more.setAccessibleName(f"Scan {current + 1} of {len(scans)}, next")


def visit_words(visit: Visit | None, scan: Scan | None) -> list[str]:
    """Date, device and scan, as far as they are known."""
    if visit is None:
        return []
    known = []
    if visit.study is not None and visit.study.performed is not None:
        known.append(visit.study.performed.isoformat())
    if scan is not None and scan.volume is not None and scan.volume.device:
        known.append(words.plain(scan.volume.device, 64))
    if scan is not None:
        known.append(words.scan_words(scan))
    return known


def _number(scans: list[Scan], at: int) -> int | None:
    """Position among the scans of the same eye; None where it is the only one."""
    same = [index for index, scan in enumerate(scans) if scan.eye is scans[at].eye]
    return same.index(at) + 1 if len(same) > 1 else None
