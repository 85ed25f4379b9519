"""What is being done, how far, how long still, and a way to stop it."""

import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from kdoct_desktop.ui.widgets import push_button, text_label
from kdoct_desktop.ui.words import duration

_SURE_AFTER_S = 1.5


class ProgressBox(QWidget):
    """Step, count and rest of time of the work that runs.

    Attributes:
        cancel_wanted: The work shall stop.
    """

    cancel_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._step = text_label("", "heading", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._count = text_label("", "second")
        self._cancel = push_button("Cancel", self._stop)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._count, 1)
        row.addWidget(self._cancel)
        column.addWidget(self._step)
        column.addWidget(self._bar)
        column.addLayout(row)
        self._began = ("", 0.0, 0)

    def begin(self, step: str) -> None:
        """Show work of which nothing is known yet but its name."""
        self._began = ("", 0.0, 0)
        self._cancel.setEnabled(True)
        self._step.setText(step)
        self._count.setText("")
        self._bar.setRange(0, 0)

    def show_progress(self, done: int, total: int, step: str) -> None:
        """Show how far the work is; `total` is 0 while it is not known."""
        step = step[:1].upper() + step[1:]
        now = time.monotonic()
        if step != self._began[0]:
            self._began = (step, now, done)
        self._step.setText(step)
        self._bar.setUpdatesEnabled(False)  # else Qt paints at once, and with it the whole window
        self._bar.setRange(0, total)
        self._bar.setValue(min(done, total))
        self._bar.setUpdatesEnabled(True)
        words = f"{done} of {total}" if total else (str(done) if done else "")
        passed, made = now - self._began[1], done - self._began[2]
        if total and made > 0 and passed > _SURE_AFTER_S and done < total:
            words += f" · {duration(passed / made * (total - done))}"
        self._count.setText(words)

    def _stop(self) -> None:
        self._cancel.setEnabled(False)
        self._count.setText("Stopping")
        self.cancel_wanted.emit()
