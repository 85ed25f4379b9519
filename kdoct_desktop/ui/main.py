"""The window's way in: makes every object and hands it over."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QPoint, QSize, Qt
from PySide6.QtGui import QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QApplication

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.whole_file import write_whole
from kdoct_desktop.ui.fonts import choose_font
from kdoct_desktop.ui.main_window import TITLE, MainWindow
from kdoct_desktop.ui.services import Services
from kdoct_desktop.ui.theme import THEMES

__all__ = [
    "create_application",
    "grab_window",
    "has_display",
    "make_window",
    "run",
    "show_window",
]

_SWITCH_S = 0.0005
"""How long a working thread may keep the interpreter while the window's thread wants it; the
default of 5 ms adds up to visible pauses while a scan is read."""

_FIRST_SIZE = QSize(1440, 900)


def has_display() -> bool:
    """True where a window could be seen; always so on Windows and macOS."""
    if sys.platform in ("win32", "darwin"):
        return True
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def create_application() -> QApplication:
    """The one application object, with style and font; made off screen without a display."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        application = existing
    else:
        if not has_display():
            os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        application = QApplication(sys.argv[:1])
    sys.setswitchinterval(_SWITCH_S)
    application.setApplicationName(TITLE)
    application.setApplicationDisplayName(TITLE)
    application.setStyle("Fusion")
    application.setFont(choose_font())
    return application


def make_window(services: Services) -> MainWindow:
    """A window that is not shown yet; the application must exist."""
    window = MainWindow(services)
    window.resize(_FIRST_SIZE)
    return window


def show_window(services: Services) -> MainWindow:
    """The window of the program, shown and at work.

    What was loaded and made until here stays, so it is taken out of the rounds of the garbage
    collector: a full round would stop the window for 60 ms and more.
    """
    create_application()
    window = make_window(services)
    window.show()
    window.start()
    gc.freeze()
    return window


def run(services: Services, *, paths: Sequence[Path] = ()) -> int:
    """Show the window and stay until it is closed.

    Args:
        services: Everything that the window calls.
        paths: Inputs to open at once; none where it is empty.

    Returns:
        Exit code of the program.
    """
    window = show_window(services)
    if paths:
        window.open(paths)
    return QApplication.exec()


def grab_window(
    analyses: Sequence[StudyAnalysis],
    services: Services,
    path: Path,
    *,
    size: tuple[int, int] = (1440, 900),
    scale: float = 1.0,
    theme: str = "dark",
) -> None:
    """Write a picture of the main window with results shown; works without a display.

    Args:
        analyses: What the window shows; the most urgent eye of the first one is current.
        services: Settings are read from it; nothing long is called.
        path: PNG file to write.
        size: Width and height of the window in logical pixels.
        scale: Picture pixels in a logical pixel.
        theme: ``dark`` or ``light``.

    Raises:
        OSError: The file could not be written.
    """
    create_application()
    window = make_window(services)
    window.apply_theme(THEMES[theme])
    window.resize(QSize(*size))
    window.show_analyses(analyses)
    window.project_now()
    picture = grab(window, scale=scale)
    window.close()
    _save(picture, path)


def _save(picture: QImage, path: Path) -> None:
    """Write a PNG file whole or not at all."""
    buffer = QBuffer()
    writer = QImageWriter(buffer, QByteArray(b"png"))
    if not writer.write(picture):
        raise OSError(writer.errorString())
    write_whole(path, bytes(buffer.data().data()))


def grab(window: MainWindow, *, scale: float = 1.0) -> QImage:
    """A picture of a window as it would be shown at a scale."""
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    window.show()
    QApplication.processEvents()
    picture = QImage(window.size() * scale, QImage.Format.Format_RGB32)
    picture.setDevicePixelRatio(scale)
    painter = QPainter(picture)
    window.render(painter, QPoint())
    painter.end()
    return picture
