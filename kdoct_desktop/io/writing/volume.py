"""One volume into files: its localizer, its B-scans, its layers."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from kdoct_desktop.domain.volume import Localizer, LocalizerKind, Notice, OctVolume
from kdoct_desktop.io.writing import codes, files
from kdoct_desktop.io.writing.heights import height_map
from kdoct_desktop.io.writing.photography import photography
from kdoct_desktop.io.writing.subject import Subject, WriteError
from kdoct_desktop.io.writing.tomography import tomography

_KINDS = ("localizer", "tomography", "layers")


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that was written.

    Attributes:
        name: Of the file; holds nothing about the patient.
        kind: ``localizer``, ``tomography`` or ``layers``.
        sop_class: SOP class UID.
        instance: SOP instance UID.
    """

    name: str
    kind: str
    sop_class: str
    instance: str


def write_volume(
    subject: Subject, folder: Path, *, replace: bool = False
) -> tuple[tuple[WrittenFile, ...], tuple[Notice, ...]]:
    """Write every object of a volume.

    Args:
        subject: The volume.
        folder: Where to; must be there.
        replace: Whether files of the same name may be replaced.

    Returns:
        The files, and what to say about what was left out.

    Raises:
        WriteError: A file of the same name is there (``exists``); nothing was written.
        OSError: A file cannot be written; earlier files are whole.
    """
    if not replace and any((folder / _name(subject, kind)).exists() for kind in _KINDS):
        text = "The scan was converted into this folder before; nothing is replaced unless forced."
        raise WriteError("exists", text)
    volume = subject.volume
    localizer, notices = _photograph(volume.localizer)
    notices += _left_out(volume, localizer)
    written: list[WrittenFile] = []

    def keep(ds: Dataset, kind: str, *, compressed: bool) -> None:
        name = _name(subject, kind)
        files.save(ds, folder / name, compressed=compressed)
        written.append(WrittenFile(name, kind, str(ds.SOPClassUID), str(ds.SOPInstanceUID)))

    picture = photography(subject, localizer) if localizer is not None else None
    if picture is not None and localizer is not None:
        files.set_pixels(picture, localizer.pixels[None], compressed=subject.rules.compress)
        keep(picture, "localizer", compressed=subject.rules.compress)
    scan = tomography(subject, picture)
    files.set_pixels(scan, volume.voxels, compressed=subject.rules.compress)
    keep(scan, "tomography", compressed=subject.rules.compress)
    if volume.layers is not None:
        keep(height_map(subject, volume.layers, scan), "layers", compressed=False)
    return tuple(written), notices


def _name(subject: Subject, kind: str) -> str:
    return f"{subject.name}-{kind}.dcm"


def _photograph(localizer: Localizer | None) -> tuple[Localizer | None, tuple[Notice, ...]]:
    """The localizer where it is a photograph, and what to say about it."""
    if localizer is None:
        return None, ()
    if localizer.kind not in codes.CAMERAS:
        text = "The localizer was made from the scan and is no photograph; it is not written."
        return None, (Notice("localizer-left-out", text),)
    if localizer.lossy is not None and not localizer.lossy.methods:
        text = "The localizer lost something to compression, and nobody knows how; not written."
        return None, (Notice("localizer-left-out", text),)
    if localizer.pixel_mm is None and localizer.kind is LocalizerKind.FUNDUS:
        text = "DICOM wants the scale of a fundus photograph, which is unknown; it is left out."
        return localizer, (Notice("localizer-scale-unknown", text),)
    return localizer, ()


def _left_out(volume: OctVolume, localizer: Localizer | None) -> tuple[Notice, ...]:
    """What is known of a volume and has no place in its objects."""
    notices = []
    if volume.scan_lines is not None and localizer is None:
        text = "The positions of the B-scans are left out: the localizer they lie on is not there."
        notices.append(Notice("lines-left-out", text))
    if (volume.spacing.axial_mm is None) != (volume.spacing.ascan_mm is None):
        text = "The scale is left out: DICOM holds depth and width of a pixel together or not."
        notices.append(Notice("scale-left-out", text))
    return tuple(notices)
