"""A visit: one patient, one date, the volumes that were taken."""

from dataclasses import dataclass, field
from datetime import date

from kdoct_desktop.domain.volume import OctVolume


@dataclass(frozen=True, slots=True, repr=False)
class Patient:
    """Who was scanned, as the file says; None where it does not.

    There is no ``repr`` of the values: a patient must not reach a log or a traceback.
    """

    name: str | None = None
    identifier: str | None = None
    birth_date: date | None = None
    sex: str | None = None

    def may_be(self, other: "Patient") -> bool:
        """True unless identifier, birth date or sex differ where both state them."""
        pairs = (
            (self.identifier, other.identifier),
            (self.birth_date, other.birth_date),
            (self.sex, other.sex),
        )
        return all(a is None or b is None or a == b for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Problem:
    """An input that was refused.

    Attributes:
        source: What the user is shown: the file's name, never its folder.
        code: Stable lower-case identifier with hyphens.
        message: One plain sentence.
    """

    source: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One visit of one patient.

    Attributes:
        uid: Study UID of the source; made from the source's hash where it has none.
        patient: Who was scanned.
        performed: Date of the visit; None where unknown.
        volumes: Every volume of the input that can be shown, right eye first.
    """

    uid: str
    patient: Patient = field(default_factory=Patient)
    performed: date | None = None
    volumes: tuple[OctVolume, ...] = ()
