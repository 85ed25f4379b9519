"""Layer boundaries as the device found them, as lines over a B-scan."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QPainter, QTransform

from kdoct_desktop.domain.layers import LayerSurfaces
from kdoct_desktop.ui.overlay import draw_lines
from kdoct_desktop.ui.theme import DARK

_WIDTH = 1.0
_MOST_POINTS = 1024


def draw_layers(
    painter: QPainter, layers: LayerSurfaces, index: int, to_widget: QTransform
) -> None:
    """Draw the boundaries of a B-scan; where the device found none there is no line.

    Args:
        painter: On the widget.
        layers: Of the volume.
        index: B-scan index.
        to_widget: From B-scan pixels to the widget.
    """
    segments = boundary_segments(layers, index)
    draw_lines(painter, segments, to_widget, QColor(DARK.action), _WIDTH)


def boundary_segments(layers: LayerSurfaces, index: int) -> NDArray[np.float32]:
    """Line segments between neighbouring A-scans that both have a height.

    Args:
        layers: Of the volume.
        index: B-scan index.

    Returns:
        float32, axes (segment, start/end, row/column), in B-scan pixels; pixel centres lie at .5.
    """
    rows = layers.rows[:, index]
    step = max(1, rows.shape[1] // _MOST_POINTS)
    rows = rows[:, ::step] + np.float32(0.5)
    columns = np.arange(rows.shape[1], dtype=np.float32) * step + np.float32(0.5)
    points = np.stack([rows, np.broadcast_to(columns, rows.shape)], axis=-1)
    segments = np.stack([points[:, :-1], points[:, 1:]], axis=2).reshape(-1, 2, 2)
    return np.asarray(segments[np.isfinite(segments).all(axis=(1, 2))])
