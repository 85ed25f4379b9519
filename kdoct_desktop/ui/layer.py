"""A part of a widget that is painted once and copied until it has to look different."""

from collections.abc import Callable, Hashable

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter


class Layer:
    """One remembered picture.

    The key holds everything that the picture depends on but size and resolution.
    """

    def __init__(self) -> None:
        self._key: Hashable = None
        self._image = QImage()

    def draw(
        self,
        painter: QPainter,
        size: QSize,
        key: Hashable,
        paint: Callable[[QPainter], None],
        *,
        ground: str,
    ) -> None:
        """Copy the picture to the origin; paint it first where it is another one.

        Args:
            painter: On the widget.
            size: Of the picture in logical pixels.
            key: What the picture depends on.
            paint: Paints it.
            ground: Colour below everything.
        """
        scale = painter.deviceTransform().m11()
        whole = (key, size.width(), size.height(), scale)
        if whole != self._key:
            self._image = QImage(size * scale, QImage.Format.Format_RGB32)
            self._image.setDevicePixelRatio(scale)
            self._image.fill(QColor(ground))
            inner = QPainter(self._image)
            paint(inner)
            inner.end()
            self._key = whole
        painter.drawImage(QPointF(0.0, 0.0), self._image)


class ScaledPicture:
    """A picture brought to the size in which it is drawn, once for all its uses."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._image = QImage()

    def get(self, key: Hashable, size: tuple[int, int], make: Callable[[], QImage]) -> QImage:
        """The picture in a size.

        Args:
            key: What the picture depends on but the size.
            size: Width and height in screen pixels.
            make: Makes it in its own size.
        """
        if (key, size) != self._key:
            self._image = scaled(make(), size)
            self._key = (key, size)
        return self._image


def scaled(image: QImage, size: tuple[int, int]) -> QImage:
    """A picture in another size: means when smaller, smooth when larger."""
    opaque = image.convertToFormat(QImage.Format.Format_RGB32)
    return opaque.scaled(
        max(size[0], 1),
        max(size[1], 1),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
