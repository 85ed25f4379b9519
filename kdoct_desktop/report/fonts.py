"""Embedded fonts, and text in any script with them: measure, cut, wrap, draw.

Roboto carries Latin, Greek and Cyrillic. DejaVu Sans steps in for Hebrew, Arabic, Armenian and
Georgian, Droid Sans Fallback for Chinese, Japanese and Korean. What no font has becomes a hollow
box. Text is always drawn as text: nothing in it is read as markup.
"""

import unicodedata
from functools import lru_cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "fonts"

REGULAR = "KdoctRegular"
BOLD = "KdoctBold"

_FILES = {
    REGULAR: "Roboto-Regular.ttf",
    BOLD: "Roboto-Medium.ttf",
    "KdoctWide": "DejaVuSans.ttf",
    "KdoctEast": "DroidSansFallback.ttf",
}
_FALLBACKS = ("KdoctWide", "KdoctEast")
_MISSING = "□"
_RIGHT_TO_LEFT = {"R", "AL"}
_INSIDE_RIGHT_TO_LEFT = {"R", "AL", "NSM", "CS", "ES", "ON", "WS"}


@lru_cache(maxsize=len(_FILES))
def _font(name: str) -> TTFont:
    """Load and register a font once; the rare large ones only when a text needs them."""
    font = TTFont(name, str(FOLDER / _FILES[name]))
    pdfmetrics.registerFont(font)
    return font


def ready() -> None:
    """Register what a canvas needs from its first moment."""
    _font(REGULAR)
    _font(BOLD)


@lru_cache(maxsize=4096)
def _font_for(letter: str, name: str) -> str | None:
    """The first font that has a glyph for `letter`; None where none has."""
    for each in (name, *_FALLBACKS):
        if ord(letter) in _font(each).face.charToGlyph:
            return each
    return None


def runs(text: str, name: str) -> list[tuple[str, str]]:
    """Split text in display order into (font, piece) that one font can draw.

    Args:
        text: One line.
        name: `REGULAR` or `BOLD`.
    """
    result: list[tuple[str, str]] = []
    for letter in _display_order(text):
        font = _font_for(letter, name)
        piece = letter if font is not None else _MISSING
        font = font or _font_for(_MISSING, name) or name
        if result and result[-1][0] == font:
            result[-1] = (font, result[-1][1] + piece)
        else:
            result.append((font, piece))
    return result


def width(text: str, name: str, size: float) -> float:
    """Width of one line in points."""
    return sum(float(pdfmetrics.stringWidth(piece, font, size)) for font, piece in runs(text, name))


def draw(canvas: Canvas, x: float, y: float, text: str, *, name: str, size: float) -> float:
    """Draw one line from its left end on the baseline; right-to-left text in display order.

    Returns:
        Where the line ends, in points.
    """
    for font, piece in runs(text, name):
        canvas.setFont(font, size)
        canvas.drawString(x, y, piece)
        x += float(pdfmetrics.stringWidth(piece, font, size))
    return x


def shorten(text: str, name: str, size: float, *, most: float) -> str:
    """The text, cut in the middle so that it is at most `most` points wide."""
    if width(text, name, size) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        keep = (low + high + 1) // 2
        if width(_cut(text, keep), name, size) <= most:
            low = keep
        else:
            high = keep - 1
    return _cut(text, low)


def wrap(text: str, name: str, size: float, *, most: float, lines: int) -> list[str]:
    """Break text at blanks into at most `lines` lines; what is too long is cut in the middle.

    Args:
        text: One paragraph.
        name: `REGULAR` or `BOLD`.
        size: In points.
        most: Width in points.
        lines: The last line takes all that is left.
    """
    words = text.split(" ")
    result = [""]
    for position, word in enumerate(words):
        candidate = f"{result[-1]} {word}".strip()
        if width(candidate, name, size) <= most or not result[-1]:
            result[-1] = candidate
        elif len(result) == lines:
            result[-1] = f"{result[-1]} {' '.join(words[position:])}"
            break
        else:
            result.append(word)
    return [shorten(line, name, size, most=most) for line in result]


def _cut(text: str, keep: int) -> str:
    """The first and last letters, `keep` in all, with an ellipsis between."""
    head = (keep + 1) // 2
    return f"{text[:head]}…{text[len(text) - (keep - head) :]}"


def _turns(text: str) -> bool:
    """True when some of the text is written from right to left."""
    return any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text)


def _display_order(text: str) -> str:
    """Turn right-to-left stretches round, Arabic letters in their joined shapes.

    A small part of the Unicode bidirectional algorithm (UAX 9) that is enough for names: the line
    runs from left to right, and each stretch of right-to-left letters is turned as a whole.
    """
    if not _turns(text):
        return text
    result, at = "", 0
    while at < len(text):
        if unicodedata.bidirectional(text[at]) not in _RIGHT_TO_LEFT:
            result, at = result + text[at], at + 1
            continue
        end = last = at
        while end < len(text) and unicodedata.bidirectional(text[end]) in _INSIDE_RIGHT_TO_LEFT:
            if unicodedata.bidirectional(text[end]) in _RIGHT_TO_LEFT | {"NSM"}:
                last = end
            end += 1
        result, at = result + _join(text[at : last + 1])[::-1], last + 1
    return result


@lru_cache(maxsize=1)
def _shapes() -> dict[str, dict[str, str]]:
    """Arabic letter -> form (isolated, initial, medial, final) -> its presentation character."""
    table: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFC00), *range(0xFE80, 0xFEFD)):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and parts[0].startswith("<"):
            letter = chr(int(parts[1], 16))
            table.setdefault(letter, {})[parts[0].strip("<>")] = chr(code)
    return table


def _join(text: str) -> str:
    """Replace Arabic letters by the shape that their neighbours call for."""
    shapes = _shapes()
    solid = [letter for letter in text if unicodedata.bidirectional(letter) != "NSM"]
    result = ""
    for at, letter in enumerate(solid):
        forms = shapes.get(letter, {})
        before = at > 0 and "initial" in shapes.get(solid[at - 1], {}) and "final" in forms
        after = (
            at + 1 < len(solid)
            and "initial" in forms
            and ("final" in shapes.get(solid[at + 1], {}))
        )
        form = {(1, 1): "medial", (1, 0): "final", (0, 1): "initial", (0, 0): "isolated"}
        result += forms.get(form[int(before), int(after)], letter)
    return result
