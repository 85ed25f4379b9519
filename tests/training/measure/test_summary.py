"""The summary: the same content twice, everything escaped, the notice on every page."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from tests.training.measure.test_cv_report import made, same_test
from tests.training.tiny_run import tiny_config
from training.measure.summary import write_summary
from training.measure.summary_content import (
    NOTICE,
    Callout,
    Document,
    Picture,
    Section,
    Text,
    build_document,
)
from training.measure.summary_html import as_html
from training.measure.summary_pdf import as_pdf
from training.measure.summary_tables import NONE, Table, decimal, percent

EVIL = "<script>alert(1)</script> & <b>\"'</b> {x} </para> 视网膜 \x07"


class Tags(HTMLParser):
    """Counts tags, and collects text and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(place: Path) -> Document:
    picture = place / "figure.png"
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(picture)
    blocks = (
        Text(EVIL), Callout(EVIL, EVIL, EVIL, (EVIL,)), Picture(picture, EVIL),
        Table(EVIL, (EVIL, EVIL), ((EVIL, EVIL),)),
    )  # fmt: skip
    return Document(EVIL, EVIL, ((EVIL, EVIL),), (Section(EVIL, blocks),))


def test_hostile_text_stays_text_in_html(tmp_path: Path) -> None:
    page = as_html(hostile(tmp_path))
    parser = Tags()
    parser.feed(page)
    assert "script" not in parser.tags
    assert parser.tags.count("b") == 1  # the callout's own
    assert parser.text.count("alert(1)") == 17
    assert all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert "http" not in page.replace("http-equiv", "")


def test_hostile_text_stays_text_in_pdf(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(as_pdf(hostile(tmp_path)))
    reader = PdfReader(tmp_path / "a.pdf")
    text = " ".join(page.extract_text() for page in reader.pages)
    assert "<script>alert(1)</script>" in text.replace("\n", "")
    assert "视网膜" in text


def text_of(path: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(path).pages]


def test_both_files_say_the_same_and_every_page_carries_the_notice(tmp_path: Path) -> None:
    report, folder, *_ = made(tmp_path, tiny_config(data={"worst_case": True}), wrong=3)
    page, paper = write_summary(report, {}, folder.root)
    pages = text_of(paper)
    assert len(pages) > 1
    assert all(NOTICE in one for one in pages)
    parser = Tags()
    parser.feed(page.read_text())
    assert NOTICE in parser.text
    accuracy = report["pooled"]["student"]["filtered"]["bscan"]["figures"]["accuracy"]
    whole = re.sub(r"\s+", " ", " ".join(pages))
    for words in (percent(accuracy), "Published figures", "Sotoudeh-Paima", "filtered"):
        assert words in parser.text
        assert words in whole
    assert not list(folder.root.glob(".*draft"))


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    report, folder, *_ = made(tmp_path)
    first = [path.read_bytes() for path in write_summary(report, {}, folder.root)]
    assert [path.read_bytes() for path in write_summary(report, {}, folder.root)] == first


def test_missing_folds_and_waivers_are_in_the_summary(tmp_path: Path) -> None:
    report, *_ = made(tmp_path, folds=(1,), skill={"student": 2.0})
    report["folds"][0]["roles"]["student"]["model"]["waiver"] = "pilot <i>"
    page = as_html(build_document(report, {}))
    assert "1 of 2 folds. 1 folds are missing." in page
    assert "missing" in page
    assert "pilot &lt;i&gt;" in page


def test_a_report_of_teachers_alone_speaks_of_no_student(tmp_path: Path) -> None:
    report, *_ = made(tmp_path, skill={"teacher": 2.0})
    (section,) = [s for s in build_document(report, {}).sections if "Eyes" in s.title]
    texts = [block.text for block in section.blocks if isinstance(block, Text)]
    assert any(text.startswith("Teacher, states of the eyes: found 12") for text in texts)
    assert not any("Student" in text for text in texts)


def test_the_summary_says_what_is_not_known_of_an_eye(tmp_path: Path) -> None:
    report, *_ = made(tmp_path)
    page = as_html(build_document(report, {}))
    assert "extent and scan pattern are not known here" in page
    assert "An eye is called from all of its B-scans" in page


def test_folds_that_test_the_same_patients_are_said_not_to_be_pooled(tmp_path: Path) -> None:
    report = same_test(tmp_path)
    page, paper = write_summary(report, {}, tmp_path)
    assert "so folds are not pooled" in page.read_text()
    whole = re.sub(r"\s+", " ", " ".join(text_of(paper)))
    assert "6 different patients are tested, not pooled" in whole
    assert "mean over folds" in whole
    assert "together: " not in whole


def test_a_figure_that_does_not_exist_is_a_dash_and_never_nought() -> None:
    none: dict[str, Any] = {"value": None, "low": None, "high": None}
    assert percent(none) == decimal(none) == percent(None) == NONE
    assert percent({"value": 0.5, "low": None, "high": None}) == "50.0"
    assert percent({"value": 0.924, "low": 0.901, "high": 0.942}) == "92.4 (90.1–94.2)"
    assert decimal({"value": 0.9, "low": 0.85, "high": 0.93}) == "0.900 (0.850–0.930)"


def test_a_table_longer_than_a_page_repeats_its_head(tmp_path: Path) -> None:
    rows = tuple((f"row {k}", "x" * 60) for k in range(120))
    table = Table("long", ("Name", "Value"), rows)
    document = replace(hostile(tmp_path), sections=(Section("Long", (table,)),))
    (tmp_path / "long.pdf").write_bytes(as_pdf(document))
    pages = text_of(tmp_path / "long.pdf")
    assert len(pages) > 2
    assert all("Value" in one for one in pages)


@pytest.mark.parametrize("level", ["good", "notice", "warning", "red", "blocks promotion", "odd"])
def test_every_level_of_warning_can_be_drawn(level: str) -> None:
    document = Document("t", "l", (("a", "b"),), (Section("s", (Callout(level, "text"),)),))
    assert as_pdf(document).startswith(b"%PDF")
    assert f"<b>{level}</b>" in as_html(document)
