"""Sentences and figures that the window shows: plain, short, one place."""

from datetime import datetime

from kdoct_desktop.domain.finding import Finding
from kdoct_desktop.domain.prediction import ModelIdentity, ProviderReport
from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import Laterality, OctVolume, Provenance, ScanPattern
from kdoct_desktop.report import wording
from kdoct_desktop.ui.scan import Scan

EYE_QUESTION = "The eye is not stated in the file. Which eye is it?"
RESEARCH_USE = "Research use only."
EYES = {Laterality.OD: "right eye", Laterality.OS: "left eye"}
SIDES = {Laterality.OD: "right", Laterality.OS: "left"}
UNSET = "–"


def probability(value: float) -> str:
    """A probability with two digits, as ``.93``; a dash where it is not known."""
    return UNSET if value != value else wording.probability(value)


def headline_and_place(finding: Finding, model: ModelIdentity) -> tuple[str, str]:
    """The report's sentence in two parts: what was found, and where or why not."""
    what, _, place = wording.finding_sentence(finding, model).partition(": ")
    return what, place[:1].upper() + place[1:]


def name(patient: Patient) -> str:
    """The name as people write it, as on the report."""
    return wording.person_name(patient.name) if patient.name else "No name stated"


def eye(value: Laterality | None) -> str:
    """OD, OS, or a question mark."""
    return value.value if value is not None else "?"


def scan_words(scan: Scan) -> str:
    """Pattern and number of B-scans."""
    count = f"{scan.shape[0]} B-scan{'s' if scan.shape[0] != 1 else ''}"
    if scan.volume is None or scan.volume.scan_pattern is ScanPattern.UNKNOWN:
        return count
    return f"{pattern(scan.volume.scan_pattern)}, {count}"


def pattern(value: ScanPattern) -> str:
    """Scan pattern as people say it."""
    return {ScanPattern.ONH: "optic disc", ScanPattern.ANTERIOR: "front of the eye"}.get(
        value, value.value
    )


def scale_words(volume: OctVolume) -> str:
    """Size of a pixel across and down in micrometres."""
    spacing = volume.spacing
    if spacing.ascan_mm is None or spacing.axial_mm is None:
        return UNSET
    across = wording.micrometres(spacing.ascan_mm).removesuffix(" µm")
    return f"{across} × {wording.micrometres(spacing.axial_mm)}"


def distance_words(volume: OctVolume) -> str:
    """Distance between B-scans in micrometres."""
    step = volume.spacing.bscan_mm
    return UNSET if step is None else wording.micrometres(step)


def when(moment: datetime) -> str:
    """Date and time as ISO writes them, to the minute."""
    return moment.strftime("%Y-%m-%d %H:%M")


def provenance(value: Provenance) -> str:
    """Where a value came from, in one word."""
    return {Provenance.USER: "by user", Provenance.UNKNOWN: "unknown"}.get(value, value.value)


def doubtful(value: Provenance) -> bool:
    """True where a value rests on nothing that device or file said."""
    return value in (Provenance.ASSUMED, Provenance.UNKNOWN)


def provider(report: ProviderReport) -> str:
    """Where the model runs, as proven."""
    name = {"cuda": "CUDA", "cpu": "CPU"}.get(report.ran, report.ran)
    if report.note:
        return f"{name} · {report.asked.upper()} not usable"
    return f"{name} ✓ canary {report.canary_ms:.0f} ms"


def duration(seconds: float) -> str:
    """A rest of time in words."""
    if seconds < 60.0:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60.0)} min left"


def plain(text: str, limit: int = 256) -> str:
    """Foreign text as one line without control characters, as on the report; may be empty."""
    line = wording.plain(text, longest=limit)
    return "" if line == wording.NOT_STATED and text != line else line


def breakable(text: str, longest: int = 14) -> str:
    """Text whose long words may be broken where a line ends (soft hyphens)."""
    return " ".join(
        "\u00ad".join(word) if len(word) > longest else word for word in text.split(" ")
    )
