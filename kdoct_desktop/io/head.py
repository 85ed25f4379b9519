"""The beginning of a file, on which it is decided who reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class Head:
    """What a claim is decided on.

    Attributes:
        data: The first 512 bytes.
        name: File name in lower case.
        size: Bytes of the file.
    """

    data: bytes
    name: str
    size: int


def head_of(path: Path) -> Head:
    """Read the beginning of a file.

    Raises:
        OSError: The file cannot be opened.
    """
    with path.open("rb") as stream:
        data = stream.read(HEAD_BYTES)
    return Head(data, path.name.lower(), path.stat().st_size)


def starts(*signatures: bytes) -> Callable[[Head], bool]:
    """A claim on files that begin with one of these bytes."""
    return lambda head: head.data.startswith(signatures)
