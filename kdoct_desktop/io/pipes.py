"""Waiting for pipes together with a time limit, on every system."""

import importlib
import select
import sys
import time
from collections.abc import Sequence


def readable(descriptors: Sequence[int], seconds: float) -> list[int]:
    """Those of some pipes that a read would not wait for: data is there, or the end is.

    Args:
        descriptors: Read ends of pipes.
        seconds: Waits so long for the first.
    """
    if sys.platform == "win32":
        return _readable_windows(descriptors, seconds)
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
    return [descriptor for descriptor, _ in poller.poll(seconds * 1000.0)]


def _readable_windows(descriptors: Sequence[int], seconds: float) -> list[int]:
    """Poll: Windows cannot wait for a pipe together with a time limit."""
    api = importlib.import_module("_winapi")
    handle_of = importlib.import_module("msvcrt").get_osfhandle
    handles = {descriptor: handle_of(descriptor) for descriptor in descriptors}
    until = time.monotonic() + seconds
    while True:
        ready = [each for each, handle in handles.items() if _filled(api, handle)]
        if ready or time.monotonic() >= until:
            return ready
        time.sleep(0.001)


def _filled(api: object, handle: int) -> bool:
    peek = getattr(api, "PeekNamedPipe")  # noqa: B009 - exists on Windows alone
    try:
        return bool(peek(handle, 0)[0] > 0)
    except OSError:
        return True  # the other end is closed: reading will say so
