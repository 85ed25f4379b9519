"""What a file holds, for site IT and support: geometry, provenance and problems, no identity.

Names of files and folders, identifiers, UIDs, names, birth dates and times of acquisition are left
out unless they are asked for; visits and files are told apart by numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import Notice
from kdoct_desktop.io.plan import VolumePlan
from kdoct_desktop.io.readers import open_volumes, plan_volumes

SCHEMA = 1


def inspect_path(
    path: Path, *, identity: bool, decode: bool, progress: Progress = silent
) -> dict[str, Any]:
    """Describe an input as plain values, ready for JSON.

    Args:
        path: File, folder, DICOMDIR or zip archive.
        identity: Tell who was scanned, when, and how files are called.
        decode: Decode every B-scan, too, so that damage inside is found.
        progress: Called while reading; may raise ``Cancelled``.

    Raises:
        Cancelled: `progress` asked to stop.
    """
    try:
        plans, problems = plan_volumes(path, progress=progress)
        found = _decoding(path, progress) if decode and plans else None
    except IngestError as error:
        plans, problems, found = [], [Problem(path.name, error.code, error.message)], None
    if found is not None:
        problems = list(found[1])
    labels = list(dict.fromkeys([plan.source.label for plan in plans] + _labels(problems)))
    visits = list(dict.fromkeys((plan.study_uid, plan.visit) for plan in plans))
    volumes = []
    for number, plan in enumerate(plans, start=1):
        key = plan.source.key
        volume = {
            "number": number,
            "file": labels.index(plan.source.label) + 1,
            "visit": visits.index((plan.study_uid, plan.visit)) + 1,
            **_volume(plan),
            "decoded": None if found is None else key in found[0],
            "notices": _notices(plan.notices if found is None else found[0].get(key, plan.notices)),
        }
        volumes.append({**volume, "identity": _identity(plan)} if identity else volume)
    told = [_problem(problem, labels, identity=identity) for problem in problems]
    return {"schema": SCHEMA, "volumes": volumes, "problems": told}


def _problem(problem: Problem, labels: list[str], *, identity: bool) -> dict[str, Any]:
    """What was refused."""
    name = {"name": problem.source} if identity else {}
    file = labels.index(problem.source) + 1
    return {"file": file, **name, "code": problem.code, "message": problem.message}


def _decoding(
    path: Path, progress: Progress
) -> tuple[dict[str, tuple[Notice, ...]], tuple[Problem, ...]]:
    """Notices of each volume that decodes, by its key, and everything that is refused."""
    opened = open_volumes(path, progress=progress)
    volumes = [volume for study in opened.studies for volume in study.volumes]
    return {volume.source.key: volume.notices for volume in volumes}, opened.problems


def _labels(problems: Sequence[Problem]) -> list[str]:
    return [problem.source for problem in problems]


def _volume(plan: VolumePlan) -> dict[str, Any]:
    """Geometry and provenance of a volume; nothing here tells who was scanned."""
    spacing, localizer = plan.spacing, plan.localizer
    missing = plan.planned - len(plan.frames) if plan.planned else 0
    return {
        "format": plan.source.format,
        "sha256": plan.source.sha256,
        "shape": list(plan.shape),
        "missing_bscans": max(missing, 0),
        "scan_pattern": _stated(plan.scan_pattern.value, plan.pattern_provenance.value),
        "laterality": _stated(plan.laterality, plan.laterality_provenance.value),
        "spacing_mm": {
            "bscan": spacing.bscan_mm,
            "axial": spacing.axial_mm,
            "ascan": spacing.ascan_mm,
            "provenance": spacing.provenance.value,
        },
        "order_provenance": plan.order_provenance.value,
        "localizer": None
        if localizer is None
        else {
            "kind": localizer.kind.value,
            "shape": list(localizer.shape),
            "pixel_mm": localizer.pixel_mm,
        },
        "scan_lines": None if plan.scan_lines is None else plan.scan_lines.round(2).tolist(),
        "layers": list(plan.layers.names) if plan.layers is not None else [],
        "acquired_provenance": plan.acquired_provenance.value,
        "device": plan.device,
        "software": plan.software,
    }


def _stated(value: str | None, provenance: str) -> dict[str, str | None]:
    return {"value": value, "provenance": provenance}


def _identity(plan: VolumePlan) -> dict[str, Any]:
    """Who was scanned, when, and from which file."""
    patient = plan.patient
    return {
        "name": plan.source.label,
        "key": plan.source.key,
        "study_uid": plan.study_uid or None,
        "patient_name": patient.name,
        "patient_id": patient.identifier,
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
        "sex": patient.sex,
        "acquired": plan.acquired.isoformat() if plan.acquired else None,
    }


def _notices(notices: Sequence[Notice]) -> list[dict[str, str]]:
    return [{"code": notice.code, "message": notice.message} for notice in notices]
