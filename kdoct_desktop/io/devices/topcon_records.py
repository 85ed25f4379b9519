"""Topcon files: who was scanned, with what, when, which eye and how large a field.

Layouts as the UOCTE project documents them (Apache-2.0) and as oct-converter and octio (both MIT)
read them, checked on files of a 3D OCT-1000 Mark II. Serial numbers are not kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.binary import Binary, text
from kdoct_desktop.io.devices.fields import PatientInfo
from kdoct_desktop.io.devices.topcon_chunks import Chunks, first_record, record

_TIME = ("time", "<u2", 6)  # year, month, day, hour, minute, second; local time
_CAPTURE_02 = np.dtype(
    [("eye", "u1"), ("mode", "u1"), ("session", "<u4"), ("label", "S100"), _TIME]
)
_CAPTURE = np.dtype([("eye", "u1"), _TIME])

_EXTENT = [
    ("x_mm", "<f8"),  # along a B-scan
    ("y_mm", "<f8"),  # across the B-scans
    ("z_um", "<f8"),  # of one pixel in depth
]
_SCAN_04 = np.dtype(
    [("unknown", "V3"), ("fixation", "u1"), ("mirror", "<u4"), ("polar", "<u4"), *_EXTENT]
)
_SCAN_02 = np.dtype(
    [
        ("mode", "u1"),
        ("light", "<u4"),
        ("fixation", "<u4"),
        ("mirror", "<u4"),
        ("nd", "<u4"),
        ("polar", "<u4"),
        *_EXTENT,
    ]
)
_PATIENT_02 = np.dtype(
    [
        ("identifier", "S32"),
        ("given", "S32"),
        ("family", "S32"),
        ("middle", "S8"),
        ("sex", "u1"),  # 1 male, 2 female, 3 other
        ("birth", "<u2", 3),  # year, month, day
    ]
)
_HARDWARE = np.dtype([("model", "S16")])
_MODULE = np.dtype([("program", "S128"), ("version", "<u2", 4)])
_FILE = np.dtype([("unknown", "<u4", 2), ("version", "S32")])

_FIRST_YEAR = 1990
_SEXES = {1: "M", 2: "F", 3: "O"}


@dataclass(frozen=True, slots=True)
class Extent:
    """Size of the scanned field as the file states it; not yet known to be believable.

    Attributes:
        x_mm: Along a B-scan.
        y_mm: Across the B-scans.
        z_mm: Of one pixel in depth.
    """

    x_mm: float
    y_mm: float
    z_mm: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the small records of a file say.

    Attributes:
        eyes: Every code of an eye, 0 right and 1 left.
        modes: Every code of how the beam moved.
        fixation: Code of what the eye looked at.
        acquired: ISO 8601.
    """

    eyes: frozenset[int]
    modes: frozenset[int]
    fixation: int | None
    acquired: str | None
    extent: Extent | None
    patient: PatientInfo
    device: str
    software: str | None


def facts_of(file: Binary, chunks: Chunks) -> Facts:
    """Read the small records.

    Raises:
        IngestError: The file cannot be read.
    """
    captures = _captures(file, chunks)
    scan_04 = first_record(file, chunks, [("@PARAM_SCAN_04", _SCAN_04)])
    scan_02 = first_record(file, chunks, [("@PARAM_SCAN_02", _SCAN_02)])
    scan = scan_04 if scan_04 is not None else scan_02
    stating = [*(one for one in captures if "mode" in (one.dtype.names or ()))]
    return Facts(
        eyes=frozenset(int(one["eye"]) for one in captures),
        modes=frozenset(int(one["mode"]) for one in stating),
        fixation=int(scan_04["fixation"]) if scan_04 is not None else None,
        acquired=next(filter(None, (_moment(one["time"]) for one in captures)), None),
        extent=Extent(float(scan["x_mm"]), float(scan["y_mm"]), float(scan["z_um"]) / 1000.0)
        if scan is not None
        else None,
        patient=_patient(first_record(file, chunks, [("@PATIENT_INFO_02", _PATIENT_02)])),
        device=_device(file, chunks),
        software=_software(file, chunks),
    )


def _captures(file: Binary, chunks: Chunks) -> list[np.void]:
    """Every record that states an eye.

    One of zeros alone was blanked, or never filled in, and states nothing: its codes would mean a
    right eye and a line.
    """
    layouts = {"@CAPTURE_INFO_02": _CAPTURE_02, "@CAPTURE_INFO": _CAPTURE}
    found = (record(file, chunk, layouts[chunk.name]) for chunk in chunks.named(*layouts))
    return [one for one in found if one is not None and any(one.tobytes())]


def _moment(values: NDArray[Any]) -> str | None:
    """ISO 8601; None where the six values are no moment since there are such devices."""
    year, month, day, hour, minute, second = (int(value) for value in values)
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return moment.isoformat() if moment.year >= _FIRST_YEAR else None


def _patient(stated: np.void | None) -> PatientInfo:
    if stated is None:
        return PatientInfo()
    given, family, identifier = (
        text(bytes(stated[name])) for name in ("given", "family", "identifier")
    )
    year, month, day = (int(value) for value in stated["birth"])
    birth = f"{year:04d}{month:02d}{day:02d}"
    return PatientInfo(
        name=f"{family}, {given}" if family and given else family or given,
        identifier=identifier,
        birth_date=birth if year and len(birth) == 8 else None,
        sex=_SEXES.get(int(stated["sex"])),
    )


def _device(file: Binary, chunks: Chunks) -> str:
    names = ("@HW_INFO_03", "@HW_INFO_02", "@HW_INFO_01")
    found = first_record(file, chunks, [(name, _HARDWARE) for name in names])
    model = text(bytes(found["model"])) if found is not None else None
    return f"Topcon {model}" if model else "Topcon"


def _software(file: Binary, chunks: Chunks) -> str | None:
    """Version of the program that wrote the file, without its name: that may be a path."""
    module = first_record(file, chunks, [("@MAIN_MODULE_INFO", _MODULE)])
    if module is not None and module["version"].any():
        return ".".join(str(int(value)) for value in module["version"])
    found = first_record(file, chunks, [("@FDA_FILE_INFO", _FILE)])
    return text(bytes(found["version"])) if found is not None else None
