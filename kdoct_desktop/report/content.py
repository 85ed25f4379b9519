"""Everything that a report prints for a visit, as plain values: no drawing, no file, no clock."""

from dataclasses import dataclass
from datetime import datetime
from itertools import starmap

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.finding import Urgency
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.report import wording
from kdoct_desktop.report.scan_content import VolumeContent, volume_content

TITLE = "Research analysis"
SOFTWARE = "KD-OCT Desktop"

_URGENCY_ORDER = {urgency: rank for rank, urgency in enumerate(Urgency)}


@dataclass(frozen=True, slots=True)
class ReportContent:
    """What is printed for a visit.

    Attributes:
        clinic: Name of the clinic; empty where none is set.
        patient: Name as people write it, or that it is not stated.
        identity: Label and value of what tells the patient apart: ID, birth date, sex.
        study: Label and value of the visit.
        volumes: Most urgent first within an eye; OD, then OS, then not stated.
        missing_eye: Sentence about the eye that has no scan; empty where both have one or an
            eye is not stated.
        model: Name and version; a sentence where no model was used.
        model_sha256: Whole hash of the package; empty without a model.
        notice: Sentence that the model must be announced with; empty for none.
        provider: Where it ran; empty without a model.
        software: Name and version.
        printed: Time with zone.
        limits: What the result cannot say, one sentence each.
        problems: Inputs that were refused: name and sentence.
    """

    clinic: str
    patient: str
    identity: tuple[tuple[str, str], ...]
    study: tuple[tuple[str, str], ...]
    volumes: tuple[VolumeContent, ...]
    missing_eye: str
    model: str
    model_sha256: str
    notice: str
    provider: str
    software: str
    printed: str
    limits: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]


def build_content(
    analysis: StudyAnalysis, *, app_version: str, now: datetime, clinic: str = ""
) -> ReportContent:
    """Turn a result into everything that a report prints.

    Args:
        analysis: One visit.
        app_version: Version of this program.
        now: Time of printing, with its zone.
        clinic: Name of the clinic from the settings.

    Raises:
        ValueError: `now` has no zone.
    """
    model, patient = analysis.model, analysis.study.patient
    volumes = sorted(starmap(volume_content, enumerate(analysis.volumes)), key=_rank)
    return ReportContent(
        clinic=wording.plain(clinic) if clinic.strip() else "",
        patient=wording.person_name(patient.name),
        identity=(
            ("Patient ID", wording.plain(patient.identifier)),
            ("Born", wording.iso_date(patient.birth_date)),
            ("Sex", wording.plain(patient.sex)),
        ),
        study=(
            ("Study", wording.iso_date(analysis.study.performed)),
            ("Device", _devices(volumes)),
        ),
        volumes=tuple(volumes),
        missing_eye=_missing_eye(volumes),
        model=wording.plain(f"{model.name} {model.version}") if model else "No model was used.",
        model_sha256=model.sha256 if model else "",
        notice=wording.plain(model.notice) if model and model.notice else "",
        provider=wording.provider_text(analysis.provider) if analysis.provider else "",
        software=f"{SOFTWARE} {app_version}",
        printed=wording.time_with_zone(now),
        limits=_limits(analysis),
        problems=_problems(analysis),
    )


def _problems(analysis: StudyAnalysis) -> tuple[tuple[str, str], ...]:
    """Name and sentence of each input that was refused."""
    return tuple((wording.plain(p.source), wording.plain(p.message)) for p in analysis.problems)


def _rank(volume: VolumeContent) -> tuple[int, int, int]:
    """Order of printing: eye, then urgency, then as read."""
    eye = [Laterality.OD, Laterality.OS, None].index(volume.laterality)
    urgency = len(_URGENCY_ORDER) if volume.urgency is None else _URGENCY_ORDER[volume.urgency]
    return eye, urgency, volume.position


def _devices(volumes: list[VolumeContent]) -> str:
    """All devices of the visit."""
    stated = sorted({each.device for each in volumes} - {wording.NOT_STATED})
    return ", ".join(stated) or wording.NOT_STATED


def _missing_eye(volumes: list[VolumeContent]) -> str:
    """Which eye has no scan, where that is known."""
    eyes = {each.laterality for each in volumes}
    if eyes == {Laterality.OD}:
        return "No scan of the left eye in this study."
    if eyes == {Laterality.OS}:
        return "No scan of the right eye in this study."
    return ""


def _limits(analysis: StudyAnalysis) -> tuple[str, ...]:
    """What the result cannot say."""
    names = wording.listed(list(analysis.model.display_names)) if analysis.model else ""
    known = f"The model knows macular volumes and these classes only: {names}." if names else ""
    refused = len(analysis.problems)
    return tuple(
        sentence
        for sentence in (
            "Classifier output for research. Not reviewed, cleared or approved by FDA or any "
            "other authority; not CE-marked. Not validated at this site.",
            known,
            "Inputs unlike the training data are flagged; some will be missed.",
            "Evidence shows which parts of a B-scan the output adds up from. It is coarse and "
            "does not outline lesions.",
            f"{refused} input{'s' if refused > 1 else ''} could not be read." if refused else "",
        )
        if sentence
    )
