"""Which photograph is the localizer of a DICOM volume."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdoct_desktop.domain.volume import LocalizerKind, LossyCompression, Notice
from kdoct_desktop.io import dicom_fields as fields
from kdoct_desktop.io.dicom_fields import FileInfo, FrameInfo
from kdoct_desktop.io.dicom_geometry import localizer_pixel_mm
from kdoct_desktop.io.plan import FrameRef, InputFile, LocalizerPlan


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A file with its header."""

    file: InputFile
    info: FileInfo


def localizer_of(
    infos: Sequence[FrameInfo], info: FileInfo, localizers: dict[str, DicomFile]
) -> tuple[DicomFile | None, bool, tuple[Notice, ...]]:
    """The localizer, whether the file refers to it, and what to say about it.

    Args:
        infos: Frames of the volume.
        info: Its first file.
        localizers: Photographs of the input by SOP instance UID.
    """
    references = {info.localizer for info in infos if info.localizer is not None}
    if len(references) > 1:
        text = "The B-scans refer to several localizers; none is shown."
        return None, False, (Notice("several-localizers", text),)
    if references:
        (reference,) = references
        found = localizers.get(reference)
        if found is None:
            text = "The localizer that the file refers to is not among the files."
            return None, False, (Notice("localizer-missing", text),)
        return found, True, ()
    if info.sop_class != fields.OPT:
        return None, False, ()
    eyes = set(info.eyes) | {frame.eye for frame in infos if frame.eye is not None}
    same = [
        entry
        for entry in localizers.values()
        if info.study and entry.info.study == info.study and eyes & set(entry.info.eyes)
    ]
    if len(same) != 1:
        return None, False, ()
    text = "The localizer was matched by study and eye; the file does not refer to it."
    return same[0], False, (Notice("localizer-derived", text),)


def localizer_plan(entry: DicomFile) -> LocalizerPlan:
    """How the localizer is to be decoded."""
    info = entry.info
    colour = info.samples == 3
    return LocalizerPlan(
        frame=FrameRef(entry.file, 0),
        kind=LocalizerKind.FUNDUS if colour else LocalizerKind.SLO,
        shape=(info.rows, info.columns, 3) if colour else (info.rows, info.columns),
        pixel_mm=localizer_pixel_mm(info.frame_info[0]) if info.frame_info else None,
        task="dicom-frames",
        lossy=loss_of(info),
    )


def loss_of(info: FileInfo) -> LossyCompression | None:
    """The lossy compression that a file's pixels went through."""
    return LossyCompression(info.lossy_methods, info.lossy_ratios) if info.lossy else None
