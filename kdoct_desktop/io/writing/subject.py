"""What is written: one volume of one study, by which rules, under which identifiers."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.study import Patient, Study
from kdoct_desktop.domain.volume import Laterality, OctVolume, ScanPattern
from kdoct_desktop.io.studies import derived_uid

_PICTURES = {"PNG", "JPEG", "TIFF", "BMP", "DICOM Secondary Capture"}
"""Formats that may be screenshots."""

_LARGEST = (1 << 32) - 2
"""Bytes of pixels that one element holds."""

_SIDES = {Laterality.OD: "R", Laterality.OS: "L"}


class WriteError(KdoctError):
    """A volume that cannot be a valid object."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How to write.

    Attributes:
        program: Version of this program, as it is noted in every object.
        anonymous: Leave out who was scanned.
        compress: Compress with JPEG-LS, without loss.
        no_text: Somebody looked, and no text in the pixels identifies the patient.
    """

    program: str
    anonymous: bool = False
    compress: bool = False
    no_text: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One volume that can be written.

    Attributes:
        volume: The scan.
        side: ``R`` or ``L``.
        acquired: When it was taken.
        patient: Who was scanned; nobody where that is left out.
        study_uid: Study that the objects belong to.
        performed: Date of the visit.
        number: Of the volume in its study, from 1.
        rules: How to write.
    """

    volume: OctVolume
    side: str
    acquired: datetime
    patient: Patient
    study_uid: str
    performed: date
    number: int
    rules: Rules

    def uid(self, part: str) -> str:
        """The identifier of a part; the same for the same source, rules and version."""
        source = self.volume.source
        return _uid(
            source.sha256,
            source.key,
            self.side,
            self.acquired.isoformat(),
            self.rules.program,
            str(self.rules.anonymous),
            part,
        )

    @property
    def name(self) -> str:
        """How files of the volume are called: the eye and what tells it apart, nothing more."""
        eye = "OD" if self.side == "R" else "OS"
        return f"{eye}-{int(self.uid('name')[5:]):032x}"[:11]

    @property
    def clock_uid(self) -> str:
        """The frame of reference for time, one a study."""
        return _uid(self.study_uid, "clock")


def subject_of(study: Study, number: int, rules: Rules) -> Subject:
    """The volume `number` (from 1) of a study.

    Raises:
        WriteError: It cannot be written: the eye or the time is unknown, text in the pixels may
            identify the patient, or it shows blood flow.
    """
    volume = study.volumes[number - 1]
    _check_content(volume, rules)
    if volume.laterality is None:
        text = "DICOM demands the eye, which the scan does not state: give it (OD or OS)."
        raise WriteError("eye-unknown", text)
    if volume.acquired is None:
        text = "DICOM demands the time of the scan, which the file does not state: give it."
        raise WriteError("time-unknown", text)
    hidden = rules.anonymous
    return Subject(
        volume=volume,
        side=_SIDES[volume.laterality],
        acquired=volume.acquired,
        patient=Patient() if hidden else study.patient,
        study_uid=_uid(study.uid, "anonymous") if hidden else study.uid,
        performed=study.performed or volume.acquired.date(),
        number=number,
        rules=rules,
    )


def _check_content(volume: OctVolume, rules: Rules) -> None:
    """Refuse what the standard keeps out of the pixels of Ophthalmic Tomography.

    Raises:
        WriteError: ``angiography``, ``burned-in-text``, ``text-unknown``, ``loss-unknown`` or
            ``too-large``.
    """
    if volume.scan_pattern is ScanPattern.ANGIOGRAPHY:
        text = "Angiography is not converted: Ophthalmic Tomography holds structure only."
        raise WriteError("angiography", text)
    if any(notice.code == "burned-in-text" for notice in volume.notices):
        text = "Text in the pixels may identify the patient, which DICOM forbids in a tomography."
        raise WriteError("burned-in-text", text)
    if volume.source.format in _PICTURES and not rules.no_text:
        text = (
            "DICOM demands that no text in the pixels identifies the patient, and of pictures "
            "nobody knows: look at them, and state it."
        )
        raise WriteError("text-unknown", text)
    if volume.lossy is not None and not volume.lossy.methods:
        text = "The pixels lost something to compression; DICOM demands how, and nobody knows."
        raise WriteError("loss-unknown", text)
    if volume.voxels.nbytes >= _LARGEST:
        raise WriteError("too-large", "The volume is larger than one DICOM object can be.")


def _uid(*parts: str) -> str:
    return derived_uid(hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest())
