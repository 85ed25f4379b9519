"""The colours are those of the design, readable, and the only ones."""

import re
from pathlib import Path

import pytest

from kdoct_desktop.domain.finding import Urgency
from kdoct_desktop.ui import theme as theme_module
from kdoct_desktop.ui.theme import DARK, LIGHT, THEMES, URGENCY_SHAPES, Theme, contrast, style_sheet

UI = Path(theme_module.__file__).parent
READABLE = 4.5


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_every_text_is_readable_on_every_surface(theme: Theme) -> None:
    surfaces = {theme.window, theme.panel, theme.raised}
    texts = [theme.text, theme.second, theme.warning, theme.problem, *theme.urgency.values()]
    for surface in surfaces:
        for text in texts:
            assert contrast(text, surface) >= READABLE, (text, surface)
    assert contrast(theme.on_action, theme.action) >= READABLE
    assert contrast(theme.action, theme.panel) >= READABLE
    assert contrast(theme.focus, theme.panel) >= 3.0


def test_captions_are_readable_on_the_black_canvas() -> None:
    for colour in (DARK.text, DARK.second, DARK.warning):
        assert contrast(colour, theme_module.CANVAS) >= READABLE


def test_every_urgency_has_a_colour_and_a_shape_of_its_own() -> None:
    assert len(set(URGENCY_SHAPES.values())) == len(Urgency)
    for theme in THEMES.values():
        assert len({theme.urgency[urgency] for urgency in Urgency}) == len(Urgency)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_style_sheet_fills_every_role(theme: Theme) -> None:
    sheet = style_sheet(theme)
    assert "$" not in sheet
    assert theme.action in sheet
    assert sheet.count("{") == sheet.count("}")


def test_no_module_has_a_colour_of_its_own() -> None:
    tokens = {
        value.upper()
        for theme in THEMES.values()
        for role in Theme.__slots__
        if isinstance(value := getattr(theme, role), str) and value.startswith("#")
    } | {"#000000"}
    for path in UI.glob("*.py"):
        if path.name != "theme.py":
            found = set(re.findall(r"#[0-9A-Fa-f]{6}", path.read_text(encoding="utf-8")))
            assert {colour.upper() for colour in found} <= tokens, path.name
