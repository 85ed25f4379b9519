"""A scan as a small picture: its middle B-scan in true proportions on black."""

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from kdoct_desktop.ui.layer import scaled
from kdoct_desktop.ui.overlay import grey_colours, indexed_image
from kdoct_desktop.ui.scan import Scan

_SQUARE = (1.0, 1.0)


def thumbnail(scan: Scan, size: QSize, scale: float) -> QImage | None:
    """Draw a scan small; None while its middle B-scan is not read.

    Args:
        scan: The scan.
        size: In logical pixels.
        scale: Screen pixels in a logical pixel.
    """
    pixels = scan.bscan(scan.shape[0] // 2)
    if pixels is None:
        return None
    down, across = scan.pixel_mm or _SQUARE
    height, width = pixels.shape[0] * down, pixels.shape[1] * across
    fit = min(size.width() / width, size.height() / height) * scale
    small = scaled(
        indexed_image(pixels, grey_colours(0, 255, inverted=False)),
        (max(round(width * fit), 1), max(round(height * fit), 1)),
    )
    image = QImage(size * scale, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.black)
    painter = QPainter(image)
    left, top = (image.width() - small.width()) // 2, (image.height() - small.height()) // 2
    painter.drawImage(QPointF(left, top), small)
    painter.end()
    image.setDevicePixelRatio(scale)
    return image
