"""In the reading process: which scan pattern a DICOM header states in codes or words.

Only the resulting pattern leaves the process, never the words, which may hold anything.
"""

import re

from pydicom.dataset import Dataset

_CODES = {
    "128279": "raster",  # cube
    "128280": "raster",
    "128288": "raster",  # grid
    "128281": "line",
    "128282": "radial",
    "128283": "radial",  # cross
    "128284": "circle",
    "128285": "circle",  # concentric
    "128286": "circle",  # circle and raster
    "128287": "circle",  # circle and radial
}
"""Context group 4272, coding scheme DCM."""

_REGIONS = {
    "81016008": "onh",
    "31636006": "anterior",
    "28726007": "anterior",
    "78076003": "anterior",
    "41296002": "anterior",
    "18619003": "anterior",
    "29534007": "anterior",
    "29445007": "anterior",
    "T-AA630": "onh",
    "T-AA050": "anterior",
    "T-AA200": "anterior",
    "T-AA500": "anterior",
    "T-AA700": "anterior",
}
"""Context group 4209 in SNOMED CT and the older SRT codes: optic disc; chamber, cornea, lens …"""

_WORDS = (
    ("angiography", r"angio\w*|octa|oct-a|flow"),
    ("anterior", r"anterior|cornea\w*|angle|pachymetry|as-oct"),
    ("circle", r"circle|circular|rnfl|peripapillary"),
    ("onh", r"onh|disc|disk|optic nerve( head)?|glaucoma"),
    ("radial", r"radial|star|cross"),
    ("line", r"line|single"),
    ("raster", r"raster|cube|volume|dense|macula\w*|posterior pole|3d"),
)
"""Words of device protocols, most telling first."""


def stated_pattern(data: Dataset) -> tuple[str | None, str | None]:
    """Scan pattern that the header states, and whether a code or text states it.

    Args:
        data: The header.

    Returns:
        A value of ``ScanPattern`` and ``code`` or ``text``; None twice where nothing is stated.
    """
    image_type = " ".join(str(part) for part in data.get("ImageType") or ()).upper()
    if "ANGIO" in image_type or "OCTA" in image_type.split() or "FLOW" in image_type.split():
        return "angiography", "code"
    shared = _items(data, "SharedFunctionalGroupsSequence")
    per_frame = _items(data, "PerFrameFunctionalGroupsSequence")[:1]
    for holder in [data, *shared, *per_frame]:
        anatomy = _items(holder, "FrameAnatomySequence")
        for place in [holder, *anatomy]:
            for region in _items(place, "AnatomicRegionSequence"):
                if (found := _REGIONS.get(str(region.get("CodeValue")))) is not None:
                    return found, "code"
    for device in [data, *_items(data, "AcquisitionDeviceTypeCodeSequence")]:
        for scan in _items(device, "ScanPatternTypeCodeSequence"):
            if (found := _CODES.get(str(scan.get("CodeValue")))) is not None:
                return found, "code"
    words = f"{data.get('SeriesDescription') or ''} {data.get('ProtocolName') or ''}".lower()
    for pattern, expression in _WORDS:
        if re.search(rf"(?<![a-z])({expression})(?![a-z])", words):
            return pattern, "text"
    return None, None


def _items(data: Dataset, keyword: str) -> list[Dataset]:
    value = data.get(keyword)
    if value is None or isinstance(value, str | bytes):
        return []
    return [item for item in value if isinstance(item, Dataset)]
