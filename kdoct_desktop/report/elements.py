"""The parts of a report page: urgency mark, bars, strip chart, badges, pictures with scale."""

from collections.abc import Sequence

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.units import mm

from kdoct_desktop.domain.analysis import VolumeAnalysis
from kdoct_desktop.domain.finding import Urgency
from kdoct_desktop.domain.quality import QualityState
from kdoct_desktop.domain.volume import Provenance
from kdoct_desktop.report import fonts
from kdoct_desktop.report.scan_content import Badge, ClassRow, VolumeContent
from kdoct_desktop.report.sheet import FAINT, INK, PAPER, SECOND, TRACK, Sheet
from kdoct_desktop.report.wording import probability

_URGENCY_COLOURS = {
    Urgency.URGENT: HexColor("#C2410C"),
    Urgency.SEMI_URGENT: HexColor("#A16207"),
    Urgency.NEEDS_HUMAN_READ: HexColor("#6D4AC2"),
    Urgency.ROUTINE: HexColor("#0F766E"),
    Urgency.OBSERVE: HexColor("#51606B"),
}
_PROVENANCE_WORDS = {
    Provenance.DEVICE: "device",
    Provenance.DERIVED: "derived",
    Provenance.ASSUMED: "assumed",
    Provenance.USER: "user",
    Provenance.UNKNOWN: "unknown",
}
_DOUBTFUL = {Provenance.ASSUMED, Provenance.UNKNOWN}


def urgency_colour(urgency: Urgency | None) -> Color:
    """Colour of an urgency on paper; grey where there is none."""
    return SECOND if urgency is None else _URGENCY_COLOURS[urgency]


def urgency_mark(sheet: Sheet, x: float, y: float, urgency: Urgency | None) -> None:
    """Draw the shape of an urgency, 3 mm wide, around a middle: triangle, diamond, question mark,
    disc or ring; a dash where the scan was not analysed."""
    ink = urgency_colour(urgency)
    if urgency is Urgency.URGENT:
        sheet.polygon([(x - 1.7, y + 1.4), (x + 1.7, y + 1.4), (x, y - 1.6)], fill=ink)
    elif urgency is Urgency.SEMI_URGENT:
        sheet.polygon([(x - 1.6, y), (x, y - 1.6), (x + 1.6, y), (x, y + 1.6)], fill=ink)
    elif urgency is Urgency.NEEDS_HUMAN_READ:
        sheet.circle(x, y, 1.6, fill=ink, stroke=ink)
        sheet.text(x, y + 1.0, "?", size=7.5, bold=True, colour=PAPER, align="middle")
    elif urgency is Urgency.ROUTINE:
        sheet.circle(x, y, 1.35, fill=ink, stroke=ink)
    elif urgency is Urgency.OBSERVE:
        sheet.circle(x, y, 1.35, fill=None, stroke=ink)
    else:
        sheet.line(x - 1.5, y, x + 1.5, y, weight=0.5, colour=ink)


def class_bars(
    sheet: Sheet, x: float, y: float, rows: Sequence[ClassRow], *, width: float
) -> float:
    """Draw one bar a class with its threshold as a tick.

    Returns:
        Where the next thing may start.
    """
    name_width, number_width = 17.0, 22.0
    track = width - name_width - number_width
    sheet.text(x, y + 2.2, "Class, each on its own scale", size=6.5, colour=SECOND)
    sheet.text(x + width - 12.0, y + 2.2, "probability", size=6.5, colour=SECOND, align="right")
    sheet.text(x + width, y + 2.2, "threshold", size=6.5, colour=SECOND, align="right")
    y += 3.6
    for row in rows:
        start = x + name_width
        sheet.text(x, y + 3.1, row.name, size=8, bold=row.leading, most=name_width - 1.5)
        sheet.box(start, y + 1.0, track, 2.4, fill=TRACK)
        long = track * min(max(row.value, 0.0), 1.0)
        sheet.box(start, y + 1.0, max(long, 0.15), 2.4, fill=INK if row.leading else FAINT)
        if row.limit is not None:
            at = start + track * row.limit
            sheet.line(at, y + 0.2, at, y + 4.2, weight=0.75, colour=PAPER)
            sheet.line(at, y + 0.2, at, y + 4.2, weight=0.35)
        right = x + width
        sheet.text(right - 12.0, y + 3.1, row.probability, bold=row.leading, align="right")
        sheet.text(right, y + 3.1, row.threshold or "–", colour=SECOND, align="right", size=7.5)
        y += 4.7
    return y


