"""The report of a run for people: one self-contained HTML file and a PDF with the same content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.whole_file import write_whole
from training.measure.summary_content import build_document


def write_summary(
    report: dict[str, Any], figures: Mapping[str, Path], folder: Path
) -> tuple[Path, Path]:
    """Write ``summary.html`` and ``summary.pdf``; older ones are replaced at once.

    Args:
        report: As `training.measure.cv_report.build_report` makes it.
        figures: Name to PNG file, as `training.measure.figures.draw_figures` makes them.
        folder: Where to.
    """
    from training.measure.summary_html import as_html
    from training.measure.summary_pdf import as_pdf

    document = build_document(report, figures)
    page, paper = folder / "summary.html", folder / "summary.pdf"
    write_whole(page, as_html(document).encode())
    write_whole(paper, as_pdf(document))
    return page, paper
