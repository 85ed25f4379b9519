"""Filling the cache: decode, check, preprocess, write, by several threads and several processes.

The B-scans are cut into chunks that depend on the rows alone, and a chunk is made by whoever holds
its lock, so processes that were started together share the work. The lock ends with its process: a
kill leaves a draft that nobody reads and the next one removes.
"""

import contextlib
import errno
import hashlib
import os
import random
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from kdoct_desktop.inference.preprocess import InputSpec, unit_pictures
from training.data.cache_block import SUFFIX, Made, Sizes, draft_of, read_keys, write_block
from training.data.manifest import Row
from training.data.read_picture import picture_sha256, read_picture
from training.errors import TrainingError
from training.events import Events

CHUNK = 256
"""B-scans a block: 120 MB at 384 pixels."""

_RUN = 64  # B-scans of one file that one thread makes, so that a volume is decoded once or twice
_SPARE_BYTES = 64 * 1024**2
_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_STEP = "cache"


class Index:
    """Which picture lies where; grows as blocks appear."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self._folder = folder
        self._sizes = sizes
        self._seen: set[str] = set()
        self.places: dict[str, tuple[Path, int]] = {}

    def refresh(self) -> None:
        """Take in blocks that were not there before; a damaged one is removed and made again."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path.name in self._seen:
                continue
            with contextlib.suppress(FileNotFoundError):
                keys = read_keys(path, self._sizes)
                if keys is None:
                    path.unlink()
                    continue
                self._seen.add(path.name)
                for slot, key in enumerate(keys):
                    self.places.setdefault(key, (path, slot))


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why a picture is not in the cache."""

    code: str
    text: str


class Builder:
    """Makes what is missing of some B-scans."""

    def __init__(
        self, index: Index, folder: Path, root: Path, *, spec: InputSpec, sizes: Sizes
    ) -> None:
        self._index = index
        self._folder = folder
        self._root = root
        self._spec = spec
        self._sizes = sizes
        self._problems: dict[str, _Problem] = {}
        self._ready = 0
        self._tell: Callable[[], None] = lambda: None

    def build(self, rows: Sequence[Row], *, events: Events) -> None:
        """Make every picture of `rows` (each key once) that is missing.

        Raises:
            TrainingError: ``disk-full``, ``unreadable-file`` or ``changed-file``; whatever could
                be made is kept.
        """
        self._remove_drafts()
        missing = self._missing(rows)
        if not missing:
            return
        self._check_disk(len(missing))
        self._tell = lambda: events.progress(self._ready, len(rows), _STEP)
        pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="cache")
        try:
            self._all_chunks(_chunks(rows), pool)
        finally:
            pool.shutdown(cancel_futures=True)
        self._refuse()

    def _all_chunks(self, chunks: list[list[Row]], pool: ThreadPoolExecutor) -> None:
        """First every chunk that is free, then those that other processes hold.

        Each process begins somewhere else: jobs of other folds have other chunks of the same
        B-scans, and would make them twice if they walked side by side.
        """
        begin = random.Random(os.getpid()).randrange(len(chunks))  # noqa: S311 - no secret
        chunks = chunks[begin:] + chunks[:begin]
        patience, finished = 0.0, 0
        while chunks:
            busy = []
            for chunk in chunks:
                self._ready = finished
                if self._one_chunk(chunk, pool, patience):
                    finished += len(chunk)
                else:
                    busy.append(chunk)
                self._ready = finished
                self._tell()
            chunks, patience = busy, 1.0

    def _one_chunk(self, chunk: list[Row], pool: ThreadPoolExecutor, patience: float) -> bool:
        """Make a chunk; False where another process holds it after so many seconds."""
        if not self._missing(chunk):
            return True
        name = _chunk_name(chunk)
        try:
            with self._lock(name, patience):
                self._index.refresh()
                if missing := self._missing(chunk):
                    self._write(name, missing, pool)
                    self._index.refresh()
        except Timeout:
            self._index.refresh()
            return False
        return True

    def _write(self, name: str, missing: list[Row], pool: ThreadPoolExecutor) -> None:
        taken = len(list(self._folder.glob(f"{name}-*{SUFFIX}")))
        path = self._folder / f"{name}-{taken:03d}{SUFFIX}"
        while path.exists():
            taken += 1
            path = self._folder / f"{name}-{taken:03d}{SUFFIX}"
        futures = deque(pool.submit(self._make, run) for run in _runs(missing))
        try:
            write_block(path, [row.sha256 for row in missing], self._made(futures), self._sizes)
        except OSError as error:
            if error.errno in _FULL:
                raise _disk_full() from error
            raise
        finally:
            for future in futures:
                future.cancel()

    def _made(self, futures: deque[Future[list[Made | _Problem]]]) -> Iterator[Made | None]:
        """Pictures in order; problems are kept aside. A run's memory is given up once taken."""
        while futures:
            for made in futures.popleft().result():
                self._ready += 1
                if isinstance(made, _Problem):
                    self._problems[made.text] = made
                    yield None
                else:
                    yield made
            self._tell()

    def _make(self, run: list[Row]) -> list[Made | _Problem]:
        return [self._make_one(row) for row in run]

    def _make_one(self, row: Row) -> Made | _Problem:
        try:
            picture = read_picture(self._root, row.path, row.frame)
        except TrainingError as error:
            return _Problem(error.code, error.message)
        if picture_sha256(picture) != row.sha256:
            return _Problem("changed-file", f"{row.name} is not what it was in the manifest.")
        (large, exact), box = unit_pictures(
            picture, self._spec, [self._sizes.enlarged, self._sizes.exact]
        )
        return Made(
            np.floor(large * np.float32(255.0) + np.float32(0.5)).astype(np.uint8),
            np.floor(exact.astype(np.float64) * 65535.0 + 0.5).astype(np.uint16),
            box,
        )

    def _missing(self, rows: Sequence[Row]) -> list[Row]:
        """Rows without a picture."""
        return [row for row in rows if row.sha256 not in self._index.places]

    def _lock(self, name: str, seconds: float) -> FileLock:
        return FileLock(self._folder / f"{name}.lock", timeout=seconds)

    def _remove_drafts(self) -> None:
        """Remove what killed processes left."""
        for draft in self._folder.glob(draft_of(Path(f"*{SUFFIX}")).name):
            with contextlib.suppress(Timeout), self._lock(draft.stem.rpartition("-")[0], 0.0):
                draft.unlink(missing_ok=True)

    def _check_disk(self, pictures: int) -> None:
        needed = pictures * self._sizes.picture_bytes + _SPARE_BYTES
        if (free := shutil.disk_usage(self._folder).free) < needed:
            raise TrainingError(
                "disk-full",
                f"The picture cache needs {_size(needed)} more and {_size(free)} are free; "
                "free some space or put the cache on another disk.",
            )

    def _refuse(self) -> None:
        if not self._problems:
            return
        listed = [problem.text for problem in self._problems.values()]
        if any(problem.code != "changed-file" for problem in self._problems.values()):
            text = f"{len(listed)} B-scans cannot be read or have changed since the manifest."
            raise TrainingError("unreadable-file", text, listed)
        text = f"{len(listed)} B-scans have changed since the manifest; write it again."
        raise TrainingError("changed-file", text, listed)


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _chunks(rows: Sequence[Row]) -> list[list[Row]]:
    return [list(rows[begin : begin + CHUNK]) for begin in range(0, len(rows), CHUNK)]


def _chunk_name(chunk: list[Row]) -> str:
    """From the keys, so that processes with the same rows mean the same chunk."""
    return hashlib.sha256("\n".join(row.sha256 for row in chunk).encode()).hexdigest()[:16]


def _runs(rows: list[Row]) -> list[list[Row]]:
    """What one thread makes at a time: neighbours of one file."""
    runs: list[list[Row]] = []
    for _, alike in groupby(rows, key=lambda row: row.path):
        frames = list(alike)
        runs += [frames[begin : begin + _RUN] for begin in range(0, len(frames), _RUN)]
    return runs


def _disk_full() -> TrainingError:
    return TrainingError(
        "disk-full", "The disk is full; what the cache holds so far is kept. Free some space."
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
