"""The summary as a PDF: A4, fonts embedded, the notice at the foot of every page.

The same content gives the same bytes. Paragraphs of reportlab read markup, so every text from
outside is escaped, and letters that the text font lacks are set from a font that has them.
"""

from functools import lru_cache
from html import escape
from io import BytesIO
from typing import Any

from PIL import Image as PilImage
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import (
    Table as Grid,
)

from training.measure.eye_metrics import resource
from training.measure.summary_content import Block, Callout, Document, Picture, Text
from training.measure.summary_tables import Table

_TEXT, _BOLD = "TrainingText", "TrainingBold"
_FILES = {
    _TEXT: "Roboto-Regular.ttf",
    _BOLD: "Roboto-Medium.ttf",
    "TrainingWide": "DejaVuSans.ttf",
    "TrainingEast": "DroidSansFallback.ttf",
}
_INK, _SOFT, _LINE, _WASH = (HexColor(c) for c in ("#1d2733", "#65717f", "#d5dae0", "#f6f8fa"))
_LEVELS = {"good": "#3a9a5b", "notice": "#65717f", "warning": "#d97706"}
_RED = "#c0262d"
_WIDTH = A4[0] - 40 * mm
_TALLEST = 130 * mm
_PADDING = 6  # of reportlab's frame, in points
_LONG = 16  # rows of a table that may be broken over pages
_BOX = "\N{WHITE SQUARE}"


def as_pdf(document: Document) -> bytes:
    """The bytes of the PDF."""
    for name in _FILES:
        _font(name)
    story: list[Any] = [
        Paragraph(_text(document.title), _style(20, bold=True, leading=25)),
        Spacer(1, 3),
        Paragraph(_text(document.lead), _style(9.5, colour=_SOFT)),
        Spacer(1, 8),
        _facts(document),
    ]
    for section in document.sections:
        title = Paragraph(_text(section.title), _style(13, bold=True, leading=17))
        head: list[Any] = [Spacer(1, 10), title, Spacer(1, 4)]
        for block in section.blocks:
            head += _block(block)
            if not isinstance(block, Text):  # a text stays with what it introduces
                story += _together(head, block)
                head = []
        story += head
    buffer = BytesIO()
    template = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=20 * mm - _PADDING, rightMargin=20 * mm - _PADDING,
        topMargin=18 * mm, bottomMargin=22 * mm, title=document.title, author="",
        subject=document.notice, creator="KD-OCT", invariant=1, lang="en", initialFontName=_TEXT,
    )  # fmt: skip

    def foot(canvas: Any, template: Any) -> None:
        canvas.saveState()
        canvas.setStrokeColor(_LINE)
        canvas.line(20 * mm, 15 * mm, A4[0] - 20 * mm, 15 * mm)
        canvas.setFillColor(_SOFT)
        canvas.setFont(_BOLD, 8)
        canvas.drawString(20 * mm, 10.5 * mm, document.notice)
        canvas.setFont(_TEXT, 8)
        canvas.drawRightString(A4[0] - 20 * mm, 10.5 * mm, f"Page {canvas.getPageNumber()}")
        canvas.restoreState()

    template.build(story, onFirstPage=foot, onLaterPages=foot)
    return buffer.getvalue()


@lru_cache(maxsize=len(_FILES))
def _font(name: str) -> Any:
    """Load and register a font once."""
    font = TTFont(name, str(resource(f"fonts/{_FILES[name]}")))
    pdfmetrics.registerFont(font)
    return font


def _style(
    size: float, *, bold: bool = False, colour: Any = _INK, leading: float | None = None
) -> ParagraphStyle:
    return ParagraphStyle(
        "", fontName=_BOLD if bold else _TEXT, fontSize=size, leading=leading or 1.36 * size,
        textColor=colour, splitLongWords=1,
    )  # fmt: skip


def _text(text: str) -> str:
    """Escaped text; letters that Roboto lacks in another font, unknown ones as a box."""
    parts: list[tuple[str, str]] = []
    for letter in " ".join(text.split()):
        name, drawn = _font_of(letter)
        if parts and parts[-1][0] == name:
            parts[-1] = (name, parts[-1][1] + drawn)
        else:
            parts.append((name, drawn))
    return "".join(
        escape(part) if name == _TEXT else f'<font name="{name}">{escape(part)}</font>'
        for name, part in parts
    )


