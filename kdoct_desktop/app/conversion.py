"""Any input into DICOM objects: open, check, write; one volume that cannot stops no other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kdoct_desktop import __version__
from kdoct_desktop.domain.errors import IngestError, KdoctError
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, Notice, OctVolume, Provenance
from kdoct_desktop.io.readers import open_volumes

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose.

    Attributes:
        eye: The eye of scans that do not state it.
        acquired: The time of scans that do not state it.
        no_text: The user looked, and no text in the pictures identifies the patient.
        anonymous: Leave out who was scanned.
        compress: Compress without loss.
        force: Replace files of an earlier conversion.
    """

    eye: Laterality | None = None
    acquired: datetime | None = None
    no_text: bool = False
    anonymous: bool = False
    compress: bool = False
    force: bool = False


def convert_path(
    path: Path, folder: Path, choice: Choice, *, progress: Progress = silent
) -> dict[str, Any]:
    """Write every volume of an input as DICOM.

    Args:
        path: File, folder, DICOMDIR or zip archive.
        folder: Where the objects go; made if it is not there.
        choice: What the user chose.
        progress: Called while reading and writing; may raise ``Cancelled``.

    Returns:
        What was written and what was refused, as plain values ready for JSON.

    Raises:
        Cancelled: `progress` asked to stop; files that were written are whole.
    """
    try:
        opened = open_volumes(path, eye=choice.eye, progress=progress)
        studies, problems = opened.studies, list(opened.problems)
    except IngestError as error:
        studies, problems = (), [Problem(path.name, error.code, error.message)]
    volumes: list[dict[str, Any]] = []
    total = sum(len(study.volumes) for study in studies)
    for study in studies:
        for number, volume in enumerate(study.volumes, start=1):
            progress(len(volumes), total, "writing DICOM")
            try:
                volumes.append(_written(study, number, folder, choice))
            except (KdoctError, OSError) as error:
                problems.append(_problem(volume, error))
    return {
        "schema": SCHEMA,
        "to": "dicom",
        "anonymous": choice.anonymous,
        "volumes": volumes,
        "problems": [asdict(problem) for problem in problems],
    }


def _written(study: Study, number: int, folder: Path, choice: Choice) -> dict[str, Any]:
    """Write one volume.

    Raises:
        KdoctError: It cannot be a valid object, or was converted before.
        OSError: It cannot be written.
    """
    # pydicom is loaded when something is written, and never for reading in this process
    from kdoct_desktop.io.writing.subject import Rules, subject_of
    from kdoct_desktop.io.writing.volume import write_volume

    rules = Rules(
        program=__version__,
        anonymous=choice.anonymous,
        compress=choice.compress,
        no_text=choice.no_text,
    )
    subject = subject_of(_timed(study, choice.acquired), number, rules)
    folder.mkdir(parents=True, exist_ok=True)
    files, notices = write_volume(subject, folder, replace=choice.force)
    volume = subject.volume
    return {
        "source": volume.source.label,
        "format": volume.source.format,
        "key": volume.source.key,
        "laterality": volume.laterality.value if volume.laterality is not None else None,
        "shape": list(volume.voxels.shape),
        "files": [asdict(file) for file in files],
        "notices": _told((*volume.notices, *notices)),
    }


def _timed(study: Study, acquired: datetime | None) -> Study:
    """The study with the time that the user states for scans without one."""
    if acquired is None:
        return study
    timed = [
        volume
        if volume.acquired is not None
        else replace(volume, acquired=acquired, acquired_provenance=Provenance.USER)
        for volume in study.volumes
    ]
    return replace(study, volumes=tuple(timed))


def _told(notices: Sequence[Notice]) -> list[dict[str, str]]:
    return [asdict(notice) for notice in notices]


def _problem(volume: OctVolume, error: KdoctError | OSError) -> Problem:
    if isinstance(error, KdoctError):
        return Problem(volume.source.label, error.code, error.message)
    reason = error.strerror or "the system gives no reason"
    return Problem(volume.source.label, "cannot-write", f"Writing failed: {reason}.")
