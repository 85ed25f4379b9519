"""The killable process in which every foreign file is parsed and decoded.

A hang, a crash, a bomb or a codec bug ends that process and costs one file; the program sees an
:class:`~kdoct_desktop.domain.errors.IngestError` and starts a new process for the next file. What
comes back is JSON and raw pixels (see ``wire``), and both are checked again here.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.io import wire
from kdoct_desktop.io.failures import RefusedError, died, garbage, refusal, timed_out
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.pipes import readable
from kdoct_desktop.io.sandbox import JobObject, lower_priority, widen

CHILD_FLAG = "--kdoct-reading-process"
"""First argument that turns a frozen program into the reading process (see `run_if_child`)."""

TICK_S = 0.05
"""Longest wait between two looks at whether the work is to stop."""

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
    whose libraries are loaded before the first request. A `gentle` process leaves the processor to
    others that want it.

    Attributes:
        folder: The process's own folder; removed at the end.
        gentle: See above.
        tick: See above; whoever takes a process that was started ahead puts its own here.
    """

    def __init__(
        self,
        limits: Limits,
        tick: Callable[[], None],
        *,
        preload: Sequence[str] = (),
        gentle: bool = False,
    ) -> None:
        self._limits = limits
        self._preload = list(preload)
        self.gentle = gentle
        self.tick = tick
        self._process: subprocess.Popen[bytes] | None = None
        self._job: JobObject | None = None
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
            creationflags=self._flags(),
        )
        if self.gentle:
            lower_priority(self._process.pid)
        widen(self._process.stdout)
        if sys.platform == "win32":
            self._job = JobObject(self._limits.child_bytes)
            self._job.add(int(getattr(self._process, "_handle", 0)))

    def _flags(self) -> int:
        """How Windows starts it; 0 elsewhere."""
        flags: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        if self.gentle:
            flags |= getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        return flags

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
            seconds: Time allowed from when the process is ready; what the caller spends between
                messages does not count.
            meanwhile: Done on this side while the process is at work.

        Raises:
            IngestError: The task refused the file, or its process hung, died or sent rubbish.
        """
        complete = False
        try:
            self.send(task, **arguments)
            (meanwhile or _nothing)()
            left = self._limits.start_s
            while True:
                started = time.monotonic()
                message, payload = self.receive(left)
                left -= time.monotonic() - started
                if complete := message.get("done") is True:
                    return
                if message.get("alive") is True:
                    left = seconds
                else:
                    yield message, payload
        except RefusedError:
            complete = True
            raise
        finally:
            if not complete:
                self.kill()

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
            raise garbage()
        return answers[0]

    @property
    def descriptor(self) -> int:
        """The pipe from which :meth:`receive` reads, to wait for several processes at once."""
        assert self._process is not None  # noqa: S101 - asked for something before
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe
        return self._process.stdout.fileno()

    def send(self, task: str, **arguments: object) -> None:
        """Ask for `task`, starting the process where there is none; :meth:`receive` the answers.

        Whoever uses this in place of :meth:`request` kills the process when anything goes wrong.
        A process that is at work takes a further request up when it is done; it must be short,
        as the pipe to it may hold no more than 4 KiB.

        Raises:
            IngestError: The process died.
            OSError: It cannot be started.
        """
        self.start()
        process = self._process
        assert process is not None  # noqa: S101 - just started
        assert process.stdin is not None  # noqa: S101 - opened as a pipe
        try:
            process.stdin.write(wire.encode({"task": task, "arguments": arguments}))
        except OSError as error:
            raise died() from error

    def receive(self, seconds: float) -> tuple[wire.Message, memoryview]:
        """The next message with its raw bytes; never waits longer, not even amid a message.

        Raises:
            RefusedError: The task refused the file; the process is ready for another request.
            IngestError: The process hung, died or sent rubbish.
        """
        deadline = time.monotonic() + seconds
        (size,) = wire.PREFIX.unpack(self._read(wire.PREFIX.size, deadline))
        if size > wire.MAX_JSON:
            raise garbage()
        try:
            message = wire.decode(bytes(self._read(size, deadline)))
        except ValueError as error:
            raise garbage() from error
        if message["bytes"] > self._limits.picture_bytes * 2:
            raise garbage()
        payload = self._read(message["bytes"], deadline)
        if "error" in message:
            raise refusal(message["error"])
        return message, payload

    def _read(self, size: int, deadline: float) -> memoryview:
        """Exactly `size` bytes from the process."""
        descriptor = self.descriptor
        data = bytearray(size)
        view = memoryview(data)
        at = 0
        while at < size:
            while not readable([descriptor], TICK_S):
                self.tick()
                if time.monotonic() > deadline:
                    raise timed_out()
            part = os.read(descriptor, min(size - at, 1 << 20))
            if not part:
                raise died()
            view[at : at + len(part)] = part
            at += len(part)
        return view


def _nothing() -> None:
    """What is done meanwhile where nothing is."""
