"""Scans that are shown and not analysed."""

from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import OctVolume, ScanPattern

NOT_MACULAR = {
    ScanPattern.CIRCLE: "this is a circle scan around the optic disc",
    ScanPattern.ONH: "this is a scan of the optic disc",
    ScanPattern.ANTERIOR: "this is a scan of the front of the eye",
    ScanPattern.ANGIOGRAPHY: "this is an angiography volume",
}
"""Scan patterns that are shown but not analysed, and why."""


def why_not_analysed(volume: OctVolume) -> Problem | None:
    """Why a volume is shown but not analysed; None where it is analysed."""
    reason = NOT_MACULAR.get(volume.scan_pattern)
    if reason is None:
        return None
    text = f"Not analysed: {reason}; the model knows macular volumes."
    return Problem(volume.source.label, f"{volume.scan_pattern.value}-scan", text)
