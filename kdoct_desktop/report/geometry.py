"""True proportions: from pixels of unequal size to pictures that are right in millimetres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kdoct_desktop.domain.volume import Spacing

SCALE_BAR_MM = 0.2
"""Length of the scale bar under a B-scan: 200 µm."""

_MARGIN_MM = 0.15  # tissue-free rim that is kept above and below the retina
_LEAST_MM = 1.4  # a crop never shows less depth than this
_LEAST_SHARE = 0.6  # the same where the scale is unknown


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of a B-scan that are printed, half open."""

    top: int
    bottom: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.bottom - self.top


def has_scale(spacing: Spacing) -> bool:
    """True where both sides of a B-scan pixel are known."""
    return bool(spacing.axial_mm) and bool(spacing.ascan_mm)


def height_over_width(rows: int, columns: int, spacing: Spacing) -> float:
    """Proportions of a B-scan in millimetres; of its pixels where the scale is unknown."""
    if spacing.axial_mm and spacing.ascan_mm:
        return rows * spacing.axial_mm / (columns * spacing.ascan_mm)
    return rows / columns


def isotropic_shape(rows: int, columns: int, spacing: Spacing, *, width: int) -> tuple[int, int]:
    """Rows and columns of a picture `width` pixels wide with true proportions."""
    return max(1, round(width * height_over_width(rows, columns, spacing))), width


def resample(picture: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize grey values; sharp when enlarging, free of aliases when shrinking."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    resized = image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.uint8)


def resample_evidence(evidence: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize evidence by bilinear interpolation, without overshoot."""
    image = Image.fromarray(np.ascontiguousarray(evidence, dtype=np.float32))
    resized = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def tissue_window(bscans: NDArray[np.uint8], spacing: Spacing) -> Window:
    """Rows that hold tissue in any of the B-scans, with a rim.

    A row counts as tissue where its mean grey value, smoothed over depth, is more than a quarter
    of the way from the darkest to the brightest row of that B-scan.

    Args:
        bscans: Grey values, axes (bscan, depth, ascan).
        spacing: Of the volume; sets rim and smallest extent.

    Returns:
        One window for all of them, so that they can be compared.
    """
    depth = bscans.shape[1]
    width = max(1, depth // 60)
    kernel = np.ones(width) / width
    first, last = depth, 0
    for bscan in bscans:
        profile = np.convolve(bscan.mean(axis=1), kernel, mode="same")
        low, high = float(np.percentile(profile, 5)), float(profile.max())
        tissue = np.flatnonzero(profile > low + 0.12 * (high - low))
        if high - low > 2.0 and tissue.size:
            first, last = min(first, int(tissue[0])), max(last, int(tissue[-1]) + 1)
    if first >= last:
        return Window(0, depth)
    axial = spacing.axial_mm
    rim = round(_MARGIN_MM / axial) if axial else depth // 20
    least = min(depth, round(_LEAST_MM / axial) if axial else round(_LEAST_SHARE * depth))
    return _at_least(Window(max(0, first - rim), min(depth, last + rim)), least, depth)


def include(window: Window, rows: NDArray[np.intp], depth: int) -> Window:
    """The window, widened so that it shows all of `rows`."""
    if not rows.size:
        return window
    return Window(
        max(0, min(window.top, int(rows.min()))),
        min(depth, max(window.bottom, int(rows.max()) + 1)),
    )


def _at_least(window: Window, least: int, depth: int) -> Window:
    """The window, grown around its middle to at least `least` rows inside `depth`."""
    if window.rows >= least:
        return window
    top = max(0, min((window.top + window.bottom - least) // 2, depth - least))
    return Window(top, top + least)
