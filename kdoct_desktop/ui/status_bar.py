"""The line below the page: what this is, where the model runs, where the pointer is."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from kdoct_desktop.domain.prediction import ProviderReport
from kdoct_desktop.ui import words
from kdoct_desktop.ui.theme import STATUS_HEIGHT
from kdoct_desktop.ui.widgets import ElidedLabel, set_role, text_label, tip


class StatusBar(QWidget):
    """Research-use sentence, provider badge, distance of the pointer, queue."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("status")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(STATUS_HEIGHT)
        self._use = ElidedLabel(size=11)
        self._distance = text_label("", "small")
        self._queue = text_label("", "small")
        self._provider = text_label("", "small")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 1, 16, 0)
        row.setSpacing(24)
        row.addWidget(self._use, 1)
        for label in (self._distance, self._queue, self._provider):
            row.addWidget(label)
        self.show_notice("", demonstration=False)

    def show_notice(self, notice: str, *, demonstration: bool) -> None:
        """Show the research-use sentence and what the model must have said about itself."""
        short = "Demonstration model." if demonstration else ""
        self._use.set_text(" ".join(part for part in (words.RESEARCH_USE, short) if part))
        full = " ".join(part for part in (words.RESEARCH_USE, notice or short) if part)
        tip(self._use, full)
        self._use.setAccessibleName(full)

    def show_provider(self, report: ProviderReport | None, *, loading: bool = False) -> None:
        """Show where the model runs, amber where it is not what was asked for."""
        if report is None:
            text = "Model is being checked" if loading else "No model"
            set_role(self._provider, "small" if loading else "small-warning")
            self._provider.setText(text)
            tip(self._provider, "")
            return
        self._provider.setText(words.provider(report))
        set_role(self._provider, "small-warning" if report.note else "small")
        parity = f"Largest difference from the reference {report.parity:.1e}."
        tip(self._provider, " ".join(part for part in (report.note, parity) if part))

    def show_distance(self, text: str) -> None:
        """Show where the pointer is; empty where that is not known."""
        self._distance.setText(text)
        self._distance.setVisible(bool(text))

    def show_queue(self, count: int) -> None:
        """Show how much work waits or runs."""
        self._queue.setText(f"⟳ {count} in queue" if count > 1 else ("⟳ working" if count else ""))
        self._queue.setVisible(count > 0)
        self._queue.setAlignment(Qt.AlignmentFlag.AlignVCenter)
