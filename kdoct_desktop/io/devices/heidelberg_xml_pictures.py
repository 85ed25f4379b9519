"""Pictures that lie beside a HEYEX XML file, by plain names, and never outside of its folder."""

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import image_pixels
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.devices.fields import LossyInfo
from kdoct_desktop.io.devices.heidelberg_xml_fields import ImageFields
from kdoct_desktop.io.limits import Limits

_SIGNATURES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM",
)  # fmt: skip
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_LONGEST = 255


class Folder:
    """The folder of an export.

    Names are found whatever their case: exports come from Windows.
    """

    def __init__(self, export: Path, limits: Limits) -> None:
        """List the plain files of the folder.

        Args:
            export: The XML file, which is none of its pictures.
            limits: Bounds on the number of files.
        """
        self.path = export.parent
        self._names: dict[str, str] = {}
        self._exact: set[str] = set()
        with os.scandir(self.path) as entries:
            for count, entry in enumerate(entries):
                if count >= limits.inputs:
                    break
                if entry.is_file(follow_symlinks=False) and entry.name != export.name:
                    self._names[entry.name.casefold()] = entry.name
                    self._exact.add(entry.name)

    def find(self, location: str | None) -> str | None:
        """Name of the picture in this folder that a location means; None where it is not there.

        Args:
            location: As the export states it, such as ``file:///\\\\server\\folder\\B1.tif``; only
                the last part counts, because the folder has moved since.
        """
        name = re.split(r"[\\/]", location or "")[-1]
        if name in ("", ".", "..") or len(name) > _LONGEST or ":" in name or "\0" in name:
            return None
        found = name if name in self._exact else self._names.get(name.casefold())
        return found if found is not None and self._is_picture(found) else None

    def _is_picture(self, name: str) -> bool:
        try:
            with (self.path / name).open("rb") as stream:
                return stream.read(8).startswith(_SIGNATURES)
        except OSError:
            return False


class Pictures:
    """The pictures of an export, numbered as they are met.

    Attributes:
        names: Name of each in the folder.
    """

    def __init__(self, folder: Folder, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._numbers: dict[str, int] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}
        self.names: list[str] = []

    def number(self, image: ImageFields) -> int | None:
        """Number of an image's picture; None where it is not in the folder."""
        name = self._folder.find(image.location)
        if name is None:
            return None
        if name not in self._numbers:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers[name]

    def decoded(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """The pixels of a picture.

        Raises:
            IngestError: It cannot be decoded.
        """
        path = self._folder.path / self.names[number]
        return picture_of(path, self._limits, colour=colour)

    def shape(self, number: int) -> tuple[int, ...]:
        """Rows, columns and, for colour, 3 of a picture, which is decoded for it.

        Raises:
            IngestError: It cannot be decoded.
        """
        if number not in self._shapes:
            self._shapes[number] = self.decoded(number, colour=True).shape
        return self._shapes[number]

    def loss(self, number: int) -> LossyInfo | None:
        """The lossy compression of a picture; None where it cannot be read, too."""
        path = self._folder.path / self.names[number]
        arguments = {"path": str(path), "limits": _plain(self._limits)}
        try:
            ((message, _),) = image_pixels.read_header(Workspace(path.parent), arguments)
        except IngestError:
            return None
        ratio = message["info"]["lossy_ratio"]
        return LossyInfo(("ISO_10918_1",), (ratio,)) if ratio is not None else None


def picture_of(path: Path, limits: Limits, *, colour: bool = False) -> NDArray[np.uint8]:
    """The first picture of a file, which is held against the limits before a pixel is decoded.

    Args:
        path: The file.
        limits: What is accepted.
        colour: A colour picture may stay so, axes (row, column, RGB).

    Raises:
        IngestError: It cannot be decoded, or is a colour picture where `colour` is False.
    """
    work = Workspace(path.parent)
    arguments = {"path": str(path), "limits": _plain(limits), "indices": [0]}
    for _ in image_pixels.read_header(work, arguments):
        pass
    try:
        ((message, data),) = image_pixels.read_frames(work, arguments)
    except IngestError as error:
        if not colour or error.code != "not-an-oct-picture":
            raise
        with Image.open(path, formats=_FORMATS) as image:
            return np.asarray(image.convert("RGB"))
    return np.frombuffer(data, np.uint8).reshape(message["shape"])


def _plain(limits: Limits) -> dict[str, object]:
    return {name: getattr(limits, name) for name in Limits.__slots__}
