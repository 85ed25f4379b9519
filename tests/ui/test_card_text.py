"""The tables of a model card line up, and the card stays plain text."""

import pytest
from PySide6.QtGui import QTextBlock
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from kdoct_desktop.app.models import ModelRegistry
from kdoct_desktop.ui.card_text import TAB, lined_up
from kdoct_desktop.ui.theme import THEMES
from tests.ui.conftest import MakeWindow, keep_grab
from tests.ui.fake_services import Chosen, FakeServices, Installed

CARD = """# Tiny 1.0

**Text.** <b>stays</b> | as it is |

| set | pictures | accuracy |
|---|:-:|---|
| phantoms, a long name | 7 | 0.97 |
| <i>x</i> |  | 1 |

end
"""


def letters(text: str) -> float:
    """A font in which every letter has ten pixels."""
    return 10.0 * len(text)


def starts(line: str) -> list[float]:
    """Where each cell of a line begins."""
    at, found, inside = 0.0, [0.0], True
    for letter in line:
        if letter == "\t":
            at, inside = (at // TAB + 1) * TAB, False
        else:
            if not inside:
                found.append(at)
            at, inside = at + 10.0, True
    return found


def test_the_cells_of_a_column_begin_at_the_same_place() -> None:
    lines = lined_up(CARD, letters).split("\n")
    head, first, second = lines[4:7]
    assert head.split("\t")[0] == "set"
    assert starts(head) == starts(first)
    assert starts(second) == [starts(head)[0], starts(head)[2]]  # the cell between is empty
    assert starts(first)[1] >= letters("phantoms, a long name") + 16.0


def test_everything_but_tables_stays_as_it_is() -> None:
    lines = lined_up(CARD, letters).split("\n")
    assert lines[:4] == CARD.split("\n")[:4]
    assert lines[7:] == ["", "end", ""]
    assert "<i>x</i>" in lines[6]


def column_places(view: QPlainTextEdit, block: QTextBlock) -> list[float]:
    """Where in the window the cells of a line begin."""
    line = block.layout().lineAt(0)
    text = block.text()
    cells = [at for at in range(1, len(text)) if text[at - 1] == "\t" and text[at] != "\t"]
    return [round(float(line.cursorToX(at)[0]), 1) for at in cells]  # type: ignore[index]


@pytest.mark.parametrize(("theme", "scale"), [(t, s) for t in sorted(THEMES) for s in (1.0, 2.0)])
def test_the_card_of_the_shipped_model_lines_up(
    open_window: MakeWindow, qtbot: QtBot, theme: str, scale: float
) -> None:
    (factory,) = [model for model in ModelRegistry().models() if model.reference == "factory"]
    services = FakeServices(settings=Chosen(theme=theme))
    services.installed = [Installed(factory.identity, card=factory.card)]
    window = open_window(services, opened=False)
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: not window.runner.busy)
    window.show_page(1)
    qtbot.wait(50)
    view = window.models._card
    block, rows = view.document().begin(), 0
    expected: list[float] = []
    while block.isValid():
        view.document().documentLayout().blockBoundingRect(block)  # lays it out
        if "\t" in block.text():
            places = column_places(view, block)
            expected = expected or places
            assert set(places) <= set(expected)
            assert block.layout().lineCount() == 1  # it is not wrapped
            rows += 1
        else:
            expected = []
        block = block.next()
    assert rows == sum(line.startswith("|") and "---" not in line for line in lines_of(factory))
    view.verticalScrollBar().setValue(14)
    keep_grab(window, f"card-{theme}-{scale:.0f}", scale=scale)


def lines_of(model: object) -> list[str]:
    return str(getattr(model, "card", "")).splitlines()
