"""From cached pictures to batches: order, random views and prefetching.

Everything follows from the seed, the epoch and the B-scan: the order of an epoch is a permutation
drawn from (seed, epoch), a view is drawn from (seed, epoch, B-scan). So an epoch can be entered at
any step, by any number of threads and processes, and gives the same bits.
"""

import hashlib
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.config import ComputeConfig
from training.data.augment import apply_view, draw_view
from training.data.cache_build import usable_cores
from training.data.fundus import FundusPictures
from training.data.manifest import Row
from training.data.outlines import Outlines
from training.data.select_rows import UNLABELLED
from training.errors import TrainingError
from training.recipe import NetworkConfig

__all__ = [
    "UNLABELLED",
    "Batch",
    "Pictures",
    "Step",
    "TrainingBatches",
    "plain_batches",
    "view_rng",
]

_ORDER = 0x0DE2  # keeps the draw of the order apart from other draws of the same seed


class Pictures(Protocol):
    """What batches need of a `cache.Cache`."""

    size: tuple[int, int]

    def enlarged(self, row_index: int) -> NDArray[np.uint8]:
        """Picture that views are made from."""

    def exact(self, row_index: int) -> NDArray[np.float32]:
        """What the network sees."""

    def positions(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Row indices of some rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One micro-batch of one process.

    Attributes:
        units: Before mean and deviation, axes (B-scan, row, column): random views as uint8, where
            255 is 1, or plain pictures as float32 from 0 to 1.
        labels: int64 class index; `UNLABELLED` where the label is not used.
        rows: int64 index of each B-scan among the rows of the data.
        weights: float32; 1, or 0 for a filler that only keeps processes in step.
        fundus: uint8 fundus photographs, axes (B-scan, row, column, channel); None without.
        outlines: Where the lesions are in the views, axes (B-scan, row, column), nothing where a
            B-scan has no outline; None where they were not asked for.
    """

    units: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    weights: NDArray[np.float32]
    fundus: NDArray[np.uint8] | None
    outlines: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one optimizer step sees.

    Attributes:
        index: Of the step within the epoch.
        batches: Micro-batches of this process, the same number in every process.
        labels: int64 labels of the whole step over all processes, fillers left out: what a
            weighted mean is normalised by.
    """

    index: int
    batches: tuple[Batch, ...]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Share:
    """Rows and weights of one micro-batch."""

    rows: NDArray[np.int64]
    weight: float


class TrainingBatches:
    """The steps of every epoch, as one process sees them.

    Attributes:
        steps_per_epoch: Optimizer steps, the last and smaller one included.
    """

    def __init__(
        self, cache: Pictures, rows: Sequence[Row], labels: NDArray[np.int64], *,
        network: NetworkConfig, size: tuple[int, int], compute: ComputeConfig, root: Path,
        rank: int = 0, world: int = 1, fundus: bool | None = None, outlines: Outlines | None = None,
    ) -> None:  # fmt: skip
        """Prepare the epochs.

        Args:
            cache: Pictures; it may hold more B-scans than `rows`.
            rows: B-scans to train on; `Batch.rows` counts in them.
            labels: int64 class index of each row, or `UNLABELLED`.
            network: Gives batch, accumulation and augmentation.
            size: Rows and columns of a view.
            compute: Gives the seed and the number of threads.
            root: Data folder, for fundus photographs.
            rank: Of this process, from 0.
            world: Number of processes.
            fundus: Whether batches hold photographs; None: where the network has a fundus model.
            outlines: Of the rows, for batches that hold them.

        Raises:
            TrainingError: ``no-data`` without rows; ``missing-fundus``; ``not-in-cache``.
        """
        if not len(rows):
            raise TrainingError("no-data", "There is no B-scan to train on.")
        if len(labels) != len(rows):
            raise ValueError("every row has one label")
        self._cache, self._rows, self._labels = cache, rows, np.asarray(labels, dtype=np.int64)
        self._places = cache.positions(rows)
        self._network, self._size, self._seed = network, size, compute.seed
        self._rank, self._world = rank, world
        self._threads = compute.loader_threads or usable_cores()
        wanted = bool(network.fundus_model) if fundus is None else fundus
        self._fundus = FundusPictures(root, rows, size) if wanted else None
        self._outlines = outlines
        self._step_size = network.batch * network.accumulation * world
        self.steps_per_epoch = -(-len(rows) // self._step_size)

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Step]:
        """Steps of an epoch from step `start` on; views are made ahead by threads.

        Closing the iterator early, or an error in it, ends the threads before it returns.
        """
        order = self.order(epoch)
        mine = self._step_size // self._world
        ahead = 1 + -(-2 * self._threads // mine)
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="views")
        try:
            waiting: deque[_Waiting] = deque()
            indices = iter(range(start, self.steps_per_epoch))
            for index in itertools.islice(indices, ahead):
                waiting.append(self._begin(index, order, epoch, pool))
            while waiting:
                for index in itertools.islice(indices, 1):
                    waiting.append(self._begin(index, order, epoch, pool))
                yield waiting.popleft().finished()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """All rows in the order of an epoch, the same in every process."""
        rng = np.random.default_rng([self._seed, epoch, _ORDER])
        return rng.permutation(len(self._rows)).astype(np.int64)

    def _begin(
        self, index: int, order: NDArray[np.int64], epoch: int, pool: ThreadPoolExecutor
    ) -> "_Waiting":
        """Have the threads make a step."""
        members = order[index * self._step_size : (index + 1) * self._step_size]
        batches, jobs = [], []
        for share in self._shares(members):
            batch = self._empty(share)
            batches.append(batch)
            jobs += [
                pool.submit(self._fill, batch, at, epoch=epoch) for at in range(len(share.rows))
            ]
        return _Waiting(Step(index, tuple(batches), self._labels[members]), jobs)

    def _shares(self, members: NDArray[np.int64]) -> list[_Share]:
        """This process's micro-batches of a step.

        The step is cut into equal pieces (to within one B-scan, so that the last step has no
        micro-batch of one) that are dealt to the processes in turn. Where there are fewer B-scans
        than processes, those left over get a filler.
        """
        count = -(-len(members) // (self._network.batch * self._world))
        pieces = np.array_split(members, count * self._world)[self._rank :: self._world]
        return [_Share(p, 1.0) if len(p) else _Share(members[:1], 0.0) for p in pieces]

    def _empty(self, share: _Share) -> Batch:
        count = len(share.rows)
        return Batch(
            units=np.empty((count, *self._size), dtype=np.uint8),
            labels=self._labels[share.rows],
            rows=share.rows,
            weights=np.full(count, share.weight, dtype=np.float32),
            fundus=np.empty((count, *self._size, 3), dtype=np.uint8) if self._fundus else None,
            outlines=np.empty((count, *self._size), dtype=np.bool_) if self._outlines else None,
        )

    def _fill(self, batch: Batch, at: int, *, epoch: int) -> None:
        """Make one view."""
        row = int(batch.rows[at])
        rng = view_rng(self._seed, epoch, self._rows[row])
        picture = self._cache.enlarged(int(self._places[row]))
        view = draw_view(picture.shape, self._size, self._network.augment, rng)
        batch.units[at] = apply_view(picture, self._size, view)
        if self._fundus is not None and batch.fundus is not None:
            strength = self._network.augment.strength
            batch.fundus[at] = self._fundus.varied(row, flip=view.flip, strength=strength, rng=rng)
        if self._outlines is not None and batch.outlines is not None:
            batch.outlines[at] = self._outlines.varied(row, self._size, view)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A step that threads are making."""

    step: Step
    jobs: list[Future[None]]

    def finished(self) -> Step:
        """The step once every view is made; the first error of a thread is raised here."""
        for job in self.jobs:
            job.result()
        return self.step


def view_rng(seed: int, epoch: int, row: Row) -> np.random.Generator:
    """Random numbers for the view of one B-scan in one epoch."""
    text = f"{seed}:{epoch}:{row.sha256}:{row.frame}"
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4").astype(np.uint32))


def plain_batches(
    cache: Pictures,
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    *,
    batch: int,
    root: Path,
    fundus: bool = False,
) -> Iterator[Batch]:
    """B-scans as the desktop shows them to a network: for validation and stored targets.

    Args:
        cache: Pictures; it may hold more B-scans than `rows`.
        rows: B-scans; `Batch.rows` counts in them.
        labels: int64 class index of each row, or `UNLABELLED`.
        batch: Most B-scans a batch.
        root: Data folder, for fundus photographs.
        fundus: Whether batches hold photographs.

    Raises:
        TrainingError: ``missing-fundus``; ``not-in-cache``.
    """
    places = cache.positions(rows)
    photographs = FundusPictures(root, rows, cache.size) if fundus else None
    for begin in range(0, len(rows), batch):
        members = np.arange(begin, min(begin + batch, len(rows)), dtype=np.int64)
        yield Batch(
            units=np.stack([cache.exact(int(place)) for place in places[begin : begin + batch]]),
            labels=np.asarray(labels, dtype=np.int64)[members],
            rows=members,
            weights=np.ones(len(members), dtype=np.float32),
            fundus=None if photographs is None else photographs.stacked(members),
        )
