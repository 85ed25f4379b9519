"""What the program does with the keyboard beyond its shortcuts: the space bar and the focus."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPlainTextEdit, QWidget

from kdoct_desktop.ui.bscan_view import BscanView


class Keyboard(QObject):
    """Space held over the B-scan is the hand that moves it; a lost focus goes to the B-scan."""

    def __init__(self, view: BscanView) -> None:
        super().__init__(view)
        self._view = view
        self._application: QApplication | None = None

    def start(self, application: QApplication) -> None:
        """Look at the keys and the focus of the whole program."""
        self._application = application
        application.installEventFilter(self)
        application.focusChanged.connect(self._keep_focus)

    def stop(self) -> None:
        """Look no more."""
        if self._application is not None:
            self._application.removeEventFilter(self)
            self._application.focusChanged.disconnect(self._keep_focus)
            self._application = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take the space bar while the pointer is over the B-scan and no control wants it."""
        if not isinstance(event, QKeyEvent) or event.key() != Qt.Key.Key_Space:
            return False
        if event.type() == QEvent.Type.KeyRelease and self._view.space_held:
            if not event.isAutoRepeat():
                self._view.hold_space(False)
            return True
        focus = QApplication.focusWidget()
        wanted = isinstance(focus, QAbstractButton | QLineEdit | QPlainTextEdit)
        if event.type() == QEvent.Type.KeyPress and self._view.underMouse() and not wanted:
            self._view.hold_space(True)
            return True
        return False

    def _keep_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        """A control that had the focus went: the B-scan takes the keys."""
        if new is None and self._view.isVisible() and self._view.isActiveWindow():
            self._view.setFocus(Qt.FocusReason.OtherFocusReason)
