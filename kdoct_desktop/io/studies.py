"""Volumes to visits: one study a study identifier, one patient a study."""

from collections.abc import Sequence

from kdoct_desktop.domain.study import Patient, Problem, Study
from kdoct_desktop.domain.volume import Laterality, OctVolume
from kdoct_desktop.io.plan import VolumePlan, combined_hash

_ORDER = {Laterality.OD: 0, Laterality.OS: 1, None: 2}


def studies_of(
    read: Sequence[tuple[VolumePlan, OctVolume]],
) -> tuple[tuple[Study, ...], tuple[Problem, ...]]:
    """Group volumes by study; those without an identifier by visit, or else by input.

    Within a study the right eye comes first. A volume that names another patient than the first
    one of its study is refused: patients are never mixed.
    """
    groups: dict[tuple[str, str], list[tuple[VolumePlan, OctVolume]]] = {}
    for plan, volume in read:
        groups.setdefault((plan.study_uid, plan.visit), []).append((plan, volume))
    studies: list[Study] = []
    problems: list[Problem] = []
    for (uid, _), members in groups.items():
        first = members[0][0]
        same = [item for item in members if _same(item[0].patient, first.patient)]
        text = "The file names another patient than the rest of its study; correct the source."
        problems += [
            Problem(plan.source.label, "patient-conflict", text)
            for plan, _ in members
            if not _same(plan.patient, first.patient)
        ]
        volumes = sorted((volume for _, volume in same), key=lambda v: _ORDER[v.laterality])
        hashes = [volume.source.sha256 for volume in volumes]
        studies.append(
            Study(
                uid=uid or derived_uid(combined_hash(hashes)),
                patient=first.patient,
                performed=first.performed,
                volumes=tuple(volumes),
            )
        )
    return tuple(studies), tuple(problems)


def derived_uid(sha256: str) -> str:
    """A UID made from a hash: ``2.25.`` and 128 bits of it (DICOM PS3.5 B.2)."""
    return f"2.25.{int(sha256[:32], 16)}"


def _same(one: Patient, other: Patient) -> bool:
    """True unless identifier, birth date or sex differ where both state them."""
    pairs = (
        (one.identifier, other.identifier),
        (one.birth_date, other.birth_date),
        (one.sex, other.sex),
    )
    return all(a is None or b is None or a == b for a, b in pairs)
