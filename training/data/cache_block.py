"""One file of the cache: some pictures in both sizes, with the keys that they are found by.

Layout, little endian: eight bytes of magic, four bytes of header length, the header as JSON (its
keys and boxes in the order of the slots), zeros up to a multiple of 4096, all enlarged pictures as
uint8, then all exact ones as uint16. A block is written under another name and put into place
whole, so a file with this name is complete, and nothing in it is ever changed.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.whole_file import sync_folder

_MAGIC = b"KDCACHE2"
_ALIGN = 4096
SUFFIX = ".block"

Grey = NDArray[np.uint8]

_LONGEST_BOX = len("[99999, 99999, 99999, 99999], ")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the two pictures of a B-scan, as (rows, columns).

    Attributes:
        exact: What the network sees.
        enlarged: What random views are cropped from.
    """

    exact: tuple[int, int]
    enlarged: tuple[int, int]

    @property
    def enlarged_bytes(self) -> int:
        """Of one enlarged picture."""
        return self.enlarged[0] * self.enlarged[1]

    @property
    def picture_bytes(self) -> int:
        """Of one B-scan in both sizes."""
        return self.enlarged_bytes + 2 * self.exact[0] * self.exact[1]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What is kept of one B-scan.

    Attributes:
        enlarged: Axes (row, column).
        exact: Axes (row, column); 65535 is 1.
        box: The part of the B-scan that both show.
    """

    enlarged: Grey
    exact: NDArray[np.uint16]
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """An open block.

    Attributes:
        enlarged: uint8 memory map, axes (slot, row, column).
        exact: uint16 memory map, axes (slot, row, column); 65535 is 1.
        boxes: The part of each B-scan that its pictures show.
    """

    enlarged: NDArray[np.uint8]
    exact: NDArray[np.uint16]
    boxes: tuple[Box, ...]


def write_block(
    path: Path, keys: Sequence[str], pictures: Iterator[Made | None], sizes: Sizes
) -> int:
    """Write a block in place of `path`.

    Args:
        path: Where the block goes; nothing else writes there at the same time.
        keys: Of the pictures.
        pictures: One for each key; None for one that could not be made, whose key is then left
            out.
        sizes: Of the pictures.

    Returns:
        How many pictures the block holds; with 0, no file is written.

    Raises:
        OSError: The disk is full or not writable; `path` is then as it was.
    """
    draft = draft_of(path)
    try:
        held = _write_draft(draft, keys, pictures, sizes)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if not held:
        draft.unlink()
        return 0
    draft.replace(path)
    sync_folder(path.parent)
    return held


def _write_draft(
    draft: Path, keys: Sequence[str], pictures: Iterator[Made | None], sizes: Sizes
) -> int:
    held: list[str] = []
    boxes: list[Box] = []
    exact_pictures: list[NDArray[np.uint16]] = []
    begin = _begin(keys)
    with draft.open("wb") as file:
        file.seek(begin)
        for key, made in zip(keys, pictures, strict=True):
            if made is None:
                continue
            held.append(key)
            boxes.append(made.box)
            file.write(np.ascontiguousarray(made.enlarged, dtype=np.uint8).data)
            exact_pictures.append(made.exact)
        for exact in exact_pictures:
            file.write(np.ascontiguousarray(exact, dtype="<u2").data)
        file.seek(0)
        file.write(_header(held, boxes, sizes, begin))
        file.flush()
        os.fsync(file.fileno())
    return len(held)


def draft_of(path: Path) -> Path:
    """Where a block is written before it is put into place."""
    return path.with_suffix(".draft")


def read_keys(path: Path, sizes: Sizes) -> tuple[str, ...] | None:
    """Keys of a block by slot; None where the file is no whole block of these sizes."""
    with path.open("rb") as file:
        found = _parsed(file, sizes)
        size = os.fstat(file.fileno()).st_size
    if found is None:
        return None
    whole = size == found.begin + len(found.keys) * sizes.picture_bytes
    return found.keys if whole else None


def open_block(path: Path, sizes: Sizes) -> Block:
    """Map a block into memory, to read only.

    Raises:
        ValueError: The file is no whole block of these sizes.
    """
    with path.open("rb") as file:
        found = _parsed(file, sizes)
    if found is None:
        raise ValueError("not a block of this cache")
    count, begin = len(found.keys), found.begin
    middle = begin + count * sizes.enlarged_bytes
    whole = np.memmap(path, np.uint8, "r")  # one mapping: each holds a file open
    return Block(
        np.asarray(whole[begin:middle]).reshape(count, *sizes.enlarged),
        np.asarray(whole[middle:]).view("<u2").reshape(count, *sizes.exact),
        found.boxes,
    )


def _begin(keys: Sequence[str]) -> int:
    """Where the pictures begin: room for a header with all keys."""
    longest = 12 + 256 + sum(len(key) + 4 + _LONGEST_BOX for key in keys)
    return -(-longest // _ALIGN) * _ALIGN


def _header(keys: list[str], boxes: list[Box], sizes: Sizes, begin: int) -> bytes:
    values = {"begin": begin, "exact": sizes.exact, "enlarged": sizes.enlarged, "keys": keys,
              "boxes": boxes}  # fmt: skip
    text = json.dumps(values).encode()
    data = _MAGIC + len(text).to_bytes(4, "little") + text
    if len(data) > begin:
        raise ValueError("the header of a block does not fit")
    return data.ljust(begin, b"\0")


@dataclass(frozen=True, slots=True)
class _Head:
    """What a header says: keys and boxes by slot, and where the pictures begin."""

    keys: tuple[str, ...]
    boxes: tuple[Box, ...]
    begin: int


def _parsed(file: BinaryIO, sizes: Sizes) -> _Head | None:
    """The header; None where it is no block of these sizes."""
    start = file.read(12)
    if start[:8] != _MAGIC:
        return None
    try:
        values = json.loads(file.read(int.from_bytes(start[8:], "little")))
        same = (tuple(values["exact"]), tuple(values["enlarged"])) == (sizes.exact, sizes.enlarged)
        keys, boxes = tuple(values["keys"]), tuple(_box(one) for one in values["boxes"])
        fits = same and len(keys) == len(boxes)
        return _Head(keys, boxes, int(values["begin"])) if fits else None
    except (ValueError, KeyError, TypeError):
        return None


def _box(values: Any) -> Box:
    """Four whole numbers out of a header.

    Raises:
        ValueError: There are fewer or more.
    """
    top, bottom, left, right = map(int, values)
    return top, bottom, left, right
