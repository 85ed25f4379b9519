"""The first page: one eye over the whole width, or two beside each other."""

from dataclasses import dataclass

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.report import elements, figures, frame, pictures
from kdoct_desktop.report.content import ReportContent
from kdoct_desktop.report.scan_content import VolumeContent
from kdoct_desktop.report.sheet import INNER, MARGIN, SECOND, Sheet

GUTTER = 6.0
COLUMN = (INNER - GUTTER) / 2

_NOTES = 4
_LAST_BLOCK = 36.0  # limits and signature
_BSCAN_TALL = 62.0  # tallest pair of B-scans in a column
_BSCAN_TALL_WIDE = 98.0  # the same over the whole width


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One scan of a page: what is printed and what it is made from."""

    content: VolumeContent
    item: VolumeAnalysis
    others: str


def rows_of_eyes(content: ReportContent, analysis: StudyAnalysis) -> list[list[Eye]]:
    """The leading scan of each eye, two a page: OD and OS beside each other where both exist."""
    leading: dict[str, list[VolumeContent]] = {}
    for each in content.volumes:
        leading.setdefault(each.eye, []).append(each)
    eyes = [
        Eye(group[0], analysis.volumes[group[0].position], _others(group[1:]))
        for group in leading.values()
    ]
    return [eyes[at : at + 2] for at in range(0, len(eyes), 2)]


def _others(further: list[VolumeContent]) -> str:
    """What else was scanned of the same eye."""
    if not further:
        return ""
    count = len(further)
    return f"{count} more scan{'s' if count > 1 else ''} of this eye: see the detail pages."


def draw(sheet: Sheet, content: ReportContent, eyes: list[Eye]) -> None:
    """Draw the body of one page between head and foot."""
    y = frame.head(sheet, content)
    if not eyes:
        y = sheet.paragraph(
            MARGIN, y, "No scan could be read.", width=INNER, lines=1, size=11, bold=True
        )
        problems(sheet, content, y + 3.0, most=30)
    elif len(eyes) == 1:
        _wide(sheet, content, eyes[0], y)
    else:
        _columns(sheet, eyes, y)
    _limits_and_signature(sheet, content)


def problems(sheet: Sheet, content: ReportContent, y: float, *, most: int = 6) -> float:
    """List inputs that were refused; the rest as a number.

    Returns:
        Where the next thing may start.
    """
    if not content.problems:
        return y
    sheet.text(MARGIN, y + 2.8, "Not read", size=8, bold=True)
    y += 4.2
    for source, message in content.problems[:most]:
        used = sheet.text(MARGIN, y + 2.5, source, size=7.5, most=60.0)
        sheet.text(
            MARGIN + used + 2.0, y + 2.5, message, size=7.5, colour=SECOND, most=INNER - used - 2.0
        )
        y += 3.8
    left = len(content.problems) - most
    if left > 0:
        sheet.text(MARGIN, y + 2.5, f"and {left} more, listed in result.json", size=7.5)
        y += 3.8
    return y


def heading(
    sheet: Sheet, x: float, y: float, volume: VolumeContent, *, width: float, note: str = ""
) -> float:
    """Draw the eye, a note beside it, and how soon somebody should look."""
    sheet.rule(x, y, width, weight=0.35)
    colour = elements.urgency_colour(volume.urgency)
    word = volume.urgency_word
    room = sheet.width_of(word, size=10.5, bold=True)
    eye = sheet.text(x, y + 5.6, volume.eye, size=10.5, bold=True, most=width - room - 8.0)
    sheet.text(x + eye + 5.0, y + 5.6, note, size=8, colour=SECOND)
    elements.urgency_mark(sheet, x + width - room - 3.2, y + 4.3, volume.urgency)
    sheet.text(x + width, y + 5.6, word, size=10.5, bold=True, colour=colour, align="right")
    return y + 7.6


def _sentences(sheet: Sheet, x: float, y: float, eye: Eye, *, width: float) -> float:
    """The finding, and what else to know about it."""
    y = sheet.paragraph(x, y, eye.content.sentence, width=width, lines=3, size=9.5, bold=True)
    notes = [*eye.content.reasons, *eye.content.notices]
    if len(notes) > _NOTES:
        notes[_NOTES - 1 :] = [f"{len(notes) - _NOTES + 1} more notes: see result.json."]
    for reason in (*notes, *([eye.others] if eye.others else [])):
        y = sheet.paragraph(x, y + 0.4, reason, width=width, lines=2, size=7.5, colour=SECOND)
    return y + 1.2


def _facts(sheet: Sheet, x: float, y: float, eye: Eye, *, width: float) -> float:
    """Provenance, quality and what was scanned."""
    y = elements.badges(sheet, x, y, eye.content.badges, width=width)
    for label, value in (("Quality", eye.content.quality), ("Scan", eye.content.scan)):
        sheet.text(x, y + 2.7, label, size=7, colour=SECOND)
        y = sheet.paragraph(x + 10.0, y + 0.2, value, width=width - 10.0, lines=5, size=7) + 0.9
    return y


def _columns(sheet: Sheet, eyes: list[Eye], y: float) -> None:
    """Two eyes: the same parts at the same height."""
    places = [(MARGIN + index * (COLUMN + GUTTER), eye) for index, eye in enumerate(eyes)]
    y = max(heading(sheet, x, y, eye.content, width=COLUMN) for x, eye in places)
    y = max(_sentences(sheet, x, y, eye, width=COLUMN) for x, eye in places)
    y = max(
        elements.class_bars(sheet, x, y, eye.content.classes, width=COLUMN)
        if eye.content.classes
        else y
        for x, eye in places
    )
    y += 2.0
    y = max(_front_and_facts(sheet, x, y, eye, width=COLUMN, tall=57.0) for x, eye in places)
    y = max(
        elements.strip_chart(sheet, x, y + 0.6, eye.item, eye.content, width=COLUMN)
        for x, eye in places
    )
    for x, eye in places:
        room = frame.FOOT - _LAST_BLOCK - y - 3.0
        _bscans(sheet, x, y + 1.0, eye, width=COLUMN, tall=min(_BSCAN_TALL, room))


def _front_and_facts(
    sheet: Sheet, x: float, y: float, eye: Eye, *, width: float, tall: float
) -> float:
    """En face at the left, facts at the right of it."""
    front = pictures.front(eye.item, width=640)
    room = width * 0.64
    used, below = figures.en_face(sheet, x, y, front, eye.content, box=(room, tall))
    facts = _facts(sheet, x + used + 3.0, y, eye, width=width - used - 3.0)
    return max(below, facts)


def _wide(sheet: Sheet, content: ReportContent, eye: Eye, y: float) -> None:
    """One eye over the whole width."""
    y = heading(sheet, MARGIN, y, eye.content, width=INNER, note=content.missing_eye)
    front = pictures.front(eye.item, width=840)
    used, below = figures.en_face(sheet, MARGIN, y + 0.5, front, eye.content, box=(COLUMN, 74.0))
    x, width = MARGIN + used + GUTTER, INNER - used - GUTTER
    right = _sentences(sheet, x, y, eye, width=width)
    if eye.content.classes:
        right = elements.class_bars(sheet, x, right + 1.0, eye.content.classes, width=width)
    right = _facts(sheet, x, right + 2.0, eye, width=width)
    right = elements.strip_chart(sheet, x, right + 1.0, eye.item, eye.content, width=width)
    y = max(below, right) + 1.0
    room = frame.FOOT - _LAST_BLOCK - y
    _bscans(sheet, MARGIN, y, eye, width=INNER, tall=min(_BSCAN_TALL_WIDE, room))


def _bscans(sheet: Sheet, x: float, y: float, eye: Eye, *, width: float, tall: float) -> float:
    """The strongest B-scan plain and with contours; same crop, true proportions."""
    volume, index = eye.item.volume, eye.content.key_bscans[0]
    (pair,) = pictures.pairs(
        volume,
        eye.item.prediction,
        [index],
        class_index=eye.content.evidence_class,
        width=round(width * figures.DOTS_PER_MM),
    )
    text = f"B-scan {index + 1} of {volume.bscan_count}"
    if eye.content.stands_out:
        text += f", strongest for {eye.content.evidence_name}"
    if pair.drawn is None:
        tall -= sheet.paragraph_height(pair.why_not, width=width, lines=2, size=7.5)
    y = figures.bscan_pair(sheet, x, y, pair, volume, text=text, width=width, tall=tall)
    if pair.drawn is None:
        y = sheet.paragraph(x, y, pair.why_not, width=width, lines=2, size=7.5)
    return y


def _limits_and_signature(sheet: Sheet, content: ReportContent) -> None:
    """Limits and a place for name and signature, above the foot."""
    y = frame.FOOT - _LAST_BLOCK + 2.0
    sheet.rule(MARGIN, y, INNER)
    figures.evidence_legend(sheet, MARGIN, y + 0.8)
    y += 4.2
    text = " ".join(content.limits)
    sheet.paragraph(MARGIN, y + 1.2, text, width=INNER, lines=4, size=7, colour=SECOND)
    line = frame.FOOT - 5.0
    for x, width, label in (
        (MARGIN, 72.0, "Name of the reader"),
        (MARGIN + 78.0, 30.0, "Date"),
        (MARGIN + 114.0, INNER - 114.0, "Signature"),
    ):
        sheet.line(x, line, x + width, line, weight=0.2)
        sheet.text(x, line + 3.2, label, size=6.8, colour=SECOND)
