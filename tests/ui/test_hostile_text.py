"""Text of a patient or a file is only text, wherever the window shows it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QAbstractButton, QLabel, QTextEdit, QWidget

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.study import Patient, Problem
from kdoct_desktop.domain.volume import Notice
from kdoct_desktop.ui.main import create_application, make_window
from kdoct_desktop.ui.main_window import TITLE, MainWindow
from tests import samples
from tests.ui.conftest import every_state
from tests.ui.fake_services import FakeServices

MARK = "qzx"
TAGS = (
    "<b>{0}</b>", "<i>{0}", "<h1>{0}</h1>", "<img src='file:///etc/passwd'>{0}",
    '<img src="//host/share/{0}.png">', "<a href='file:///{0}'>{0}</a>", "<br>{0}<br/>",
    "<table><tr><td>{0}</td></tr></table>", "<script>{0}</script>", "<style>*{{}}</style>{0}",
    "<!--{0}-->", "<!DOCTYPE html><p>{0}", "<html><body>{0}</body></html>", "<qt>{0}</qt>",
    "<svg onload={0}>", "<p style='font-size:200px'>{0}</p>", "<font color=red>{0}</font>",
    "<ul><li>{0}", "<pre>{0}</pre>", "<span>{0}</span>", "<hr>{0}", "<marquee>{0}</marquee>",
    "&lt;b&gt;{0}", "&amp;{0}", "&#60;b&#62;{0}", "<<b>>{0}", "<b {0}", "{0}</b>", "<{0}/>",
    "<b>" * 500 + "{0}", "<x:y z='{0}'>", "<?xml version='1.0'?>{0}", "<![CDATA[{0}]]>",
)  # fmt: skip
OTHERS = (
    "{0}\u202eevil", "{0}\u200b\u200d", "\ufeff{0}", "{0}\x00\x01\x1b[31m", "{0}\r\n\t",
    "{0}\u2028\u2029", "&{0}", "&&{0}", "{0} & co", "%s{0}%n", "{0}\\n", "$text{0}", "{{}}{0}",
    "{0}" + "W" * 70_000, "{0}" + "\u0301" * 300, "דוד {0}", "محمد {0}", "山田 {0}", "😀{0}",
    "{0}^A^B^C", "^^^{0}", "={0}", "@{0}", "'; DROP TABLE {0}; --", "{0}\ud800",
    "../../{0}", "C:\\{0}", "{0}.dcm", "*{{color:red}}{0}", "{0}" + " " * 500 + "x",
)  # fmt: skip
TEXTS = [text.format(MARK) for text in (*TAGS, *OTHERS)]


def test_there_are_at_least_sixty_hostile_texts() -> None:
    assert len(set(TEXTS)) >= 60


def poisoned(text: str) -> StudyAnalysis:
    """An analysis in which every foreign field holds the text."""
    analysis = every_state()["found CNV"]
    item = analysis.volumes[0]
    volume = replace(
        item.volume,
        device=text,
        source=replace(item.volume.source, label=text),
        notices=(Notice("geometry", text),),
    )
    model = replace(samples.MODEL, display_names=(text, text, text, text), notice=text)
    assert item.prediction is not None
    item = replace(item, volume=volume, prediction=replace(item.prediction, model=model))
    patient = Patient(name=text, identifier=text)
    study = replace(analysis.study, patient=patient, volumes=(volume,))
    problems = (Problem(text, "code", text),)
    return replace(analysis, study=study, volumes=(item,), problems=problems, model=model)


def rich_texts(window: MainWindow) -> list[str]:
    """Everything in the window that Qt would interpret as markup."""
    found = [
        label.text()
        for label in window.findChildren(QLabel)
        if label.textFormat() is not Qt.TextFormat.PlainText and label.text()
    ]
    return found + [edit.toHtml() for edit in window.findChildren(QTextEdit)]


@pytest.fixture(scope="module")
def one_window() -> Iterator[MainWindow]:
    create_application()
    window = make_window(FakeServices())
    window.show()
    yield window
    window.close()


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_hostile_text_is_shown_as_text(one_window: MainWindow, text: str) -> None:
    window = one_window
    window.show_analyses([poisoned(text)])
    window.grab()
    assert rich_texts(window) == []
    assert window.windowTitle() == TITLE
    assert (
        MARK in window.header._name.text
        or MARK in window.header._name.toolTip()
        or ("W" * 100 in text or "<b>" * 100 in text)
    )
    for widget in window.findChildren(QWidget):
        document = QTextDocument()
        document.setHtml(widget.toolTip())
        shown = document.toPlainText()
        assert "\ufffc" not in shown  # an image
        assert document.toHtml().count("<a ") == 0
        if MARK in shown and "<b>qzx</b>" in text:
            assert "<b>" in shown  # the markup is read, not obeyed


def test_an_ampersand_in_a_name_is_no_shortcut(one_window: MainWindow) -> None:
    one_window.show_analyses([poisoned("R&D {0}")])
    assert all(button.shortcut().isEmpty() for button in one_window.findChildren(QAbstractButton))
