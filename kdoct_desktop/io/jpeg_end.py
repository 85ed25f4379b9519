"""JPEG pictures that lost their end, which the decoder takes for whole."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_END = b"\xff\xd9"
_MORE = bytes(range(1, 255)) * 8  # holds no marker


def ends_early(
    picture: NDArray[np.unsignedinteger],
    data: bytes,
    decode: Callable[[bytes], NDArray[np.unsignedinteger]],
) -> bool:
    """Whether a decoded JPEG lost its end but for the end mark.

    That is no error for libjpeg: blocks that have no data become grey 128, to the last bit. A
    picture whose last block looks so is decoded once more, with more data in front of the end mark:
    a whole picture has no use for it and stays as it is.

    Args:
        picture: 8-bit values as decoded, axes (row, column) or (row, column, colour).
        data: The codestream.
        decode: Decodes another one like it; may refuse.
    """
    rows, columns = ((length - 1) % 8 + 1 for length in picture.shape[:2])
    if not bool((picture[-rows:, -columns:] == 128).all()):
        return False
    end = data.rfind(_END)
    if end < 0:
        return True
    return not np.array_equal(decode(data[:end] + _MORE + data[end:]), picture)
