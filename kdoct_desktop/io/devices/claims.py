"""Whose file it is, for formats that no plain signature at the start tells."""

import re
import zlib

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.head import Head

BIOPTIGEN_MAGIC = b"\xa5\xa7\x7d\x0c"
"""First bytes of a Bioptigen file; the version follows."""
USUAL_CUBES = {67_108_864: (512, 1024, 128), 40_960_000: (200, 1024, 200)}
"""Bytes of the two usual Zeiss cubes, and their A-scans, depth and B-scans."""

_GZIP = b"\x1f\x8b"
_NIFTI_HEAD = 348
_ZEISS_NAME = re.compile(
    r"(^|_)(od|os)_sn\d+_\w+\.img$|_(od|os)_.*(cube|raster|z|raw)\.img$", re.ASCII
)
_META_START = re.compile(rb"\s*(ObjectType|NDims|Comment|ObjectSubType)\s*=")
_MOST = 1e7


def is_zeiss_cube(head: Head) -> bool:
    """Headerless: told by name and by the sizes of the usual cubes."""
    named = _ZEISS_NAME.search(head.name) is not None
    return head.name.endswith(".img") and (named or head.size in USUAL_CUBES)


def is_bioptigen(head: Head) -> bool:
    """Told by its first bytes; Optovue files have the same extension."""
    return head.data.startswith(BIOPTIGEN_MAGIC)


def is_optovue(head: Head) -> bool:
    """Headerless: told by name, and by beginning with numbers that may be a scan's."""
    if not head.name.endswith(".oct") or is_bioptigen(head) or head.data[:2] in (b"PK", _GZIP):
        return False
    numbers = np.frombuffer(head.data[: len(head.data) // 4 * 4], "<f4")
    # a text or another binary format gives numbers that no detector gives
    with np.errstate(invalid="ignore"):
        return bool(np.all((np.abs(numbers) < _MOST) & ~_denormal(numbers)))


def _denormal(numbers: NDArray[np.float32]) -> NDArray[np.bool_]:
    """True where a number is so small that it must have been something else, such as a count."""
    return np.asarray((numbers != 0.0) & (np.abs(numbers) < np.finfo(np.float32).tiny))


def is_metaimage(data: bytes) -> bool:
    """Whether a file's first bytes are those of a MetaImage header."""
    return _META_START.match(data) is not None


def is_metaimage_file(head: Head) -> bool:
    """A MetaImage header; a note that happens to begin with such a word is none."""
    named = head.name.endswith((".mhd", ".mha"))
    return is_metaimage(head.data) and (named or b"NDims" in head.data)


def is_nifti(head: Head) -> bool:
    """NIfTI-1 or -2, alone or packed with gzip."""
    data = head.data
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(31).decompress(data, _NIFTI_HEAD)
        except zlib.error:
            return False
    return data[344:348] in (b"n+1\0", b"ni1\0") or data[4:12] in (
        b"n+2\0\r\n\x1a\n",
        b"ni2\0\r\n\x1a\n",
    )
