"""HEYEX's XML export: an XML file with the pictures of one or more series beside it.

The grey values are those of the pictures, which HEYEX has made for display.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import damaged
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo, NoticeInfo, PatientInfo
from kdoct_desktop.io.devices.heidelberg_xml_fields import SeriesFields, day_at, series_fields
from kdoct_desktop.io.devices.heidelberg_xml_pictures import Folder, Pictures
from kdoct_desktop.io.devices.heidelberg_xml_tree import read_tree, text_of
from kdoct_desktop.io.devices.heidelberg_xml_volumes import SHARED, Context, Scan, scan_of
from kdoct_desktop.io.limits import Limits

_NONE = 1e30
_LONGEST_HEIGHT = 32
_SEXES = {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F"}


def parse(path: Path, limits: Limits) -> DeviceFile:
    """Read a HEYEX XML file and look which of its pictures lie beside it.

    Raises:
        IngestError: The file is refused.
    """
    root = read_tree(path, limits)
    body = root.find("BODY")
    if root.tag != "HEDX" or body is None:
        raise damaged("it is no complete HEYEX export")
    pictures = Pictures(Folder(path, limits), limits)
    scans: list[Scan] = []
    others = 0
    for series, context in _series(body):
        for image in series.images:
            pictures.number(image)  # all belong to the export, even where they are not shown
        if series.bscans:
            scans.append(scan_of(series, context, pictures=pictures, limits=limits))
        else:
            others += 1
    return XmlFile(_unshared(scans), pictures, others)


class XmlFile(DeviceFile):
    """A parsed HEYEX XML file; its pictures are those that lie beside it."""

    def __init__(self, scans: list[Scan], pictures: Pictures, others: int) -> None:
        self._scans = scans
        self._pictures = pictures
        self._sizes = {
            number: (scan.info.depth, scan.info.ascans)
            for scan in scans
            for number in scan.info.pictures
        }
        text = f"The export holds {others} more series without B-scans; they are not shown."
        self.info = DeviceInfo(
            sha256="",
            volumes=tuple(scan.info for scan in scans),
            beside=tuple(pictures.names),
            notices=(NoticeInfo("series-left-out", text),) if others else (),
        )

    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """Decode one picture; see ``DeviceFile.picture``."""
        pixels = self._pictures.decoded(number, colour=colour)
        size = self._sizes.get(number)
        if size is not None and pixels.shape != size:
            text = "A picture of the export has another size than its XML states; export it again."
            raise IngestError("size-mismatch", text)
        return pixels

    def layers(self, volume: int) -> NDArray[np.float32]:
        """Heights of the layers; see ``DeviceFile.layers``."""
        scan = self._scans[volume]
        places = {name: place for place, name in enumerate(scan.info.layers)}
        shape = (len(places), len(scan.bscans), scan.info.ascans)
        rows = np.full(shape, np.nan, np.float32)
        for at, image in enumerate(scan.bscans):
            for name, heights in image.layers:
                rows[places[name], at] = _heights(heights, scan.info.ascans)
        return rows


def _series(body: Element) -> Iterator[tuple[SeriesFields, Context]]:
    """Every series with whose it is."""
    software = " ".join(
        word
        for word in (text_of(body, f"SWVersion/{name}") for name in ("Name", "Version"))
        if word
    )
    visits = count = 0
    for person in body.findall("Patient"):
        patient = _patient(person)
        for study in person.findall("Study"):
            visits += 1
            for element in study.findall("Series"):
                count += 1
                context = Context(f"series {count}", f"study {visits}", patient, software or None)
                yield series_fields(element, study), context


def _patient(element: Element) -> PatientInfo:
    names = [text_of(element, name) or "" for name in ("LastName", "FirstNames")]
    birth = day_at(element, "Birthdate/Date")
    return PatientInfo(
        name="^".join(names).rstrip("^") or None,
        identifier=text_of(element, "PatientID"),
        birth_date=birth.replace("-", "") if birth is not None else None,
        sex=_SEXES.get((text_of(element, "Sex") or "").upper()),
    )


def _unshared(scans: list[Scan]) -> list[Scan]:
    """The scans, without those that show a picture which another one shows, too."""
    uses = Counter(number for scan in scans for number in set(scan.info.pictures))
    return [
        replace(scan, info=replace(scan.info, refused=scan.info.refused or SHARED))
        if any(uses[number] > 1 for number in scan.info.pictures)
        else scan
        for scan in scans
    ]


def _heights(text: str, ascans: int) -> NDArray[np.float32]:
    """Heights of one layer in pixels, one for each A-scan; NaN for none.

    Raises:
        IngestError: They are no numbers, or too many or few.
    """
    words = text.split() if len(text) <= _LONGEST_HEIGHT * ascans else []
    try:
        heights = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise damaged("the heights of a layer are no numbers") from error
    if len(heights) != ascans:
        raise damaged("a layer has more or fewer heights than its B-scan is wide")
    return np.where(np.abs(heights) < _NONE, heights, np.nan).astype(np.float32)
