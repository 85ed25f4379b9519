"""Any B-scan of a manifest as 8-bit grey, by the same code that the desktop reads it with.

Pictures, DICOM and MetaImage go through `kdoct_desktop.io`; npz, which the desktop does not open,
through a small reader of its own. What cannot be read is an error: there is no picture that stands
for a missing one.
"""

import dataclasses
import functools
import hashlib
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.io import image_pixels
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.devices import metaimage
from kdoct_desktop.io.devices.claims import is_metaimage
from kdoct_desktop.io.limits import Limits
from training.data.dicom_volumes import State, dicom_volumes, state_of
from training.data.npz_frames import NpzFrames
from training.errors import TrainingError

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
T = TypeVar("T")
ARRAY_MARK = "::"
"""Between an npz file and the name of its array: ``octmnist_224.npz::train_images``."""

_LIMITS = Limits()
_SMALLEST = 16
_HALF = 127
"""Lighter than this is inside an outline."""
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")
_FUNDUS_MODES = {"L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}


def read_picture(root: Path, path: str, frame: int | None = 0) -> Grey:
    """One B-scan.

    Args:
        root: Data folder.
        path: File relative to it with forward slashes; an array of an npz archive after ``::``.
        frame: Page of a picture file, first index of an npz array, z of a MetaImage, or B-scan of
            a DICOM file in the order in which `dicom_volumes` gives them. None means the only
            B-scan: a file of several is refused.

    Returns:
        uint8 grey values, axes (depth, ascan), that may be written to.

    Raises:
        TrainingError: ``unreadable-file``: missing, damaged, of no known kind, no grey picture.
    """
    name = f"{path} #{frame}" if frame else path
    return _guarded(name, lambda: _checked(_read(_file(root, path), frame)))


def count_frames(root: Path, path: str) -> int:
    """How many B-scans a file holds, in the sense of ``frame`` of `read_picture`.

    Raises:
        TrainingError: ``unreadable-file``.
    """
    return _guarded(path, lambda: _count(_file(root, path)))


def read_fundus(root: Path, path: str) -> Grey:
    """A fundus photograph: uint8, axes (row, column, RGB); a grey one three times.

    Raises:
        TrainingError: ``unreadable-file``.
    """

    def read() -> Grey:
        with Image.open(_full(root, path), formats=("PNG", "JPEG", "TIFF", "BMP")) as image:
            if max(image.size) > _LIMITS.rows or min(image.size) < _SMALLEST:
                raise IngestError("too-large", "The photograph has an impossible size.")
            if image.mode not in _FUNDUS_MODES:
                raise IngestError("unsupported-depth", "This kind of pixels is not read.")
            image.load()
            return np.array(image.convert("RGB"))

    return _guarded(path, read)


def read_outline(root: Path, outline: str, shape: tuple[int, ...] | None = None) -> Mask:
    """Where the lesion of a B-scan is: all that its outlines mark.

    Args:
        root: Data folder.
        outline: Of a row of the manifest: pictures with ``|`` between them, white in the lesion.
        shape: Of the B-scan (depth, ascan); None believes the first outline, as was checked when
            the manifest was written.

    Returns:
        Axes (depth, ascan).

    Raises:
        TrainingError: ``unreadable-file``, also where an outline is not of the B-scan's size.
    """
    marks = []
    for path in outline.split("|"):
        picture = read_picture(root, path, None)
        shape = shape or picture.shape
        if picture.shape != shape:
            text = f"{path} cannot be used: it is not of the size of its B-scan."
            raise TrainingError("unreadable-file", text)
        marks.append(picture > _HALF)
    return np.asarray(np.logical_or.reduce(marks), dtype=np.bool_)


def picture_sha256(picture: Grey) -> str:
    """Hexadecimal sha256 over shape and grey values, whatever file they came from."""
    digest = hashlib.sha256(f"{picture.shape[0]}x{picture.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(picture, dtype=np.uint8).data)
    return digest.hexdigest()


def _guarded(name: str, work: Callable[[], T]) -> T:
    """Do `work`; whatever a foreign file makes go wrong becomes one sentence with its name."""
    try:
        return work()
    except TrainingError:
        raise
    except IngestError as error:
        reason = error.message
    except FileNotFoundError:
        reason = "The file does not exist."
    except MemoryError:
        reason = "It does not fit into the free memory."
    except Exception:  # noqa: BLE001 - the reader boundary: details may hold patient data
        reason = "The file is damaged or not what it claims to be."
    raise TrainingError("unreadable-file", f"{name} cannot be read: {reason}")


def _full(root: Path, path: str) -> Path:
    relative = PurePosixPath(path.partition(ARRAY_MARK)[0])
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise IngestError("missing-path", "The path leads out of the data folder.")
    return root / relative


def _checked(picture: Grey) -> Grey:
    if picture.ndim != 2 or min(picture.shape) < _SMALLEST:
        raise IngestError("not-an-oct-picture", "The picture is too small to be a B-scan.")
    return picture if picture.flags.writeable else picture.copy()


@dataclass(frozen=True, slots=True)
class _File:
    """A file, looked at once.

    Attributes:
        state: Changes with the file.
        kind: ``picture``, ``metaimage``, ``dicom`` or ``npz``.
        array: Name of the array of an npz archive.
    """

    state: State
    kind: str
    array: str


def _file(root: Path, path: str) -> _File:
    full, array = _full(root, path), path.partition(ARRAY_MARK)[2]
    state = state_of(full)
    return _File(state, "npz" if array else _kind(*state), array)


def _read(file: _File, frame: int | None) -> Grey:
    count = _count(file)
    if frame is None and count > 1:
        raise IngestError("several-bscans", f"It holds {count} B-scans; a frame must say which.")
    at = frame or 0
    if not 0 <= at < count:
        raise IngestError("truncated-file", "The file holds fewer B-scans.")
    if file.kind == "npz":
        return _archive(file).read(at)
    if file.kind == "metaimage":
        return metaimage.read_bscan(file.state[0], _meta_header(*file.state), at)
    if file.kind == "dicom":
        return _bscan(dicom_volumes(file.state), at)
    asked = {"path": str(file.state[0]), "indices": [at]}
    (message, pixels), = image_pixels.read_frames(_workspace(), asked)  # fmt: skip
    rows, columns = (int(length) for length in message["shape"])
    return np.asarray(pixels, dtype=np.uint8).reshape(rows, columns)


def _bscan(volumes: tuple[OctVolume, ...], frame: int) -> Grey:
    for volume in volumes:
        if frame < volume.bscan_count:
            return np.asarray(volume.voxels[frame], dtype=np.uint8)
        frame -= volume.bscan_count
    raise IngestError("truncated-file", "The file holds fewer B-scans.")


def _count(file: _File) -> int:
    if file.kind == "npz":
        return _archive(file).frames
    if file.kind == "metaimage":
        return _meta_header(*file.state).bscans
    if file.kind == "dicom":
        return sum(volume.bscan_count for volume in dicom_volumes(file.state))
    return _pages(*file.state)


@functools.lru_cache(maxsize=256)
def _kind(path: Path, size: int, changed: int) -> str:
    """What the first bytes say; the name does not count."""
    del size, changed
    with path.open("rb") as stream:
        head = stream.read(512)
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(_PICTURES):
        return "picture"
    if is_metaimage(head):
        return "metaimage"
    text = "The file is empty." if not head else "The file is in no format that is read."
    raise IngestError("not-recognised", text)


@functools.lru_cache(maxsize=256)
def _pages(path: Path, size: int, changed: int) -> int:
    """Pages of a picture file, each held against the desktop's limits."""
    del size, changed
    asked: dict[str, Any] = {"path": str(path), "limits": dataclasses.asdict(_LIMITS)}
    (message, _), = image_pixels.read_header(_workspace(), asked)  # fmt: skip
    return len(message["info"]["pages"])


@functools.lru_cache(maxsize=256)
def _meta_header(path: Path, size: int, changed: int) -> metaimage.MetaHeader:
    del size, changed
    return metaimage.read_header(path, _LIMITS)


def _workspace() -> Workspace:
    return Workspace(Path(tempfile.gettempdir()))


_MOST_ARCHIVES = 32
_archives: OrderedDict[tuple[State, str], NpzFrames] = OrderedDict()
"""Those that were used last, so that all threads go on where the stream stands."""
_archives_turn = threading.Lock()


def _archive(file: _File) -> NpzFrames:
    """The array of a file; one that nobody uses any more closes itself."""
    key = (file.state, file.array)
    with _archives_turn:
        if key not in _archives:
            for old in [one for one in _archives if one[0][0] == key[0][0] and one[0] != key[0]]:
                del _archives[old]  # the file has changed since
            _archives[key] = NpzFrames(file.state[0], file.array, _LIMITS)
        _archives.move_to_end(key)
        if len(_archives) > _MOST_ARCHIVES:
            _archives.popitem(last=False)
        return _archives[key]
