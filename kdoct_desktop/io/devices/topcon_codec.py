"""Topcon files: one compressed picture, a plain JPEG 2000 codestream."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import decode

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.codestream import Claim, claim_of, irreversible
from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.devices.fields import LossyInfo

_HEAD_BYTES = 1024
"""Bytes of a codestream in which its coding style stands."""


def loss_in(
    file: Binary, spans: Sequence[tuple[int, int]], shape: tuple[int, ...]
) -> LossyInfo | None:
    """What compression took from pictures of one size, as the first of them says.

    Args:
        file: The file.
        spans: Offset and bytes of each codestream; no bytes where there is none.
        shape: Rows, columns and, for colour, 3.
    """
    there = [(at, size) for at, size in spans if size]
    if not there or not irreversible(file.read(there[0][0], min(there[0][1], _HEAD_BYTES))):
        return None
    ratio = len(there) * math.prod(shape) / sum(size for _, size in there)
    return LossyInfo(("ISO_15444_1",), (ratio,))


def decoded(data: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Decode one picture after its codestream has claimed the size that the file states.

    Args:
        data: The codestream.
        shape: Rows, columns and, for colour, 3.

    Raises:
        IngestError: It is damaged, has another size, or is compressed otherwise.
    """
    if not data.startswith(b"\xff\x4f") and data[4:6] != b"jP":
        text = "The pictures are compressed in a way that is not read; export DICOM instead."
        raise IngestError("unsupported-pixels", text)
    if claim_of(data, "jpeg-2000") != Claim(shape[0], shape[1], shape[2] if shape[2:] else 1):
        text = "The compressed picture has another size than the file says."
        raise IngestError("size-mismatch", text)
    _check_bits(data)
    try:
        pixels = decode(data, j2k_format=0, reshape=False)
    except (RuntimeError, ValueError, TypeError) as error:  # the codec's ways to give up
        raise IngestError("damaged-frame", "The compressed picture is damaged.") from error
    if pixels.size != math.prod(shape) or pixels.dtype != np.uint8:
        text = "The compressed picture has another size than the file says."
        raise IngestError("size-mismatch", text)
    return pixels.reshape(shape)


def _check_bits(data: bytes) -> None:
    """Let unsigned values of up to 8 bits pass (ISO/IEC 15444-1 A.5.1: Csiz, then Ssiz of each)."""
    samples = int.from_bytes(data[40:42], "big")
    if any(depth > 7 for depth in data[42 : 42 + 3 * samples : 3]):
        text = "The compressed picture has other values than 8 bits without a sign."
        raise IngestError("unsupported-pixels", text)
