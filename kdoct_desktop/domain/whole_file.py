"""A file is whole or not there: the one way in which this program writes files that count."""

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".part"
"""Of what is being written; a kill may leave such a file behind, and nobody reads it."""

_TRIES = 20
_BETWEEN_TRIES_S = 0.1


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of `path` when the block ends well.

    It is written beside its place under a name of its own, so that several processes may write the
    same file and the last one stays; it is on the disk before it is moved, and so is the move. On
    Windows a virus scanner may hold the target for a moment, so the move is tried for two seconds.

    Args:
        path: Where to; its folder must exist.
        private: To be read by its owner alone.

    Raises:
        OSError: It cannot be written; what lay there before still does, as it does after any error
            of the block.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}{SUFFIX}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o600 if private else 0o666), "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _move(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """`whole_file` for content that is at hand; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, private=private) as stream:
        stream.write(content)


def sync_folder(folder: Path) -> None:
    """Make a move within a folder durable; not every system can, and the content is safe already.

    Args:
        folder: In which something was moved.
    """
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _move(source: Path, target: Path) -> None:
    """Move over the target, patient with others who hold it open."""
    for tries_left in reversed(range(_TRIES)):
        try:
            source.replace(target)
        except PermissionError:
            if tries_left == 0 or sys.platform != "win32":
                raise
            time.sleep(_BETWEEN_TRIES_S)
        else:
            return
