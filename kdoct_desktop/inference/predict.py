"""From voxels to a prediction, in the process that owns the model.

A B-scan is the unit of work: on the processor each core prepares one and computes it from
beginning to end, beside the others. Nothing waits for anything then, which gives more B-scans a
second than sharing the operators of one B-scan among the cores, and needs no thread that spins.
OpenCV and onnxruntime let go of Python's lock. It is the one place outside the window's jobs and
the worker's reader that uses threads; they end with the call.

Probabilities of test-time views: the logits are averaged over the views, the activation maps are
mapped back onto the B-scan and averaged too. Whether the evidence adds up is checked for each view
before the mapping, because turning and zooming move evidence over the border.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import InferenceError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, Prediction, ProviderReport
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.quality import Quality
from kdoct_desktop.inference.collect import (
    BscanListener,
    Collector,
    ignore_bscan,
    reading_order,
)
from kdoct_desktop.inference.package import ModelPackage, Outputs
from kdoct_desktop.inference.preprocess import VIEWS, preprocess, unview, view
from kdoct_desktop.inference.probability import completeness_errors, cosine_distances, softmax
from kdoct_desktop.inference.quality import measure

IDENTITY = ("identity",)
STEP = "analysing B-scans"
BATCHES_AHEAD = 1
"""Batches that wait for a lane, so that one that is done goes on at once."""

Source = Callable[[], Iterator[tuple[int, NDArray[np.uint8]]]]
"""Starts one pass over the volume: index and pixels of each B-scan, the middle one first."""


class Session(Protocol):
    """What `predict_source` needs of an inference session."""

    @property
    def report(self) -> ProviderReport:
        """Where the model runs now."""

    @property
    def batch_size(self) -> int:
        """B-scans a batch."""

    @property
    def lanes(self) -> int:
        """Batches that may be on their way at a time; `run` is called from as many threads."""

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Outputs for a batch; InferenceError ``gpu-failed`` may be answered by `fall_back`."""

    def fall_back(self) -> None:
        """Go on with the processor."""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A B-scan ready for the network."""

    index: int
    tensor: NDArray[np.float32]
    frame: Box
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class _Averaged:
    """Outputs of a batch, averaged over the views."""

    logits: NDArray[np.float32]
    cams: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    completeness: NDArray[np.float64]


def predict_volume(
    voxels: NDArray[np.uint8],
    package: ModelPackage,
    session: Session,
    *,
    views: Sequence[str] = IDENTITY,
    progress: Progress = silent,
    on_bscan: BscanListener = ignore_bscan,
) -> Prediction:
    """Predict every B-scan of a volume that is in memory.

    Args:
        voxels: uint8, axes (bscan, depth, ascan).
        package: What the session runs.
        session: The loaded model.
        views: Test-time views, the identity first.
        progress: Called after every batch; may raise to stop.
        on_bscan: Called with each result as it is ready, the middle B-scan first.

    Raises:
        InferenceError: The model could not be run.
    """

    def source() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        return ((index, voxels[index]) for index in reading_order(len(voxels)))

    return predict_source(
        source,
        len(voxels),
        package=package,
        session=session,
        views=views,
        progress=progress,
        on_bscan=on_bscan,
    )


def predict_source(
    source: Source,
    count: int,
    *,
    package: ModelPackage,
    session: Session,
    views: Sequence[str] = IDENTITY,
    progress: Progress = silent,
    on_bscan: BscanListener = ignore_bscan,
) -> Prediction:
    """Predict every B-scan that a source yields; see :func:`predict_volume`.

    The source is started a second time where the graphics card fails: a volume is never computed
    partly here and partly there.

    Args:
        source: Starts a pass over the volume.
        count: Number of B-scans that a pass yields.
    """
    if tuple(views[:1]) != IDENTITY or not set(views) <= set(VIEWS):
        raise ValueError("the views must be known ones, the identity first")
    collector = Collector(count, cam_shape(package))
    run = _Pass(package, session, views=tuple(views), progress=progress, on_bscan=on_bscan)
    try:
        run.volume(source(), count, collector)
    except InferenceError as error:
        if error.code != "gpu-failed":
            raise
        session.fall_back()
        collector.clear()
        run.volume(source(), count, collector)
    return collector.prediction(
        package.identity,
        session.report,
        preprocessing=package.preprocessing,
        views=tuple(views),
    )


def cam_shape(package: ModelPackage) -> tuple[int, int, int]:
    """Class, row, column of the package's activation maps."""
    classes, rows, columns = package.golden.cams.shape[1:]
    return classes, rows, columns


