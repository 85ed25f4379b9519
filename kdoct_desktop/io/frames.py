"""What a reading process is told to decode pictures of a file, and what it must answer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.failures import garbage
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile
from kdoct_desktop.io.wire import Message


@dataclass(frozen=True, slots=True)
class Asked:
    """Which task for which file of which format."""

    task: str
    format: str
    file: InputFile


def arguments_of(
    asked: Asked, indices: Sequence[int], limits: Limits, *, colour: bool = False
) -> dict[str, Any]:
    """What the task is told, to decode the pictures `indices` of the file in that order."""
    return {
        "path": str(asked.file.path),
        "format": asked.format,
        "indices": list(indices),
        "colour": colour,
        "limits": asdict(limits),
    }


def picture_of(message: Message, payload: memoryview, *, index: int) -> NDArray[np.uint8]:
    """The picture of an answer.

    Raises:
        IngestError: It is not the picture `index`, or not as large as it says.
    """
    shape = message.get("shape")
    if message.get("index") != index or not isinstance(shape, list):
        raise garbage()
    if not all(type(size) is int and size > 0 for size in shape):
        raise garbage()
    pixels = np.frombuffer(payload, dtype=np.uint8)
    if pixels.size != int(np.prod(shape, dtype=object)):
        raise garbage()
    return pixels.reshape(shape)
