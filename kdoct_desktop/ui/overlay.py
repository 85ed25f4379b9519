"""Evidence as pictures that Qt can draw: a translucent fill and sharp contour lines.

Colours, opacity and levels are those of ``report.colour``, so window and report look alike.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QTransform

from kdoct_desktop.domain.heatmap import relative, upsample
from kdoct_desktop.report.colour import CONTOUR_LEVELS, opacities, table
from kdoct_desktop.ui.contour import contour
from kdoct_desktop.ui.evidence import Evidence

_FINE = 8  # samples a cell along each axis
_SOFT = 2  # samples to either side over which creases are rounded
_CACHED = 96


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """The evidence of one B-scan for one class, ready to draw.

    Attributes:
        levels: uint8 share of the peak, axes (row, column), smooth.
        box: Where `levels` lies, in B-scan pixels.
        lines: Segments of each contour level in B-scan pixels, axes (segment, end, row/column).
    """

    levels: NDArray[np.uint8]
    box: QRectF
    lines: tuple[NDArray[np.float32], ...]


class HeatCache:
    """Makes and keeps the evidence pictures of one scan."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, bool], Heat] = OrderedDict()

    def clear(self) -> None:
        """Forget all; the evidence grew or another scan is shown."""
        self._kept.clear()

    def heat(self, evidence: Evidence, index: int, shown: int, *, cells: bool) -> Heat:
        """The picture of one B-scan and class; the caller has asked whether it may be shown."""
        key = (index, shown, cells)
        if key not in self._kept:
            self._kept[key] = make_heat(evidence, index, shown, cells=cells)
            if len(self._kept) > _CACHED:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def make_heat(evidence: Evidence, index: int, shown: int, *, cells: bool) -> Heat:
    """Turn an activation map into something to draw.

    Args:
        evidence: Of the volume.
        index: B-scan index.
        shown: Class in shown order.
        cells: Draw the honest cells instead of a smooth map.
    """
    cam, (top, bottom, left, right) = evidence.cam(index, shown)
    peak = evidence.peak(shown)
    box = QRectF(left, top, right - left, bottom - top)
    if cells:
        fine = np.kron(cam, np.ones((_FINE, _FINE), dtype=np.float32))
    else:
        fine = _rounded(upsample(cam, (cam.shape[0] * _FINE, cam.shape[1] * _FINE)))
    share = relative(fine, peak)
    scale = np.array(
        [(bottom - top) / fine.shape[0], (right - left) / fine.shape[1]], dtype=np.float32
    )
    shift = np.array([top, left], dtype=np.float32)
    lines = tuple(
        (contour(share, level) + np.float32(0.5)) * scale + shift for level in CONTOUR_LEVELS
    )
    return Heat(np.rint(share * 255.0).astype(np.uint8), box, lines)


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values without the creases of bilinear interpolation: a short mean along both axes."""
    for _ in range(2):  # down, then across: turned over after each
        rows = len(values)
        padded = values[np.clip(np.arange(-_SOFT, rows + _SOFT), 0, rows - 1)]
        total = padded[:rows].copy()
        for shift in range(1, 2 * _SOFT + 1):
            total += padded[shift : shift + rows]
        values = (total / np.float32(2 * _SOFT + 1)).T
    return values


@lru_cache(maxsize=32)
def fill_colours(opacity: float) -> list[int]:
    """The 256 ARGB colours of the fill; `opacity` is a share of the most that is allowed."""
    alpha = np.rint(opacities() * opacity * 255.0).astype(np.uint32)
    rgb = table().astype(np.uint32)
    colours = (alpha << 24) | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]
    return [int(colour) for colour in colours]


@lru_cache(maxsize=64)
def grey_colours(low: int, high: int, inverted: bool) -> list[int]:
    """The 256 ARGB colours of grey tissue for a window from `low` to `high`."""
    grey = np.clip((np.arange(256) - low) * (255.0 / max(high - low, 1)), 0, 255)
    grey = np.rint(255.0 - grey if inverted else grey).astype(np.uint32)
    colours = 0xFF000000 | (grey << 16) | (grey << 8) | grey
    return [int(colour) for colour in colours]


def indexed_image(values: NDArray[np.uint8], colours: list[int]) -> QImage:
    """A picture over `values` without a copy; the caller keeps `values` alive while it is used."""
    rows, columns = values.shape
    image = QImage(values.data, columns, rows, values.strides[0], QImage.Format.Format_Indexed8)
    image.setColorTable(colours)
    return image


def evidence_colour(share: float) -> QColor:
    """Colour of the evidence table at a share of the maximum from 0 to 1."""
    return QColor(_table_colours()[round(min(max(share, 0.0), 1.0) * 255)])


@lru_cache(maxsize=1)
def colour_bar() -> QImage:
    """The whole evidence table as one row of pixels."""
    image = QImage(256, 1, QImage.Format.Format_RGB32)
    for level, colour in enumerate(_table_colours()):
        image.setPixelColor(level, 0, colour)
    return image


@lru_cache(maxsize=1)
def _table_colours() -> list[QColor]:
    return [QColor(int(red), int(green), int(blue)) for red, green, blue in table()]


def draw_heat(painter: QPainter, heat: Heat, to_widget: QTransform, opacity: float) -> None:
    """Draw fill and contours.

    Args:
        painter: On the widget.
        heat: What to draw.
        to_widget: From B-scan pixels to the widget.
        opacity: Share of the fill's full strength.
    """
    levels = np.ascontiguousarray(heat.levels)
    image = indexed_image(levels, fill_colours(opacity))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(to_widget.mapRect(heat.box), image)
    for segments, share in zip(heat.lines, (0.0, 1.0), strict=True):
        draw_lines(painter, segments, to_widget, evidence_colour(share))


def draw_lines(
    painter: QPainter,
    segments: NDArray[np.float32],
    to_widget: QTransform,
    colour: QColor,
    width: float = 1.4,
) -> None:
    """Draw segments with a dark rim that keeps them readable on bright tissue."""
    if not len(segments):
        return
    lines = lines_in_widget(segments, to_widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rim = QPen(QColor(0, 0, 0, 110), width + 1.6)
    rim.setCapStyle(Qt.PenCapStyle.FlatCap)
    line = QPen(colour, width)
    line.setCapStyle(Qt.PenCapStyle.RoundCap)
    for pen in (rim, line):
        painter.setPen(pen)
        painter.drawLines(lines)


def lines_in_widget(segments: NDArray[np.floating], to_widget: QTransform) -> list[QLineF]:
    """Segments, axes (segment, end, row/column), as lines in the widget.

    Args:
        segments: What to draw.
        to_widget: Scales and shifts, from the unit of `segments` to the widget.
    """
    flat = segments.reshape(-1, 2).astype(np.float64)
    x = flat[:, 1] * to_widget.m11() + to_widget.dx()
    y = flat[:, 0] * to_widget.m22() + to_widget.dy()
    return [QLineF(*ends) for ends in np.stack([x, y], axis=1).reshape(-1, 4).tolist()]
