"""A progress bar on standard error, so that standard output stays clean for results."""

import sys
import time
from types import TracebackType

_WIDTH = 28
_INTERVAL_S = 0.1


class Bar:
    """Draws one line that is rewritten in place; silent where standard error is no terminal."""

    def __init__(self, title: str) -> None:
        """Prepare.

        Args:
            title: What is worked on; a file's name without its folder.
        """
        self._title = title
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._drawn_s = 0.0

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live and self._drawn_s:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, done: int, total: int, step: str) -> None:
        """Draw; see :class:`kdoct_desktop.domain.progress.Progress`."""
        now = time.monotonic()
        if not self._live or now - self._drawn_s < _INTERVAL_S:
            return
        self._drawn_s = now
        share = min(done / total, 1.0) if total else 0.0
        filled = round(share * _WIDTH)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        count = f"{done}/{total}" if total else ""
        sys.stderr.write(f"\r\x1b[K{self._title[:32]}  {bar}  {step} {count}")
        sys.stderr.flush()
