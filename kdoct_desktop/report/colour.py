"""How evidence looks on grey tissue: one look for window, report and exported pictures.

A fill whose opacity grows with the evidence, at most 0.45, and two contour lines at one half and
three quarters of the maximum. The colours run from amber to white along a straight line of Oklab
(Ottosson, "A perceptual color space for image processing", 2020): equal steps look equally large,
and lightness alone carries the order, so the picture survives colour blindness and grey print.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.prediction import BscanPrediction

MAX_OPACITY = 0.45
"""The fill never hides more of the tissue than this."""

CONTOUR_LEVELS = (0.5, 0.75)
"""Contour lines, as shares of the maximum."""

MIN_STRENGTH = 0.5
"""Below this part of the logit in favour of a class nothing is drawn: odds change by less than
``exp(0.5) = 1.65``."""

_FLOOR = 0.15  # share of the maximum from which the fill starts
_LINE_OPACITY = 0.95
_CASING_OPACITY = 0.55  # dark rim that keeps a line readable on bright tissue
_FOR = ((0.745, 0.155, 68.0), (0.985, 0.012, 95.0))  # Oklch of the ends: amber, white
_AGAINST = ((0.62, 0.13, 245.0), (0.93, 0.03, 245.0))


def oklab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """From Oklab to sRGB, clipped to what can be shown; axes (colour, component)."""
    roots = lab @ np.array(
        [[1.0, 1.0, 1.0], [0.3963377774, -0.1055613458, -0.0894841775],
         [0.2158037573, -0.0638541728, -1.2914855480]]
    )  # fmt: skip
    linear = roots**3 @ np.array(
        [[4.0767416621, -1.2684380046, -0.0041960863],
         [-3.3077115913, 2.6097574011, -0.7034186147],
         [0.2309699292, -0.3413193965, 1.7076147010]]
    )  # fmt: skip
    linear = np.clip(linear, 0.0, 1.0)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    result: NDArray[np.uint8] = np.rint(curved * 255.0).astype(np.uint8)
    return result


@lru_cache(maxsize=2)
def table(against: bool = False) -> NDArray[np.uint8]:
    """The colour table, axes (level from 0 to 255, RGB), read-only.

    Args:
        against: The blue table for evidence against a class, in place of amber to white.
    """
    ends = np.array(_AGAINST if against else _FOR)
    angle = np.radians(ends[:, 2])
    lab = np.stack([ends[:, 0], ends[:, 1] * np.cos(angle), ends[:, 1] * np.sin(angle)], axis=1)
    step = np.linspace(0.0, 1.0, 256)[:, None]
    colours = oklab_to_srgb(lab[:1] * (1.0 - step) + lab[1:] * step)
    colours.flags.writeable = False
    return colours


def opacities(most: float = MAX_OPACITY) -> NDArray[np.float64]:
    """Opacity of the fill at each of the 256 levels: 0 for weak evidence, then growing."""
    share = np.linspace(0.0, 1.0, 256)
    limit = min(max(most, 0.0), MAX_OPACITY)
    rising: NDArray[np.float64] = limit * np.clip((share - _FLOOR) / (1.0 - _FLOOR), 0.0, 1.0)
    return rising


def strength(cam: NDArray[np.float32]) -> float:
    """How much of the logit speaks in favour: the mean of the positive part of an activation map.

    Args:
        cam: Activation map of one class, axes (row, column).
    """
    return float(np.maximum(cam, 0.0).mean())


def why_nothing_drawn(bscan: BscanPrediction, cam: NDArray[np.float32], display: str) -> str | None:
    """The sentence shown in place of a heatmap; None where one may be drawn.

    Args:
        bscan: What the model said about the B-scan.
        cam: Its activation map of the class, axes (row, column).
        display: Name of the class as the user is shown it.
    """
    if not bscan.evidence_holds:
        return "No evidence drawn: it does not add up to the model's output."
    if strength(cam) < MIN_STRENGTH:
        return f"No evidence drawn: too little speaks for {display} in this B-scan."
    return None


def overlay(
    grey: NDArray[np.uint8],
    evidence: NDArray[np.float32],
    peak: float | None = None,
    *,
    opacity: float = MAX_OPACITY,
    line_px: float = 1.3,
    against: bool = False,
) -> NDArray[np.uint8]:
    """Lay evidence over grey tissue.

    Args:
        grey: Tissue, axes (row, column).
        evidence: Evidence in favour at each pixel, same shape; for evidence against hand over
            the negated array with `against`. Values of 0 and below draw nothing.
        peak: Evidence that counts as the maximum; the array's own maximum where None.
        opacity: Most opacity of the fill, at most `MAX_OPACITY`.
        line_px: Width of the contour lines.
        against: Use the blue table.

    Returns:
        RGB, axes (row, column, component).

    Raises:
        ValueError: The shapes differ.
    """
    if grey.shape != evidence.shape:
        raise ValueError("grey and evidence must have the same shape")
    top = float(evidence.max(initial=0.0)) if peak is None else float(peak)
    if not top > 0.0 or not np.isfinite(top):
        return np.repeat(grey[:, :, None], 3, axis=2)
    scaled = evidence * np.float32(255.0 / top)
    index = np.clip(scaled, 0.0, 255.0, out=scaled).astype(np.uint16)
    index <<= 8
    index |= grey
    blend = _blend_table(round(opacity, 4), against)
    result = np.take(blend, index).view(np.uint8).reshape(*grey.shape, 4)[:, :, :3].copy()
    for level, colour in zip(CONTOUR_LEVELS, _line_colours(against), strict=True):
        _draw_contour(result, evidence, level * top, colour=colour, line_px=line_px)
    return result


@lru_cache(maxsize=32)
def _blend_table(opacity: float, against: bool) -> NDArray[np.uint32]:
    """Every mixture of 256 levels with 256 greys, packed as bytes R, G, B, 255."""
    alpha = opacities(opacity)[:, None, None]
    grey = np.arange(256.0)[None, :, None]
    mixed = grey * (1.0 - alpha) + table(against)[:, None, :] * alpha
    packed = np.full((256, 256, 4), 255, dtype=np.uint8)
    packed[:, :, :3] = np.rint(mixed)
    return packed.reshape(-1).view(np.uint32)


def _line_colours(against: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours of the lines at one half and three quarters: the two ends of the table."""
    return table(against)[0], table(against)[255]


