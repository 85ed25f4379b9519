"""Packed data that is unpacked only as far as it is asked for."""

import os
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import ClassVar

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import damaged, truncated

_CHUNK = 1 << 18


class Inflated:
    """The unpacked bytes of a zlib or gzip stream, by offset, kept in a temporary file.

    Nothing beyond what the file must hold is ever unpacked, so a bomb costs no more than the
    scan that its header claims, and that was held against the limits before.

    Files are opened when something is read, and reading from one stream closes the one that was
    read from before: a folder of hundreds of packed scans would else use up the descriptors of
    the process and hold all of them unpacked on the disk. Going back to a closed one unpacks it
    anew from its beginning.

    Attributes:
        size: Bytes that the stream must unpack to, no more and no less.
    """

    _latest: ClassVar["weakref.ref[Inflated] | None"] = None
    """The only one that may be open."""

    def __init__(self, path: Path, *, start: int, size: int) -> None:
        """Note where a stream is; nothing is opened yet.

        Args:
            path: File that holds it.
            start: Where in the file it begins.
            size: Bytes that it must unpack to.
        """
        self.size = size
        self._path = path
        self._start = start
        self._open: _Unpacking | None = None

    @property
    def have(self) -> int:
        """Bytes that are unpacked at present."""
        return self._open.have if self._open is not None else 0

    def close(self) -> None:
        """Close its files and remove the temporary one; reading opens them again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def __del__(self) -> None:
        self.close()

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`.

        Raises:
            IngestError: ``truncated-file`` or ``damaged-file``.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise truncated()
        if self._open is None:
            before = Inflated._latest() if Inflated._latest is not None else None
            if before is not None:
                before.close()
            self._open = _Unpacking(self._path, start=self._start, size=self.size)
            Inflated._latest = weakref.ref(self)
        return self._open.read(offset, length)


class _Unpacking:
    """An open stream and the temporary file that holds what is unpacked of it.

    Attributes:
        have: Bytes that are unpacked.
    """

    def __init__(self, path: Path, *, start: int, size: int) -> None:
        self.have = 0
        self._size = size
        self._engine = zlib.decompressobj(47)  # zlib or gzip, as its first bytes say
        self._waiting = b""
        self._stream = path.open("rb")
        try:
            self._stream.seek(start)
            descriptor, name = tempfile.mkstemp(prefix="kdoct-unpacked-")
        except OSError:
            self._stream.close()
            raise
        self._name = Path(name)
        self._unpacked = os.fdopen(descriptor, "w+b")

    def close(self) -> None:
        """Close both files and remove the temporary one."""
        self._stream.close()
        self._unpacked.close()
        self._name.unlink(missing_ok=True)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that are unpacked now unless they were before."""
        self._unpack(offset + length)
        self._unpacked.seek(offset)
        return self._unpacked.read(length)

    def _unpack(self, until: int) -> None:
        if self.have >= until:
            return
        self._unpacked.seek(self.have)
        while self.have < until:
            if self._engine.eof:  # gzip may come in several members
                self._waiting = self._engine.unused_data
                self._engine = zlib.decompressobj(47)
            part = self._next(min(_CHUNK, until - self.have))
            self._unpacked.write(part)
            self.have += len(part)
        while self.have == self._size and not self._engine.eof:
            if self._next(1):
                raise damaged("its packed data holds more than its header states")

    def _next(self, most: int) -> bytes:
        """The next bytes, perhaps none; zlib itself compares the checksum at the end."""
        packed = self._waiting or self._stream.read(_CHUNK)
        if not packed:
            raise truncated()
        try:
            part = self._engine.decompress(packed, most)
        except zlib.error as error:
            raise damaged("its packed data cannot be unpacked") from error
        self._waiting = self._engine.unconsumed_tail
        return part


def check_unpacked_size(size: int, most: int) -> None:
    """Refuse packed data that claims more than may be unpacked.

    Raises:
        IngestError: ``too-large``.
    """
    if size > most:
        text = "The file unpacks to more than may be unpacked; unpack it first."
        raise IngestError("too-large", text)
