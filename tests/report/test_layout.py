"""Nothing on a page overlaps, leaves the paper or runs into the foot, whatever is printed."""

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import pytest
from reportlab.lib.colors import Color

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.domain.study import Patient, Problem
from kdoct_desktop.domain.volume import Laterality, Notice, Provenance
from kdoct_desktop.report import frame, pdf
from kdoct_desktop.report.content import build_content
from kdoct_desktop.report.sheet import INNER, MARGIN, POINT, Sheet
from tests import samples
from tests.sample_scans import volume

STATES = samples.every_state()


@dataclass(frozen=True)
class Mark:
    """One line of text or picture on a page, in millimetres from the upper left corner."""

    page: int
    left: float
    top: float
    right: float
    bottom: float
    text: str

    def overlaps(self, other: "Mark") -> bool:
        return (
            min(self.right, other.right) - max(self.left, other.left) > 0.05
            and min(self.bottom, other.bottom) - max(self.top, other.top) > 0.05
        )


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> list[Mark]:
    """What is drawn while the fixture is in use."""
    drawn: list[Mark] = []
    write, paint = Sheet.text, Sheet.picture

    def text(
        self: Sheet,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 8.0,
        bold: bool = False,
        colour: Color = None,
        most: float | None = None,
        align: str = "left",
    ) -> float:
        kept = {"colour": colour} if colour is not None else {}
        long = write(self, x, y, text, size=size, bold=bold, most=most, align=align, **kept)
        left = x - {"left": 0.0, "right": long, "middle": long / 2}[align]
        page = self.canvas.getPageNumber()
        rise = 0.72 * size * POINT
        drawn.append(Mark(page, left, y - rise, left + long, y + 0.15 * size * POINT, text))
        return long

    def picture(
        self: Sheet, x: float, y: float, pixels: object, *, width: float, height: float
    ) -> None:
        paint(self, x, y, pixels, width=width, height=height)  # type: ignore[arg-type]
        page = self.canvas.getPageNumber()
        drawn.append(Mark(page, x, y, x + width, y + height, "picture"))

    monkeypatch.setattr(Sheet, "text", text)
    monkeypatch.setattr(Sheet, "picture", picture)
    return drawn


def check(study: StudyAnalysis, marks: list[Mark], *, clinic: str = "Eye Centre") -> None:
    """Draw the report and look for overlaps and things off the paper."""
    content = build_content(study, app_version="0.1.0", now=samples.NOW, clinic=clinic)
    pdf.render(content, study)
    numbers = {f"{index + 1}" for each in content.volumes for index in each.key_bscans}
    seen = [mark for mark in marks if mark.text]
    assert len(seen) > 10
    for mark in seen:
        assert mark.left >= MARGIN - 0.1, mark
        assert mark.right <= MARGIN + INNER + 0.1, mark
        assert 8.0 < mark.top < mark.bottom < 292.0, mark
    body = [mark for mark in seen if mark.top < frame.FOOT]
    assert all(mark.bottom <= frame.FOOT + 0.5 for mark in body)
    for page in {mark.page for mark in seen}:
        on_page = [mark for mark in seen if mark.page == page]
        for at, mark in enumerate(on_page):
            for other in on_page[at + 1 :]:
                label = {mark.text, other.text} & numbers and "picture" in {mark.text, other.text}
                assert label or not mark.overlaps(other), (mark, other)


@pytest.mark.parametrize("name", list(STATES))
def test_every_state_is_laid_out_without_overlap(name: str, marks: list[Mark]) -> None:
    check(STATES[name], marks)


@pytest.mark.parametrize("name", ["markup", "arabic", "chinese", "64 KiB", "long word"])
def test_hostile_names_are_laid_out_without_overlap(name: str, marks: list[Mark]) -> None:
    text = samples.HOSTILE_TEXTS[name]
    study = samples.study_analysis(
        patient=Patient(text, text, date(1948, 3, 9), text),
        problems=tuple(Problem(text, "x", text) for _ in range(9)),
    )
    check(study, marks, clinic=text)


def worst(eye: Laterality, seed: int) -> VolumeAnalysis:
    """Everything that can be long is long."""
    item = samples.found("CNV", eye, seed=seed)
    assert item.finding is not None
    notes = tuple(
        Notice(f"n{number}", f"Notice {number}: the geometry of this scan is not calibrated. " * 3)
        for number in range(7)
    )
    quality = Quality(QualityState.POOR, ("weak signal", "clipped", "motion between B-scans"))
    scan = replace(
        item.volume,
        notices=notes,
        device="A very long manufacturer name GmbH & Co. KG Model 3000 Plus Extended Edition",
        spacing=replace(item.volume.spacing, provenance=Provenance.ASSUMED),
        laterality_provenance=Provenance.UNKNOWN,
    )
    return replace(item, volume=scan, finding=replace(item.finding, reasons=notes, quality=quality))


@pytest.mark.parametrize("eyes", [(Laterality.OD,), (Laterality.OD, Laterality.OS)])
def test_the_longest_texts_are_laid_out_without_overlap(
    eyes: tuple[Laterality, ...], marks: list[Mark]
) -> None:
    check(samples.study_analysis(*(worst(eye, seed) for seed, eye in enumerate(eyes, 1))), marks)


@pytest.mark.parametrize("bscans", [1, 5, 64])
def test_any_number_and_shape_of_bscans_is_laid_out_without_overlap(
    bscans: int, marks: list[Mark]
) -> None:
    tall = volume(Laterality.OD, bscans=bscans, depth=300, ascans=120, scaled=False, located=False)
    flat = volume(Laterality.OS, bscans=bscans, depth=64, ascans=256)
    items = [
        samples.analysed(scan, samples.prediction(scan, code=code))
        for scan, code in ((tall, "DME"), (flat, "DRUSEN"))
    ]
    check(samples.study_analysis(*items), marks)


@pytest.mark.parametrize("eyes", [(Laterality.OD,), (Laterality.OD, Laterality.OS)])
@pytest.mark.parametrize("shape", [(248, 256), (300, 120), (120, 256)])
def test_a_bscan_without_evidence_leaves_room_for_the_reason(
    eyes: tuple[Laterality, ...], shape: tuple[int, int], marks: list[Mark]
) -> None:
    depth, ascans = shape
    notes = tuple(
        Notice(f"n{k}", "Pictures carry no scale and no eye at all. " * 2) for k in (1, 2)
    )
    scans = [
        replace(volume(eye, depth=depth, ascans=ascans, scaled=False, located=False), notices=notes)
        for eye in eyes
    ]
    items = [samples.analysed(scan, samples.prediction(scan, code="NORMAL")) for scan in scans]
    check(samples.study_analysis(*items), marks)
    (reason, *_) = [mark for mark in marks if mark.text.startswith("No evidence drawn")]
    legend = next(mark for mark in marks if mark.text.startswith("Evidence"))
    assert reason.bottom < legend.top - 1.0  # above the line over the legend


def test_sections_of_a_page_follow_each_other_downwards(marks: list[Mark]) -> None:
    study = samples.study_analysis()
    pdf.render(build_content(study, app_version="1", now=samples.NOW), study)
    order = ["PHANTOM, Olga D", "OD right eye", "Normal", "CNV by B-scan", "Name of the reader"]
    tops = [next(m.top for m in marks if m.page == 1 and m.text == text) for text in order]
    assert all(upper < lower for upper, lower in pairwise(tops))
