"""DICOM files to volumes: which files and frames belong together, and what is known of them.

Works on plain values that the reading process made of the headers; nothing is parsed here.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import Notice, Provenance, Source
from kdoct_desktop.io import dicom_fields as fields
from kdoct_desktop.io.dicom_fields import FileInfo, FrameInfo
from kdoct_desktop.io.dicom_geometry import pattern_of, pattern_provenance, spacing_of
from kdoct_desktop.io.dicom_identity import day_of, eye_of, moment_of, patient_of
from kdoct_desktop.io.dicom_layers import with_layers
from kdoct_desktop.io.dicom_localizer import DicomFile, localizer_of, localizer_plan, loss_of
from kdoct_desktop.io.dicom_order import lines_of, numbers_of, order_of
from kdoct_desktop.io.inputs import referenced_files
from kdoct_desktop.io.plan import FrameRef, InputFile, VolumePlan, combined_hash
from kdoct_desktop.io.session import Session


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame of one file."""

    owner: DicomFile
    index: int

    @property
    def info(self) -> FrameInfo:
        """What its header says."""
        return self.owner.info.frame_info[self.index]


def read(
    session: Session, files: Sequence[InputFile], *, whole_folder: bool
) -> tuple[list[VolumePlan], list[Problem]]:
    """Every volume of some DICOM files, and what was refused.

    Args:
        session: Gives access to headers.
        files: In natural order of their names.
        whole_folder: The files are all that a folder holds, so that what a DICOMDIR among them
            lists is there already.
    """
    problems: list[Problem] = []
    entries: list[DicomFile] = []
    waiting = list(files)
    for done, file in enumerate(waiting):
        session.reporter.report(done, len(waiting), "reading headers")
        try:
            info = session.header("dicom-header", file, FileInfo)
            if info.sop_class == fields.DIRECTORY:
                listed, refused = referenced_files(file, session.references(file))
                problems += refused
                known = {entry.path for entry in waiting}
                waiting += [] if whole_folder else [f for f in listed if f.path not in known]
            else:
                entries.append(DicomFile(file, info))
        except IngestError as error:
            problems.append(Problem(file.label, error.code, error.message))
    plans, refused = plans_of(entries)
    return plans, problems + refused


def plans_of(files: Sequence[DicomFile]) -> tuple[list[VolumePlan], list[Problem]]:
    """Every volume of the files, and every file that is in none.

    Args:
        files: In natural order of their names.
    """
    kinds, problems = _sorted_out(files)
    volumes = kinds["volume"]
    localizers = {entry.info.instance: entry for entry in kinds["photograph"]}
    plans: list[VolumePlan] = []
    for group in _groups(volumes):
        try:
            plans += [_plan(part, localizers) for part in _parts(group)]
        except IngestError as error:
            problems.append(Problem(_label([f.owner for f in group]), error.code, error.message))
    used = {plan.localizer.frame.file.path for plan in plans if plan.localizer is not None}
    asked = {frame.localizer for entry in volumes for frame in entry.info.frame_info}
    problems += [
        _not_a_volume(entry)
        for entry in localizers.values()
        if entry.file.path not in used and entry.info.instance not in asked
    ]
    plans, alone = with_layers(plans, kinds["height map"], volumes)
    return plans, problems + alone


def _sorted_out(
    files: Sequence[DicomFile],
) -> tuple[dict[str, list[DicomFile]], list[Problem]]:
    """Files by what they hold, each content once, and what cannot be used."""
    kinds: dict[str, list[DicomFile]] = {"volume": [], "photograph": [], "height map": []}
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for entry in files:
        info = entry.info
        if seen.setdefault(info.instance, info.sha256) == info.sha256:
            if info.instance and info.instance in {v.info.instance for v in kinds["volume"]}:
                continue  # the same file twice
        else:
            text = "Another file with other content has the same identifier."
            problems.append(Problem(entry.file.label, "duplicate-instance", text))
            continue
        if info.sop_class == fields.OPT or info.sop_class in fields.SECONDARY_CAPTURE:
            kinds["volume"].append(entry)
        elif info.sop_class in fields.PHOTOGRAPHY:
            kinds["photograph"].append(entry)
        elif info.sop_class == fields.HEIGHT_MAP:
            kinds["height map"].append(entry)
        else:
            problems.append(_not_a_volume(entry))
    return kinds, problems


def _not_a_volume(entry: DicomFile) -> Problem:
    name = entry.info.sop_class_name or "This DICOM object"
    return Problem(entry.file.label, "not-an-oct-volume", f"{name} is not an OCT volume.")


def _groups(entries: Iterable[DicomFile]) -> list[list[_Frame]]:
    """Frames of the files that make up one acquisition, as they came."""
    groups: dict[tuple[str, ...], list[DicomFile]] = {}
    for entry in entries:
        info = entry.info
        if info.concatenation is not None:
            key: tuple[str, ...] = ("concatenation", info.study, info.concatenation)
        elif info.frames == 1:
            series = (info.sop_class, info.study, info.series, info.frame_of_reference)
            key = ("series", *series) if info.series else ("file", str(entry.file.path))
        else:
            key = ("file", str(entry.file.path))
        groups.setdefault(key, []).append(entry)
    for key, members in groups.items():
        if key[0] == "concatenation":
            members.sort(key=lambda entry: entry.info.part or 0)
    return [
        [_Frame(entry, index) for entry in members for index in range(entry.info.frames)]
        for members in groups.values()
    ]


