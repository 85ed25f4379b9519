"""A page measured in millimetres from its upper left corner, and the few things drawn on it."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from kdoct_desktop.report import fonts

WIDTH, HEIGHT = 210.0, 297.0
"""A4."""

MARGIN = 14.0
INNER = WIDTH - 2 * MARGIN
POINT = 25.4 / 72.0
"""Millimetres in a point."""

INK = HexColor("#14191D")
SECOND = HexColor("#4B5963")
FAINT = HexColor("#98A4AE")
LINE = HexColor("#C9D2D9")
TRACK = HexColor("#E4E9ED")
PAPER = HexColor("#FFFFFF")

_JPEG_QUALITY = 90


class Sheet:
    """Draws on one canvas; lengths in millimetres, y downwards, font sizes in points."""

    def __init__(self, canvas: Canvas) -> None:
        """Wrap a canvas of A4 pages."""
        self.canvas = canvas

    def width_of(self, text: str, *, size: float, bold: bool = False) -> float:
        """Width of one line."""
        long: float = fonts.width(text, fonts.BOLD if bold else fonts.REGULAR, size) / mm
        return long

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 8.0,
        bold: bool = False,
        colour: Color = INK,
        most: float | None = None,
        align: str = "left",
    ) -> float:
        """Draw one line on the baseline `y`, cut in the middle beyond `most`.

        Returns:
            Width of what was drawn.
        """
        name = fonts.BOLD if bold else fonts.REGULAR
        if most is not None:
            text = fonts.shorten(text, name, size, most=most * mm)
        long: float = fonts.width(text, name, size) / mm
        start = x - {"left": 0.0, "right": long, "middle": long / 2.0}[align]
        self.canvas.setFillColor(colour)
        fonts.draw(self.canvas, start * mm, (HEIGHT - y) * mm, text, name=name, size=size)
        return long

    def paragraph(
        self,
        x: float,
        y: float,
        text: str,
        *,
        width: float,
        lines: int,
        size: float = 8.0,
        bold: bool = False,
        colour: Color = INK,
    ) -> float:
        """Draw wrapped text whose first line hangs from `y`.

        Returns:
            Where the next thing may start.
        """
        name = fonts.BOLD if bold else fonts.REGULAR
        leading = size * 1.28 * POINT
        for line in fonts.wrap(text, name, size, most=width * mm, lines=lines):
            self.text(x, y + size * 0.95 * POINT, line, size=size, bold=bold, colour=colour)
            y += leading
        return y

    def paragraph_height(self, text: str, *, width: float, lines: int, size: float) -> float:
        """Room that `paragraph` takes for regular text."""
        wrapped = fonts.wrap(text, fonts.REGULAR, size, most=width * mm, lines=lines)
        return len(wrapped) * size * 1.28 * POINT

    def rule(self, x: float, y: float, width: float, *, weight: float = 0.2) -> None:
        """Draw a level line."""
        self.line(x, y, x + width, y, weight=weight, colour=INK if weight > 0.3 else LINE)

    def line(
        self, x0: float, y0: float, x1: float, y1: float, *, weight: float, colour: Color = INK
    ) -> None:
        """Draw a straight line `weight` millimetres thick."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(weight * mm)
        self.canvas.line(x0 * mm, (HEIGHT - y0) * mm, x1 * mm, (HEIGHT - y1) * mm)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: Color | None = None,
        stroke: Color | None = None,
        weight: float = 0.2,
        radius: float = 0.0,
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        if fill is not None:
            self.canvas.setFillColor(fill)
        if stroke is not None:
            self.canvas.setStrokeColor(stroke)
            self.canvas.setLineWidth(weight * mm)
        place = (x * mm, (HEIGHT - y - height) * mm, width * mm, height * mm)
        flags = {"fill": int(fill is not None), "stroke": int(stroke is not None)}
        if radius > 0.0:
            self.canvas.roundRect(*place, radius * mm, **flags)
        else:
            self.canvas.rect(*place, **flags)

    def polygon(self, points: list[tuple[float, float]], *, fill: Color) -> None:
        """Draw a filled polygon."""
        path = self.canvas.beginPath()
        path.moveTo(points[0][0] * mm, (HEIGHT - points[0][1]) * mm)
        for x, y in points[1:]:
            path.lineTo(x * mm, (HEIGHT - y) * mm)
        path.close()
        self.canvas.setFillColor(fill)
        self.canvas.drawPath(path, fill=1, stroke=0)

    def circle(
        self, x: float, y: float, radius: float, *, fill: Color | None, stroke: Color
    ) -> None:
        """Draw a disc or a ring around a middle."""
        self.canvas.setStrokeColor(stroke)
        self.canvas.setLineWidth(0.35 * mm)
        if fill is not None:
            self.canvas.setFillColor(fill)
        self.canvas.circle(
            x * mm, (HEIGHT - y) * mm, radius * mm, fill=int(fill is not None), stroke=1
        )

    def picture(
        self, x: float, y: float, pixels: NDArray[np.uint8], *, width: float, height: float
    ) -> None:
        """Draw grey or RGB pixels from the upper left corner."""
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(
            stream, format="JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True
        )
        stream.seek(0)
        self.canvas.drawImage(
            ImageReader(stream), x * mm, (HEIGHT - y - height) * mm, width * mm, height * mm
        )
