"""What a training process says while it works: lines for people, or JSON lines for a window.

One event a line: ``progress, metric, warning, checkpoint, done, error``, as the architecture names
them. Only the first process of a run speaks; the others get `Silent`.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TextIO

SCHEMA = 1


class Events(Protocol):
    """Where a step reports to."""

    def progress(self, done: int, total: int, step: str) -> None:
        """`done` of `total` units of `step` are finished; total 0 while it is not known."""

    def metric(self, step: str, values: Mapping[str, Any]) -> None:
        """Figures, for example those of an epoch."""

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """Something that a person should look at; the work goes on."""

    def checkpoint(self, path: str, values: Mapping[str, Any]) -> None:
        """A checkpoint was written."""

    def done(self, step: str, values: Mapping[str, Any]) -> None:
        """A step is finished."""

    def error(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """The work ends here."""


class Silent:
    """Nobody listens."""

    def progress(self, done: int, total: int, step: str) -> None:
        """Ignored."""

    def metric(self, step: str, values: Mapping[str, Any]) -> None:
        """Ignored."""

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """Ignored."""

    def checkpoint(self, path: str, values: Mapping[str, Any]) -> None:
        """Ignored."""

    def done(self, step: str, values: Mapping[str, Any]) -> None:
        """Ignored."""

    def error(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """Ignored."""


class JsonEvents:
    """One JSON object a line, with a schema number, the time and the seconds left."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._pace = Pace()

    def progress(self, done: int, total: int, step: str) -> None:
        """Write a ``progress`` line."""
        left = self._pace.left_s(done, total, step)
        self._write("progress", done=done, total=total, step=step, left_s=left)

    def metric(self, step: str, values: Mapping[str, Any]) -> None:
        """Write a ``metric`` line."""
        self._write("metric", step=step, values=dict(values))

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """Write a ``warning`` line."""
        self._write("warning", code=code, message=message, details=list(details))

    def checkpoint(self, path: str, values: Mapping[str, Any]) -> None:
        """Write a ``checkpoint`` line."""
        self._write("checkpoint", path=path, values=dict(values))

    def done(self, step: str, values: Mapping[str, Any]) -> None:
        """Write a ``done`` line."""
        self._write("done", step=step, values=dict(values))

    def error(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """Write an ``error`` line."""
        self._write("error", code=code, message=message, details=list(details))

    def _write(self, event: str, **values: Any) -> None:
        line = {"schema": SCHEMA, "event": event, "time": round(time.time(), 3), **values}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()


class PeopleEvents:
    """Lines for people on stderr; progress overwrites itself on a terminal."""

    MOST_DETAILS = 20

    def __init__(
        self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._pace = Pace(clock)
        self._last = -1e9
        self._open = False

    def progress(self, done: int, total: int, step: str) -> None:
        """Show step, share and time left, at most twice a second."""
        left = self._pace.left_s(done, total, step)
        terminal = self._stream.isatty()
        if self._clock() - self._last < (0.5 if terminal else 30.0) and done != total:
            return
        self._last = self._clock()
        share = f"{done}/{total}" if total else str(done)
        text = f"{step}: {share}" + (f", {clock_words(left)} left" if left is not None else "")
        self._stream.write(f"\r\x1b[K{text}" if terminal else text + "\n")
        self._open = terminal
        self._stream.flush()

    def metric(self, step: str, values: Mapping[str, Any]) -> None:
        """One line of figures."""
        shown = ", ".join(f"{name} {_figure(value)}" for name, value in values.items())
        self._line(f"{step}: {shown}")

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """A sentence and its list."""
        self._line(f"Warning ({code}): {message}", details)

    def checkpoint(self, path: str, values: Mapping[str, Any]) -> None:
        """People are not told of each checkpoint."""

    def done(self, step: str, values: Mapping[str, Any]) -> None:
        """A closing line."""
        shown = ", ".join(f"{name} {_figure(value)}" for name, value in values.items())
        self._line(f"{step}: done" + (f", {shown}" if shown else ""))

    def error(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """A sentence and its list."""
        self._line(f"{message} ({code})", details)

    def _line(self, text: str, details: Sequence[str] = ()) -> None:
        lines = [text, *(f"  {one}" for one in details[: self.MOST_DETAILS])]
        if len(details) > self.MOST_DETAILS:
            lines.append(f"  and {len(details) - self.MOST_DETAILS} more")
        self._stream.write(("\n" if self._open else "") + "\n".join(lines) + "\n")
        self._open = False
        self._stream.flush()


class Pace:
    """Time left of a step, from its own speed so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step = ""
        self._begun = (0.0, 0)

    def left_s(self, done: int, total: int, step: str) -> float | None:
        """Seconds left; None while nothing can be said."""
        now = self._clock()
        if step != self._step or done < self._begun[1]:
            self._step, self._begun = step, (now, done)
        gone, units = now - self._begun[0], done - self._begun[1]
        if not total or units <= 0 or gone <= 0.0:
            return None
        return round((total - done) * gone / units, 1)


def clock_words(seconds: float) -> str:
    """Seconds as people say them: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
