"""Predicting while the input is still being read, so that decoding costs no time of its own."""

import logging

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.prediction import Prediction
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.volume import ScanPattern
from kdoct_desktop.inference.stream import VolumeStream
from kdoct_desktop.inference.worker import InferenceWorker
from kdoct_desktop.io.readers import VolumeHeader

log = logging.getLogger(__name__)


class Ahead(Closing):
    """A listener for ``open_volumes`` that feeds each B-scan to the model; a context manager.

    What goes wrong here loses nothing: the volume has no prediction yet, and whoever needs one
    asks the model again and hears the reason then.
    """

    def __init__(
        self, worker: InferenceWorker, *, tta: bool, skipped: frozenset[ScanPattern]
    ) -> None:
        """Prepare.

        Args:
            worker: With a loaded model; busy until the end.
            tta: Average the test-time views.
            skipped: Scan patterns that are not analysed.
        """
        self._worker = worker
        self._tta = tta
        self._skipped = skipped
        self._stream: VolumeStream | None = None
        self._key = ""
        self._missing = 0
        self._predictions: dict[str, Prediction] = {}

    def __call__(self, header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        """Take a B-scan as it is decoded; see ``io.readers.BscanListener``."""
        if header.scan_pattern in self._skipped:
            return
        try:
            if header.key != self._key:
                self._finish(silent)
                self._key, self._missing = header.key, header.shape[0]
                self._stream = self._worker.begin(header.shape, tta=self._tta)
            if self._stream is not None:
                self._stream.feed(index, pixels)
                self._missing -= 1
        except KdoctError:
            log.exception("a volume could not be predicted while it was read")
            self.close()

    def finish(self, progress: Progress) -> dict[str, Prediction]:
        """Wait for the last volume.

        Args:
            progress: Called while waiting; may raise Cancelled.

        Returns:
            Prediction of each volume by its source's key, as far as there is one.
        """
        try:
            self._finish(progress)
        except KdoctError:
            log.exception("a volume could not be predicted while it was read")
            self.close()
        return self._predictions

    def _finish(self, progress: Progress) -> None:
        """Keep the prediction of the volume at hand, if all its B-scans were decoded."""
        if self._stream is not None and self._missing == 0:
            self._predictions[self._key] = self._stream.finish(progress)
        self.close()

    def close(self) -> None:
        """Make the worker free for the next volume."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
