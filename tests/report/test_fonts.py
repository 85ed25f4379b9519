"""Text of any script: measured, cut, wrapped, turned, never crashing."""

import unicodedata

import pytest

from kdoct_desktop.report import fonts
from tests import samples


def shown(text: str) -> str:
    return "".join(piece for _font, piece in fonts.runs(text, fonts.REGULAR))


def test_all_fonts_and_their_licences_are_there() -> None:
    names = {each.name for each in fonts.FOLDER.iterdir()}
    assert {"Roboto-Regular.ttf", "Roboto-Medium.ttf", "DejaVuSans.ttf"} <= names
    assert {"DroidSansFallback.ttf", "LICENSES.md"} <= names


@pytest.mark.parametrize(
    "text", ["Zoë Ångström", "Αλέξανδρος", "Ольга", "דוד", "王小明", "± µ × – …"]
)
def test_living_scripts_have_glyphs(text: str) -> None:
    assert "□" not in shown(text)


def test_what_no_font_has_becomes_a_box() -> None:
    assert shown("a\U0001f642b") == "a□b"


def test_right_to_left_stretches_are_turned_and_numbers_are_not() -> None:
    assert shown("דוד 123") == "דוד"[::-1] + " 123"
    assert shown("ID 7 דוד כהן x") == "ID 7 " + "דוד כהן"[::-1] + " x"


def test_arabic_letters_are_joined() -> None:
    joined = shown("محمد")
    assert unicodedata.normalize("NFKC", joined) == "محمد"[::-1]
    names = [unicodedata.name(letter) for letter in joined[::-1]]
    assert [name.rsplit(" ", 2)[-2] for name in names] == ["INITIAL", "MEDIAL", "MEDIAL", "FINAL"]


@pytest.mark.parametrize("text", list(samples.HOSTILE_TEXTS.values()), ids=samples.HOSTILE_TEXTS)
def test_no_line_is_wider_than_it_may_be(text: str) -> None:
    text = text[:600]
    for line in (
        fonts.shorten(text, fonts.BOLD, 9.0, most=120.0),
        *fonts.wrap(text, fonts.REGULAR, 7.0, most=90.0, lines=2),
    ):
        assert fonts.width(line, fonts.REGULAR, 7.0) <= 120.0


def test_long_text_is_cut_in_the_middle() -> None:
    short = fonts.shorten("Bartholomew-Featherstonehaugh", fonts.REGULAR, 8.0, most=60.0)
    assert short.startswith("Barth")
    assert short.endswith("augh")
    assert "…" in short


def test_wrapped_text_keeps_every_word_where_there_is_room() -> None:
    text = "Nothing suspected: Drusen, CNV and DME are below their thresholds."
    lines = fonts.wrap(text, fonts.REGULAR, 9.0, most=130.0, lines=9)
    assert " ".join(lines) == text
    assert len(lines) > 1
