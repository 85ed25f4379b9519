"""The volumes of a DICOM file, decoded by a reading process that a thread keeps for its files.

The desktop starts such a process for each input. Here that would take half a second for every
B-scan of a series of single-frame files.
"""

import os
import threading
import weakref
from pathlib import Path

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.progress import silent
from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.io import dicom
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.decode import decode_volume
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile
from kdoct_desktop.io.session import Reporter, Session

State = tuple[Path, int, int]
"""A file with its size and the time of its last change: a key that changes with the file."""

_LIMITS = Limits()
_MOST_FILES = 200
"""Files that one process reads: it keeps some of each, in memory and in its folder."""


def state_of(path: Path) -> State:
    """The state of a file now.

    Raises:
        OSError: There is no such file.
    """
    found = path.stat()
    return path, found.st_size, found.st_mtime_ns


def dicom_volumes(state: State) -> tuple[OctVolume, ...]:
    """All volumes of a DICOM file; those of each thread's last file stay in memory.

    Raises:
        IngestError: Any part of it is refused, or it holds no B-scan.
    """
    return _here.reading.volumes(state)


class _Reading:
    """What one thread reads with; its process ends with the thread, or with the program."""

    def __init__(self) -> None:
        self._last: tuple[State, tuple[OctVolume, ...]] | None = None
        self._process: Contained | None = None
        self._end: weakref.finalize[[Contained, int], _Reading] | None = None
        self._files_left = 0
        self._owner = 0

    def volumes(self, state: State) -> tuple[OctVolume, ...]:
        """See `dicom_volumes`."""
        if self._last is None or self._last[0] != state:
            self._last = None  # gives its memory up first
            self._last = state, _decoded(state, self._ready())
        return self._last[1]

    def _ready(self) -> Contained:
        """The process, a new one after so many files; that of a program that forked is not ours."""
        if self._process is None or self._files_left == 0 or self._owner != os.getpid():
            if self._end is not None:
                self._end()
            self._process = Contained(_LIMITS, lambda: None)
            self._files_left, self._owner = _MOST_FILES, os.getpid()
            self._end = weakref.finalize(self, _close, self._process, self._owner)
        self._files_left -= 1
        return self._process


class _Here(threading.local):
    def __init__(self) -> None:
        self.reading = _Reading()


_here = _Here()


def _close(process: Contained, owner: int) -> None:
    if os.getpid() == owner:
        process.close()


def _decoded(state: State, process: Contained) -> tuple[OctVolume, ...]:
    path, size, _ = state
    if size > _LIMITS.file_bytes:
        raise IngestError("too-large", "The file is larger than any real scan.")
    session = Session(process, _LIMITS, Reporter(silent))
    file = InputFile(path, path.name, path.parent.name)
    plans, problems = dicom.read(session, [file], whole_folder=False)
    if problems:
        raise IngestError(problems[0].code, problems[0].message)
    if not plans:
        raise IngestError("empty-input", "The file holds no B-scan.")
    total = sum(len(plan.frames) for plan in plans)
    return tuple(
        decode_volume(plan, session, done_before=0, total=total, on_bscan=None) for plan in plans
    )