def strip_chart(
    sheet: Sheet,
    x: float,
    y: float,
    item: VolumeAnalysis,
    content: VolumeContent,
    *,
    width: float,
    height: float = 11.0,
) -> float:
    """Draw one bar a B-scan: the probability of the shown class, with threshold and strongest.

    Returns:
        Where the next thing may start.
    """
    prediction, index = item.prediction, content.evidence_class
    if prediction is None or index is None:
        return y
    sheet.text(x, y + 2.4, f"{content.evidence_name} by B-scan", size=7, colour=SECOND)
    row = content.classes[index]
    if row.bscan_limit is not None:
        note = f"dashed: threshold {probability(row.bscan_limit)}"
        sheet.text(x + width, y + 2.4, note, size=6.5, colour=SECOND, align="right")
    top, count = y + 4.0, len(prediction.bscans)
    base, step = top + height, width / count
    bar = min(max(step * 0.72, 0.12), 7.0)
    for bscan in prediction.bscans:
        tall = max(height * bscan.probabilities[index], 0.15)
        left = x + step * bscan.index + (step - bar) / 2.0
        doubtful = bscan.ood or bscan.quality.state is QualityState.UNGRADABLE
        fill = PAPER if doubtful else (INK if bscan.index in content.key_bscans else FAINT)
        stroke = SECOND if doubtful else None
        sheet.box(left, base - tall, bar, tall, fill=fill, stroke=stroke, weight=0.12)
    sheet.line(x, base, x + width, base, weight=0.2)
    if row.bscan_limit is not None:
        _dashed(sheet, x, base - height * row.bscan_limit, width)
    return _strip_numbers(sheet, x, base, content, count=count, step=step, width=width)


def _strip_numbers(
    sheet: Sheet,
    x: float,
    base: float,
    content: VolumeContent,
    *,
    count: int,
    step: float,
    width: float,
) -> float:
    """Number the first, the last and the strongest B-scan, the latter with a triangle."""
    peak = content.key_bscans[0]
    at = x + step * (peak + 0.5)
    sheet.polygon([(at - 0.9, base + 1.9), (at + 0.9, base + 1.9), (at, base + 0.4)], fill=INK)
    sheet.text(at, base + 4.3, f"{peak + 1}", size=6.5, bold=True, align="middle")
    if at - x > 6.0:
        sheet.text(x, base + 3.0, "1", size=6.5, colour=SECOND)
    if x + width - at > 8.0 and count > 1:
        sheet.text(x + width, base + 3.0, f"{count}", size=6.5, colour=SECOND, align="right")
    return base + 5.4


def _dashed(sheet: Sheet, x: float, y: float, width: float) -> None:
    """Draw a dashed level line."""
    sheet.canvas.saveState()
    sheet.canvas.setDash(3, 2)
    sheet.line(x, y, x + width, y, weight=0.18, colour=SECOND)
    sheet.canvas.restoreState()


def badges(sheet: Sheet, x: float, y: float, values: Sequence[Badge], *, width: float) -> float:
    """Draw values with where they came from; what is assumed or unknown stands out in black.

    Returns:
        Where the next thing may start.
    """
    for value in values:
        word = _PROVENANCE_WORDS[value.provenance]
        doubtful = value.provenance in _DOUBTFUL
        sheet.text(x, y + 2.7, value.label, size=7, colour=SECOND)
        long = 3.0 + 1.28 * len(word)
        sheet.box(
            x + width - long,
            y + 0.1,
            long,
            3.5,
            fill=INK if doubtful else PAPER,
            stroke=INK if doubtful else FAINT,
            radius=0.9,
        )
        middle = x + width - long / 2.0
        sheet.text(
            middle, y + 2.6, word, size=6.5, colour=PAPER if doubtful else INK, align="middle"
        )
        used = fonts.width(value.value, fonts.REGULAR, 7) / mm
        if used <= width - 10.0 - long - 1.5:
            sheet.text(x + 10.0, y + 2.7, value.value, size=7)
            y += 4.4
        else:
            y = sheet.paragraph(x, y + 3.9, value.value, width=width, lines=3, size=7) + 0.9
    return y
