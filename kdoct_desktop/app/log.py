"""The log: a few rotating files in the user's own folder that hold nothing about a patient.

Only this program's own loggers are written; what libraries say may quote a file's content. Paths
become short keyed hashes, which tell files of one run apart and nothing else. Of an exception
that is not ours, its type and the places in the code are kept, never its text: that may quote a
name.
"""

import contextlib
import faulthandler
import hashlib
import logging
import logging.handlers
import os
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from kdoct_desktop.app.paths import log_dir
from kdoct_desktop.domain.errors import KdoctError

LOGGER = "kdoct_desktop"
LOG_FILE = "kdoct.log"
CRASH_FILE = "crash.log"
_BYTES_A_FILE = 1 << 20
_FILES_KEPT = 5
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
_SALT = secrets.token_bytes(16)
_QUOTED_PATH = re.compile(r"""(["'])(?=[^"'\n]*[\\/])[^"'\n]+\1""")
_BARE_PATH = re.compile(r"(?:(?<![\w/<])/(?=[^\s/])|\\\\|\b[A-Za-z]:[\\/])[^\n]*")
_CODE_ROOTS = ("kdoct_desktop", "training", "site-packages")

log = logging.getLogger(__name__)


class _State:
    """What :func:`start_logging` opened, for :func:`stop_logging`."""

    handler: logging.Handler | None = None
    crash_file: IO[str] | None = None


def start_logging(folder: Path | None = None) -> bool:
    """Write the log from now on, and note every exception that nobody catches.

    Args:
        folder: Where to; the user's log folder where None.

    Returns:
        False when the folder cannot be written; the program goes on without a log.
    """
    give_streams()
    stop_logging()
    folder = folder if folder is not None else log_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = _RotatingFile(folder / LOG_FILE)
        crash_file = (folder / CRASH_FILE).open(_crash_mode(folder / CRASH_FILE), encoding="utf-8")
    except OSError:
        return False
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    faulthandler.enable(crash_file)
    _State.handler, _State.crash_file = handler, crash_file
    sys.excepthook = _unhandled
    threading.excepthook = _unhandled_in_thread
    sys.unraisablehook = _unraisable
    return True


def stop_logging() -> None:
    """Close the files and give the hooks back."""
    if _State.handler is not None:
        logging.getLogger(LOGGER).removeHandler(_State.handler)
        _State.handler.close()
    if _State.crash_file is not None:
        faulthandler.disable()
        _State.crash_file.close()
    _State.handler = _State.crash_file = None
    sys.excepthook = sys.__excepthook__
    threading.excepthook = threading.__excepthook__
    sys.unraisablehook = sys.__unraisablehook__


def give_streams() -> None:
    """Give a windowed program, which has none, standard streams that swallow everything."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - kept open
            setattr(sys, name, stream)


def redact(text: str) -> str:
    """`text` with every path in it replaced by a keyed hash.

    A path without quotes is taken to run to the end of its line, since it may hold spaces.
    """
    return _BARE_PATH.sub(_hashed_match, _QUOTED_PATH.sub(_hashed_match, text))


def hashed(path: Path | str) -> str:
    """A short name for a path that tells nothing about it but its suffix."""
    suffix = Path(path).suffix
    kept = suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""
    digest = hashlib.blake2b(os.fsencode(path), key=_SALT, digest_size=4).hexdigest()
    return f"<path {digest}{kept}>"


def describe(error: BaseException) -> str:
    """An exception for the log: its kind and where it came from, without foreign text."""
    return "\n".join(_lines(error))


def _lines(error: BaseException) -> Iterator[str]:
    """Lines of an exception, what it came from first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and before is not error:
        yield from _lines(before)
        yield "which led to:"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {_place(frame.filename)}:{frame.lineno} in {frame.name}"
    if isinstance(error, KdoctError):
        yield f"{type(error).__name__} {error.code}: {redact(error.message)}"
    elif isinstance(error, OSError) and error.errno is not None:
        yield f"{type(error).__name__} {error.errno}: {os.strerror(error.errno)}"
    else:
        yield type(error).__name__


def _place(filename: str) -> str:
    """A source file from its package on; foreign code by its own name only."""
    parts = Path(filename).parts
    for root in _CODE_ROOTS:
        if root in parts:
            return "/".join(parts[parts.index(root) :])
    return parts[-1] if parts else ""


class _Redacting(logging.Formatter):
    """Formats a record without patient data."""

    def format(self, record: logging.LogRecord) -> str:
        clean = logging.makeLogRecord(record.__dict__)
        if isinstance(record.args, tuple):
            clean.args = tuple(_clean(value) for value in record.args)
        elif record.args:
            clean.args = {name: _clean(value) for name, value in record.args.items()}
        clean.msg, clean.args = redact(clean.getMessage()), ()
        clean.exc_text = clean.stack_info = None
        return super().format(clean)

    def formatException(  # noqa: N802 - the library's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        return describe(ei[1]) if ei[1] is not None else ""


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Rotates when it can: on Windows another process of ours may hold the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=_BYTES_A_FILE, backupCount=_FILES_KEPT - 1, encoding="utf-8"
        )
        self.setFormatter(_Redacting(_FORMAT))

    def doRollover(self) -> None:  # noqa: N802 - the library's name
        with contextlib.suppress(OSError):
            super().doRollover()


def _clean(value: object) -> object:
    """A log argument without a path or foreign text."""
    if isinstance(value, Path):
        return hashed(value)
    if isinstance(value, BaseException):
        return describe(value)
    return value


def _hashed_match(match: re.Match[str]) -> str:
    return hashed(match[0].strip("\"'"))


def _crash_mode(path: Path) -> str:
    """Append, but begin anew once the file has grown."""
    return "w" if path.exists() and path.stat().st_size > _BYTES_A_FILE else "a"


def _unhandled(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Note an exception that ends the program, and tell the user one sentence."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Stopped.\n")
        return
    log.critical("unhandled exception", exc_info=(kind, error, trace))
    text = error.message if isinstance(error, KdoctError) else f"Internal error ({kind.__name__})."
    sys.stderr.write(f"{text} Details are in the log.\n")


def _unhandled_in_thread(arguments: threading.ExceptHookArgs) -> None:
    """Note an exception that ended a thread."""
    if arguments.exc_value is not None and arguments.exc_type is not SystemExit:
        log.critical("unhandled exception in a thread", exc_info=arguments.exc_value)


def _unraisable(arguments: object) -> None:
    """Note an exception that could not be raised, as in a finaliser."""
    error = cast("BaseException | None", getattr(arguments, "exc_value", None))
    if error is not None:
        log.error("exception that could not be raised", exc_info=error)
