"""Every B-scan decoded and preprocessed once, then read from memory maps of integers.

For each B-scan there is the picture that the network sees (*exact*, 16 bits) and one at a larger
size that random views are cropped from (*enlarged*, 8 bits), both made by the desktop's
`unit_pictures`. They are found by the hash of the B-scan's grey values, in a folder named after the
preprocessing and the sizes: another preprocessing is another folder, more rows are more blocks,
and nothing is ever rebuilt or changed in place. See `cache_build` for how several processes fill
it and `cache_block` for the files.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.inference.preprocess import InputSpec, preprocessing_hash
from training.data.cache_block import Block, Sizes, open_block
from training.data.cache_build import Builder, Index
from training.data.manifest import Row
from training.errors import TrainingError
from training.events import Events, Silent

_OPEN_BLOCKS = 256
"""Most blocks mapped at once, far below what a system lets a process open."""


class Cache:
    """The pictures of some rows; may be used by several threads.

    Attributes:
        size: Rows and columns of an exact picture.
        enlarged_size: Rows and columns of an enlarged picture.
    """

    def __init__(self, sizes: Sizes, keys: Sequence[str], index: Index) -> None:
        self.size = sizes.exact
        self.enlarged_size = sizes.enlarged
        self._places = [index.places[key] for key in keys]
        self._positions = {key: at for at, key in reversed(list(enumerate(keys)))}

        @functools.lru_cache(maxsize=_OPEN_BLOCKS)
        def block(path: Path) -> Block:
            return open_block(path, sizes)

        self._block = block

    def __len__(self) -> int:
        return len(self._places)

    def enlarged(self, row_index: int) -> NDArray[np.uint8]:
        """Picture for random views: uint8, axes (row, column), read-only; 255 is 1."""
        path, slot = self._places[row_index]
        return np.asarray(self._block(path).enlarged[slot])

    def exact(self, row_index: int) -> NDArray[np.float32]:
        """What the network sees before mean and deviation: float32 from 0 to 1, axes (row, column).

        Within 1/131070 of `unit_picture`.
        """
        path, slot = self._places[row_index]
        stored = self._block(path).exact[slot].astype(np.float32)
        return np.asarray(stored / np.float32(65535.0), dtype=np.float32)

    def box(self, row_index: int) -> Box:
        """The part of the B-scan that its pictures show, see `unit_pictures`."""
        path, slot = self._places[row_index]
        return self._block(path).boxes[slot]

    def positions(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Row indices, in the sense of this cache, of some of its B-scans.

        Raises:
            TrainingError: ``not-in-cache``: the cache was opened without them.
        """
        absent = [row.name for row in rows if row.sha256 not in self._positions]
        if absent:
            text = f"{len(absent)} B-scans are not in the cache that was opened."
            raise TrainingError("not-in-cache", text, absent)
        return np.array([self._positions[row.sha256] for row in rows], dtype=np.int64)


def open_cache(
    folder: Path,
    root: Path,
    rows: Sequence[Row],
    spec: InputSpec,
    *,
    enlarged: tuple[int, int],
    events: Events = Silent(),  # noqa: B008 - it holds nothing
) -> Cache:
    """Open the cache for some rows, making what is missing.

    Safe to call from several processes at once, and again after any of them was killed.

    Args:
        folder: Where caches lie; each preprocessing and size has its own folder in it.
        root: Data folder.
        rows: B-scans; row indices of the result count in them.
        spec: What the network sees.
        enlarged: Rows and columns of the enlarged pictures, see `augment.enlarged_size`.
        events: Is told how many pictures are ready.

    Raises:
        TrainingError: ``unreadable-file`` or ``changed-file`` with the list of all such B-scans;
            ``disk-full``, before anything is written where it can be foreseen.
    """
    sizes = Sizes((spec.height, spec.width), enlarged)
    place = folder / cache_name(spec, enlarged)
    place.mkdir(parents=True, exist_ok=True)
    index = Index(place, sizes)
    index.refresh()
    unique = {row.sha256: row for row in reversed(rows)}
    ordered = sorted(unique.values(), key=lambda row: (row.path, row.frame))
    builder = Builder(index, place, root, spec=spec, sizes=sizes)
    builder.build(ordered, events=events)
    return Cache(sizes, [row.sha256 for row in rows], index)


def cache_name(spec: InputSpec, enlarged: tuple[int, int]) -> str:
    """Folder name: format, preprocessing and sizes."""
    sizes = f"{spec.height}x{spec.width}-{enlarged[0]}x{enlarged[1]}"
    return f"v2-{preprocessing_hash(spec)[:16]}-{sizes}"
