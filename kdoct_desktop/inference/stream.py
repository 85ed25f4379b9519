"""One volume on its way through the inference process, fed while it is still being decoded."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import InferenceError
from kdoct_desktop.domain.prediction import ModelIdentity, Prediction, ProviderReport
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.inference.feeder import Feeder
from kdoct_desktop.inference.messages import Message, provider_from
from kdoct_desktop.inference.shared_block import Window
from kdoct_desktop.inference.worker_process import STOP_LIMIT_S, ChildProcess

STEP = "analysing B-scans"
_POLL_S = 0.1
_SILENCE_LIMIT_S = 300.0


class VolumeStream(Closing):
    """Takes the B-scans of one volume and gives its prediction; a context manager.

    Left without :meth:`finish`, the child gives the volume up and is ready for the next.
    """

    def __init__(
        self,
        process: ChildProcess,
        feeder: Feeder,
        *,
        window: Window,
        count: int,
        identity: ModelIdentity,
        preprocessing: str,
        ended: Callable[[ProviderReport | None], None],
    ) -> None:
        """Made by ``InferenceWorker.begin``.

        Args:
            process: The child, which expects the volume.
            feeder: Puts B-scans into the shared block.
            window: The shared block.
            count: Number of B-scans.
            identity: Which model runs.
            preprocessing: Hash of its preprocessing.
            ended: Called once at the end, with what was learnt about the provider.
        """
        self._process = process
        self._feeder = feeder
        self._window = window
        self._count = count
        self._identity = identity
        self._preprocessing = preprocessing
        self._ended = ended
        self._provider: ProviderReport | None = None
        self._closed = False

    def feed(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Hand over a B-scan; returns at once.

        Args:
            index: B-scan index from 0.
            pixels: uint8, axes (depth, ascan); not copied, so it must not change.

        Raises:
            InferenceError: The model could not be run, or the child ended.
        """
        self._feeder.offer(index, pixels)
        self.poll()

    def poll(self) -> bool:
        """Take the results that are there without waiting.

        Returns:
            True when there are all of them, so that :meth:`finish` returns at once.

        Raises:
            InferenceError: The model could not be run, or the child ended.
        """
        while self._feeder.outcome is None:
            message = self._process.receive(0.0)
            if message is None:
                return False
            self._feeder.handle(message)
        return True

    def finish(self, progress: Progress = silent) -> Prediction:
        """Wait for the results of all B-scans, which must all have been fed.

        Args:
            progress: Called at least ten times a second; may raise Cancelled to stop.

        Raises:
            InferenceError: The model could not be run, or the child ended.
        """
        outcome = self._follow(progress)
        self._provider = provider_from(outcome["provider"])
        return self._feeder.collector.prediction(
            self._identity,
            self._provider,
            preprocessing=self._preprocessing,
            views=tuple(outcome["views"]),
        )

    def close(self) -> None:
        """Give the volume up if it is not finished; harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._feeder.outcome is None:  # cancelled, or the caller's own code failed
                self._stop()
        finally:
            self._ended(self._provider)

    def _follow(self, progress: Progress) -> Message:
        """Pump events until the volume is done; returns the child's last word."""
        progress(self._feeder.done, self._count, STEP)
        heard = time.monotonic()
        while self._feeder.outcome is None:
            message = self._process.receive(_POLL_S)
            if message is not None:
                heard = time.monotonic()
                self._feeder.handle(message)
            elif time.monotonic() - heard > _SILENCE_LIMIT_S:
                raise self._process.hung()
            progress(self._feeder.done, self._count, STEP)
        return self._feeder.outcome

    def _stop(self) -> None:
        """Make the child leave the volume: it is asked, and killed where it does not listen."""
        if not self._process.alive:
            return
        self._window.stop = True
        try:
            self._process.send({"op": "stop"})
            deadline = time.monotonic() + STOP_LIMIT_S
            while time.monotonic() < deadline:
                message = self._process.receive(_POLL_S)
                if message is not None and message["event"] in ("done", "cancelled", "error"):
                    return
        except InferenceError:
            return
        self._process.end(at_once=True)
