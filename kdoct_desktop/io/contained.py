"""The killable process in which every foreign file is parsed and decoded.

A hang, a crash, a bomb or a codec bug ends that process and costs one file; the program sees an
:class:`~kdoct_desktop.domain.errors.IngestError` and starts a new process for the next file. What
comes back is JSON and raw pixels (see ``wire``), and both are checked again here.
"""

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import wire
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.sandbox import JobObject, widen

CHILD_FLAG = "--kdoct-reading-process"
"""First argument that turns a frozen program into the reading process (see `run_if_child`)."""

_TICK_S = 0.05
_START = (
    "import json,sys\n"
    "sys.path[:]=json.loads(sys.argv[1])\n"
    "from kdoct_desktop.io.child import main\n"
    "main(json.loads(sys.argv[2]))\n"
)


def run_if_child(arguments: list[str]) -> bool:
    """Be the reading process where `arguments` ask for it: the first thing a frozen program does.

    Args:
        arguments: ``sys.argv[1:]``.

    Returns:
        True after having served as the reading process: the program must then end.
    """
    if len(arguments) != 2 or arguments[0] != CHILD_FLAG:
        return False
    importlib.import_module("kdoct_desktop.io.child").main(json.loads(arguments[1]))
    return True


def child_command(settings: str) -> list[str]:
    """Command line that starts the reading process; `settings` is JSON."""
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_FLAG, settings]
    paths = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
    return [sys.executable, "-X", "utf8", "-c", _START, paths, settings]


