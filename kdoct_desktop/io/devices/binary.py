"""Bytes of a device file, read where the file says, and never past its end."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError


class Binary:
    """A file of which parts are read by offset; a context manager.

    Attributes:
        size: Bytes of the file.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self.size = path.stat().st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`.

        Raises:
            IngestError: ``truncated-file``: the file does not hold them.
        """
        self.check(offset, length)
        self._stream.seek(offset)
        data = self._stream.read(length)
        if len(data) != length:
            raise truncated()
        return data

    def check(self, offset: int, length: int) -> None:
        """Make sure that the file holds `length` bytes from `offset`.

        Raises:
            IngestError: ``truncated-file``.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise truncated()

    def record(self, offset: int, layout: np.dtype[Any]) -> np.void:
        """One structured record.

        Raises:
            IngestError: ``truncated-file``.
        """
        return np.frombuffer(self.read(offset, layout.itemsize), dtype=layout)[0]  # type: ignore[no-any-return]

    def array(self, offset: int, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """An array of plain values; sizes multiply as Python integers, hence never overflow.

        Raises:
            IngestError: ``truncated-file``.
        """
        count = 1
        for size in shape:
            count *= int(size)
        data = self.read(offset, count * kind.itemsize)
        return np.frombuffer(data, dtype=kind).reshape(shape)


def text(raw: bytes, encoding: str = "latin-1") -> str | None:
    """A fixed-width text field up to its first NUL, printable letters only; None where empty."""
    letters = raw.split(b"\0", 1)[0].decode(encoding, errors="replace")
    plain = "".join(letter for letter in letters if letter.isprintable()).strip()
    return plain or None


def truncated() -> IngestError:
    """The refusal of a file that ends too early."""
    return IngestError("truncated-file", "The file ends before its data does; export it again.")


def damaged(what: str) -> IngestError:
    """The refusal of a file that contradicts itself.

    Args:
        what: Which part, as the end of a sentence, such as ``"its directory runs in a circle"``.
    """
    return IngestError("damaged-file", f"The file is damaged: {what}.")
