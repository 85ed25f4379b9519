"""Icons in the colours of the theme, drawn from the SVG files in ``resources/icons``."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.ui.theme import Theme

_SIDE = 24
_SCALES = (1, 2, 3)


def icon(name: str, theme: Theme) -> QIcon:
    """An icon: second colour at rest, action colour when checked, disabled colour when off."""
    made = QIcon()
    states = (
        (theme.second, QIcon.Mode.Normal, QIcon.State.Off),
        (theme.text, QIcon.Mode.Active, QIcon.State.Off),
        (theme.action, QIcon.Mode.Normal, QIcon.State.On),
        (theme.action, QIcon.Mode.Active, QIcon.State.On),
        (theme.disabled, QIcon.Mode.Disabled, QIcon.State.Off),
    )
    for colour, mode, state in states:
        for scale in _SCALES:
            made.addPixmap(pixmap(name, colour, scale=scale), mode, state)
    return made


def pixmap(name: str, colour: str, *, side: int = _SIDE, scale: int = 1) -> QPixmap:
    """One icon in one colour.

    Args:
        name: File name without ending.
        colour: As ``#RRGGBB``.
        side: Width and height in logical pixels.
        scale: Screen pixels in a logical pixel.
    """
    drawn = QPixmap(QSize(side, side) * scale)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    source = _source(name).replace("currentColor", colour)
    QSvgRenderer(QByteArray(source.encode())).render(painter, QRectF(drawn.rect()))
    painter.end()
    drawn.setDevicePixelRatio(scale)
    return drawn


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    """Text of an icon file."""
    return resource_path(f"icons/{name}.svg").read_text(encoding="utf-8")
