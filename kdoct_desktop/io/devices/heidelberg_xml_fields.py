"""What a HEYEX XML export says about one series and its images, plain values only.

Source: the export of Spectralis Viewing Module 6.9 that lies with eyepy (MIT; its values are made
up), and how eyepy reads it. ``Start`` and ``End`` are millimetres from the upper left corner of
the localizer; ``ScaleX`` and ``ScaleY`` millimetres a pixel; ``Array`` heights in pixels, 3e+038
for none; ``AcquisitionTime`` the clock of the clinic, so that ``UTCBias`` is not needed. Of the
types, only ``Volume`` was seen in an export.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from kdoct_desktop.io.devices.heidelberg_xml_tree import number_of, text_of, whole_of

_TYPES = {
    "volume": "raster",
    "star": "radial",
    "radial": "radial",
    "circle": "circle",
    "line": "line",
    "section": "line",
}
_ELSEWHERE = (
    ("angiography", r"octa|oct-a|angio"),
    ("anterior", r"anterior|cornea|angle|sclera"),
    ("onh", r"onh|optic|disc|disk"),
)
_EYES = {"R": "OD", "L": "OS", "OD": "OD", "OS": "OS"}


@dataclass(frozen=True, slots=True)
class ImageFields:
    """One image of a series.

    Attributes:
        kind: ``OCT`` or ``LOCALIZER``, upper case.
        light: Light source, upper case.
        number: Its number in the series.
        eye: What is said about the eye.
        size: Rows and columns.
        pixel_mm: Size of a pixel (row, column).
        position: Start Y and X, end Y and X in millimetres.
        clock: Seconds since midnight by the clock of the clinic.
        location: Where the picture lay when it was exported.
        layers: Name and heights, as text, of each layer.
    """

    kind: str
    light: str
    number: int | None
    eye: str | None
    size: tuple[int | None, int | None]
    pixel_mm: tuple[float | None, float | None]
    position: tuple[float | None, ...]
    clock: float | None
    location: str | None
    layers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SeriesFields:
    """One series.

    Attributes:
        pattern: Value of a ``ScanPattern`` for how the B-scans lie; ``unknown`` for a type that is
            not known, None where none is stated.
        elsewhere: Value of a ``ScanPattern`` where the scan is of something else than a retina.
        eye: What is said about the eye.
        day: Day of the examination, ISO 8601.
        device: Manufacturer and model.
        expected: Images that the export claims to hold.
        images: Its images.
    """

    pattern: str | None
    elsewhere: str | None
    eye: str | None
    day: str | None
    device: str | None
    expected: int
    images: tuple[ImageFields, ...]

    @property
    def bscans(self) -> tuple[ImageFields, ...]:
        """Its images that are B-scans."""
        return tuple(image for image in self.images if image.kind == "OCT")


def series_fields(element: Element, study: Element) -> SeriesFields:
    """What an export says about one series.

    Args:
        element: The series.
        study: The study that it is part of; its date stands in for that of the series.
    """
    kind = text_of(element, "Type")
    maker = text_of(element, "GeneralEquipment/Manufacturer")
    model = text_of(element, "GeneralEquipment/ManufacturerModelName")
    return SeriesFields(
        pattern=_TYPES.get(kind.lower(), "unknown") if kind is not None else None,
        elsewhere=_elsewhere(element),
        eye=text_of(element, "Laterality"),
        day=day_at(element, "ExamDate/Date") or day_at(study, "StudyDate/Date"),
        device=" ".join(word for word in (maker, model) if word) or None,
        expected=whole_of(element, "NumImages") or 0,
        images=tuple(_image(image) for image in element.findall("Image")),
    )


def day_at(element: Element, path: str) -> str | None:
    """A day as ISO 8601; None where there is none or it cannot be one."""
    found = element.find(path)
    parts = [whole_of(found, name) for name in ("Year", "Month", "Day")]
    year, month, day = (part or 0 for part in parts)
    try:
        return datetime(year, month, day).date().isoformat() if year >= 1900 else None
    except ValueError:
        return None


def eye_of(code: str | None) -> str | None:
    """The eye that a code means; None for codes that are not known."""
    return _EYES.get((code or "").upper())


def _elsewhere(element: Element) -> str | None:
    """Pattern of a scan of other tissue or of blood flow, by the words of the series."""
    where = ("ExaminedStructure", "Modality", "ModalityProcedure")
    words = " ".join(text_of(element, name) or "" for name in where)
    found = (pattern for pattern, told in _ELSEWHERE if re.search(told, words, re.IGNORECASE))
    return next(found, None)


def _image(element: Element) -> ImageFields:
    context = element.find("OphthalmicAcquisitionContext")
    ends = ("Start/Coord/Y", "Start/Coord/X", "End/Coord/Y", "End/Coord/X")
    return ImageFields(
        kind=(text_of(element, "ImageType/Type") or "").upper(),
        light=(text_of(element, "ImageType/LightSource") or "").upper(),
        number=whole_of(element, "ImageNumber"),
        eye=text_of(element, "Laterality"),
        size=(whole_of(context, "Height"), whole_of(context, "Width")),
        pixel_mm=(number_of(context, "ScaleY"), number_of(context, "ScaleX")),
        position=tuple(number_of(context, end) for end in ends),
        clock=_clock(element.find("AcquisitionTime/Time")),
        location=text_of(element, "ImageData/ExamURL", longest=2_000),
        layers=tuple(_layers(element)),
    )


def _clock(time: Element | None) -> float | None:
    """Seconds since midnight; None where the time is incomplete or no time of day."""
    hour, minute, second = (number_of(time, name) for name in ("Hour", "Minute", "Second"))
    if hour is None or minute is None or second is None:
        return None
    inside = 0.0 <= hour < 24.0 and 0.0 <= minute < 60.0 and 0.0 <= second < 60.0
    return 3600.0 * hour + 60.0 * minute + second if inside else None


def _layers(element: Element) -> list[tuple[str, str]]:
    """Name and heights of each layer that is not switched off."""
    found = []
    for line in element.findall("Segmentation/SegLine"):
        name, heights = text_of(line, "Name"), line.find("Array")
        enabled = (text_of(line, "Enabled") or "true").lower() != "false"
        if name is not None and heights is not None and heights.text and enabled:
            found.append((name, heights.text))
    return found