class _Pass:
    """One pass over a volume on one provider."""

    def __init__(
        self,
        package: ModelPackage,
        session: Session,
        *,
        views: tuple[str, ...],
        progress: Progress,
        on_bscan: BscanListener,
    ) -> None:
        self._package = package
        self._session = session
        self._views = views
        self._progress = progress
        self._on_bscan = on_bscan

    def volume(
        self,
        bscans: Iterator[tuple[int, NDArray[np.uint8]]],
        count: int,
        collector: Collector,
    ) -> None:
        """Predict every B-scan into the collector."""
        done = 0
        self._progress(done, count, STEP)
        with closing(self._computed(bscans)) as results:
            for batch, averaged in results:
                done += len(batch)
                self._finish(batch, averaged, collector)
                self._progress(done, count, STEP)

    def _computed(
        self, bscans: Iterator[tuple[int, NDArray[np.uint8]]]
    ) -> Generator[tuple[list[_Prepared], _Averaged], None, None]:
        """Batches with their outputs, in order; each lane has one in hand."""
        groups = _grouped(bscans, self._session.batch_size)
        waiting: deque[Future[tuple[list[_Prepared], _Averaged]]] = deque()
        most = self._session.lanes + BATCHES_AHEAD
        pool = ThreadPoolExecutor(self._session.lanes, thread_name_prefix="predict")
        try:
            while True:
                # the next B-scan may be long in coming: what is done goes out first
                while len(waiting) < most and not (waiting and waiting[0].done()):
                    group = next(groups, None)
                    if group is None:
                        break
                    waiting.append(pool.submit(self._compute, group))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _compute(
        self, group: list[tuple[int, NDArray[np.uint8]]]
    ) -> tuple[list[_Prepared], _Averaged]:
        """Prepare a batch and run it; in a lane's thread."""
        batch = [self._prepare(index, bscan) for index, bscan in group]
        return batch, self._average(batch)

    def _prepare(self, index: int, bscan: NDArray[np.uint8]) -> _Prepared:
        """Quality and input of one B-scan."""
        tensor, frame = preprocess(bscan, self._package.input_spec)
        return _Prepared(index, tensor, frame, measure(bscan))

    def _average(self, batch: list[_Prepared]) -> _Averaged:
        """Run every view of a batch and average."""
        parts: list[Outputs] = []
        errors: list[NDArray[np.float64]] = []
        for name in self._views:
            views = [view(item.tensor, name) for item in batch]
            tensors = np.stack(views) if len(views) > 1 else views[0][None]
            logits, cams, embeddings = self._session.run(tensors)
            errors.append(completeness_errors(logits, cams, self._package.bias))
            parts.append((logits, unview(cams, name), embeddings))
        return _Averaged(
            logits=_mean([part[0] for part in parts]),
            cams=_mean([part[1] for part in parts]),
            # the statistics of the training data were made on the identity view
            embeddings=parts[0][2],
            completeness=np.max(errors, axis=0),
        )

    def _finish(self, batch: list[_Prepared], averaged: _Averaged, collector: Collector) -> None:
        """Turn outputs into results and hand them on."""
        package = self._package
        probabilities = softmax(averaged.logits, package.temperature)
        distances = cosine_distances(averaged.embeddings, package.ood_means)
        for row, item in enumerate(batch):
            result = BscanPrediction(
                index=item.index,
                logits=tuple(averaged.logits[row].tolist()),
                probabilities=tuple(probabilities[row].tolist()),
                completeness_error=float(averaged.completeness[row]),
                ood_distance=float(distances[row]),
                ood=bool(distances[row] > package.ood_threshold),
                quality=item.quality,
            )
            collector.add(result, averaged.cams[row], item.frame)
            self._on_bscan(result, averaged.cams[row], item.frame)


def _grouped(
    bscans: Iterator[tuple[int, NDArray[np.uint8]]], size: int
) -> Iterator[list[tuple[int, NDArray[np.uint8]]]]:
    """The first B-scan alone, then groups of `size`."""
    first = list(islice(bscans, 1))
    rest = iter(lambda: list(islice(bscans, size)), [])
    return chain([first] if first else [], rest)


def _mean(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Mean over the views; a single one as it is."""
    if len(parts) == 1:
        return parts[0]
    result: NDArray[np.float32] = np.mean(parts, axis=0, dtype=np.float32)
    return result
