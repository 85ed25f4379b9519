"""In the reading process: a DICOM file's header as plain values.

Only the bytes in front of the pixel data reach pydicom, after they passed the gate.
"""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import dicom_fields as fields
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.dicom_gate import Gated, pass_gate
from kdoct_desktop.io.dicom_heights import heights_of
from kdoct_desktop.io.dicom_layout import layout_of
from kdoct_desktop.io.dicom_lossy import lossy_of
from kdoct_desktop.io.dicom_pattern import stated_pattern
from kdoct_desktop.io.limits import Limits

pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_NOT_KNOWN = "UNKNOWN"
"""What writers put where the standard demands a text that they do not have."""

_IMAGES = {fields.OPT} | fields.PHOTOGRAPHY | fields.SECONDARY_CAPTURE


def read_header(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Answer with the ``FileInfo`` of ``arguments["path"]``.

    Raises:
        IngestError: The file is damaged, beyond the limits or lacks what a picture needs.
    """
    path = Path(arguments["path"])
    limits = Limits(**arguments["limits"])
    gated, data = _load(path, limits, work.folder)
    sop_class = _text(data, "SOPClassUID") or gated.media_class
    frames, lossy = 0, None
    if sop_class in _IMAGES:
        layout = layout_of(gated, data, limits)
        work.parsed[str(path)] = layout
        frames, lossy = layout.frames, lossy_of(data, layout)
    info = _file_info(data, sop_class, frames=frames)
    if sop_class == fields.HEIGHT_MAP:
        work.parsed[str(path)], heights = heights_of(gated, data, limits)
        info = dataclasses.replace(info, heights=heights)
    if lossy is not None:
        methods, ratios = lossy
        info = dataclasses.replace(info, lossy=True, lossy_methods=methods, lossy_ratios=ratios)
    yield {"info": dataclasses.asdict(info)}, None


def read_directory(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Answer with the file references of a DICOMDIR, each a list of path components as written."""
    path = Path(arguments["path"])
    limits = Limits(**arguments["limits"])
    data = _load(path, limits, work.folder)[1]
    references = []
    for record in data.get("DirectoryRecordSequence") or []:
        value = record.get("ReferencedFileID")
        if value:
            parts = [value] if isinstance(value, str) else list(value)
            references.append([str(part) for part in parts])
    yield {"references": references[: limits.inputs]}, None


def _load(path: Path, limits: Limits, folder: Path) -> tuple[Gated, Dataset]:
    gated = pass_gate(path, limits, folder)
    with gated.path.open("rb") as stream:
        stream.seek(gated.start)
        header = stream.read(gated.end - gated.start)
    return gated, read_dataset(io.BytesIO(header), gated.implicit, True)


def _file_info(data: Dataset, sop_class: str, *, frames: int) -> fields.FileInfo:
    pattern, source = stated_pattern(data)
    eyes = (_text(data, "ImageLaterality"), _text(data, "Laterality"))
    device = " ".join(
        part
        for part in (_text(data, "Manufacturer"), _text(data, "ManufacturerModelName"))
        if part and part != _NOT_KNOWN
    )
    return fields.FileInfo(
        sha256="",  # see ``Session.header``
        sop_class=sop_class,
        sop_class_name=UID(sop_class).name if sop_class else "",
        instance=_text(data, "SOPInstanceUID") or "",
        study=_text(data, "StudyInstanceUID") or "",
        series=_text(data, "SeriesInstanceUID") or "",
        frame_of_reference=_text(data, "FrameOfReferenceUID") or "",
        concatenation=_text(data, "ConcatenationUID"),
        part=_integer(data, "InConcatenationNumber"),
        parts=_integer(data, "InConcatenationTotalNumber"),
        number=_integer(data, "InstanceNumber"),
        person=_person(data),
        study_date=_text(data, "StudyDate"),
        acquired=_acquired(data),
        device=device[:200] or None,
        rows=_integer(data, "Rows") or 0,
        columns=_integer(data, "Columns") or 0,
        frames=frames,
        samples=_integer(data, "SamplesPerPixel") or 1,
        bits=_integer(data, "BitsStored") or 0,
        photometric=_text(data, "PhotometricInterpretation") or "",
        eyes=tuple(eye for eye in eyes if eye is not None),
        pattern=pattern,
        pattern_source=source,
        burned_in=_text(data, "BurnedInAnnotation") == "YES",
        frame_info=_frame_infos(data, frames),
        software=_software(data),
    )


def _software(data: Dataset) -> str | None:
    versions = data.get("SoftwareVersions")
    several = versions is not None and not isinstance(versions, str)
    text = ", ".join(str(version) for version in versions) if several else str(versions or "")
    kept = "".join(letter for letter in text if letter.isprintable()).strip()[:200]
    return kept if kept not in ("", _NOT_KNOWN) else None


def _person(data: Dataset) -> fields.PersonInfo:
    name = _text(data, "PatientName")
    if name is not None:
        first, _, others = name.partition("=")
        name = name if others.isascii() else first  # ideographic and phonetic forms follow
        parts = [part.strip() for part in name.split("^")]
        given = " ".join(part for part in parts[1:] if part)
        name = f"{parts[0]}, {given}" if parts[0] and given else parts[0] or given
    return fields.PersonInfo(
        name=name or None,
        identifier=_text(data, "PatientID"),
        birth_date=_text(data, "PatientBirthDate"),
        sex=_text(data, "PatientSex"),
    )


def _acquired(data: Dataset) -> str | None:
    stamp = _text(data, "AcquisitionDateTime")
    if stamp is None:
        day = _text(data, "AcquisitionDate") or _text(data, "ContentDate")
        time = _text(data, "AcquisitionTime") or _text(data, "ContentTime") or ""
        stamp = day + time if day is not None else None
    return stamp[:14] if stamp is not None else None


def _frame_infos(data: Dataset, frames: int) -> tuple[fields.FrameInfo, ...]:
    """One entry a frame; what is not per frame comes from the shared groups or the top level."""
    if frames == 0:
        return ()
    shared = _first(data, "SharedFunctionalGroupsSequence")
    per_frame = data.get("PerFrameFunctionalGroupsSequence") or []
    empty = Dataset()
    if per_frame and len(per_frame) != frames:
        raise IngestError(
            "frame-count-mismatch", "The file describes another number of B-scans than it holds."
        )
    groups = per_frame or [empty] * frames
    return tuple(_frame_info(group, shared, data) for group in groups)


def _frame_info(group: Dataset, shared: Dataset, top: Dataset) -> fields.FrameInfo:
    def item(keyword: str) -> Dataset:
        own = _first(group, keyword)
        return own if len(own) else _first(shared, keyword)

    content = item("FrameContentSequence")
    place = item("OphthalmicFrameLocationSequence")
    if not len(place):
        place = _first(top, "OphthalmicFrameLocationSequence")
    linked = place if len(place) else item("ReferencedImageSequence")
    picture = _text(linked, "ReferencedSOPClassUID") in {None, *fields.PHOTOGRAPHY}
    measures = item("PixelMeasuresSequence")
    spacing = _numbers(measures, "PixelSpacing") or _numbers(top, "PixelSpacing")
    plane = _numbers(item("PlanePositionSequence"), "ImagePositionPatient")
    plane = plane or _numbers(top, "ImagePositionPatient")
    return fields.FrameInfo(
        stack=_text(content, "StackID"),
        position=_integer(content, "InStackPositionNumber"),
        plane=plane if len(plane) == 3 else None,
        coordinates=_numbers(place, "ReferenceCoordinates"),
        orientation=_text(place, "OphthalmicImageOrientation"),
        localizer=_text(linked, "ReferencedSOPInstanceUID") if picture else None,
        spacing=(spacing[0], spacing[1]) if len(spacing) == 2 else None,
        between=_number(measures, "SpacingBetweenSlices") or _number(top, "SpacingBetweenSlices"),
        thickness=_number(measures, "SliceThickness") or _number(top, "SliceThickness"),
        eye=_text(item("FrameAnatomySequence"), "FrameLaterality"),
    )


def _first(data: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence; an empty data set where there is none."""
    sequence = data.get(keyword)
    if sequence is None or isinstance(sequence, str | bytes) or len(sequence) == 0:
        return Dataset()
    first = sequence[0]
    return first if isinstance(first, Dataset) else Dataset()


def _text(data: Dataset, keyword: str) -> str | None:
    value = data.get(keyword)
    if value is None:
        return None
    text = "".join(letter for letter in str(value) if letter.isprintable()).strip()
    return text or None


def _integer(data: Dataset, keyword: str) -> int | None:
    value = data.get(keyword)
    try:
        return None if value is None or value == "" else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _number(data: Dataset, keyword: str) -> float | None:
    numbers = _numbers(data, keyword)
    return numbers[0] if len(numbers) == 1 else None


def _numbers(data: Dataset, keyword: str) -> tuple[float, ...]:
    """Finite numbers of a multi-valued element; empty where any of them is none."""
    value = data.get(keyword)
    if value is None or value == "":
        return ()
    parts = list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    try:
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return ()
    return numbers if all(abs(number) < 1e12 for number in numbers) else ()
