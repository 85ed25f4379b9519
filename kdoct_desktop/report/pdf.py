"""The report as a PDF: A4, fonts embedded, no links, no scripts, no patient in its metadata.

The same content gives the same bytes. Layout is in ``summary`` (first page), ``detail`` (further
pages) and ``frame`` (head and foot of each).
"""

from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.whole_file import whole_file
from kdoct_desktop.report import detail, fonts, frame, summary
from kdoct_desktop.report.content import TITLE, ReportContent
from kdoct_desktop.report.sheet import Sheet
from kdoct_desktop.report.wording import RESEARCH_ONLY


def write_pdf(content: ReportContent, analysis: StudyAnalysis, path: Path) -> None:
    """Write the report beside its place and then put it there; a failure leaves the old file.

    Args:
        content: Everything that is printed, made by ``build_content`` from `analysis`.
        analysis: The scans themselves, for the pictures.
        path: Where to; its folder must exist.

    Raises:
        OSError: The file cannot be written.
    """
    with whole_file(path, private=True) as stream:
        stream.write(render(content, analysis))


def render(content: ReportContent, analysis: StudyAnalysis) -> bytes:
    """Draw the whole report; the bytes of the PDF."""
    fonts.ready()
    canvas = Canvas(
        None,
        pagesize=A4,
        invariant=True,
        pageCompression=1,
        lang="en",
        initialFontName=fonts.REGULAR,
    )
    canvas.setTitle(TITLE)
    canvas.setSubject(RESEARCH_ONLY)
    canvas.setCreator(content.software)
    canvas.setAuthor("")
    sheet = Sheet(canvas)
    eyes = summary.rows_of_eyes(content, analysis) or [[]]
    scans = detail.rows_of_scans(content, analysis)
    pages = len(eyes) + len(scans)
    for number, row in enumerate(eyes, start=1):
        summary.draw(sheet, content, row)
        frame.foot(sheet, content, number, pages)
        canvas.showPage()
    for number, row in enumerate(scans, start=1):
        detail.draw(sheet, content, row, last=number == len(scans))
        frame.foot(sheet, content, len(eyes) + number, pages)
        canvas.showPage()
    return bytes(canvas.getpdfdata())
