"""The words and numbers that people are shown: formats, and one sentence for each result."""

import unicodedata
from datetime import date, datetime

from kdoct_desktop.domain.finding import Finding, FindingState
from kdoct_desktop.domain.prediction import ModelIdentity, Prediction, ProviderReport
from kdoct_desktop.domain.quality import Quality
from kdoct_desktop.domain.volume import Laterality, OctVolume, Spacing

RESEARCH_ONLY = "Research use only. Not a medical device."
"""Stands at the foot of every page; there is no switch for it."""

NOT_STATED = "not stated"

_LONGEST = 512  # characters of one field from a file that are looked at at all


def probability(value: float) -> str:
    """Two digits without the leading zero: .93, .04, 1.00."""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0.") else text


def millimetres(value: float) -> str:
    """One digit: 5.8 mm."""
    return f"{value:.1f} mm"


def micrometres(value_mm: float) -> str:
    """No digit: 120 µm; one digit below 20 µm, where a whole number would be too coarse."""
    value = value_mm * 1000.0
    return f"{value:.1f} µm" if value < 20.0 else f"{value:.0f} µm"


def iso_date(value: date | None) -> str:
    """ISO date, or that it is not stated."""
    return NOT_STATED if value is None else value.isoformat()


def time_with_zone(value: datetime) -> str:
    """ISO date, minutes and offset: 2026-11-20 14:05 UTC+01:00.

    Raises:
        ValueError: The time has no zone.
    """
    offset = value.utcoffset()
    if offset is None:
        raise ValueError("the time needs a zone")
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    zone = f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return f"{value:%Y-%m-%d %H:%M} {zone}"


def plain(text: str | None, *, longest: int = _LONGEST) -> str:
    """Text from a file as one line that can be printed literally.

    Control, formatting (also those that turn the writing direction), surrogate and unassigned
    characters become blanks; runs of blanks become one. Nothing is read as markup.

    Args:
        text: As the file says; None where it does not.
        longest: More characters than this are cut off with an ellipsis.
    """
    if text is None:
        return NOT_STATED
    kept = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}
        else letter
        for letter in text[: 4 * longest]
    )  # fmt: skip
    line = " ".join(unicodedata.normalize("NFC", kept).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    return line or NOT_STATED


def person_name(text: str | None) -> str:
    """A DICOM person name as people write it: ``DOE^Jane^M`` becomes ``DOE, Jane M``.

    Of several representations (``=``) the alphabetic one comes first, the others follow in
    brackets. Text that is no DICOM name is printed as it is.
    """
    if text is None or "^" not in text:
        return plain(text)
    groups = []
    for group in text[: 4 * _LONGEST].split("=")[:3]:
        family, *others = group.split("^")
        rest = " ".join(part for part in others if part.strip())
        joined = ", ".join(part for part in (family.strip(), rest) if part)
        if joined and joined not in groups:
            groups.append(joined)
    first, *further = groups or [""]
    return plain(first + "".join(f" ({other})" for other in further))


def eye_name(eye: Laterality | None) -> str:
    """Code and word: OD right eye."""
    if eye is None:
        return "Eye not stated"
    return "OD right eye" if eye is Laterality.OD else "OS left eye"


def bscan_numbers(first: int, last: int) -> str:
    """B-scans as people count them, from 1: ``21–33``; a single one is ``27``."""
    return f"{first + 1}" if first == last else f"{first + 1}–{last + 1}"


def listed(names: list[str]) -> str:
    """Names as a sentence lists them: A, B and C."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def finding_sentence(finding: Finding, model: ModelIdentity) -> str:
    """The finding in one plain sentence.

    Args:
        finding: What we report for the eye.
        model: For the names that the user is shown.
    """
    shown = dict(zip(model.classes, model.display_names, strict=True))
    if finding.state is not FindingState.FOUND:
        return _NO_FINDING[finding.state]
    code = finding.class_code
    if code is not None and finding.evidence_range is not None:
        first, last = finding.evidence_range
        if first == last:
            return f"{shown[code]} suspected: evidence in B-scan {first + 1} only."
        run = bscan_numbers(first, last)
        strongest = finding.strongest_bscan + 1
        return f"{shown[code]} suspected: evidence in B-scans {run}, strongest {strongest}."
    below = [shown[each] for each in finding.thresholds]
    verb = "is below its threshold" if len(below) == 1 else "are below their thresholds"
    return f"Nothing suspected: {listed(below)} {verb}."


_NO_FINDING = {
    FindingState.LIMITED_COVERAGE: "No finding possible: the scan covers too little of the macula.",
    FindingState.UNGRADABLE: "No finding possible: the scan cannot be graded.",
    FindingState.UNLIKE_TRAINING: "No finding possible: the scan is unlike the training data.",
    FindingState.UNDECIDED: "No finding possible: the model is undecided.",
}


def quality_text(quality: Quality) -> str:
    """State and reasons: poor (weak signal, clipped)."""
    if not quality.reasons:
        return quality.state.value
    return f"{quality.state.value} ({', '.join(quality.reasons)})"


def scan_text(volume: OctVolume) -> str:
    """What was scanned: raster, 49 B-scans of 496 × 512 pixels, 5.8 × 5.8 mm."""
    count, depth, ascans = volume.voxels.shape
    scans = f"{count} B-scan{'s' if count != 1 else ''} of {depth} × {ascans} pixels"
    pattern = volume.scan_pattern.value
    text = scans if pattern == "unknown" else f"{pattern} scan, {scans}"
    step, ascan = volume.spacing.bscan_mm, volume.spacing.ascan_mm
    if ascan and step and count > 1:
        return f"{text}, {step * (count - 1):.1f} × {millimetres(ascan * ascans)}"
    return f"{text}, {millimetres(ascan * ascans)} long" if ascan else text


def scale_text(spacing: Spacing) -> str:
    """Sampling distances: 120 µm between B-scans, 3.9 µm deep, 11.5 µm along."""
    parts = [
        f"{micrometres(value)} {words}"
        for value, words in (
            (spacing.bscan_mm, "between B-scans"),
            (spacing.axial_mm, "in depth"),
            (spacing.ascan_mm, "along"),
        )
        if value
    ]
    return ", ".join(parts) or NOT_STATED


def evidence_text(volume: OctVolume, prediction: Prediction) -> str:
    """Honest size of a cell of the activation map, and how well the evidence adds up."""
    rows, columns = prediction.cams.shape[2:]
    top, bottom, left, right = prediction.frames[0].tolist()
    worst = max(bscan.completeness_error for bscan in prediction.bscans)
    axial, ascan = volume.spacing.axial_mm, volume.spacing.ascan_mm
    if axial and ascan:
        across, deep = (right - left) / columns * ascan, (bottom - top) / rows * axial
        cells = f"cells of {across:.2f} mm across and {deep:.2f} mm deep"
    else:
        cells = f"{columns} cells across and {rows} deep"
    return f"{cells}; adds up to the output within {worst:.0e}"


def provider_text(provider: ProviderReport) -> str:
    """Where the model ran, as proven: CUDA, canary 4 ms, parity 1e-06."""
    ran = _PROVIDERS.get(provider.ran, provider.ran)
    asked = "" if provider.asked in {provider.ran, "auto"} else f" (asked for {provider.asked})"
    note = f". {provider.note}" if provider.note else ""
    return f"{ran}{asked}, canary {provider.canary_ms:.0f} ms, parity {provider.parity:.0e}{note}"


_PROVIDERS = {"cuda": "graphics card (CUDA)", "cpu": "processor (CPU)"}
