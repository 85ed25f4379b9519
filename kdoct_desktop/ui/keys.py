"""All keys, and the sheet that shows them."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from kdoct_desktop.ui.widgets import push_button, text_label


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the sheet.

    Attributes:
        keys: Key sequences as Qt writes them; all do the same.
        act: Name of the action in the main window; empty for what the pointer does.
        shown: What the sheet shows for the keys.
        words: What happens.
    """

    keys: tuple[str, ...]
    act: str
    shown: str
    words: str


KEYS = (
    Key(("Up",), "previous_bscan", "Up", "Previous B-scan"),
    Key(("Down",), "next_bscan", "Down", "Next B-scan"),
    Key(("Shift+Up",), "back_ten", "Shift Up", "Ten B-scans back"),
    Key(("Shift+Down",), "on_ten", "Shift Down", "Ten B-scans on"),
    Key(("Home",), "first_bscan", "Home", "First B-scan"),
    Key(("End",), "last_bscan", "End", "Last B-scan"),
    Key(("Left",), "previous_eye", "Left", "Previous eye or study"),
    Key(("Right",), "next_eye", "Right", "Next eye or study"),
    Key(("E",), "next_peak", "E", "Next evidence peak"),
    Key(("H",), "toggle_heatmap", "H", "Heatmap on or off"),
    Key(("[",), "weaker", "[", "Heatmap weaker"),
    Key(("]",), "stronger", "]", "Heatmap stronger"),
    Key(("G",), "toggle_cells", "G", "Cells as the model has them"),
    Key(("L",), "toggle_layers", "L", "Layers as the device found them"),
    Key(("T",), "toggle_twin", "T", "Plain tissue above the evidence"),
    Key(("1",), "class_1", "1 – 4", "Class whose evidence is shown"),
    Key(("2",), "class_2", "", ""),
    Key(("3",), "class_3", "", ""),
    Key(("4",), "class_4", "", ""),
    Key(("U",), "true_aspect", "U", "True proportions"),
    Key(("F",), "fill_aspect", "F", "Fit to the view"),
    Key(("P",), "pixel_aspect", "P", "One pixel a pixel"),
    Key(("+", "="), "zoom_in", "+", "Closer"),
    Key(("-",), "zoom_out", "−", "Farther"),
    Key(("I",), "toggle_invert", "I", "Invert"),
    Key(("R",), "reset_view", "R", "Reset the view"),
    Key((), "", "Space drag", "Move the B-scan"),
    Key((), "", "Right drag", "Window and level"),
    Key((), "", "Ctrl wheel", "Zoom at the pointer"),
    Key(("Ctrl+O",), "open_file", "Ctrl O", "Open a scan"),
    Key(("Ctrl+E",), "export_report", "Ctrl E", "Export the report"),
    Key(("?",), "show_keys", "?", "This sheet"),
)

READING = {key.act for key in KEYS} - {"open_file", "export_report", "show_keys"}
"""Actions that only mean something on the reading page."""


class KeySheet(QWidget):
    """Covers the window with all keys until a key or a click ends it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("sheet")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("All keys")
        outer = QVBoxLayout(self)
        outer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        card = QWidget()
        card.setObjectName("raised")
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(card)
        column.setContentsMargins(32, 24, 32, 24)
        column.setSpacing(16)
        column.addWidget(text_label("Keys", "finding"))
        column.addLayout(_table())
        column.addWidget(push_button("Close", self.hide), 0, Qt.AlignmentFlag.AlignRight)
        outer.addWidget(card)
        self.hide()

    def open(self) -> None:
        """Cover the window."""
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def event(self, event: QEvent) -> bool:
        """Keys that would do something in the window below only end the sheet."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Any key ends it."""
        self.hide()
        event.accept()

    def mousePressEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Begin with the pointer: see the class."""
        self.hide()


def _table() -> QGridLayout:
    """Keys and words in two columns."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(8)
    shown = [key for key in KEYS if key.shown]
    half = (len(shown) + 1) // 2
    for at, key in enumerate(shown):
        row, column = at % half, (at // half) * 3
        grid.addWidget(text_label(key.shown, "key"), row, column)
        grid.addWidget(text_label(key.words, "second"), row, column + 1)
    grid.setColumnMinimumWidth(2, 32)
    return grid
