"""The parent's part of one volume: B-scans go in by slots, results come out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.collect import BscanListener, Collector, reading_order
from kdoct_desktop.inference.messages import Message, bscan_from, error_from
from kdoct_desktop.inference.shared_block import Window


class Feeder:
    """Feeds one volume and gathers what comes back."""

    def __init__(
        self,
        voxels: NDArray[np.uint8],
        window: Window,
        *,
        send: Callable[[Message], None],
        run: int,
        on_bscan: BscanListener,
    ) -> None:
        """Prepare; :meth:`begin` starts.

        Args:
            voxels: uint8, axes (bscan, depth, ascan).
            window: The shared block.
            send: Says something to the child.
            run: Number of the first pass; a second pass has the next number.
            on_bscan: Called with each result.
        """
        self._voxels = voxels
        self._window = window
        self._send = send
        self._run = run
        self._on_bscan = on_bscan
        self._waiting: list[int] = []
        self.collector = Collector(len(voxels), window.layout.cam)
        self.done = 0
        self.outcome: Message | None = None

    def begin(self) -> None:
        """Fill the slots for a pass from the start."""
        self.done = 0
        self.collector.clear()
        self._waiting = reading_order(len(self._voxels))[::-1]
        for slot in range(self._window.layout.slots):
            self._feed(slot)

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
            self._run = message["run"]
            self.begin()
        elif event == "done":
            self.outcome = message
        elif event == "error":
            self.outcome = message
            raise error_from(message)

    def _take(self, message: Message) -> None:
        """Keep a result and use its slot for the next B-scan."""
        slot = message["slot"]
        bscan, frame = bscan_from(message)
        self.collector.add(bscan, self._window.cams[slot], frame)
        self.done += 1
        self._feed(slot)
        self._on_bscan(bscan, self.collector.cams(bscan.index), frame)

    def _feed(self, slot: int) -> None:
        """Put the next B-scan into a slot, if there is one."""
        if not self._waiting:
            return
        index = self._waiting.pop()
        self._window.bscans[slot] = self._voxels[index]
        self._send({"op": "bscan", "run": self._run, "index": index, "slot": slot})
