"""The left rail: which page is shown."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget

from kdoct_desktop.ui.icons import pixmap
from kdoct_desktop.ui.theme import DARK, RAIL_WIDTH, Theme
from kdoct_desktop.ui.widgets import Act, icon_button

PAGES = (("read", "Read"), ("models", "Models"), ("settings", "Settings"))


class Rail(QWidget):
    """One button a page.

    Attributes:
        page_chosen: Position of the page in `PAGES`.
        open_wanted: A scan shall be opened.
    """

    page_chosen = Signal(int)
    open_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(RAIL_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 9, 8)
        column.setSpacing(8)
        self._mark = QLabel()
        self._mark.setTextFormat(Qt.TextFormat.PlainText)
        self._mark.setFixedHeight(32)
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._mark.setAccessibleName("KD-OCT Desktop")
        column.addWidget(self._mark)
        column.addSpacing(8)
        opening = icon_button("open", "Open a scan (Ctrl+O)", DARK, kind="rail")
        opening.setFixedSize(40, 40)
        opening.clicked.connect(self.open_wanted)
        self._buttons: list[QToolButton] = []  # no QButtonGroup: it is one stop of the Tab key
        for index, (picture, name) in enumerate(PAGES):
            button = icon_button(picture, name, DARK, checkable=True, kind="rail")
            button.setFixedSize(40, 40)
            button.clicked.connect(self._chooser(index))
            self._buttons.append(button)
            column.addWidget(button)
        column.addStretch(1)
        column.addWidget(opening)
        self.show_page(0)

    def show_page(self, index: int) -> None:
        """Mark a page as the one that is shown."""
        for at, button in enumerate(self._buttons):
            button.setChecked(at == index)

    def _chooser(self, index: int) -> Act:
        return lambda: self.page_chosen.emit(index)

    def set_theme(self, theme: Theme) -> None:
        """Use other colours; the buttons are drawn anew by ``retint``."""
        self._mark.setPixmap(pixmap("mark", theme.action, side=28, scale=3))
