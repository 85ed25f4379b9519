"""Results for machines: the JSON document (schema 1) and a table of B-scans as CSV.

Neither holds a name, an identifier or a birth date of a patient, nor a folder: only the name of
the file or folder that was opened.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.finding import Finding
from kdoct_desktop.domain.prediction import ModelIdentity, Prediction, ProviderReport
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import EXPERIMENTAL, OctVolume
from kdoct_desktop.domain.whole_file import write_whole
from kdoct_desktop.report import wording

SCHEMA = 1
SCHEMA_FILE = Path(__file__).resolve().parents[2] / "resources" / "result.schema.json"

_LEADS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def result_document(
    analyses: Sequence[StudyAnalysis],
    *,
    app_version: str,
    asked: str = "auto",
    timing_s: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The whole result as the JSON document that ``resources/result.schema.json`` describes.

    B-scans are counted from 0 here and from 1 wherever people read.

    Args:
        analyses: One entry a visit.
        app_version: Version of this program.
        asked: Provider that was asked for, for a run in which nothing ran.
        timing_s: Seconds by step; the sums over `analyses` where None.
    """
    model = next((each.model for each in analyses if each.model), None)
    provider = next((each.provider for each in analyses if each.provider), None)
    return {
        "schema": SCHEMA,
        "app": {"name": "KD-OCT Desktop", "version": app_version},
        "model": _model(model),
        "provider": _provider(provider, asked),
        "volumes": [_volume(item) for each in analyses for item in each.volumes],
        "problems": [_problem(problem) for each in analyses for problem in each.problems],
        "timing_s": dict(timing_s) if timing_s is not None else _timing(analyses),
    }


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write a document beside its place and then put it there.

    Raises:
        OSError: The file cannot be written.
        ValueError: A number is not finite.
    """
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    content = text.encode("utf-8", "backslashreplace") + b"\n"
    write_whole(path, content, private=True)


def write_csv(analyses: Sequence[StudyAnalysis], path: Path) -> None:
    """Write one line a B-scan (RFC 4180, UTF-8); text that a spreadsheet would run is made inert.

    Raises:
        OSError: The file cannot be written.
    """
    model = next((each.model for each in analyses if each.model), None)
    classes = model.classes if model else ()
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(
        [
            "volume", "source", "laterality", "bscan_index",
            *(inert(f"probability_{code}") for code in classes),
            "completeness_error", "ood", "quality", "quality_reasons",
        ]
    )  # fmt: skip
    items = [item for each in analyses for item in each.volumes]
    for number, item in enumerate(items, start=1):
        if item.prediction is not None:
            writer.writerows(_lines(number, item.volume, item.prediction))
    content = stream.getvalue().encode("utf-8", "backslashreplace")
    write_whole(path, content, private=True)


def inert(text: str) -> str:
    """Text with an apostrophe before it where a spreadsheet would take it for a formula.

    The leading characters are those of OWASP ASVS 5.0, 1.2.10, and their full-width forms; blanks
    before them do not help.
    """
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_LEADS) else text


def _lines(number: int, volume: OctVolume, prediction: Prediction) -> list[list[str]]:
    """One line a B-scan."""
    eye = volume.laterality.value if volume.laterality else ""
    return [
        [
            str(number),
            inert(_name(volume.source.label)),
            eye,
            str(bscan.index),
            *(repr(float(value)) for value in bscan.probabilities),
            repr(float(bscan.completeness_error)),
            "1" if bscan.ood else "0",
            bscan.quality.state.value,
            inert("; ".join(bscan.quality.reasons)),
        ]
        for bscan in prediction.bscans
    ]


def _name(label: str) -> str:
    """Name of a file without its folder, whichever system wrote the path."""
    return PurePosixPath(PureWindowsPath(label).name).name or label


def _model(model: ModelIdentity | None) -> dict[str, Any] | None:
    """Which model spoke."""
    if model is None:
        return None
    return {
        "name": model.name,
        "version": model.version,
        "sha256": model.sha256,
        "classes": list(model.classes),
        "demonstration": model.demonstration,
        "notice": model.notice,
    }


def _provider(provider: ProviderReport | None, asked: str) -> dict[str, Any]:
    """Where it ran."""
    if provider is None:
        return {"asked": asked, "ran": None, "canary_ms": None, "parity": None, "note": ""}
    return {
        "asked": provider.asked,
        "ran": provider.ran,
        "canary_ms": provider.canary_ms,
        "parity": provider.parity,
        "note": provider.note,
    }


def _volume(item: VolumeAnalysis) -> dict[str, Any]:
    """One scan."""
    volume, prediction, finding = item.volume, item.prediction, item.finding
    spacing = volume.spacing
    return {
        "source": _name(volume.source.label),
        "source_sha256": volume.source.sha256,
        "format": volume.source.format,
        "experimental": any(n.code == EXPERIMENTAL for n in volume.notices),
        "device": volume.device,
        "software": volume.software,
        "scan_pattern": volume.scan_pattern.value,
        "scan_pattern_provenance": volume.pattern_provenance.value,
        "laterality": {
            "value": volume.laterality.value if volume.laterality else None,
            "provenance": volume.laterality_provenance.value,
        },
        "spacing_mm": {
            "bscan": spacing.bscan_mm,
            "axial": spacing.axial_mm,
            "ascan": spacing.ascan_mm,
            "provenance": spacing.provenance.value,
        },
        "order_provenance": volume.order_provenance.value,
        "shape": list(volume.voxels.shape),
        "planned_bscans": volume.planned or None,
        "bscan_numbers": list(volume.numbers) or None,
        "layers": list(volume.layers.names) if volume.layers is not None else [],
        "notices": [{"code": n.code, "message": n.message} for n in volume.notices],
        "quality": None
        if finding is None
        else {"state": finding.quality.state.value, "reasons": list(finding.quality.reasons)},
        "finding": None
        if finding is None or prediction is None
        else _finding(finding, prediction.model),
        "not_analysed": None if item.not_analysed is None else _problem(item.not_analysed),
        "preprocessing": prediction.preprocessing if prediction else None,
        "views": list(prediction.views) if prediction else [],
        "bscans": _bscans(prediction) if prediction else [],
    }


def _finding(finding: Finding, model: ModelIdentity) -> dict[str, Any]:
    """What we report for the eye."""
    evidence = finding.evidence_range
    return {
        "state": finding.state.value,
        "class": finding.class_code,
        "urgency": finding.urgency.value,
        "urgency_map": finding.urgency_version,
        "sentence": wording.finding_sentence(finding, model),
        "probabilities": dict(finding.probabilities),
        "thresholds": dict(finding.thresholds),
        "rule": finding.rule,
        "strongest_bscan": finding.strongest_bscan,
        "evidence_bscans": None if evidence is None else list(evidence),
        "needs_human_read": finding.needs_human_read,
        "reasons": [{"code": each.code, "message": each.message} for each in finding.reasons],
    }


def _bscans(prediction: Prediction) -> list[dict[str, Any]]:
    """One entry a B-scan."""
    return [
        {
            "index": bscan.index,
            "probabilities": dict(zip(prediction.model.classes, bscan.probabilities, strict=True)),
            "completeness_error": bscan.completeness_error,
            "ood": bscan.ood,
            "quality": {
                "state": bscan.quality.state.value,
                "reasons": list(bscan.quality.reasons),
            },
        }
        for bscan in prediction.bscans
    ]


def _problem(problem: Problem) -> dict[str, Any]:
    """One refused input."""
    return {
        "source": _name(problem.source),
        "code": problem.code,
        "message": problem.message,
    }


def _timing(analyses: Sequence[StudyAnalysis]) -> dict[str, float]:
    """Seconds by step, summed over the visits."""
    total: dict[str, float] = {}
    for each in analyses:
        for step, seconds in each.timing_s.items():
            total[step] = total.get(step, 0.0) + seconds
    return total
