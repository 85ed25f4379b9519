"""The further pages: for each scan the strip chart, three B-scans, thresholds and where from."""

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.report import elements, figures, frame, pictures, summary
from kdoct_desktop.report.content import ReportContent
from kdoct_desktop.report.scan_content import VolumeContent
from kdoct_desktop.report.sheet import INNER, MARGIN, SECOND, Sheet
from kdoct_desktop.report.summary import COLUMN, GUTTER, Eye

_MODEL_BLOCK = 35.0
_NOTES = 5
_LABEL = 18.0
_LEAD = 0.4


def rows_of_scans(content: ReportContent, analysis: StudyAnalysis) -> list[list[Eye]]:
    """All scans, two a page: first the leading ones in the order of page one, then the others."""
    first = [eye.content.position for row in summary.rows_of_eyes(content, analysis) for eye in row]
    rest = [each.position for each in content.volumes if each.position not in first]
    by_position = {each.position: each for each in content.volumes}
    scans = [Eye(by_position[at], analysis.volumes[at], "") for at in (*first, *rest)]
    return [scans[at : at + 2] for at in range(0, len(scans), 2)]


def draw(sheet: Sheet, content: ReportContent, scans: list[Eye], *, last: bool) -> None:
    """Draw the body of one page.

    Args:
        sheet: The page.
        content: The whole report.
        scans: One or two scans.
        last: The model, the limits and the refused inputs stand on the last page.
    """
    y = frame.head_again(sheet, content)
    width = COLUMN if len(scans) > 1 else INNER
    places = [(MARGIN + at * (COLUMN + GUTTER), scan) for at, scan in enumerate(scans)]
    y = max(_title(sheet, x, y, scan.content, width=width) for x, scan in places)
    y = max(
        elements.strip_chart(sheet, x, y, scan.item, scan.content, width=width)
        for x, scan in places
    )
    floor = frame.FOOT - (_model_height(content) if last else 0.0)
    facts = max(_facts_height(sheet, scan.content, width=width) for scan in scans)
    tall = floor - y - facts - 5.0
    y = max(_bscans(sheet, x, y + 1.0, scan, width=width, room=tall) for x, scan in places)
    for x, scan in places:
        _facts(sheet, x, y + 1.0, scan.content, width=width)
    if last:
        _model(sheet, content, floor)


def _title(sheet: Sheet, x: float, y: float, volume: VolumeContent, *, width: float) -> float:
    """Eye, urgency and which scan."""
    y = summary.heading(sheet, x, y, volume, width=width)
    y = sheet.paragraph(x, y, volume.sentence, width=width, lines=2, size=8, bold=True)
    text = f"{volume.source} · {volume.device} · taken {volume.acquired}"
    sheet.text(x, y + 2.6, text, size=7, colour=SECOND, most=width)
    return y + 4.6


def _bscans(sheet: Sheet, x: float, y: float, scan: Eye, *, width: float, room: float) -> float:
    """The strongest B-scans plain and with contours: under each other in a pair of scans, beside
    each other where one scan has the whole width."""
    volume, content = scan.item.volume, scan.content
    shown = pictures.pairs(
        volume,
        scan.item.prediction,
        content.key_bscans,
        class_index=content.evidence_class,
        width=round(COLUMN * figures.DOTS_PER_MM),
    )
    tall = room / len(shown)
    for index, pair in zip(content.key_bscans, shown, strict=True):
        text = f"B-scan {index + 1} of {volume.bscan_count}{_share(scan, index)}"
        y = figures.bscan_pair(sheet, x, y, pair, volume, text=text, width=width, tall=tall)
    for sentence in dict.fromkeys(pair.why_not for pair in shown if pair.why_not):
        y = sheet.paragraph(x, y, sentence, width=width, lines=2, size=7.5)
    return y


def _share(scan: Eye, index: int) -> str:
    """Probability of the shown class in one B-scan, with its doubts."""
    prediction, column = scan.item.prediction, scan.content.evidence_class
    if prediction is None or column is None:
        return ""
    from_model = prediction.bscans[index]
    doubts = ", unlike the training data" if from_model.ood else ""
    return f", {scan.content.bscan_texts[index]}{doubts}"


def _fact_lines(volume: VolumeContent) -> list[tuple[str, str]]:
    """Label and value of what stands under the B-scans."""
    limits = ", ".join(
        f"{row.name} {row.threshold}" for row in volume.classes if row.limit is not None
    )
    lines = [
        ("Scan", volume.scan),
        *(
            (badge.label, f"{badge.value}, {badge.provenance.value}".removeprefix(", "))
            for badge in volume.badges
        ),
        ("Quality", volume.quality),
    ]
    if volume.classes:
        lines += [
            ("Thresholds", limits),
            ("Rule", f"{volume.rule}; urgency map version {volume.urgency_version}"),
            ("Views", ", ".join(volume.views)),
            ("Evidence", volume.evidence_text),
        ]
    notes = [("Note", text) for text in dict.fromkeys((*volume.reasons, *volume.notices))]
    if len(notes) > _NOTES:
        notes[_NOTES - 1 :] = [("Note", f"{len(notes) - _NOTES + 1} more: see result.json.")]
    return lines + notes


def _facts_height(sheet: Sheet, volume: VolumeContent, *, width: float) -> float:
    """Room that the facts of a scan take."""
    return sum(
        sheet.paragraph_height(value, width=width - _LABEL, lines=2, size=7) + _LEAD
        for _label, value in _fact_lines(volume)
    )


def _facts(sheet: Sheet, x: float, y: float, volume: VolumeContent, *, width: float) -> float:
    """Where the values came from, thresholds, rule, what else to know."""
    for label, value in _fact_lines(volume):
        sheet.text(x, y + 2.5, label, size=7, colour=SECOND)
        y = sheet.paragraph(x + _LABEL, y, value, width=width - _LABEL, lines=2, size=7) + _LEAD
    return y


def _model_height(content: ReportContent) -> float:
    """Room for the last block."""
    return _MODEL_BLOCK + (min(len(content.problems), 5) + 1) * 3.8 * bool(content.problems)


def _model(sheet: Sheet, content: ReportContent, y: float) -> None:
    """Model, provider, limits and refused inputs."""
    sheet.rule(MARGIN, y, INNER, weight=0.35)
    sheet.text(MARGIN, y + 4.2, "Model and limits", size=9, bold=True)
    y += 5.6
    hashes = sorted({each.preprocessing for each in content.volumes} - {""})
    for label, value in (
        ("Model", content.model),
        ("sha256", content.model_sha256),
        ("Preprocessing", ", ".join(hashes)),
        ("Ran on", content.provider),
        ("Software", content.software),
    ):
        if value:
            sheet.text(MARGIN, y + 2.5, label, size=7, colour=SECOND)
            sheet.text(MARGIN + 20.0, y + 2.5, value, size=7, most=INNER - 20.0)
            y += 3.6
    text = " ".join(content.limits)
    y = sheet.paragraph(MARGIN, y + 0.6, text, width=INNER, lines=4, size=7, colour=SECOND)
    summary.problems(sheet, content, y + 1.0, most=4)
