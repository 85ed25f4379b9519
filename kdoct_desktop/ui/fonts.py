"""Which font: the system's own; the one that ships with the program where there is none."""

from PySide6.QtGui import QFont, QFontDatabase

from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.ui.theme import BASE

_GENERIC = {"sans serif", "sans-serif", "sans", ""}
_FILES = ("Roboto-Regular.ttf", "Roboto-Medium.ttf", "DejaVuSans.ttf", "DroidSansFallback.ttf")


def choose_font() -> QFont:
    """The program's font at its base size, with figures of equal width.

    A desktop that names its font is followed. Where only a generic name is given, as off screen,
    the bundled fonts are used, so that the window looks the same everywhere and every script has
    glyphs.
    """
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if font.family().lower() in _GENERIC:
        bundled = register_bundled()
        font = QFont(bundled) if bundled else font
    font.setPixelSize(BASE)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def register_bundled() -> list[str]:
    """Make the bundled fonts known to Qt; their families, the main one first."""
    families: list[str] = []
    for name in _FILES:
        path = resource_path(f"fonts/{name}")
        number = QFontDatabase.addApplicationFont(str(path)) if path.is_file() else -1
        if number >= 0:
            new = QFontDatabase.applicationFontFamilies(number)
            families += [family for family in new if family not in families]
    return families
