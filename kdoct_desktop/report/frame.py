"""What stands on every page: who, what was studied, and the fixed foot."""

from reportlab.lib.colors import HexColor

from kdoct_desktop.report.content import TITLE, ReportContent
from kdoct_desktop.report.sheet import HEIGHT, INNER, MARGIN, SECOND, Sheet
from kdoct_desktop.report.wording import RESEARCH_ONLY

FOOT = HEIGHT - 21.0
"""Nothing but the foot is drawn below this line."""

_NOTICE_FILL = HexColor("#F1F3F5")
_SHORT_HASH = 12


def head(sheet: Sheet, content: ReportContent) -> float:
    """Draw the full head of the first page.

    Returns:
        Where the body starts.
    """
    right = MARGIN + INNER
    sheet.text(MARGIN, 17.0, TITLE, size=16, bold=True)
    sheet.text(right, 17.0, content.clinic, size=9, colour=SECOND, align="right", most=110.0)
    sheet.rule(MARGIN, 20.0, INNER, weight=0.5)
    y = sheet.paragraph(
        MARGIN, 21.6, content.patient, width=INNER / 2 - 3.0, lines=2, size=11.5, bold=True
    )
    _pairs(sheet, MARGIN, y + 0.6, content.identity, width=INNER / 2 - 3.0)
    _pairs(
        sheet, MARGIN + INNER / 2 + 2.5, 22.4, content.study, width=INNER / 2 - 2.5, stacked=True
    )
    return _notice(sheet, content, max(y + 5.6, 33.0))


def head_again(sheet: Sheet, content: ReportContent) -> float:
    """Draw the short head of a further page.

    Returns:
        Where the body starts.
    """
    sheet.text(MARGIN, 16.0, f"{TITLE}: detail", size=11, bold=True)
    identity = dict(content.identity)
    who = f"ID {identity['Patient ID']} · born {identity['Born']}"
    right = MARGIN + INNER
    used = sheet.text(right, 16.0, who, size=8, colour=SECOND, align="right", most=70.0)
    sheet.text(
        right - used - 2.5, 16.0, content.patient, size=8, bold=True, align="right", most=60.0
    )
    sheet.rule(MARGIN, 18.5, INNER, weight=0.5)
    return _notice(sheet, content, 20.0)


def foot(sheet: Sheet, content: ReportContent, page: int, pages: int) -> None:
    """Draw the foot of a page."""
    y, right = FOOT + 2.0, MARGIN + INNER
    sheet.rule(MARGIN, y, INNER, weight=0.5)
    sheet.text(MARGIN, y + 4.8, RESEARCH_ONLY, size=9, bold=True)
    sheet.text(right, y + 4.8, f"Page {page} of {pages}", size=8, align="right")
    model = content.model
    if content.model_sha256:
        model = f"Model {content.model}, sha256 {content.model_sha256[:_SHORT_HASH]}"
    first = f"{content.software} · {model}"
    sheet.text(MARGIN, y + 8.6, first, size=6.8, colour=SECOND, most=INNER - 60.0)
    printed = f"Printed {content.printed}"
    sheet.text(right, y + 8.6, printed, size=6.8, colour=SECOND, align="right")
    if content.provider:
        sheet.text(
            MARGIN, y + 11.8, f"Ran on: {content.provider}", size=6.8, colour=SECOND, most=INNER
        )


def _pairs(
    sheet: Sheet,
    x: float,
    y: float,
    pairs: tuple[tuple[str, str], ...],
    *,
    width: float,
    stacked: bool = False,
) -> None:
    """Write labels and values, side by side or one under the other."""
    at = x
    for label, value in pairs:
        used = sheet.text(at, y + 2.8, label, size=7.5, colour=SECOND)
        room = width - used - 1.5 if stacked else max(8.0, x + width - at - used - 1.5)
        if not stacked:
            room = min(room, 38.0)
        used += 1.5 + sheet.text(at + used + 1.5, y + 2.8, value, size=8.5, most=room)
        if stacked:
            y += 4.6
        else:
            at += used + 4.5


def _notice(sheet: Sheet, content: ReportContent, y: float) -> float:
    """Write the sentence that the model must be announced with."""
    if not content.notice:
        return y + 1.0
    sheet.box(MARGIN, y, INNER, 6.0, fill=_NOTICE_FILL)
    sheet.text(MARGIN + 2.0, y + 4.0, content.notice, size=8, bold=True, most=INNER - 4.0)
    return y + 8.0
