"""The inference process as its parent sees it: pipes, shared memory, beginning and end.

A thread reads what the child says. It is the one thread outside ``ui/jobs.py`` besides those of
``predict``: without it a child that hangs in a driver could not be left.
"""

import contextlib
import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from kdoct_desktop.domain.errors import InferenceError
from kdoct_desktop.inference.messages import Message, decode, encode
from kdoct_desktop.inference.shared_block import SharedBlock

log = logging.getLogger(__name__)

CHILD_ARGUMENT = "--inference-worker"
"""What the frozen program is started with to become the child."""

STOP_LIMIT_S = 3.0
"""How long the child may take to leave a volume or to end before it is killed."""

_TAIL_BYTES = 4096


_GENTLE = 5  # steps of niceness


def worker_command() -> list[str]:
    """The command line of the child."""
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_ARGUMENT]
    # -P keeps the folder that the user stands in out of the import path
    return [sys.executable, "-P", "-X", "utf8", "-m", "kdoct_desktop.inference.worker_child"]


class ChildProcess:
    """The child: its pipes, its memory, the thread that listens to it."""

    def __init__(self, *, gentle: bool = False) -> None:
        """Start.

        Args:
            gentle: Let programs that somebody looks at have the processor first.
        """
        self.block = SharedBlock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self._child = self._started(environment, gentle=gentle)
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("the pipes to the child are missing")
        self._to_child: IO[bytes] = self._child.stdin
        self._from_child: IO[bytes] = self._child.stdout
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="inference-worker", daemon=True)
        self._listener.start()

    def _started(self, environment: dict[str, str], *, gentle: bool) -> "subprocess.Popen[bytes]":
        """Start the child.

        Raises:
            InferenceError: The system does not let us (``worker-died``).
        """
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        if gentle:
            flags |= getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        try:
            child = subprocess.Popen(  # noqa: S603 - our own program
                worker_command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                pass_fds=self.block.inherited,
                creationflags=flags,
            )
        except OSError as error:
            self._errors.close()
            self.block.close()
            raise InferenceError("worker-died", "The analysis could not be started.") from error
        if gentle and sys.platform != "win32":
            with contextlib.suppress(OSError):  # its threads, which come later, inherit it
                os.setpriority(os.PRIO_PROCESS, child.pid, os.nice(0) + _GENTLE)
        return child

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """True while the child runs."""
        return self._child.poll() is None

    def send(self, message: Message) -> None:
        """Say something to the child."""
        try:
            self._to_child.write(encode(message))
            self._to_child.flush()
        except (OSError, ValueError) as error:
            raise self._died() from error

    def receive(self, timeout_s: float) -> Message | None:
        """The next event; None where none came in time.

        Raises:
            InferenceError: The child ended (``worker-died``).
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if not line:
            raise self._died()
        return decode(line)

    def hung(self) -> InferenceError:
        """End a child that does not answer; returns what to raise."""
        self.end(at_once=True)
        return InferenceError("worker-hung", "The analysis did not answer and was ended.")

    def end(self, *, at_once: bool) -> None:
        """End the child and give everything back; harmless when repeated."""
        if at_once:
            self._child.kill()
        try:
            self._to_child.close()  # an idle child ends by itself when its input ends
        except OSError:
            log.debug("the inference process was gone before its input was closed")
        try:
            self._child.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._listener.join()
        self._from_child.close()
        self._errors.close()
        self.block.close()

    def _listen(self) -> None:
        """Queue every line; an empty one at the end."""
        for line in self._from_child:
            self._lines.put(line)
        self._lines.put(b"")

    def _died(self) -> InferenceError:
        """What to raise when the child is gone; its last words go to the log."""
        self._lines.put(b"")  # whoever asks again gets the same answer
        try:
            code = self._child.wait(timeout=STOP_LIMIT_S)
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - _TAIL_BYTES))
            words = self._errors.read().decode("utf-8", "replace")
            log.error("the inference process ended with code %s: %s", code, words)
        except (subprocess.TimeoutExpired, ValueError, OSError):
            log.exception("the inference process cannot be reached")
        return InferenceError("worker-died", "The analysis ended unexpectedly; run it again.")
