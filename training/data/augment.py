"""Random views of a cached picture: the recipe's operations on 8-bit grey, reproducible to the bit.

A view is drawn first (`draw_view`, the only place that uses chance) and made afterwards
(`apply_view`). Everything geometric, the random crop included, is composed into one affine map, so
a picture is interpolated once; everything that maps a grey value to a grey value into one table.

Order: crop, RandAugment, rotation, shear and scale, brightness and contrast, horizontal flip,
3 x 3 blur, posterize, erase. Nothing turns a B-scan upside down.

Parity: with strength 0 a view is the centre crop of the enlarged picture. It shows the middle
``1 / enlarge`` of the rows and columns that the exact view shows, magnified by ``enlarge``, which
is what the recipe's "resize to 416, crop 384" does.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.grey_levels import Grey, histogram, quantile
from training.recipe import AugmentConfig

Matrix = NDArray[np.float64]
Outline = NDArray[np.bool_]

OPERATIONS = ("brightness", "contrast", "sharpness", "rotate", "translate-x", "translate-y")
"""Of RandAugment, as far as they act on a grey picture."""

ERASED = 115
"""Grey of an erased rectangle: 0.45, the mean that normalisation subtracts."""

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float64) / 13.0  # Pillow's SMOOTH
_SIGMA = (0.1, 2.0)
_ASPECT = 3.3
_POSTERIZED = np.uint8(0xF0)


@dataclass(frozen=True, slots=True)
class View:
    """One drawn view.

    Attributes:
        top: First row of the crop in the enlarged picture.
        left: First column of the crop.
        moves: Geometric operations about the centre of the crop, in order: name and amount
            (``rotate`` and ``shear`` in degrees, ``scale`` a factor, ``translate-x`` and
            ``translate-y`` as a share of the side).
        tones: ``brightness`` and ``contrast`` factors, in order.
        sharpness: Factor of the sharpness; 1 leaves the picture.
        flip: Mirrored left to right.
        sigma: Of the blur in pixels; 0 for none.
        posterize: Reduced to 4 bits.
        erase: Half-open rectangle top, bottom, left, right in the view; None for none.
    """

    top: int
    left: int
    moves: tuple[tuple[str, float], ...] = ()
    tones: tuple[tuple[str, float], ...] = ()
    sharpness: float = 1.0
    flip: bool = False
    sigma: float = 0.0
    posterize: bool = False
    erase: tuple[int, int, int, int] | None = None


def enlarged_size(size: tuple[int, int], config: AugmentConfig) -> tuple[int, int]:
    """Rows and columns of the picture that views of `size` are cropped from."""
    return round(size[0] * config.enlarge), round(size[1] * config.enlarge)


def augmented(
    picture: Grey, size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> Grey:
    """A random view.

    Args:
        picture: uint8 enlarged picture, axes (row, column).
        size: Rows and columns of the view, no larger than the picture.
        config: What may happen.
        rng: The same state gives the same bits.

    Returns:
        uint8, axes (row, column), an array of its own.
    """
    return apply_view(picture, size, draw_view(picture.shape, size, config, rng))


def draw_view(
    shape: tuple[int, ...], size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> View:
    """Draw a view of an enlarged picture of `shape`.

    The strength scales magnitudes; where an operation has none (flip, posterize, the crop's
    place) or is drawn whether to be (blur, erase), its probability or range, up to the recipe's.
    """
    strength, likely = config.strength, min(1.0, config.strength)
    top, left = _crop(shape, size, likely, rng)
    moves, tones, sharpness = _rand_augment(config, rng)
    turn, shear = rng.uniform(-1.0, 1.0, 2) * strength
    moves += [("rotate", turn * config.rotation), ("shear", shear * config.shear)]
    moves.append(("scale", 1.0 + (rng.uniform(*config.scale) - 1.0) * strength))
    light, contrast = rng.uniform(-1.0, 1.0, 2) * strength
    tones += [("brightness", 1.0 + light * config.brightness)]
    tones += [("contrast", 1.0 + contrast * config.contrast)]
    flip, blurred, coarse, erased = rng.random(4) < likely * np.array(
        [config.hflip, config.blur, config.posterize, config.erase]
    )
    sigma = rng.uniform(*_SIGMA) * strength
    rectangle = _rectangle(size, config, rng)
    return View(
        top=top,
        left=left,
        moves=tuple((name, float(amount)) for name, amount in moves if amount != _NEUTRAL[name]),
        tones=tuple((name, max(0.0, float(factor))) for name, factor in tones if factor != 1.0),
        sharpness=max(0.0, sharpness),
        flip=bool(flip),
        sigma=float(sigma) if blurred else 0.0,
        posterize=bool(coarse),
        erase=rectangle if erased else None,
    )


def apply_view(picture: Grey, size: tuple[int, int], view: View) -> Grey:
    """Make a drawn view; arguments and result as of `augmented`."""
    result = _moved(picture, size, view)
    if view.sharpness != 1.0:
        kernel = (1.0 - view.sharpness) * _SMOOTH
        kernel[1, 1] += view.sharpness
        result = _grey(cv2.filter2D(result, -1, kernel, borderType=cv2.BORDER_REPLICATE))
    if view.tones:
        result = _grey(cv2.LUT(result, _tone_table(result, view.tones)))
    if view.sigma > 0.0:
        border = cv2.BORDER_REPLICATE
        result = _grey(cv2.GaussianBlur(result, (3, 3), view.sigma, borderType=border))
    if view.posterize:
        result &= _POSTERIZED
    if view.erase is not None:
        top, bottom, left, right = view.erase
        result[top:bottom, left:right] = ERASED
    return result


def apply_to_outline(outline: Outline, size: tuple[int, int], view: View) -> Outline:
    """What a drawn view shows of an outline; what is erased or moved out of it is gone.

    Args:
        outline: Axes (row, column), of the size of the enlarged picture.
        size: Rows and columns of the view.
        view: As drawn for the picture.

    Returns:
        Axes (row, column) of the view, an array of its own.
    """
    moved = cv2.warpAffine(
        outline.astype(np.uint8),
        _matrix(size, view),
        (size[1], size[0]),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    shown = np.asarray(moved, dtype=np.bool_)
    if view.erase is not None:
        top, bottom, left, right = view.erase
        shown[top:bottom, left:right] = False
    return shown


def background(picture: Grey) -> int:
    """Grey level of what lies around the tissue: the level of the dark tenth of 4 x 4 means.

    Near what white wedges are filled with before the network looks (the dark tenth of 9 x 9 means
    of the B-scan), so that a rotated view of one device looks like the plain view of another.
    """
    rows, columns = max(1, picture.shape[0] // 4), max(1, picture.shape[1] // 4)
    means = _grey(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA))
    return quantile(histogram(means, None), 10)


_NEUTRAL = {"rotate": 0.0, "shear": 0.0, "scale": 1.0, "translate-x": 0.0, "translate-y": 0.0}


def _crop(
    shape: tuple[int, ...], size: tuple[int, int], reach: float, rng: np.random.Generator
) -> tuple[int, int]:
    """First row and column: uniform over all places, drawn in towards the middle by `reach`."""
    shares = rng.random(2)
    places = []
    for length, wanted, share in zip(shape, size, shares, strict=True):
        if wanted > length:
            raise ValueError("a view is no larger than the picture it is cropped from")
        middle = (length - wanted) // 2
        drawn = min(int(share * (length - wanted + 1)), length - wanted)
        places.append(middle + round((drawn - middle) * reach))
    return places[0], places[1]


def _rand_augment(
    config: AugmentConfig, rng: np.random.Generator
) -> tuple[list[tuple[str, float]], list[tuple[str, float]], float]:
    """Geometric moves, tones and sharpness of so many different operations."""
    moves: list[tuple[str, float]] = []
    tones: list[tuple[str, float]] = []
    sharpness = 1.0
    chosen = rng.permutation(len(OPERATIONS))[: config.operations]
    amounts = rng.uniform(-1.0, 1.0, len(OPERATIONS)) * config.magnitude * config.strength
    for index in chosen:
        name, amount = OPERATIONS[index], float(amounts[index])
        if name == "sharpness":
            sharpness = 1.0 + 0.03 * amount
        elif name == "rotate":
            moves.append((name, amount))
        elif name.startswith("translate"):
            moves.append((name, 0.01 * amount))
        else:
            tones.append((name, 1.0 + 0.03 * amount))
    return moves, tones, sharpness


def _rectangle(
    size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """A rectangle of the drawn area; sides 1 : 3.3 to 3.3 : 1, as torchvision draws them."""
    share, aspect, down, right = rng.random(4)
    low, high = config.erase_area
    area = (low + (high - low) * share) * min(1.0, config.strength) * size[0] * size[1]
    ratio = math.exp((2.0 * aspect - 1.0) * math.log(_ASPECT))
    rows = min(max(1, round(math.sqrt(area * ratio))), size[0])
    columns = min(max(1, round(math.sqrt(area / ratio))), size[1])
    top, left = int(down * (size[0] - rows + 1)), int(right * (size[1] - columns + 1))
    return top, top + rows, left, left + columns


def _moved(picture: Grey, size: tuple[int, int], view: View) -> Grey:
    """Crop and every move in one interpolation; a plain crop where nothing moves."""
    rows, columns = size
    if not view.moves:
        crop = picture[view.top : view.top + rows, view.left : view.left + columns]
        return np.ascontiguousarray(crop[:, ::-1]) if view.flip else crop.copy()
    matrix = _matrix(size, view)
    return _grey(
        cv2.warpAffine(
            picture,
            matrix,
            (columns, rows),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=background(picture),
        )
    )


def _matrix(size: tuple[int, int], view: View) -> Matrix:
    """Affine map, 2 x 3, from (column, row) of the enlarged picture to those of the view."""
    rows, columns = size
    x, y = (columns - 1) / 2.0, (rows - 1) / 2.0
    matrix = _shift(-x - view.left, -y - view.top)
    for name, amount in view.moves:
        matrix = _move(name, amount, size) @ matrix
    if view.flip:
        matrix = np.diag([-1.0, 1.0, 1.0]) @ matrix
    return np.asarray((_shift(x, y) @ matrix)[:2], dtype=np.float64)


def _move(name: str, amount: float, size: tuple[int, int]) -> Matrix:
    """One move about the origin, 3 x 3."""
    if name == "translate-x":
        return _shift(amount * size[1], 0.0)
    if name == "translate-y":
        return _shift(0.0, amount * size[0])
    if name == "scale":
        return np.diag([amount, amount, 1.0])
    matrix = np.eye(3)
    angle = math.radians(amount)
    if name == "shear":
        matrix[0, 1] = math.tan(angle)
    else:  # counter-clockwise on the screen, where rows count downwards
        matrix[:2, :2] = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    return matrix


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _tone_table(picture: Grey, tones: tuple[tuple[str, float], ...]) -> Grey:
    """Table of 256 grey values; contrast turns about the mean grey that it finds, as Pillow's."""
    levels = np.arange(256, dtype=np.float64)
    counts = histogram(picture, None)
    for name, factor in tones:
        pivot = 0.0 if name == "brightness" else float(counts @ levels / counts.sum())
        levels = np.clip(pivot + (levels - pivot) * factor, 0.0, 255.0)
    return np.floor(levels + 0.5).astype(np.uint8)


def _grey(pixels: object) -> Grey:
    return np.asarray(pixels, dtype=np.uint8)
