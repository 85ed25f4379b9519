"""What is written over a B-scan: number, scale, colour bar, and why no heatmap is shown."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from kdoct_desktop.ui.bscan_geometry import Aspect, Placement, describe
from kdoct_desktop.ui.overlay import colour_bar
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.theme import BASE, DARK, HEADING, SMALL
from kdoct_desktop.ui.widgets import font
from kdoct_desktop.ui.words import probability
from kdoct_desktop.ui.workbench import Workbench

_MARGIN = 16.0
_TOOLS_ROOM = 384.0  # what the tools and the margins take
SCALE_BAR_MM = 0.2


def draw_captions(
    painter: QPainter,
    view: QWidget,
    bench: Workbench,
    placement: Placement,
    aspect: Aspect,
    withheld: str | None,
) -> None:
    """Draw everything that lies over the B-scan but the tools.

    Args:
        painter: On the view.
        view: Gives the size.
        bench: What is shown.
        placement: Where the B-scan lies.
        aspect: How it was laid.
        withheld: Why no heatmap is drawn though it is wanted; None where it is or is not wanted.
    """
    scan = bench.scan
    if scan is None:
        return
    room = max(view.width() - _TOOLS_ROOM, 220.0)
    _draw_number(painter, room, bench, placement, aspect)
    if not scan.is_read(bench.index):
        text = "This B-scan is being read."
        _text(painter, QRectF(view.rect()), Qt.AlignmentFlag.AlignCenter, text, DARK.second)
    bottom = view.height() - _MARGIN
    if withheld is not None:
        box = QRectF(_MARGIN, bottom - 24, view.width() * 0.66, 24)
        align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
        _text(painter, box, align, withheld, DARK.second)
    elif scan.evidence is not None and bench.look.heatmap and scan.evidence.bscan(bench.index):
        _draw_colour_bar(painter, bench, scan, bottom)
    if placement.to_scale:
        _draw_scale(painter, view.width() - _MARGIN, bottom, scan, placement)


def _draw_number(
    painter: QPainter, room: float, bench: Workbench, placement: Placement, aspect: Aspect
) -> None:
    """Number of the B-scan, how it is shown, what the model says about it."""
    scan = bench.scan
    if scan is None:
        return
    align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    box = QRectF(_MARGIN, 12, room, 24)
    number = f"B-scan {bench.index + 1} of {scan.shape[0]}"
    _text(painter, box, align, number, DARK.text, size=HEADING, bold=True)
    words, warn = describe(placement, aspect)
    box.translate(0, 24)
    colour = DARK.warning if warn else DARK.second
    _text(painter, box, align, words, colour, size=SMALL)
    value = _value(scan, bench)
    if value:
        used = painter.fontMetrics().horizontalAdvance(f"{words} ")
        after = box.adjusted(min(used, box.width()), 0, 0, 0)
        _text(painter, after, align, f"· {value}", DARK.second, size=SMALL)
    for doubt in _doubts(scan, bench):
        box.translate(0, 18)
        _text(painter, box, align, doubt, DARK.warning, size=SMALL)


def _value(scan: Scan, bench: Workbench) -> str:
    """The probability of the chosen class in this B-scan."""
    if scan.evidence is None or scan.evidence.bscan(bench.index) is None:
        return ""
    shown = bench.shown_class
    value = float(scan.evidence.probabilities[bench.index, shown])
    return f"{scan.evidence.names[shown]} {probability(value)} in this B-scan"


def _doubts(scan: Scan, bench: Workbench) -> list[str]:
    """What is wrong with this B-scan."""
    bscan = scan.evidence.bscan(bench.index) if scan.evidence is not None else None
    if bscan is None:
        return []
    doubts = []
    if bscan.quality.reasons:
        doubts.append(f"{bscan.quality.state.value} quality: {', '.join(bscan.quality.reasons)}")
    if bscan.ood:
        doubts.append("unlike the training data")
    return doubts


def _draw_colour_bar(painter: QPainter, bench: Workbench, scan: Scan, bottom: float) -> None:
    """From no evidence to the peak of the volume, with the unit."""
    if scan.evidence is None:
        return
    width = 160.0
    bar = QRectF(_MARGIN, bottom - 26, width, 8)
    painter.drawImage(bar, colour_bar())
    painter.setPen(QPen(QColor(0, 0, 0), 1.2))
    for share in (0.5, 0.75):
        x = bar.left() + share * width
        painter.drawLine(QPointF(x, bar.top()), QPointF(x, bar.bottom()))
    above = QRectF(_MARGIN, bar.top() - 20, width, 18)
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
    name = scan.evidence.names[bench.shown_class]
    wide = QRectF(above)
    wide.setWidth(400)
    _text(painter, wide, left, f"{name} · share of the logit", DARK.second, size=SMALL)
    below = QRectF(_MARGIN, bar.bottom() + 3, width, 16)
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
    peak = scan.evidence.cell_share(bench.shown_class)
    _text(painter, below, left, "0", DARK.second, size=SMALL)
    _text(painter, below, right, f"{peak:.2f} a cell", DARK.second, size=SMALL)


def _draw_scale(
    painter: QPainter, right: float, bottom: float, scan: Scan, placement: Placement
) -> None:
    """200 µm across, and down as well where the view is stretched."""
    if scan.pixel_mm is None:
        return
    tall, wide = scan.pixel_mm
    across = SCALE_BAR_MM / wide * placement.across
    down = SCALE_BAR_MM / tall * placement.down
    lines = [(QPointF(right - across, bottom), QPointF(right, bottom))]
    if abs(placement.stretch - 1.0) > 0.02:
        lines.append((QPointF(right, bottom - down), QPointF(right, bottom)))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for pen in (QPen(QColor(0, 0, 0, 160), 5), QPen(QColor(DARK.text), 2)):
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        for start, end in lines:
            painter.drawLine(start, end)
    box = QRectF(right - 104, bottom - 24, 96 if len(lines) > 1 else 104, 18)
    align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
    _text(painter, box, align, "200 µm", DARK.text, size=SMALL)


def _text(
    painter: QPainter,
    box: QRectF,
    align: Qt.AlignmentFlag,
    text: str,
    colour: str,
    *,
    size: int = BASE,
    bold: bool = False,
) -> None:
    """Plain text with a soft dark edge, so that it is readable over bright tissue."""
    painter.setFont(font(size, bold=bold))
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.setPen(QColor(0, 0, 0, 190))
    for dx, dy in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        painter.drawText(box.translated(dx, dy), int(align), shown)
    painter.setPen(QColor(colour))
    painter.drawText(box, int(align), shown)
