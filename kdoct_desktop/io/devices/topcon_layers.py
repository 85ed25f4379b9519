"""Topcon files: layer boundaries, one part (``@CONTOUR_INFO``) each.

Heights count from the bottom of the B-scan, and B-scans from the bottom of the field: UOCTE,
oct-converter and retimat turn both round. The first was checked by looking at a file of a 3D
OCT-1000 Mark II; for the second that file holds one B-scan only, which its first row of heights
fits and which, by its projection and its thumbnail, lies lowest in the field.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary, text
from kdoct_desktop.io.devices.topcon_bscans import Bscans
from kdoct_desktop.io.devices.topcon_chunks import Chunks, record
from kdoct_desktop.io.limits import Limits

_CONTOUR = np.dtype(
    [
        ("name", "S20"),
        ("method", "u1"),
        ("format", "u1"),  # 0: u16, 1: f64
        ("columns", "<u4"),  # A-scans
        ("rows", "<u4"),  # B-scans
        ("size", "<u4"),
    ]
)
_STORED: dict[int, np.dtype[Any]] = {0: np.dtype("<u2"), 1: np.dtype("<f8")}
_MOST = 64

_NAMES = {
    "RETINA_1": "ILM",
    "RETINA_4": "BM",
    "MULTILAYERS_1": "ILM",
    "MULTILAYERS_2": "RNFL/GCL",
    "MULTILAYERS_3": "GCL/IPL",
    "MULTILAYERS_4": "IPL/INL",
    "MULTILAYERS_5": "MZ/EZ",
    "MULTILAYERS_6": "IZ/RPE",
    "MULTILAYERS_7": "BM",
    "MULTILAYERS_8": "INL/OPL",
    "MULTILAYERS_9": "ELM",
    "MULTILAYERS_10": "CSI",
}
"""Boundaries by the consensus of retimat and oct-converter (MIT); others keep their name."""


@dataclass(frozen=True, slots=True)
class Contour:
    """A layer boundary.

    Attributes:
        name: Of the boundary.
        offset: Of its heights in the file.
        stored: Type of its heights.
    """

    name: str
    offset: int
    stored: np.dtype[Any]


def contours_of(
    file: Binary, chunks: Chunks, bscans: Bscans, limits: Limits
) -> tuple[tuple[Contour, ...], int]:
    """Boundaries with a height for each A-scan, and how many others the file has."""
    found: dict[str, Contour] = {}
    parts = chunks.named("@CONTOUR_INFO")
    for chunk in parts[:_MOST]:
        stated = record(file, chunk, _CONTOUR)
        kind = _STORED.get(int(stated["format"])) if stated is not None else None
        if stated is None or kind is None:
            continue
        rows, columns, size = (int(stated[name]) for name in ("rows", "columns", "size"))
        raw = text(bytes(stated["name"])) or "boundary"
        name = _NAMES.get(raw, raw)
        fits = (rows, columns) == (len(bscans.spans), bscans.columns)
        whole = size == rows * columns * kind.itemsize and _CONTOUR.itemsize + size <= chunk.size
        memory = 4 * rows * columns * (len(found) + 1)
        if fits and whole and name not in found and memory <= limits.picture_bytes:
            found[name] = Contour(name, chunk.offset + _CONTOUR.itemsize, kind)
    return tuple(found.values()), len(parts) - len(found)


def heights(file: Binary, contours: tuple[Contour, ...], bscans: Bscans) -> NDArray[np.float32]:
    """Heights in pixels from the top, NaN for none, axes (boundary, bscan, ascan).

    Raises:
        IngestError: They cannot be read.
    """
    shape = (len(bscans.spans), bscans.columns)
    rows = np.empty((len(contours), len(bscans.numbers), bscans.columns), dtype=np.float32)
    if not contours:
        raise IngestError("no-layers", "The file holds no layers.")
    for at, contour in enumerate(contours):
        stored = file.array(contour.offset, contour.stored, shape)[::-1]
        above = stored[list(bscans.numbers)]
        valid = (above > 0) & (above < bscans.rows)  # 0 and 65535 stand for none
        rows[at] = np.where(valid, bscans.rows - 1.0 - above, np.nan)
    return rows