class Contained(Closing):
    """Owns the reading process and its folder; a context manager.

    The process starts with the first request and again after it was killed. `tick` is called
    about twenty times a second while waiting and may raise to stop the work. `preload` names tasks
    whose libraries are loaded before the first request.

    Attributes:
        folder: The process's own folder; removed at the end.
        waited_s: Seconds spent waiting for answers so far.
        tick: See above; whoever takes a process that was started ahead puts its own here.
    """

    def __init__(
        self, limits: Limits, tick: Callable[[], None], *, preload: Sequence[str] = ()
    ) -> None:
        self._limits = limits
        self._preload = list(preload)
        self.tick = tick
        self._process: subprocess.Popen[bytes] | None = None
        self._job: JobObject | None = None
        self.waited_s = 0.0
        self.folder = Path(tempfile.mkdtemp(prefix="kdoct-read-"))

    def close(self) -> None:
        """Kill the process and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the process ahead of the first request, so that it is ready when needed."""
        if self._process is not None:
            return
        settings = json.dumps(
            {
                "folder": str(self.folder),
                "memory_bytes": self._limits.child_bytes,
                "preload": self._preload,
            }
        )
        environment = {
            **os.environ,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder)),
            **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            child_command(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=self.folder,
            env=environment,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        widen(self._process.stdout)
        if sys.platform == "win32":
            self._job = JobObject(self._limits.child_bytes)
            self._job.add(int(getattr(self._process, "_handle", 0)))

    def kill(self) -> None:
        """End the process with everything it may have started; harmless when there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._job is not None:
            self._job.close()
            self._job = None
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def request(
        self,
        task: str,
        *,
        seconds: float,
        meanwhile: Callable[[], None] | None = None,
        **arguments: object,
    ) -> Iterator[tuple[wire.Message, memoryview]]:
        """Ask for `task` and yield its messages with their raw bytes until it is done.

        Args:
            task: Name of a handler in ``child``; gets `arguments`, JSON values only.
            seconds: Time allowed from when the process is ready, and again from each sign of life
                that it gives; what the caller spends between messages does not count.
            meanwhile: Done on this side while the process is at work.

        Raises:
            IngestError: The task refused the file, or its process hung, died or sent rubbish.
        """
        self.start()
        complete = False
        try:
            self._send(wire.encode({"task": task, "arguments": arguments}))
            if meanwhile is not None:
                meanwhile()
            left = self._limits.start_s
            while True:
                message, payload, left = self._answer(left)
                complete = "error" in message or message.get("done") is True
                if "error" in message:
                    raise _refusal(message["error"])
                if complete:
                    return
                if message.get("alive") is True:
                    left = seconds
                else:
                    yield message, payload
        finally:
            if not complete:
                self.kill()

    def _answer(self, left: float) -> tuple[wire.Message, memoryview, float]:
        """The next message within the seconds that are left, and what is left of them then."""
        started = time.monotonic()
        message, payload = self._receive(started + left)
        waited = time.monotonic() - started
        self.waited_s += waited
        return message, payload, left - waited

    def ask(
        self,
        task: str,
        *,
        seconds: float,
        meanwhile: Callable[[], None] | None = None,
        **arguments: object,
    ) -> wire.Message:
        """The only message of a task that answers with one."""
        answers = [
            answer
            for answer, _ in self.request(task, seconds=seconds, meanwhile=meanwhile, **arguments)
        ]
        if len(answers) != 1:
            raise _rubbish()
        return answers[0]

    def _send(self, data: bytes) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - started by the only caller
        assert process.stdin is not None  # noqa: S101 - opened as a pipe
        try:
            process.stdin.write(data)
        except OSError as error:
            raise _died() from error

    def _receive(self, deadline: float) -> tuple[wire.Message, memoryview]:
        """The next message; never waits past `deadline`, not even in the middle of one."""
        (size,) = wire.PREFIX.unpack(self._read(wire.PREFIX.size, deadline))
        if size > wire.MAX_JSON:
            raise _rubbish()
        try:
            message = wire.decode(bytes(self._read(size, deadline)))
        except ValueError as error:
            raise _rubbish() from error
        if message["bytes"] > self._limits.picture_bytes * 2:
            raise _rubbish()
        return message, self._read(message["bytes"], deadline)

    def _read(self, size: int, deadline: float) -> memoryview:
        """Exactly `size` bytes from the process."""
        process = self._process
        assert process is not None  # noqa: S101 - started by the only caller
        assert process.stdout is not None  # noqa: S101 - opened as a pipe
        descriptor = process.stdout.fileno()
        data = bytearray(size)
        view = memoryview(data)
        at = 0
        while at < size:
            while not _readable(descriptor, _TICK_S):
                self.tick()
                if time.monotonic() > deadline:
                    raise IngestError(
                        "read-timeout", "Reading takes too long; the file is damaged or hostile."
                    )
            part = os.read(descriptor, min(size - at, 1 << 20))
            if not part:
                raise _died()
            view[at : at + len(part)] = part
            at += len(part)
        return view


def _readable(descriptor: int, seconds: float) -> bool:
    """True when a read would not block, waiting up to `seconds`."""
    if sys.platform != "win32":
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        return bool(poller.poll(seconds * 1000.0))
    return _readable_windows(descriptor, seconds)


def _readable_windows(descriptor: int, seconds: float) -> bool:
    """Poll: Windows cannot wait for a pipe together with a time limit."""
    api = importlib.import_module("_winapi")
    handle = importlib.import_module("msvcrt").get_osfhandle(descriptor)
    until = time.monotonic() + seconds
    while True:
        try:
            if api.PeekNamedPipe(handle, 0)[0] > 0:
                return True
        except OSError:
            return True  # the other end is closed: reading will say so
        if time.monotonic() >= until:
            return False
        time.sleep(0.001)


def _refusal(error: object) -> IngestError:
    """The child's refusal as an error, kept short and plain."""
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
        if isinstance(code, str) and isinstance(message, str):
            plain = "".join(letter for letter in message if letter.isprintable())
            return IngestError(code[:60], plain[:300])
    return _rubbish()


def _died() -> IngestError:
    return IngestError(
        "reader-crashed", "Reading ended abnormally; the file is damaged or needs too much memory."
    )


def _rubbish() -> IngestError:
    return IngestError("reader-garbage", "Reading gave an answer that makes no sense.")
