"""Where a B-scan lies in its view, and how much it is stretched; no Qt."""

from dataclasses import dataclass
from enum import StrEnum

MOST_STRETCH = 3.0
"""A filled view stretches the axial direction at most this much."""

ZOOM_STEP = 1.25
_TWIN_GAP, _LEAST_MARGIN = 24.0, 36.0
_CAPTION = 56.0  # height of the captions over the upper picture
_ZOOM_RANGE = (0.25, 16.0)


class Aspect(StrEnum):
    """How a B-scan is laid into its view."""

    TRUE = "true µm"
    PIXEL = "1:1 pixel"
    FILL = "fit"


@dataclass(frozen=True, slots=True)
class Placement:
    """A B-scan in its view.

    Attributes:
        left: Of the picture, in view coordinates.
        top: Of the picture.
        across: Length of one A-scan step in view coordinates.
        down: Length of one pixel in depth.
        stretch: How much longer a millimetre is down than across; for unknown scale, of a pixel.
        to_scale: True where the scale is known.
    """

    left: float
    top: float
    across: float
    down: float
    stretch: float
    to_scale: bool

    def pixel_at(self, x: float, y: float) -> tuple[float, float]:
        """Row and column under a point of the view; may lie outside the picture."""
        return (y - self.top) / self.down, (x - self.left) / self.across


@dataclass(frozen=True, slots=True)
class Zoom:
    """What the user changed: magnification and shift in view coordinates."""

    factor: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def magnified(self, by: float, at: tuple[float, float]) -> "Zoom":
        """Zoomed about a point given relative to the middle of the view."""
        factor = min(max(self.factor * by, _ZOOM_RANGE[0]), _ZOOM_RANGE[1])
        ratio = factor / self.factor
        return Zoom(
            factor, at[0] - (at[0] - self.right) * ratio, at[1] - (at[1] - self.down) * ratio
        )


@dataclass(frozen=True, slots=True)
class Pane:
    """A part of the view, over its whole width, in which the B-scan is drawn once.

    Attributes:
        top: Upper edge.
        height: Height.
        shift: How far down the B-scan lies from where it would lie in the middle of the first
            pane, counted from the top of this one.
    """

    top: float
    height: float
    shift: float


def twin_panes(height: float, picture: float) -> list[Pane]:
    """Two panes, one above the other, where a picture fits twice; else one.

    Args:
        height: Of the view.
        picture: Height of the whole B-scan as laid into the view.
    """
    free = height - 2.0 * picture
    if free < 2.0 * _LEAST_MARGIN + _TWIN_GAP:
        return [Pane(0.0, height, 0.0)]
    around = free - _TWIN_GAP
    above = max(around / 2.0, min(_CAPTION, around - _LEAST_MARGIN / 2.0))
    split = above + picture + _TWIN_GAP / 2.0
    middle = (split - picture) / 2.0  # where it would lie in the middle of the first pane
    below = split + _TWIN_GAP / 2.0
    return [
        Pane(0.0, split, above - middle),
        Pane(split, height - split, below - split - middle),
    ]


def place(
    shape: tuple[int, int],
    pixel_mm: tuple[float, float] | None,
    *,
    view: tuple[float, float],
    aspect: Aspect,
    zoom: Zoom = Zoom(),
    device_pixel: float = 1.0,
) -> Placement:
    """Lay a B-scan into a view.

    Args:
        shape: Depth and number of A-scans.
        pixel_mm: Size of a pixel (depth, ascan) in mm; None where the scale is unknown.
        view: Width and height of the view.
        aspect: How it is laid.
        zoom: What the user changed.
        device_pixel: Length of one screen pixel in view coordinates.
    """
    rows, columns = shape
    tall, wide = pixel_mm if pixel_mm is not None else (1.0, 1.0)
    if aspect is Aspect.PIXEL:
        across = down = device_pixel
    else:
        unit = min(view[0] / (columns * wide), view[1] / (rows * tall))
        across, down = unit * wide, unit * tall
        if aspect is Aspect.FILL:
            across = view[0] / columns
            down = min(view[1] / rows, across / wide * tall * MOST_STRETCH)
    across, down = across * zoom.factor, down * zoom.factor
    left = (view[0] - columns * across) / 2.0 + zoom.right
    top = (view[1] - rows * down) / 2.0 + zoom.down
    stretch = (down / tall) / (across / wide)
    return Placement(left, top, across, down, stretch, pixel_mm is not None)


def describe(placement: Placement, aspect: Aspect) -> tuple[str, bool]:
    """Words for how the B-scan is shown, and whether it is not true to scale.

    Returns:
        The words and True where the reader must be warned.
    """
    if not placement.to_scale:
        return "square pixels · no scale in the file", False
    stretched = abs(placement.stretch - 1.0) > 0.02
    words = "true µm" if aspect is Aspect.TRUE else str(aspect)
    return f"{words} · axial ×{placement.stretch:.1f}", stretched
