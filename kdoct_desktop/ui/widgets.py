"""Small widgets that every page uses. Foreign text only ever reaches plain-text ones."""

from collections.abc import Callable
from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from kdoct_desktop.ui.icons import icon
from kdoct_desktop.ui.theme import BASE, THEMES, Theme
from kdoct_desktop.ui.words import plain

Act = Callable[[], object]
"""What a button does."""


def text_label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """A label that never interprets its text."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    if role:
        label.setProperty("role", role)
    return label


def tip(widget: QWidget, text: str) -> None:
    """Give a widget a tooltip in which markup of foreign text is only text."""
    widget.setToolTip(f"<span>{escape(plain(text, 400))}</span>" if text else "")


def set_role(widget: QWidget, role: str, name: str = "role") -> None:
    """Change a style role after the widget has been styled."""
    if widget.property(name) != role:
        widget.setProperty(name, role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def push_button(text: str, act: Act, *, kind: str = "", name: str = "") -> QPushButton:
    """A button with words on it; a ``&`` in them is only text."""
    button = QPushButton(text.replace("&", "&&"))
    button.setProperty("kind", kind)
    button.setAccessibleName(name or text)
    button.setAutoDefault(False)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda _checked=False: act())
    return button


def icon_button(
    picture: str, words: str, theme: Theme, *, checkable: bool = False, kind: str = "tool"
) -> QToolButton:
    """A square button with an icon; its words are the tooltip and the accessible name."""
    button = QToolButton()
    button.setProperty("kind", kind)
    button.setProperty("picture", picture)
    button.setIcon(icon(picture, theme))
    button.setIconSize(QSize(20, 20))
    button.setCheckable(checkable)
    button.setAccessibleName(words)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    tip(button, words)
    return button


def retint(root: QWidget, theme: Theme) -> None:
    """Draw the icons of all buttons under a widget in the colours of a theme."""
    for button in root.findChildren(QToolButton):
        picture = button.property("picture")
        if picture:
            fixed = button.property("fixedTheme")
            button.setIcon(icon(str(picture), THEMES[fixed] if fixed else theme))


def rule() -> QFrame:
    """A thin line between sections."""
    line = QFrame()
    line.setObjectName("rule")
    line.setFixedHeight(1)
    return line


def font(size: int = BASE, *, bold: bool = False, of: QFont | None = None) -> QFont:
    """The program's font at a size in pixels, with figures of equal width."""
    from PySide6.QtWidgets import QApplication

    made = QFont(of if of is not None else QApplication.font())
    made.setPixelSize(size)
    made.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return made


class ElidedLabel(QWidget):
    """One line of plain text, cut in the middle where it does not fit; whole in the tooltip."""

    def __init__(self, role: str = "", size: int = BASE, *, bold: bool = False) -> None:
        super().__init__()
        self._text = ""
        self._label = text_label("", role)  # carries the colour of the role
        self._label.setParent(self)
        self._label.setFont(font(size, bold=bold))
        self._size, self._bold = size, bold
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._text = plain(text)
        self.setAccessibleName(self._text)
        tip(self, self._text)
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        metrics = self._label.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Least size that shows something."""
        metrics = self._label.fontMetrics()
        shortest = min(metrics.horizontalAdvance(self._text), metrics.averageCharWidth() * 6)
        return QSize(shortest + 2, metrics.height() + 2)

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Fit to the new size."""
        self._label.setGeometry(self.rect())
        self._fit()

    def _fit(self) -> None:
        shown = self._label.fontMetrics().elidedText(
            self._text, Qt.TextElideMode.ElideMiddle, max(self.width(), 1)
        )
        self._label.setText(shown)


class Badge(QWidget):
    """One word in a rounded frame: where a value came from."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._word, self._colour = "", theme.second

    def show_word(self, word: str, theme: Theme, *, warn: bool = False) -> None:
        """Show a word; in the warning colour where the value is doubtful."""
        self._word, self._theme = word, theme
        self._colour = theme.warning if warn else theme.second
        self.setAccessibleName(word)
        self.setVisible(bool(word))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Size that it likes to have."""
        from PySide6.QtGui import QFontMetrics

        metrics = QFontMetrics(font(11))
        return QSize(metrics.horizontalAdvance(self._word) + 10, metrics.height() + 4)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Least size that shows something."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._theme.line if self._colour == self._theme.second else self._colour)
        height = self.sizeHint().height()
        box = self.rect().adjusted(0, 0, -1, -1)
        box.setTop((self.height() - height) // 2)
        box.setHeight(height - 1)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(self._colour)
        painter.setFont(font(11))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._word)
