"""The plain text of a model card with its tables lined up; no Qt.

The card is Markdown and stays plain text in the window. In a proportional font columns line up
where every cell ends in as many tabs as lead to the next column's stop.
"""

from collections.abc import Callable
from itertools import groupby
from math import ceil, floor

TAB = 16.0
"""Distance of tab stops in pixels."""

_GAP = 16.0  # least room between two columns
_SURE = 1.0  # how far from a tab stop a cell must end, since a font is drawn not quite as measured

WidthOf = Callable[[str], float]
"""Pixels that a text takes in the font in which the card is shown."""


def lined_up(text: str, width_of: WidthOf) -> str:
    """The card with tabs in its tables; everything else is left as it is.

    Args:
        text: Markdown.
        width_of: Measures the font.
    """
    lines: list[str] = []
    for table, group in groupby(text.split("\n"), key=_is_row):
        found = list(group)
        lines += _table([_cells(line) for line in found], width_of) if table else found
    return "\n".join(lines)


def _is_row(line: str) -> bool:
    line = line.strip()
    return len(line) > 1 and line.startswith("|") and line.endswith("|")


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\t", " ") for cell in line.strip()[1:-1].split("|")]


def _is_rule(row: list[str]) -> bool:
    """True for the dashes between the head of a table and its rows."""
    return all(cell and not cell.strip("-:") for cell in row)


def _table(rows: list[list[str]], width_of: WidthOf) -> list[str]:
    """A line for each row but the rule."""
    rows = [row for row in rows if not _is_rule(row)]
    count = max((len(row) for row in rows), default=0)
    widths = [[width_of(cell) for cell in row] for row in rows]
    stops = [0]
    for column in range(count):
        widest = max(row[column] for row in widths if column < len(row))
        stops.append(stops[-1] + ceil((widest + _GAP) / TAB))
    return [_row(row, wide, stops, width_of(" ")) for row, wide in zip(rows, widths, strict=True)]


def _row(cells: list[str], widths: list[float], stops: list[int], space: float) -> str:
    parts = []
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        parts.append(cell)
        if at + 1 < len(cells):
            end = stops[at] * TAB + width
            if cell and abs((end + TAB / 2) % TAB - TAB / 2) < _SURE:
                parts.append(" ")
                end += space
            parts.append("\t" * (stops[at + 1] - floor(end / TAB)))
    return "".join(parts)
