"""What devices burn into pictures: white wedges of a rotation, position icons, scale bars.

They tell the device and not the disease, so they are filled with background before the network
looks. Integer arithmetic throughout.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.grey_levels import Grey, histogram, quantile

Valid = NDArray[np.bool_] | None
"""Which pixels are real; None where all are, which is the rule and saves work."""


_STRIP = 5  # rows; opening looks two rows around


def without_wedges(picture: Grey) -> tuple[Grey, Valid]:
    """Fill flat white or black areas that touch the border; also says which pixels are real."""
    white, black = _border_areas(picture, 235, 255), _border_areas(picture, 0, 2)
    if white is not None:
        rim = np.ones(picture.shape, dtype=bool)
        rim[4:-4, 4:-4] = False
        near = cv2.dilate(white, np.ones((41, 41), dtype=np.uint8)) > 0
        white |= (near & rim & (picture >= 200)).view(np.uint8)
    fill = black if white is None else white if black is None else white | black
    if fill is None:
        return picture, None
    valid = cv2.dilate(fill, np.ones((7, 7), dtype=np.uint8)) == 0
    if np.count_nonzero(valid) / valid.size < 0.2:
        return picture, None
    smooth = np.asarray(cv2.blur(picture, (9, 9)), dtype=np.uint8)
    level = quantile(histogram(smooth, valid), 10)
    return np.where(valid, picture, np.uint8(level)), valid


def _border_areas(picture: Grey, low: int, high: int) -> Grey | None:
    """Areas of grey levels from `low` to `high` that lie along 8 % of a side of the frame.

    They are 0.03 % of the frame or more, and marked by 1; None where there is none.
    """
    if not any(_along(strip, low, high) for strip in _sides(picture)):
        return None
    solid = _opened(picture, low, high)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    contact = np.max([np.bincount(s, minlength=count) / len(s) for s in sides], axis=0)
    kept = (contact >= 0.08) & (stats[:, cv2.CC_STAT_AREA] >= 0.0003 * picture.size)
    kept[0] = False
    return np.asarray(kept.astype(np.uint8)[labels], dtype=np.uint8) if kept.any() else None


def _sides(picture: Grey) -> tuple[Grey, ...]:
    """A strip along each side, turned so that the side is its first row."""
    turned = picture.T
    return tuple(side[:_STRIP] for side in (picture, picture[::-1], turned, turned[::-1]))


def _along(strip: Grey, low: int, high: int) -> bool:
    """True where, opened, the levels from `low` to `high` lie along 8 % of the first row."""
    plain = int(np.count_nonzero((strip[0] >= low) & (strip[0] <= high)))
    if plain / strip.shape[1] < 0.08:  # opening adds nothing
        return False
    solid = int(np.count_nonzero(_opened(np.ascontiguousarray(strip), low, high)[0]))
    return bool(solid / strip.shape[1] >= 0.08)


def _opened(picture: Grey, low: int, high: int) -> Grey:
    """Where grey levels from `low` to `high` lie, without what is thinner than 3 pixels."""
    framed = cv2.copyMakeBorder(cv2.inRange(picture, low, high), 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    solid = cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((3, 3), dtype=np.uint8))
    return np.ascontiguousarray(solid[2:-2, 2:-2])


def without_graphics(picture: Grey, low: int, high: int) -> Grey:
    """Fill small bright drawings in the lower corners that stand on background."""
    rows, columns = picture.shape
    if rows < 64 or columns < 64:
        return picture
    result = picture
    height, width = rows * 3 // 10, columns * 3 // 10
    for left in (0, columns - width):
        corner = np.ascontiguousarray(picture[rows - height :, left : left + width])
        if not _may_hold_strokes(corner, (low, high)):
            continue
        local = cv2.medianBlur(corner, 15)
        strokes = _strokes(corner, np.asarray(local, dtype=np.uint8), (low, high))
        if strokes.any():
            result = result.copy() if result is picture else result
            part = result[rows - height :, left : left + width]
            part[strokes] = local[strokes]
    return result


def _may_hold_strokes(corner: Grey, levels: tuple[int, int]) -> bool:
    """False where `_strokes` cannot find any: a cheap test without the local median.

    A drawing has 30 thin pixels, 7 of 10 with a dark local median. Of the 225 pixels around, a
    median is below a level exactly where 113 are, and at or above it exactly where 113 are.
    """
    low, high = levels
    limit = max(40, (high - low) * 2 // 5)
    if np.count_nonzero(corner > limit) < 30:
        return False
    floor = quantile(histogram(corner, None), 20)
    above_floor = _around(corner >= floor) >= 113
    bright = corner > np.where(above_floor, np.uint16(limit + floor), np.uint16(limit))
    if np.count_nonzero(bright) < 30:
        return False
    dark = _around(corner < low + (high - low) // 3) >= 113
    return int(np.count_nonzero(bright & dark)) > 20


def _around(pixels: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """How many of the 15 by 15 pixels around each are set; the border repeats, as in a median."""
    counts = cv2.boxFilter(
        pixels.astype(np.uint8),
        cv2.CV_16U,
        (15, 15),
        normalize=False,
        borderType=cv2.BORDER_REPLICATE,
    )
    return np.asarray(counts, dtype=np.uint16)


def _strokes(corner: Grey, local: Grey, levels: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of drawings: thin, far brighter than the local median, which must be background."""
    low, high = levels
    limit = max(40, (high - low) * 2 // 5)
    thin = corner.astype(np.int16) - local > limit
    if np.count_nonzero(thin) < 30:
        return np.zeros(corner.shape, dtype=bool)
    joined = cv2.dilate(thin.astype(np.uint8), np.ones((13, 13), dtype=np.uint8))
    count, labels, _, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    kept = np.zeros(count, dtype=bool)
    for index in range(1, count):
        rows, columns = np.nonzero(thin & (labels == index))
        dark = local[rows, columns] < low + (high - low) // 3
        inside = min(rows.min(), columns.min()) > 2 and (
            rows.max() < corner.shape[0] - 3 and columns.max() < corner.shape[1] - 3
        )
        kept[index] = len(rows) >= 30 and inside and dark.mean() > 0.7
    grown = cv2.dilate(thin.astype(np.uint8), np.ones((5, 5), dtype=np.uint8)) > 0
    return np.asarray(grown & kept[labels], dtype=bool)
