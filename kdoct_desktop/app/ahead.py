"""Predicting while the input is still being read, so that decoding costs no time of its own.

One volume is on its way at a time. Volumes that come while another one computes are not waited
for: whoever analyses them asks the model then, and the reading of them overlapped the other's
computing already.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.app.not_macular import NOT_MACULAR
from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, Prediction
from kdoct_desktop.domain.progress import Progress
from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.inference.stream import VolumeStream
from kdoct_desktop.inference.worker import InferenceWorker
from kdoct_desktop.io.readers import BscanListener, VolumeHeader

log = logging.getLogger(__name__)

AheadListener = Callable[[str, BscanPrediction, NDArray[np.float32], Box], None]
"""Called with the key of a volume and the prediction of one of its B-scans, its activation maps,
axes (class, row, column), and the box of pixels that they cover."""


def ignore_ahead(key: str, bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
    """The listener where nobody listens."""


@dataclass(slots=True, eq=False)
class _Coming:
    """The volume that is being read.

    Attributes:
        header: What is known of it.
        missing: B-scans that have not been read yet.
        waiting: B-scans that were read and not handed to the model yet.
        first: Pixels of the first B-scan: a view of the voxels, by which they are known again.
        stream: Takes the B-scans; None before the model has time for them.
        failed: True where the model could not take it: it is not tried again here.
    """

    header: VolumeHeader
    missing: int
    waiting: list[tuple[int, NDArray[np.uint8]]]
    first: NDArray[np.uint8]
    stream: VolumeStream | None = None
    failed: bool = False


class Ahead(Closing):
    """A listener for ``open_volumes`` that feeds each B-scan to the model; a context manager.

    What goes wrong here loses nothing: the volume has no prediction yet, and whoever needs one
    asks the model again and hears the reason then. One thread reads, later one analyses, and any
    may close; they exclude each other here.

    Attributes:
        tta: Whether the test-time views are averaged.
    """

    def __init__(
        self,
        worker: InferenceWorker,
        *,
        tta: bool,
        listener: AheadListener = ignore_ahead,
        on_bscan: BscanListener | None = None,
    ) -> None:
        """Prepare.

        Args:
            worker: Takes a volume where it has a model and nothing else to do.
            tta: Average the test-time views.
            listener: Told of each B-scan's prediction, in the thread that reads.
            on_bscan: Told of each B-scan before the model.
        """
        self.tta = tta
        self._worker = worker
        self._listener = listener
        self._on_bscan = on_bscan
        self._lock = threading.Lock()
        self._closed = False
        self._coming: _Coming | None = None
        self._computing: _Coming | None = None  # read as a whole, not yet predicted as a whole
        self._ready: list[tuple[NDArray[np.uint8], Prediction]] = []

    def __call__(self, header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        """Take a B-scan as it is decoded; see ``io.readers.BscanListener``."""
        if self._on_bscan is not None:
            self._on_bscan(header, index, pixels)
        with self._lock:
            if self._closed or header.scan_pattern in NOT_MACULAR:
                return
            coming = self._coming
            if coming is None or header.key != coming.header.key:
                self._leave()
                coming = _Coming(header, header.shape[0], [], pixels)
                self._coming = coming
            coming.missing -= 1
            coming.waiting.append((index, pixels))
            try:
                self._feed(coming)
            except KdoctError:
                log.exception("a volume could not be predicted while it was read")
                self._give_up(coming)

    def finish(self, progress: Progress, listener: AheadListener = ignore_ahead) -> None:
        """Wait for the volume that computes; nothing is read any more.

        Args:
            progress: Called while waiting; may raise Cancelled, which ends everything here.
            listener: Told of each B-scan's prediction from now on, in this thread.
        """
        with self._lock:
            self._listener = listener
            try:
                self._leave()
                self._finish_computing(progress)
            except KdoctError:
                log.exception("a volume could not be predicted while it was read")
            finally:
                self._end()

    def take(self, volume: OctVolume) -> Prediction | None:
        """Hand out the prediction of exactly these voxels, once; None where there is none."""
        with self._lock:
            for at, (pixels, prediction) in enumerate(self._ready):
                if np.may_share_memory(pixels, volume.voxels):
                    del self._ready[at]
                    return prediction
        return None

    def close(self) -> None:
        """Make the worker free and forget everything; harmless when repeated."""
        with self._lock:
            self._closed = True
            self._ready.clear()
            self._end()

    def _feed(self, coming: _Coming) -> None:
        """Hand over what was read, once the model has time for this volume."""
        if coming.failed:
            coming.waiting.clear()
            return
        if coming.stream is None:
            if self._computing is not None and not self._computed():
                return
            coming.stream = self._worker.begin_if_free(
                coming.header.shape, tta=self.tta, on_bscan=self._telling(coming.header.key)
            )
        if coming.stream is not None:
            for index, pixels in coming.waiting:
                coming.stream.feed(index, pixels)
            coming.waiting.clear()

    def _telling(self, key: str) -> Callable[[BscanPrediction, NDArray[np.float32], Box], None]:
        """Tells whoever listens now, with the volume's key."""

        def tell(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
            self._listener(key, bscan, cams, frame)

        return tell

    def _computed(self) -> bool:
        """Look after the former volume without waiting; True when it is out of the way."""
        former = self._computing
        if former is None or former.stream is None:
            return True
        if not former.stream.poll():
            return False
        self._finish_computing(lambda done, total, step: None)
        return True

    def _finish_computing(self, progress: Progress) -> None:
        """Keep the prediction of the volume that computes."""
        former, self._computing = self._computing, None
        if former is not None and former.stream is not None:
            with former.stream:
                self._ready.append((former.first, former.stream.finish(progress)))

    def _leave(self) -> None:
        """The volume at hand is read, or was given up by its reader."""
        coming, self._coming = self._coming, None
        if coming is None or coming.stream is None:
            return
        if coming.missing == 0:
            self._computing = coming
        else:
            coming.stream.close()

    def _give_up(self, coming: _Coming) -> None:
        coming.failed = True
        coming.waiting.clear()
        if coming.stream is not None:
            coming.stream.close()
            coming.stream = None

    def _end(self) -> None:
        for each in (self._coming, self._computing):
            if each is not None and each.stream is not None:
                each.stream.close()
        self._coming = self._computing = None
