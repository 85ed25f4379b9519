"""The parent's part of one volume: B-scans go in by slots, results come out."""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.collect import BscanListener, Collector
from kdoct_desktop.inference.messages import Message, bscan_from, error_from
from kdoct_desktop.inference.shared_block import Window


class Feeder:
    """Feeds one volume and gathers what comes back."""

    def __init__(
        self,
        count: int,
        window: Window,
        *,
        send: Callable[[Message], None],
        run: int,
        on_bscan: BscanListener,
    ) -> None:
        """Prepare; B-scans are offered one by one.

        Args:
            count: Number of B-scans of the volume.
            window: The shared block.
            send: Says something to the child.
            run: Number of the first pass; a second pass has the next number.
            on_bscan: Called with each result.
        """
        self._window = window
        self._send = send
        self._run = run
        self._on_bscan = on_bscan
        self._offered: dict[int, NDArray[np.uint8]] = {}
        self._waiting: deque[int] = deque()
        self._free = list(range(window.layout.slots))
        self.collector = Collector(count, window.layout.cam)
        self.done = 0
        self.outcome: Message | None = None

    def offer(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Take one B-scan, axes (depth, ascan); it is not copied and must not change."""
        self._offered[index] = pixels
        self._waiting.append(index)
        self._feed()

    def handle(self, message: Message) -> None:
        """Take one event of the child.

        Raises:
            KdoctError: What the child could not do.
        """
        event = message["event"]
        if event == "bscan":
            if message["run"] == self._run:
                self._take(message)
        elif event == "restart":
            self._restart(message["run"])
        elif event == "done":
            self.outcome = message
        elif event == "error":
            self.outcome = message
            raise error_from(message)

    def _restart(self, run: int) -> None:
        """Offer everything again: the graphics card failed and the volume is done anew."""
        self._run = run
        self.done = 0
        self.collector.clear()
        self._free = list(range(self._window.layout.slots))
        self._waiting = deque(self._offered)
        self._feed()

    def _take(self, message: Message) -> None:
        """Keep a result and use its slot for the next B-scan."""
        slot = message["slot"]
        bscan, frame = bscan_from(message)
        self.collector.add(bscan, self._window.cams[slot], frame)
        self.done += 1
        self._free.append(slot)
        self._feed()
        self._on_bscan(bscan, self.collector.cams(bscan.index), frame)

    def _feed(self) -> None:
        """Put waiting B-scans into free slots."""
        while self._waiting and self._free:
            index, slot = self._waiting.popleft(), self._free.pop()
            self._window.bscans[slot] = self._offered[index]
            self._send({"op": "bscan", "run": self._run, "index": index, "slot": slot})