def _draw_contour(
    picture: NDArray[np.uint8],
    evidence: NDArray[np.float32],
    level: float,
    *,
    colour: NDArray[np.uint8],
    line_px: float,
) -> None:
    """Draw one anti-aliased contour line with a dark rim into `picture`.

    The distance of a pixel from the line is ``|value - level| / |gradient|``; it is computed only
    for pixels beside a change of side, so that a whole B-scan costs well under a millisecond.
    """
    near = np.flatnonzero(_beside_edge(evidence >= level, rounds=int(np.ceil(line_px / 2)) + 1))
    if not near.size:
        return
    rows, columns = np.divmod(near, evidence.shape[1])
    last_row, last_column = evidence.shape[0] - 1, evidence.shape[1] - 1
    down = evidence[np.minimum(rows + 1, last_row), columns]
    up = evidence[np.maximum(rows - 1, 0), columns]
    right = evidence[rows, np.minimum(columns + 1, last_column)]
    left = evidence[rows, np.maximum(columns - 1, 0)]
    slope = np.hypot(down - up, right - left) / 2.0
    distance = np.abs(evidence[rows, columns] - level) / np.maximum(slope, 1e-9)
    line = np.clip(line_px / 2.0 + 0.5 - distance, 0.0, 1.0)[:, None] * _LINE_OPACITY
    rim = np.clip(line_px / 2.0 + 1.5 - distance, 0.0, 1.0)[:, None] * _CASING_OPACITY
    below = picture[rows, columns] * (1.0 - rim)
    picture[rows, columns] = np.rint(below * (1.0 - line) + colour * line).astype(np.uint8)


def _beside_edge(inside: NDArray[np.bool_], *, rounds: int) -> NDArray[np.bool_]:
    """Pixels within `rounds` steps of a change between inside and outside."""
    near = np.zeros_like(inside)
    change = inside[1:] ^ inside[:-1]
    near[1:] |= change
    near[:-1] |= change
    change = inside[:, 1:] ^ inside[:, :-1]
    near[:, 1:] |= change
    near[:, :-1] |= change
    for _ in range(rounds - 1):
        wider = near.copy()
        wider[1:] |= near[:-1]
        wider[:-1] |= near[1:]
        wider[:, 1:] |= near[:, :-1]
        wider[:, :-1] |= near[:, 1:]
        near = wider
    return near
