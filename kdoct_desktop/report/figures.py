"""Pictures on a report page: B-scans plain and with evidence, and the eye from the front."""

from reportlab.lib.colors import Color

from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.report import colour, geometry, pictures
from kdoct_desktop.report.enface import EnFace
from kdoct_desktop.report.scan_content import VolumeContent
from kdoct_desktop.report.sheet import FAINT, INK, LINE, PAPER, SECOND, Sheet

DOTS_PER_MM = 240 / 25.4
"""Resolution of B-scans on paper."""

_CAPTION = 4.8  # height of the line under a B-scan
_LEAST_TALL = 8.0  # a B-scan is never drawn flatter, however little room there is
_BETWEEN = 0.6
_GUTTER = 6.0
_TISSUE = 0.3  # grey under the colour bar


def scale_bar(
    sheet: Sheet, right: float, y: float, length_mm: float, label: str, *, zoom: float
) -> None:
    """Draw a bar that ends at `right` with its label to the left; `zoom` is paper over tissue."""
    long = length_mm * zoom
    sheet.line(right - long, y, right, y, weight=0.6)
    sheet.text(right - long - 1.0, y + 0.8, label, size=6.5, align="right")


def evidence_legend(sheet: Sheet, x: float, y: float) -> None:
    """Say what colours and lines mean."""
    colours = colour.table()
    used = sheet.text(x, y + 2.6, "Evidence low", size=7, colour=SECOND)
    at, step = x + used + 1.5, 0.5
    for level in range(0, 256, 8):
        share = float(colour.opacities()[level])
        mixed = Color(*((1 - share) * _TISSUE + share * part / 255 for part in colours[level]))
        sheet.box(at + step * level / 8, y + 0.5, step + 0.02, 2.4, fill=mixed)
    sheet.box(at, y + 0.5, 16.0, 2.4, stroke=FAINT)
    text = "high, as a share of the logit; lines at one half and three quarters of the maximum."
    sheet.text(at + 17.5, y + 2.6, text, size=7, colour=SECOND)


def bscan_pair(
    sheet: Sheet,
    x: float,
    y: float,
    pair: pictures.Pair,
    volume: OctVolume,
    *,
    text: str,
    width: float,
    tall: float,
) -> float:
    """Draw a B-scan plain and with evidence, under or beside each other, whichever is larger.

    Args:
        sheet: The page.
        x: Left edge.
        y: Upper edge.
        pair: The pictures; only the plain one is drawn where there is no other.
        volume: Where they come from.
        text: What stands under them.
        width: Room across.
        tall: Room downwards for pictures and caption.

    Returns:
        Where the next thing may start.
    """
    ratio = pair.plain.shape[0] / pair.plain.shape[1]
    room = max(tall - _CAPTION, 2 * _LEAST_TALL)
    stacked = min((room - _BETWEEN) / 2 if pair.drawn is not None else room, width * ratio)
    beside = min(room, (width - _GUTTER) / 2 * ratio)
    turned = pair.drawn is not None and beside > stacked
    height = beside if turned else stacked
    long = height / ratio
    sheet.picture(x, y, pair.plain, width=long, height=height)
    if pair.drawn is not None:
        left, top = (x + long + _GUTTER, y) if turned else (x, y + height + _BETWEEN)
        sheet.picture(left, top, pair.drawn, width=long, height=height)
        y = top
    below = text + depth_text(volume, pair.window)
    return _caption(sheet, x, y + height, below, volume, width=width, long=long)


def depth_text(volume: OctVolume, window: geometry.Window) -> str:
    """How much of the depth is shown, or that proportions are those of the pixels."""
    spacing, rows = volume.spacing, volume.voxels.shape[1]
    if not geometry.has_scale(spacing) or spacing.axial_mm is None:
        return " · no scale stated, pixels square"
    if window.rows == rows:
        return ""
    return f" · {window.rows * spacing.axial_mm:.1f} of {rows * spacing.axial_mm:.1f} mm depth"


def _caption(
    sheet: Sheet, x: float, y: float, text: str, volume: OctVolume, *, width: float, long: float
) -> float:
    """Write what is shown, with the scale bar at the right; pictures are `long` across."""
    spacing = volume.spacing
    room = width
    if spacing.ascan_mm and geometry.has_scale(spacing):
        zoom = long / (spacing.ascan_mm * volume.voxels.shape[2])
        scale_bar(sheet, x + width, y + 1.9, geometry.SCALE_BAR_MM, "200 µm", zoom=zoom)
        room = width - geometry.SCALE_BAR_MM * zoom - 12.0
    sheet.text(x, y + 2.6, text, size=7, colour=SECOND, most=room)
    return y + _CAPTION


def en_face(
    sheet: Sheet,
    x: float,
    y: float,
    front: EnFace,
    content: VolumeContent,
    *,
    box: tuple[float, float],
) -> tuple[float, float]:
    """Draw the eye from the front inside a box, with number of the strongest line and scale.

    Returns:
        Width of the picture, and where the next thing may start.
    """
    rows, columns = front.pixels.shape[:2]
    width = min(box[0], box[1] * columns / rows)
    height = width * rows / columns
    sheet.picture(x, y, front.pixels, width=width, height=height)
    if content.evidence_class is not None:
        row, column = (front.lines[content.key_bscans[0], 1] / columns * width).tolist()
        label = f"{content.key_bscans[0] + 1}"
        long = 1.4 * len(label) + 1.4
        left = min(x + column + 0.3, x + width - long)
        sheet.box(left, y + row - 1.5, long, 3.0, fill=INK, radius=0.5)
        sheet.text(left + long / 2, y + row + 0.9, label, size=6.5, colour=PAPER, align="middle")
    sheet.box(x, y, width, height, stroke=LINE)
    below = y + height
    if front.width_mm is not None:
        scale_bar(sheet, x + width, below + 1.9, 1.0, "1 mm", zoom=width / front.width_mm)
    text = "Localizer" if front.on_localizer else "Mean projection"
    if front.width_mm is None:
        text += ", not to scale"
    sheet.text(x, below + 2.6, text, size=7, colour=SECOND, most=width - 12.0)
    return width, below + 4.4
