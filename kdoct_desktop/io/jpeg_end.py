"""JPEG pictures that lost their end, which the decoder takes for whole."""

import numpy as np
from numpy.typing import NDArray


def ends_early(picture: NDArray[np.unsignedinteger]) -> bool:
    """Whether the last block of a decoded JPEG never came.

    A JPEG that lost everything but its end mark is no error for libjpeg: blocks that have no data
    become grey 128, to the last bit, which no scan shows in a corner. Such a picture must never
    pass for a B-scan whose lower half is grey.

    Args:
        picture: 8-bit values as decoded, axes (row, column) or (row, column, colour).
    """
    rows, columns = ((length - 1) % 8 + 1 for length in picture.shape[:2])
    return bool((picture[-rows:, -columns:] == 128).all())
