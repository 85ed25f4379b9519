"""B-scans from an array inside an ``.npz`` archive, one at a time.

The archives of MedMNIST hold up to 5 GB a member, so a member is never loaded whole: frames are
read from the decompressing stream, which only goes forward. Threads that share the frames of a
member ask for neighbours out of order, so what is passed over is kept for a while; only who asks
for something older makes the stream begin again.
"""

import threading
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.limits import Limits

KEPT_BYTES = 64 * 1024**2
"""Of frames that were passed over."""


class NpzFrames:
    """An open uint8 array (frame, row, column) of an archive, for several threads; to be closed."""

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        """Open member `name`.

        Raises:
            IngestError: There is no such array, or it holds no 8-bit grey pictures.
        """
        self._stream: IO[bytes] | None = None
        self._turn = threading.Lock()
        self._next = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._archive = zipfile.ZipFile(path)
        try:
            if f"{name}.npy" not in self._archive.namelist():
                raise IngestError("damaged-file", f"The archive holds no array {name}.")
            self._stream = self._archive.open(f"{name}.npy")
            self._read_header(limits)
        except BaseException:
            self.close()
            raise

    def _read_header(self, limits: Limits) -> None:
        assert self._stream is not None  # noqa: S101 - opened by the only caller
        version = np.lib.format.read_magic(self._stream)
        if version != (1, 0):
            raise IngestError("damaged-file", "The array is stored in a version that is not read.")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(self._stream)
        if len(shape) != 3 or dtype != np.uint8 or fortran or 0 in shape:
            raise IngestError("not-an-oct-picture", "The array holds no 8-bit grey pictures.")
        if max(shape[1:]) > limits.rows:
            raise IngestError("too-large", "The array claims more pixels than any real scan.")
        self.frames, self.rows, self.columns = shape
        self._begin = self._stream.tell()

    def read(self, frame: int) -> NDArray[np.uint8]:
        """One picture, axes (row, column).

        Raises:
            IngestError: The array ends early.
        """
        with self._turn:
            data = self._kept.pop(frame, None) or self._forward(frame)
        return np.frombuffer(data, dtype=np.uint8).reshape(self.rows, self.columns)

    def _forward(self, frame: int) -> bytes:
        """The bytes of a frame; those of the last frames before it are kept."""
        assert self._stream is not None  # noqa: S101 - closed frames are not read
        if frame < self._next:
            self._rewind()
        size = self.rows * self.columns
        most = max(1, KEPT_BYTES // size)
        first = max(self._next, frame - most)
        self._next = self.frames  # a failure leaves the stream anywhere
        self._stream.seek(self._begin + first * size)
        for at in range(first, frame + 1):
            data = self._stream.read(size)
            if len(data) != size:
                raise IngestError("truncated-file", "The array ends before its last picture.")
            if at < frame:
                self._kept[at] = data
        while len(self._kept) > most:
            self._kept.popitem(last=False)
        self._next = frame + 1
        return data

    def _rewind(self) -> None:
        """Let the stream begin again."""
        self._next = 0

    def close(self) -> None:
        """Close the archive."""
        if self._stream is not None:
            self._stream.close()
        self._archive.close()

    def __del__(self) -> None:
        if hasattr(self, "_archive"):
            self.close()
