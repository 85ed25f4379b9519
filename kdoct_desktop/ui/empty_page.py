"""Nothing is open: drop something, open something, or try the demo."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from kdoct_desktop.ui.icons import pixmap
from kdoct_desktop.ui.theme import DARK, Theme
from kdoct_desktop.ui.widgets import ElidedLabel, push_button, set_role, text_label
from kdoct_desktop.ui.words import plain

_MOST_RECENT = 5
_WIDTH = 560


class EmptyPage(QWidget):
    """The first thing that anybody sees.

    Attributes:
        open_wanted: A file shall be chosen.
        folder_wanted: A folder shall be chosen.
        demo_wanted: The demo study shall be opened.
        path_wanted: A recent input shall be opened.
    """

    open_wanted = Signal()
    folder_wanted = Signal()
    demo_wanted = Signal()
    path_wanted = Signal(object)

    def __init__(self, *, demo: bool) -> None:
        super().__init__()
        self.setObjectName("page")
        outer = QVBoxLayout(self)
        outer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = QWidget()
        middle.setFixedWidth(_WIDTH)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._make_drop(demo=demo))
        column.addSpacing(16)
        self._recent_title = text_label("Recent", "section")
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        self._recent_title.setContentsMargins(13, 0, 0, 0)
        column.addWidget(self._recent_title)
        column.addLayout(self._recent)
        outer.addWidget(middle)
        self.show_recent([])

    def _make_drop(self, *, demo: bool) -> QWidget:
        self._drop = QWidget()
        self._drop.setObjectName("drop")
        self._drop.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self._drop)
        column.setContentsMargins(32, 40, 32, 40)
        column.setSpacing(8)
        self._picture = QLabel()
        self._picture.setTextFormat(Qt.TextFormat.PlainText)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self._picture)
        column.addSpacing(8)
        for text, role in (
            ("Drop a scan here", "finding"),
            ("DICOM files, folders and zips, or B-scans as PNG, JPEG or TIFF", "second"),
        ):
            label = text_label(text, role)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addSpacing(24)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        self.first = push_button("Open a scan", self.open_wanted.emit, kind="main")
        row.addWidget(self.first)
        row.addWidget(push_button("Open a folder", self.folder_wanted.emit, kind="tall"))
        if demo:
            row.addWidget(push_button("Try the demo study", self.demo_wanted.emit, kind="tall"))
        row.addStretch(1)
        column.addLayout(row)
        self.set_theme(DARK)
        return self._drop

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        picture = pixmap("mark", theme.action, side=56, scale=3)
        self._picture.setPixmap(picture)

    def show_over(self, over: bool) -> None:
        """Show that what is held over the window would be opened."""
        set_role(self._drop, "true" if over else "false", "over")

    def show_recent(self, paths: Sequence[Path]) -> None:
        """Show inputs that were opened before."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for path in list(paths)[:_MOST_RECENT]:
            self._recent.addWidget(self._make_recent(path))
        self._recent_title.setVisible(bool(paths))

    def _make_recent(self, path: Path) -> QWidget:
        """One line: the name, cut in the middle, as a button."""
        name = plain(path.name)
        button = push_button(
            "", lambda: self.path_wanted.emit(path), kind="row", name=f"Open {name}"
        )
        label = ElidedLabel()
        label.set_text(name)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(button)
        row.setContentsMargins(12, 0, 12, 0)
        row.addWidget(label)
        return button
