"""Results into files: the same for the command line, the demo and the window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kdoct_desktop import __version__
from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.report.content import build_content
from kdoct_desktop.report.pdf import write_pdf
from kdoct_desktop.report.pictures import save_heatmaps
from kdoct_desktop.report.table import result_document, write_csv, write_json

EYE_UNKNOWN = "The eye is not stated in the scan: no report until it is given (OD or OS)."


class ExportError(KdoctError):
    """A result was not written."""


@dataclass(frozen=True, slots=True)
class Export:
    """What to write.

    Attributes:
        reports: Whether a PDF is written for each study.
        clinic: Name of the clinic for the report; may be empty.
    """

    reports: bool = True
    clinic: str = ""


def result_of(analyses: Sequence[StudyAnalysis], *, provider: str) -> dict[str, Any]:
    """The JSON document of one call, as ``resources/result.schema.json`` describes it."""
    return result_document(analyses, app_version=__version__, asked=provider)


def write_report(analysis: StudyAnalysis, path: Path, *, clinic: str) -> None:
    """Write the PDF of one study.

    Raises:
        ExportError: An eye is unknown (``eye-unknown``) or nothing was analysed
            (``nothing-analysed``).
        OSError: The file cannot be written.
    """
    done = [item for item in analysis.volumes if item.finding is not None]
    if not done:
        raise ExportError("nothing-analysed", "There is no result to report.")
    if any(item.volume.laterality is None for item in done):
        raise ExportError("eye-unknown", EYE_UNKNOWN)
    now = datetime.now().astimezone()
    content = build_content(analysis, app_version=__version__, now=now, clinic=clinic)
    write_pdf(content, analysis, path)


def write_results(
    analyses: Sequence[StudyAnalysis], folder: Path, *, export: Export, provider: str
) -> list[StudyAnalysis]:
    """Write ``result.json``, ``bscans.csv``, ``heatmaps/`` and a PDF a study into a folder.

    Args:
        analyses: Results, one entry a study.
        folder: Made if it is not there.
        export: What to write.
        provider: Where the model was asked to run.

    Returns:
        The analyses, with a problem added for each report that could not be made.

    Raises:
        OSError: A file cannot be written; earlier files are whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[StudyAnalysis] = []
    volumes = 0
    for number, analysis in enumerate(analyses, start=1):
        save_heatmaps(analysis, folder / "heatmaps", first=volumes + 1)
        volumes += len(analysis.volumes)
        name = "report.pdf" if number == 1 else f"report-{number}.pdf"
        kept.append(_with_report(analysis, folder / name, export) if export.reports else analysis)
    write_csv(kept, folder / "bscans.csv")
    write_json(result_of(kept, provider=provider), folder / "result.json")
    return kept


def _with_report(analysis: StudyAnalysis, path: Path, export: Export) -> StudyAnalysis:
    """Write a study's report; what forbids it becomes a problem of the study."""
    if not any(item.finding is not None for item in analysis.volumes):
        return analysis
    try:
        write_report(analysis, path, clinic=export.clinic)
    except ExportError as error:
        label = analysis.volumes[0].volume.source.label
        problem = Problem(label, error.code, error.message)
        return replace(analysis, problems=(*analysis.problems, problem))
    return analysis
