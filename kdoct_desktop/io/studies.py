"""Volumes to visits: one study a study identifier, one patient a study."""

import hashlib
import re
from collections.abc import Sequence

from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, OctVolume
from kdoct_desktop.io.plan import VolumePlan

_COUNTED = re.compile(r" #\d+$")
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
        same = [item for item in members if item[0].patient.may_be(first.patient)]
        text = "The file names another patient than the rest of its study; correct the source."
        problems += [
            Problem(plan.source.label, "patient-conflict", text)
            for plan, _ in members
            if not plan.patient.may_be(first.patient)
        ]
        volumes = sorted((volume for _, volume in same), key=lambda v: _ORDER[v.laterality])
        studies.append(
            Study(
                uid=uid or _uid_of(volumes),
                patient=first.patient,
                performed=first.performed,
                volumes=tuple(volumes),
            )
        )
    return tuple(studies), tuple(problems)


def derived_uid(sha256: str) -> str:
    """A UID made from a hash: ``2.25.`` and 128 bits of it (DICOM PS3.5 B.2)."""
    return f"2.25.{int(sha256[:32], 16)}"


def _uid_of(volumes: Sequence[OctVolume]) -> str:
    """A UID from the content of a study's volumes.

    The files alone would not do: one file may hold the studies of several people. The number that
    a key gets where it occurs twice in an input does not belong to the content.
    """
    contents = sorted(
        f"{volume.source.sha256}\n{_COUNTED.sub('', volume.source.key)}" for volume in volumes
    )
    return derived_uid(hashlib.sha256("\n".join(contents).encode("utf-8")).hexdigest())