@lru_cache(maxsize=4096)
def _font_of(letter: str) -> tuple[str, str]:
    """A font that has the letter, and what to draw."""
    for name in (_TEXT, "TrainingWide", "TrainingEast"):
        if letter.isprintable() and ord(letter) in _font(name).face.charToGlyph:
            return name, letter
    return "TrainingWide", _BOX


def _facts(document: Document) -> Any:
    name, value = _style(8.5, colour=_SOFT), _style(8.5)
    rows = [[Paragraph(_text(a), name), Paragraph(_text(b), value)] for a, b in document.facts]
    look = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ("LEFTPADDING", (0, 0), (-1, -1), 0)]  # fmt: skip
    return Grid(rows, colWidths=[32 * mm, _WIDTH - 32 * mm], style=TableStyle(look), hAlign="LEFT")


def _together(parts: list[Any], block: Block) -> list[Any]:
    """A block that stays on one page with the heading before it, unless it is a long table."""
    long = isinstance(block, Table) and len(block.rows) > _LONG
    return parts if long else [KeepTogether(parts)]


def _block(block: Block) -> list[Any]:
    if isinstance(block, Text):
        return [Paragraph(_text(block.text), _style(9)), Spacer(1, 5)]
    if isinstance(block, Picture):
        return _picture(block)
    if isinstance(block, Callout):
        return [_callout(block), Spacer(1, 5)]
    return [*_table(block), Spacer(1, 8)]


def _picture(block: Picture) -> list[Any]:
    with PilImage.open(block.path) as image:
        width, height = image.size
    scale = min(_WIDTH / width, _TALLEST / height, 72 / 150)
    drawn = Image(str(block.path), width * scale, height * scale, hAlign="LEFT")
    caption = Paragraph(_text(block.caption), _style(8.5, colour=_SOFT))
    return [caption, Spacer(1, 2), drawn, Spacer(1, 8)]


def _callout(block: Callout) -> Any:
    colour = HexColor(_LEVELS.get(block.level, _RED))
    parts = [
        Paragraph(_text(block.level.upper()), _style(7, bold=True, colour=colour)),
        Paragraph(_text(block.text), _style(9)),
    ]
    if block.advice:
        parts.append(Paragraph(_text(block.advice), _style(9, colour=_SOFT)))
    parts += [Paragraph(_text(line), _style(8, colour=_SOFT)) for line in block.details[:20]]
    look = [
        ("BACKGROUND", (0, 0), (-1, -1), _WASH), ("LINEBEFORE", (0, 0), (0, -1), 2.5, colour),
        ("LEFTPADDING", (0, 0), (-1, -1), 9), ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("TOPPADDING", (0, 0), (-1, 0), 5), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 6),
    ]  # fmt: skip
    return Grid(
        [[part] for part in parts], colWidths=[_WIDTH], style=TableStyle(look), hAlign="LEFT"
    )


def _table(table: Table) -> list[Any]:
    bold, text = _style(7.8, bold=True), _style(7.8)
    head = [Paragraph(_text(cell), bold) for cell in table.head]
    body = [[Paragraph(_text(cell), text) for cell in row] for row in table.rows]
    look = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6), ("TOPPADDING", (0, 0), (-1, -1), 2.6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6), ("LINEBELOW", (0, 0), (-1, 0), 0.9, _INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, _LINE),
    ]  # fmt: skip
    caption = Paragraph(_text(table.caption), _style(8.5, colour=_SOFT))
    grid = Grid([head, *body], colWidths=_columns(table), style=TableStyle(look), repeatRows=1,
                hAlign="LEFT")  # fmt: skip
    return [caption, Spacer(1, 3), grid]


def _columns(table: Table) -> list[float]:
    """Widths by the longest cell, within bounds, so that prose gets more room than figures."""
    longest = [
        max(min(max(len(row[k]) for row in (table.head, *table.rows)), 36), len(table.head[k]) + 4)
        for k in range(len(table.head))
    ]
    return [_WIDTH * one / sum(longest) for one in longest]
