"""What is known about a scan, and where each value came from."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from kdoct_desktop.domain.quality import QualityState
from kdoct_desktop.domain.volume import EXPERIMENTAL, Provenance
from kdoct_desktop.ui import words
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.theme import DARK, Theme
from kdoct_desktop.ui.widgets import Badge, ElidedLabel, text_label
from kdoct_desktop.ui.workbench import Workbench

Row = tuple[str, str, str, bool]
"""Name, value, provenance word, whether the value is doubtful."""


class Facts(QWidget):
    """A table of a few lines: name, value, provenance badge."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.theme: Theme = DARK
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(16, 8, 16, 8)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QWidget, ElidedLabel, Badge]] = []
        self._spans: list[int] = []
        bench.scan_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the current scan."""
        scan = self._bench.scan
        rows = facts(scan) if scan is not None else []
        while len(self._rows) < len(rows):
            self._add_row()
        for at, (name, value, badge) in enumerate(self._rows):
            for widget in (name, value, badge):
                widget.setVisible(at < len(rows))
            if at < len(rows):
                label, text, word, warn = rows[at]
                name.setText(label)  # type: ignore[attr-defined]
                value.set_text(text)
                badge.show_word(word, self.theme, warn=warn)
                self._span(at, 1 if word else 2)

    def _span(self, at: int, columns: int) -> None:
        """Let a value take the place of a badge that is not there."""
        if self._spans[at] != columns:
            self._spans[at] = columns
            self._grid.addWidget(self._rows[at][1], at, 1, 1, columns)

    def _add_row(self) -> None:
        at = len(self._rows)
        name, value, badge = text_label("", "second"), ElidedLabel(), Badge(self.theme)
        self._grid.addWidget(name, at, 0)
        self._grid.addWidget(value, at, 1)
        self._grid.addWidget(
            badge, at, 2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self._rows.append((name, value, badge))
        self._spans.append(1)


def facts(scan: Scan) -> list[Row]:
    """The lines of the table for a scan."""
    volume = scan.volume
    if volume is None:
        return [("Scan", words.scan_words(scan), "", False), ("File", scan.label, "", False)]
    spacing = volume.spacing
    rows: list[Row] = [
        _row("Eye", words.eye(volume.laterality), volume.laterality_provenance),
        _row("Scale", words.scale_words(volume), spacing.provenance),
        _row("Spacing", words.distance_words(volume), spacing.provenance),
        _row("Order", "as acquired", volume.order_provenance),
    ]
    finding = scan.result.finding if scan.result is not None else None
    if finding is not None:
        state = finding.quality.state
        rows.append(("Quality", state.value, "", state is not QualityState.GOOD))
    if volume.numbers:
        there = f"{volume.bscan_count} of {volume.planned}"
        rows.append(("B-scans", there, f"{volume.planned - volume.bscan_count} missing", True))
    if volume.acquired is not None:
        rows += _taken(words.when(volume.acquired), volume.acquired_provenance)
    trial = any(notice.code == EXPERIMENTAL for notice in volume.notices)
    rows.append(("Format", volume.source.format, "experimental" if trial else "", trial))
    rows.append(("File", volume.source.label, "", False))
    return rows


def _taken(when: str, provenance: Provenance) -> list[Row]:
    """When; the time of day by itself where it is not simply what the device states."""
    if provenance in (Provenance.DEVICE, Provenance.UNKNOWN):
        return [("Taken", when, "", False)]
    day, _, time = when.partition(" ")
    return [("Taken", day, "", False), _row("Time", time, provenance)]


def _row(name: str, value: str, provenance: Provenance) -> Row:
    """A line whose value has a provenance."""
    return name, value, words.provenance(provenance), words.doubtful(provenance)