def _parts(group: list[_Frame]) -> list[list[_Frame]]:
    """Split an acquisition where it holds several: by size of the B-scans, then by stack.

    Raises:
        IngestError: Parts of a concatenation are missing.
    """
    _complete([frame.owner.info for frame in group])
    by_size: dict[tuple[int, int], list[_Frame]] = {}
    for frame in group:
        size = (frame.owner.info.rows, frame.owner.info.columns)
        by_size.setdefault(size, []).append(frame)
    parts: list[list[_Frame]] = []
    for frames in by_size.values():
        stacks: dict[str | None, list[_Frame]] = {}
        for frame in frames:
            stacks.setdefault(frame.info.stack, []).append(frame)
        several = all(len(stack) > 1 for stack in stacks.values())
        parts += list(stacks.values()) if several else [frames]
    return parts


def _complete(infos: Sequence[FileInfo]) -> None:
    first = infos[0]
    if first.concatenation is None or first.parts is None:
        return
    if {info.part for info in infos} != set(range(1, first.parts + 1)):
        text = "Parts of the volume are missing; open the folder that holds all of its files."
        raise IngestError("incomplete-volume", text)


def _plan(frames: list[_Frame], localizers: dict[str, DicomFile]) -> VolumePlan:
    """Everything about one volume but its pixels.

    Raises:
        IngestError: The eye is stated twice and differently, or the frames are no B-scans.
    """
    order, order_provenance, notices = order_of([frame.info for frame in frames], _numbers(frames))
    ordered = [frames[i] for i in order]
    infos = [frame.info for frame in ordered]
    owners = list({id(frame.owner): frame.owner for frame in ordered}.values())
    first = owners[0].info
    _one_person(owners)
    localizer, referenced, about = localizer_of(infos, first, localizers)
    linked = localizer.info if localizer is not None and referenced else None
    eye, eye_provenance, about_eye = eye_of([owner.info for owner in owners], linked)
    picture = localizer_plan(localizer) if localizer is not None else None
    pattern, about_pattern = pattern_of(infos, first.pattern, first.pattern_source)
    spacing, about_spacing = spacing_of(infos, pattern, picture.pixel_mm if picture else None)
    lines = lines_of(infos)
    notices = (*_warnings(first), *about_eye, *about, *about_pattern, *about_spacing, *notices)
    return dataclasses.replace(
        _told(ordered, owners),
        spacing=spacing,
        scan_pattern=pattern,
        pattern_provenance=pattern_provenance(pattern, about_pattern),
        laterality=eye,
        laterality_provenance=eye_provenance,
        order_provenance=order_provenance,
        localizer=picture,
        scan_lines=lines.astype("float32") if lines is not None else None,
        notices=notices,
    )


def _told(frames: Sequence[_Frame], owners: Sequence[DicomFile]) -> VolumePlan:
    """What the headers of one volume tell without a rule in between.

    Args:
        frames: In order.
        owners: Their files.
    """
    first = owners[0].info
    numbers, acquired = numbers_of([frame.info for frame in frames]), moment_of(first.acquired)
    return VolumePlan(
        source=_source(owners),
        task="dicom-frames",
        frames=tuple(FrameRef(frame.owner.file, frame.index) for frame in frames),
        depth=first.rows,
        ascans=first.columns,
        study_uid=first.study,
        patient=patient_of(first.person),
        performed=day_of(first.study_date),
        numbers=numbers,
        planned=numbers[-1] + 1 if numbers else 0,
        acquired=acquired,
        acquired_provenance=Provenance.DEVICE if acquired else Provenance.UNKNOWN,
        device=first.device,
        software=first.software,
        lossy=next(filter(None, (loss_of(owner.info) for owner in owners)), None),
        narrow_check=first.bits > 8,
    )


def _numbers(frames: Sequence[_Frame]) -> list[int | None]:
    """Instance numbers; useless, hence None, where a file holds several frames."""
    return [frame.owner.info.number if frame.owner.info.frames == 1 else None for frame in frames]


def _warnings(info: FileInfo) -> tuple[Notice, ...]:
    notices = []
    if info.sop_class in fields.SECONDARY_CAPTURE:
        text = "Secondary capture: pictures without geometry, perhaps with text burned in."
        notices.append(Notice("secondary-capture", text))
    if info.burned_in:
        text = "Text is burned into the pictures and may identify the patient."
        notices.append(Notice("burned-in-text", text))
    return tuple(notices)


def _one_person(owners: Sequence[DicomFile]) -> None:
    """Refuse a series whose files name different people."""
    people = {dataclasses.astuple(owner.info.person) for owner in owners}
    if len(people) > 1:
        text = "The files of one series name different patients; correct the source."
        raise IngestError("patient-conflict", text)


def _source(owners: Sequence[DicomFile]) -> Source:
    first = owners[0].info
    secondary = first.sop_class in fields.SECONDARY_CAPTURE
    return Source(
        label=_label(owners),
        sha256=combined_hash([owner.info.sha256 for owner in owners]),
        format="DICOM Secondary Capture" if secondary else "DICOM OPT",
        key=first.series or first.instance,
    )


def _label(owners: Sequence[DicomFile]) -> str:
    """Name of the file, or of the folder where there are several files."""
    files = {owner.file.path: owner.file for owner in owners}
    first = next(iter(files.values()))
    return first.label if len(files) == 1 else first.folder
