"""From the records of a device file to planned volumes, on the program's side."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Patient, Problem
from kdoct_desktop.domain.volume import (
    EXPERIMENTAL,
    Laterality,
    LocalizerKind,
    LossyCompression,
    Notice,
    Provenance,
    ScanPattern,
    Source,
    Spacing,
)
from kdoct_desktop.io.devices.fields import DeviceInfo, LocalizerInfo, LossyInfo, VolumeInfo
from kdoct_desktop.io.devices.formats import DeviceFormat
from kdoct_desktop.io.devices.raw_volume import check_sum
from kdoct_desktop.io.dicom_identity import day_of
from kdoct_desktop.io.failures import garbage
from kdoct_desktop.io.plan import (
    FrameRef,
    InputFile,
    LayersPlan,
    LocalizerPlan,
    VolumePlan,
)
from kdoct_desktop.io.session import Session

_PLACEHOLDER = re.compile(r"0+|x+|(anon|unknown|test|none|patient|phantom).*", re.IGNORECASE)
_NO_BIRTH_DATES = {"19000101", "19010101", "18991230", "19700101"}
_FOLDER_PARTS = {"/", "\\", "\0"}


class DeviceReader:
    """Plans the volumes of all files of one format."""

    def __init__(self, device_format: DeviceFormat) -> None:
        self._format = device_format

    def __call__(
        self, session: Session, files: Sequence[InputFile], *, whole_folder: bool
    ) -> tuple[list[VolumePlan], list[Problem]]:
        """Every volume of some files, and what was refused.

        Args:
            session: Gives access to headers.
            files: In natural order of their names.
            whole_folder: Makes no difference here.
        """
        plans: list[VolumePlan] = []
        problems: list[Problem] = []
        for done, file in enumerate(files):
            session.reporter.report(done, len(files), "reading headers")
            try:
                found, refused = self._file(session, file)
            except IngestError as error:
                problems.append(Problem(file.label, error.code, error.message))
                continue
            plans += found
            problems += refused
        return plans, problems

    def _file(self, session: Session, file: InputFile) -> tuple[list[VolumePlan], list[Problem]]:
        """The volumes of one file, and those of its volumes that are refused.

        Raises:
            IngestError: The file as a whole is refused.
        """
        info = session.header(
            "device-header", file, DeviceInfo, hashed=False, format=self._format.name
        )
        beside = _beside(file, info)
        session.taken.update(beside)
        if not info.volumes:
            raise IngestError("no-bscans", "The file holds no B-scan.")
        check_sum(sum(len(one.pictures) for one in info.volumes), session.limits)
        problems = [
            Problem(file.label, one.refused.code, one.refused.message)
            for one in info.volumes
            if one.refused is not None
        ]
        plans = [
            _plan(one, place, file, info)
            for place, one in enumerate(info.volumes)
            if one.refused is None
        ]
        doubt = (
            (Notice(EXPERIMENTAL, f"Experimental: {self._format.doubt}"),)
            if self._format.doubt
            else ()
        )
        return [
            replace(
                plan,
                source=Source(file.label, "", self._format.name, plan.source.key),
                hashed_later=(file.path, *beside),
                notices=(*doubt, *plan.notices),
            )
            for plan in plans
        ], problems


def _beside(file: InputFile, info: DeviceInfo) -> list[Path]:
    """The files that belong to a file, none of them outside of its folder."""
    paths = []
    for name in info.beside:
        if _FOLDER_PARTS & set(name) or name in ("", ".", ".."):
            raise garbage()
        paths.append(file.path.parent / name)
    return paths


def _plan(one: VolumeInfo, place: int, file: InputFile, info: DeviceInfo) -> VolumePlan:
    """Everything about one volume but its pixels.

    Raises:
        IngestError: The records contradict each other.
    """
    try:
        return VolumePlan(
            source=Source(file.label, "", "", one.key),
            task="device-frames",
            frames=tuple(FrameRef(file, number) for number in one.pictures),
            depth=one.depth,
            ascans=one.ascans,
            visit=_visit(one, file, info),
            patient=_patient(one),
            performed=day_of((one.acquired or "").replace("-", "")),
            spacing=Spacing(
                one.bscan_mm, one.axial_mm, one.ascan_mm, Provenance(one.spacing_provenance)
            ),
            scan_pattern=ScanPattern(one.pattern),
            pattern_provenance=Provenance(one.pattern_provenance),
            laterality=Laterality(one.laterality) if one.laterality is not None else None,
            laterality_provenance=Provenance(one.laterality_provenance),
            order_provenance=Provenance(one.order_provenance),
            localizer=_localizer(one.localizer, file),
            scan_lines=np.array(one.lines, np.float32).reshape(-1, 2, 2) if one.lines else None,
            layers=LayersPlan(file, place, one.layers) if one.layers else None,
            numbers=_numbers(one),
            planned=one.planned,
            acquired=datetime.fromisoformat(one.acquired) if one.acquired is not None else None,
            acquired_provenance=Provenance(one.acquired_provenance),
            device=one.device,
            software=one.software,
            notices=_notices(one, info),
            narrow_check=one.narrow_check,
            lossy=_lossy(one.lossy),
        )
    except ValueError as error:
        raise garbage() from error


def _numbers(one: VolumeInfo) -> tuple[int, ...]:
    """Positions of the B-scans in the scan as planned.

    Raises:
        ValueError: They do not ascend or leave the scan.
    """
    ascending = all(a < b for a, b in zip(one.numbers, one.numbers[1:], strict=False))
    if len(one.numbers) != len(one.pictures) or not ascending:
        raise ValueError("numbers")
    if one.numbers and (one.numbers[0] < 0 or one.numbers[-1] >= one.planned):
        raise ValueError("numbers")
    return one.numbers


def _notices(one: VolumeInfo, info: DeviceInfo) -> tuple[Notice, ...]:
    """What the parser tells, and what follows from what it did not find."""
    told = [Notice(notice.code, notice.message) for notice in (*info.notices, *one.notices)]
    codes = {notice.code for notice in told}
    missing = one.planned - len(one.pictures)
    if missing > 0:
        told.append(Notice("missing-bscans", missing_words(one.numbers, one.planned)))
    if one.laterality is None and "eye-unknown" not in codes:
        told.append(Notice("eye-unknown", "The eye is not stated in the file."))
    if one.axial_mm is None or one.ascan_mm is None:
        told.append(Notice("not-calibrated", "The file states no scale; nothing can be measured."))
    return tuple(told)


def missing_words(numbers: Sequence[int], planned: int) -> str:
    """Which B-scans of a scan are missing, counted from 1, the first few by number."""
    missing = sorted(set(range(planned)) - set(numbers)) if planned <= 1 << 16 else []
    named = ", ".join(str(number + 1) for number in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    count = planned - len(numbers)
    which = f": {named}{more}" if named else ""
    return f"The file lacks {count} of {planned} B-scans{which}."


def _localizer(info: LocalizerInfo | None, file: InputFile) -> LocalizerPlan | None:
    if info is None:
        return None
    return LocalizerPlan(
        lossy=_lossy(info.lossy),
        frame=FrameRef(file, info.picture),
        kind=LocalizerKind(info.kind),
        shape=info.shape,
        pixel_mm=info.pixel_mm,
        task="device-frames",
    )


def _lossy(info: LossyInfo | None) -> LossyCompression | None:
    return LossyCompression(info.methods, info.ratios) if info is not None else None


def _patient(one: VolumeInfo) -> Patient:
    return Patient(
        name=one.patient.name,
        identifier=one.patient.identifier,
        birth_date=day_of(one.patient.birth_date),
        sex=one.patient.sex,
    )


def _visit(one: VolumeInfo, file: InputFile, info: DeviceInfo) -> str:
    """What volumes of one visit share: the person and the day, or else the file and its visit.

    An identifier alone is not a person: anonymised exports of many people carry the same word, and
    some the same birth date. What a file itself keeps apart stays apart.
    """
    day, person = (one.acquired or "")[:10], one.patient
    known = person.identifier and not _PLACEHOLDER.fullmatch(person.identifier.strip())
    born = person.birth_date and person.birth_date not in _NO_BIRTH_DATES
    if known and born and day and len({volume.visit for volume in info.volumes}) == 1:
        return "\n".join((f"{person.identifier}", f"{person.birth_date}", person.name or "", day))
    return f"{file.path}\n{one.visit}"
