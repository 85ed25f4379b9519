"""Whose eye it is: laterality, patient and dates of a DICOM volume. Nothing is ever guessed."""

from collections.abc import Iterable
from datetime import date, datetime

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import Laterality, Notice, Provenance
from kdoct_desktop.io.dicom_fields import FileInfo, PersonInfo

_EYES = {"R": Laterality.OD, "L": Laterality.OS}


def laterality_conflict() -> IngestError:
    """The refusal of a volume for which two eyes are stated."""
    text = "Two sources disagree about the eye; find out which eye it is and correct the source."
    return IngestError("laterality-conflict", text)


def eye_of(
    files: Iterable[FileInfo], localizer: FileInfo | None
) -> tuple[Laterality | None, Provenance, tuple[Notice, ...]]:
    """The eye, from image, frame and series laterality and from the referenced localizer.

    Args:
        files: Files of the volume.
        localizer: The picture that the B-scans refer to by its identifier; None without one.

    Raises:
        IngestError: Any two of them disagree.
    """
    words = {word for info in files for word in _stated(info)}
    about_localizer = set(_stated(localizer)) if localizer is not None else set()
    own = {word for word in words if word in ("R", "L", "B")}
    both = own | {word for word in about_localizer if word in ("R", "L", "B")}
    if len(both) > 1:
        raise laterality_conflict()
    (word,) = both or {""}
    if word in _EYES:
        provenance = Provenance.DEVICE if own else Provenance.DERIVED
        return _EYES[word], provenance, ()
    text = "The eye is not stated in the file."
    if words or about_localizer:
        text = "What the file says about the eye is neither right nor left."
    return None, Provenance.UNKNOWN, (Notice("eye-unknown", text),)


def _stated(info: FileInfo) -> list[str]:
    """Everything a file says about the eye, upper case."""
    frames = {frame.eye for frame in info.frame_info if frame.eye is not None}
    return [word.strip().upper() for word in (*info.eyes, *frames) if word.strip()]


def patient_of(person: PersonInfo) -> Patient:
    """The patient, as the file says."""
    return Patient(
        name=person.name,
        identifier=person.identifier,
        birth_date=day_of(person.birth_date),
        sex=person.sex,
    )


def day_of(text: str | None) -> date | None:
    """A DICOM date; None where it is none."""
    moment = _moment(text, "%Y%m%d", 8)
    return moment.date() if moment is not None else None


def moment_of(text: str | None) -> datetime | None:
    """A DICOM date and time to the second, or a date alone as midnight; None where it is none."""
    full = _moment(text, "%Y%m%d%H%M%S", 14)
    return full if full is not None else _moment(text, "%Y%m%d", 8)


def _moment(text: str | None, pattern: str, length: int) -> datetime | None:
    if text is None or len(text) < length or not text[:length].isdigit():
        return None
    try:
        return datetime.strptime(text[:length], pattern)
    except ValueError:
        return None
