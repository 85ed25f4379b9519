"""A sheet of pictures for a person to check what the networks are shown.

One B-scan a row: what it looks like in use, the view without chance, then random views. The sheet
holds no names, since file names may hold a patient's.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.whole_file import write_whole
from training.data.augment import augmented
from training.data.batches import Pictures, view_rng
from training.data.manifest import Row
from training.errors import TrainingError
from training.recipe import AugmentConfig

Grey = NDArray[np.uint8]

_GAP = 4
_PAPER, _INK = 255, 40
_HEADING = 22
_MOST = 12  # B-scans on the sheet
_VIEWS = 6  # random views a B-scan
_SIDE = 224  # pixels that a picture is wide on the sheet


def write_preview(
    path: Path, cache: Pictures, rows: Sequence[Row], config: AugmentConfig, *, seed: int
) -> None:
    """Write the sheet as PNG; an older one is replaced at once.

    Args:
        path: Of the PNG.
        cache: Pictures of the rows.
        rows: B-scans from top to bottom; see `spread`.
        config: The random views, those of the epochs 0, 1, ….
        seed: Of the run: the sheet shows what its training will really see.

    Raises:
        TrainingError: ``no-data`` without rows.
    """
    if not rows:
        raise TrainingError("no-data", "There is no B-scan to show.")
    lines = [
        _line(cache, int(place), row, config, seed=seed)
        for place, row in zip(cache.positions(rows), rows, strict=True)
    ]
    write_whole(path, _png(_sheet(lines)))


def spread(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that a sheet has room for, from the first to the last at even distances."""
    picked = np.linspace(0, len(rows) - 1, min(_MOST, len(rows))).round().astype(int)
    return tuple(rows[int(at)] for at in np.unique(picked))


def _png(sheet: Grey) -> bytes:
    """A PNG file.

    Raises:
        TrainingError: ``preview-failed``.
    """
    encoded, data = cv2.imencode(".png", sheet)
    if not encoded:
        raise TrainingError("preview-failed", "The preview cannot be written as a picture.")
    return bytes(data.tobytes())


def _line(cache: Pictures, place: int, row: Row, config: AugmentConfig, *, seed: int) -> list[Grey]:
    """Exact view, centre crop, random views."""
    enlarged = cache.enlarged(place)
    top, left = ((enlarged.shape[k] - cache.size[k]) // 2 for k in (0, 1))
    centre = enlarged[top : top + cache.size[0], left : left + cache.size[1]]
    exact = np.floor(cache.exact(place) * 255.0 + 0.5).astype(np.uint8)
    random = [
        augmented(enlarged, cache.size, config, view_rng(seed, epoch, row))
        for epoch in range(_VIEWS)
    ]
    return [exact, np.asarray(centre), *random]


def _fitted(picture: Grey, width: int, height: int) -> Grey:
    shrinks = width <= picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), dtype=np.uint8)


def _sheet(lines: list[list[Grey]]) -> Grey:
    """Lay the pictures out under headings."""
    rows, columns = lines[0][0].shape
    width, height = _SIDE, max(1, round(_SIDE * rows / columns))
    shape = (
        _HEADING + len(lines) * (height + _GAP) + _GAP,
        len(lines[0]) * (width + _GAP) + _GAP,
    )
    sheet = np.full(shape, _PAPER, dtype=np.uint8)
    for column in range(len(lines[0])):
        left = _GAP + column * (width + _GAP)
        heading = ("in use", "centre")[column] if column < 2 else f"view {column - 1}"
        cv2.putText(
            sheet, heading, (left, _HEADING - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1,
            cv2.LINE_AA,
        )  # fmt: skip
        for place, line in enumerate(lines):
            top = _HEADING + _GAP + place * (height + _GAP)
            sheet[top : top + height, left : left + width] = _fitted(line[column], width, height)
    return sheet
