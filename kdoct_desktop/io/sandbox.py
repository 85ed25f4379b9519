"""Walls around the reading process.

POSIX: a cap on its address space, no core dump, and on Linux death with its parent. Windows: a job
object with the same memory cap that dies with the program. Everywhere an audit hook refuses
sockets, other processes and writing outside the process's own folder; it holds Python code back,
not a native codec that was taken over, and is a second wall behind the kill timer, not the first.
"""

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
_GENTLE = 5  # steps of niceness, as many as the inference process of a window takes
_PIPE_BYTES = 1 << 20  # the most that Linux gives without asking an administrator
_FORBIDDEN = (
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.startfile",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def limit_this_process(memory_bytes: int) -> None:
    """Cap the memory of the process that calls and let it die with its parent where possible."""
    if sys.platform == "win32":
        return  # the parent put it into a job object
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def wall_in(own_folder: Path) -> None:
    """Refuse network, other processes and writing outside `own_folder` from now on."""
    inside = str(own_folder.resolve()) + os.sep

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and any(c in mode for c in "wax+")) or (
                mode is None and isinstance(flags, int) and flags & _WRITING
            )
            if writes and isinstance(path, str | bytes) and not _allowed(os.fsdecode(path)):
                raise PermissionError("the reading process writes only into its own folder")
        elif event in _FORBIDDEN:
            raise PermissionError("the reading process may not do this")

    def _allowed(path: str) -> bool:
        full = str(Path(path).absolute())
        return full.startswith(inside) or "__pycache__" in full or full == os.devnull

    sys.addaudithook(hook)


class JobObject:
    """A Windows job object that caps memory and dies with the program; nothing elsewhere."""

    def __init__(self, memory_bytes: int) -> None:
        self._handle: int | None = None
        windll = getattr(ctypes, "windll", None)
        if windll is None:
            return
        kernel = windll.kernel32
        kernel.CreateJobObjectW.restype = ctypes.c_void_p
        self._handle = kernel.CreateJobObjectW(None, None)
        if not self._handle:
            raise OSError("the reading process cannot be limited")
        information = _extended_limits(memory_bytes)
        if not kernel.SetInformationJobObject(
            ctypes.c_void_p(self._handle), 9, information, len(information)
        ):
            raise OSError("the reading process cannot be limited")

    def add(self, process_handle: int) -> None:
        """Put a process under the job's limits."""
        windll = getattr(ctypes, "windll", None)
        if self._handle and windll is not None:
            windll.kernel32.AssignProcessToJobObject(
                ctypes.c_void_p(self._handle), ctypes.c_void_p(process_handle)
            )

    def close(self) -> None:
        """End every process of the job."""
        windll = getattr(ctypes, "windll", None)
        if self._handle and windll is not None:
            windll.kernel32.CloseHandle(ctypes.c_void_p(self._handle))
            self._handle = None


def _extended_limits(memory_bytes: int) -> bytes:
    """``JOBOBJECT_EXTENDED_LIMIT_INFORMATION`` of 64-bit Windows: 144 bytes.

    Flags at 16: process memory 0x100, die on unhandled exception 0x400, kill on close 0x2000;
    the process memory limit lies at 112.
    """
    data = bytearray(144)
    data[16:20] = (0x100 | 0x400 | 0x2000).to_bytes(4, "little")
    data[112:120] = memory_bytes.to_bytes(8, "little")
    return bytes(data)


def lower_priority(pid: int) -> None:
    """Let a process of ours, and what it starts, leave the processor to others that want it.

    Windows is told when the process starts. Linux may share the processor between sessions before
    it looks at the processes of each (autogroups), so the session is told as well.
    """
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, os.nice(0) + _GENTLE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_GENTLE), encoding="ascii")


def widen(pipe: IO[bytes] | None) -> None:
    """Let whole B-scans fit into the pipe, so that decoding runs ahead in long strides.

    Only Linux has the wish, and may refuse it; then a B-scan comes in 64 KiB pieces as elsewhere.
    """
    if sys.platform == "linux" and pipe is not None:
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
