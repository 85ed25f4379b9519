"""How a training is asked to stop: now, or after this epoch; the best weights are kept."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

NONE, AFTER_EPOCH, NOW = 0, 1, 2

STOPPED_CODE = 3
"""Exit code of a process that stopped because it was asked to."""


class Stopped(Exception):  # noqa: N818 - a request that was honoured, not an error
    """The training stopped as asked; the same command goes on from there."""


class StopRequest:
    """Looks at a file and at signals."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._signal = NONE

    def asked(self) -> int:
        """`NONE`, `AFTER_EPOCH` or `NOW`."""
        try:
            word = self._file.read_text("utf-8").strip()
        except OSError:
            return self._signal
        return max(self._signal, NOW if word == "now" else AFTER_EPOCH)

    def clear(self) -> None:
        """Forget a file that an earlier run has honoured."""
        self._file.unlink(missing_ok=True)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Within, Ctrl+C and a polite kill ask for a stop after the step that runs."""
        kept: dict[int, Any] = {}
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            try:
                kept[number] = signal.signal(number, self._handler())
            except ValueError:  # not the main thread: the file remains
                continue
        try:
            yield
        finally:
            for number, before in kept.items():
                signal.signal(number, before)

    def _handler(self) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            if self._signal == NOW:  # asked twice: no more waiting
                raise KeyboardInterrupt
            self._signal = NOW

        return handle
