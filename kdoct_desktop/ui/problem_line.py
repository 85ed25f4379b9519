"""One line above the page for what went wrong or was done; details on demand, never modal."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from kdoct_desktop.ui.problem import ProblemText
from kdoct_desktop.ui.theme import DARK
from kdoct_desktop.ui.widgets import (
    Act,
    ElidedLabel,
    icon_button,
    push_button,
    set_role,
    text_label,
)
from kdoct_desktop.ui.words import plain

_MOST_DETAILS = 200


class ProblemLine(QWidget):
    """Shows one sentence until it is closed or another one comes.

    Attributes:
        closed: The user closed the line.
    """

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._act: Act | None = None
        self._mark = text_label("")
        self._sentence = ElidedLabel()
        self._action = push_button("", self._do, kind="quiet")
        self._more = push_button("Details", self._toggle, kind="quiet")
        self._close = icon_button("close", "Close this line", DARK, kind="rail")
        self._close.setFixedSize(32, 32)
        self._close.clicked.connect(self.clear)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setAccessibleName("Details")
        self._details.setFixedHeight(112)
        self._details.setTabChangesFocus(True)
        row = QHBoxLayout()
        row.setContentsMargins(16, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self._mark)
        row.addWidget(self._sentence, 1)
        for button in (self._action, self._more, self._close):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        holder = QVBoxLayout()
        holder.setContentsMargins(16, 0, 16, 12)
        holder.addWidget(self._details)
        column.addLayout(holder)
        self.hide()
        self._details.hide()

    @property
    def text(self) -> str:
        """The sentence that is shown; empty where none is."""
        return "" if self.isHidden() else self._sentence.text

    def show_problem(self, problem: ProblemText) -> None:
        """Show what went wrong."""
        self._show("▲", "problem", problem.sentence, problem.details)

    def show_done(self, sentence: str, action: str = "", act: Act | None = None) -> None:
        """Show that something was done, with one thing that can follow."""
        self._show("✓", "second", sentence, ())
        self._act = act
        self._action.setText(action)
        self._action.setAccessibleName(action)
        self._action.setVisible(act is not None)

    def clear(self) -> None:
        """Show nothing."""
        self.hide()
        self._details.hide()
        self.closed.emit()

    def _show(self, mark: str, role: str, sentence: str, details: tuple[str, ...]) -> None:
        self._act = None
        self._action.hide()
        self._mark.setText(mark)
        set_role(self._mark, role)
        self._sentence.set_text(sentence)
        lines = [plain(line, 400) for line in details[:_MOST_DETAILS]]
        self._details.setPlainText("\n".join(lines))
        self._details.hide()
        self._more.setVisible(bool(lines))
        self.show()

    def _toggle(self) -> None:
        self._details.setVisible(self._details.isHidden())

    def _do(self) -> None:
        if self._act is not None:
            self._act()
