"""The series of a Heidelberg ``.e2e`` file: which chunks belong to one scan, and nothing more.

Everything is kept by patient, study and series, so that nothing of one scan reaches the next.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.fields import PatientInfo

Key = tuple[int, int, int]
"""Patient, study and series in the database that the file came from; never shown."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture.

    Attributes:
        at: Offset of its first pixel.
        rows: Its rows.
        columns: Its columns.
        code: ``GREY_IMAGE`` or ``FLOAT_IMAGE``.
    """

    at: int
    rows: int
    columns: int
    code: int


CONTOURS = np.dtype([("slice", "<i4"), ("layer", "<i4"), ("at", "<i8"), ("width", "<i8")])
"""A layer boundary in one B-scan: which, where its first height lies, how many A-scans."""


@dataclass(slots=True, eq=False)
class Series:
    """The chunks of one series.

    Attributes:
        key: Which series.
        bscans: Each B-scan that can be read, by slice.
        lost: Slices whose B-scan the directory names and the file does not hold.
        meta: Record ``BSCAN`` of each B-scan, by slice.
        localizers: Pictures of the fundus, by slice; -1 for one of the whole series.
        contours: Boundaries, dtype `CONTOURS`, the oldest first.
        eyes: Every eye that a chunk of the series states.
        fields: Rows, columns and width in degrees of the localizer, as stated.
        words: What the series says of structure, pattern and modality, in lower case.
        examined: When, where no B-scan says it, in 100 ns since 1601; 0 for not stated.
        unread: Pictures of a kind that is not known.
    """

    key: Key
    bscans: dict[int, Picture] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    meta: dict[int, np.void] = field(default_factory=dict)
    localizers: dict[int, Picture] = field(default_factory=dict)
    contours: NDArray[np.void] = field(default_factory=lambda: np.empty(0, CONTOURS))
    eyes: set[str] = field(default_factory=set)
    fields: set[tuple[int, int, int]] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    examined: int = 0
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        series: Series with at least one B-scan, sorted by patient, study and series.
        patients: Who was scanned, by patient.
        devices: Device name by patient and study.
        unknown: How many kinds of chunks are not known.
    """

    series: tuple[Series, ...]
    patients: dict[int, PatientInfo]
    devices: dict[tuple[int, int], str]
    unknown: int
