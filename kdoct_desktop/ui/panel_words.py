"""What the findings panel says about a scan, as text; no widgets."""

from dataclasses import dataclass

from kdoct_desktop.domain.finding import Finding, Urgency
from kdoct_desktop.domain.quality import QualityState
from kdoct_desktop.ui import words
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.theme import URGENCY_SHAPES

_NO_MODEL = "Scans can be looked at. Install a model package to have them analysed."


@dataclass(frozen=True, slots=True)
class Said:
    """Texts of the panel; empty ones are not shown.

    Attributes:
        headline: The finding in a few words.
        urgency: How soon somebody should look.
        level: The colour of `urgency`; None for none.
        doubt: That a human read is needed although something was found.
        where: Where the evidence lies, or why there is no finding.
        notes: What else to know, one sentence each.
    """

    headline: str = ""
    urgency: str = ""
    level: Urgency | None = None
    doubt: str = ""
    where: str = ""
    notes: tuple[str, ...] = ()


def say(scan: Scan | None, *, working: bool, no_model: bool) -> Said:
    """What to say about a scan.

    Args:
        scan: The current one; None where nothing is open.
        working: Whether reading or analysing goes on.
        no_model: Whether no model can be used.
    """
    if scan is None:
        return Said()
    notices = tuple(notice.message for notice in scan.volume.notices) if scan.volume else ()
    if scan.result is None:
        if working:
            return Said()
        headline, where = ("No model", _NO_MODEL) if no_model else ("Not analysed yet", "")
        return Said(headline=headline, where=where, notes=notices)
    if scan.result.finding is not None:
        return _say_finding(scan, scan.result.finding, notices)
    refused = scan.result.not_analysed
    why = refused.message if refused is not None else ""
    return Said(headline="Not analysed", where=why, notes=notices)


def shows_evidence(scan: Scan, shown: int) -> bool:
    """True where a class has B-scans worth jumping to."""
    return scan.evidence is not None and scan.evidence.next_peak(shown, -1) is not None


def _say_finding(scan: Scan, finding: Finding, notices: tuple[str, ...]) -> Said:
    prediction = scan.result.prediction if scan.result is not None else None
    if prediction is None:
        return Said(notes=notices)
    headline, where = words.headline_and_place(finding, prediction.model)
    notes = [reason.message for reason in finding.reasons]
    if finding.quality.state is QualityState.GOOD:
        notes.append("Quality is good.")
    notes += notices
    notes.append(f"Rule: {finding.rule}.")
    doubt = ""
    if finding.needs_human_read and finding.urgency is not Urgency.NEEDS_HUMAN_READ:
        doubt = _urgency_words(Urgency.NEEDS_HUMAN_READ)
    return Said(
        headline=headline,
        urgency=_urgency_words(finding.urgency),
        level=finding.urgency,
        doubt=doubt,
        where=where,
        notes=tuple(notes),
    )


def _urgency_words(urgency: Urgency) -> str:
    """Shape and word."""
    return f"{URGENCY_SHAPES[urgency]} {urgency.value}"
