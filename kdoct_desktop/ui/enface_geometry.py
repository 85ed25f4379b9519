"""Where B-scans and their evidence lie on the picture from the front; no Qt."""

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import relative, upsample
from kdoct_desktop.domain.volume import ScanPattern
from kdoct_desktop.report.colour import CONTOUR_LEVELS
from kdoct_desktop.ui.contour import contour
from kdoct_desktop.ui.evidence import Evidence
from kdoct_desktop.ui.scan import Scan

_FANS = {ScanPattern.RADIAL, ScanPattern.CIRCLE, ScanPattern.LINE}
_FEWEST = 3
_ACROSS, _MOST_ROWS = 192, 256


def has_localizer(scan: Scan) -> bool:
    """True where the localizer is shown.

    It is where the source says how the B-scans lie on it, and where a projection would mean
    nothing: B-scans that do not lie side by side, or too few of them.
    """
    volume = scan.volume
    if volume is None or volume.localizer is None:
        return False
    return volume.scan_lines is not None or scan.pattern in _FANS or scan.shape[0] < _FEWEST


def front_shape(scan: Scan) -> tuple[float, float]:
    """Height and width of the picture from the front; the unit is arbitrary."""
    volume = scan.volume
    if volume is not None and volume.localizer is not None and has_localizer(scan):
        rows, columns = volume.localizer.pixels.shape[:2]
        tall, wide = volume.localizer.pixel_mm or (1.0, 1.0)
        return rows * tall, columns * wide
    if scan.pattern not in _FANS:
        step, ascan = scan.spacing.bscan_mm, scan.spacing.ascan_mm
        if step and ascan:
            return step * scan.shape[0], ascan * scan.shape[2]
    return 1.0, 1.0


def front_pixels(scan: Scan) -> NDArray[np.uint8] | None:
    """The localizer, else the projection as far as it is known; None before the first B-scan."""
    volume = scan.volume
    if volume is not None and volume.localizer is not None and has_localizer(scan):
        pixels: NDArray[np.uint8] = volume.localizer.pixels
        return np.ascontiguousarray(pixels)
    known = ~np.isnan(scan.projection[:, 0])
    if not known.any():
        return None
    rows = scan.projection[known]
    ordered = np.sort(rows[::2, ::4], axis=None)
    low, high = ordered[len(ordered) // 200], ordered[-1 - len(ordered) // 200]
    grey = np.zeros(scan.projection.shape, dtype=np.uint8)
    grey[known] = np.clip((rows - low) * (255.0 / max(float(high - low), 1.0)), 0.0, 255.0)
    return grey


def scan_lines(scan: Scan) -> NDArray[np.float64]:
    """Where each B-scan lies, as shares of the picture: axes (bscan, start/end, row/column).

    No lines at all where the localizer is shown and nothing is known of them.
    """
    volume = scan.volume
    if volume is not None and volume.localizer is not None and has_localizer(scan):
        if volume.scan_lines is None:
            return np.zeros((0, 2, 2))
        size = np.array(volume.localizer.pixels.shape[:2], dtype=np.float64)
        return (volume.scan_lines.astype(np.float64) + 0.5) / size
    lines = np.zeros((scan.shape[0], 2, 2))
    lines[:, :, 0] = ((np.arange(scan.shape[0]) + 0.5) / scan.shape[0])[:, None]
    lines[:, 1, 1] = 1.0
    return lines


def nearest(lines: NDArray[np.float64], row: float, column: float) -> int:
    """The B-scan that lies nearest to a point of the picture.

    Args:
        lines: Axes (bscan, start/end, row/column).
        row: Of the point, in the unit of `lines`.
        column: Of the point.
    """
    start, along = lines[:, 0], lines[:, 1] - lines[:, 0]
    point = np.array([row, column])
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip(((point - start) * along).sum(axis=1) / length, 0.0, 1.0)
    distance = np.hypot(*(start + along * share[:, None] - point).T)
    return int(distance.argmin())


def evidence_contours(
    scan: Scan, evidence: Evidence, shown: int
) -> tuple[NDArray[np.float32], ...]:
    """Contour lines of the evidence map, as shares of the picture.

    Returns:
        For each level, segments with axes (segment, start/end, row/column); empty for scans whose
        B-scans are not neighbours side by side.
    """
    count = scan.shape[0]
    if count < _FEWEST or scan.pattern in _FANS:
        return ()
    values = evidence.en_face(shown)
    if float(values.max(initial=0.0)) <= 0.0:
        return ()
    rows = min(max(count * 4, 64), _MOST_ROWS)
    fine = relative(upsample(values, (rows, _ACROSS)))
    lines = scan_lines(scan)
    return tuple(_on_picture(contour(fine, level), fine.shape, lines) for level in CONTOUR_LEVELS)


def _on_picture(
    segments: NDArray[np.float32], shape: tuple[int, ...], lines: NDArray[np.float64]
) -> NDArray[np.float32]:
    """From array coordinates of the evidence map to shares of the picture."""
    count = len(lines)
    bscan = (segments[..., 0].astype(np.float64) + 0.5) * count / shape[0] - 0.5
    along = (segments[..., 1].astype(np.float64) + 0.5) / shape[1]
    low = np.clip(np.floor(bscan).astype(np.intp), 0, count - 2)
    weight = (bscan - low)[..., None, None]
    line = lines[low] * (1.0 - weight) + lines[low + 1] * weight
    start, end = line[..., 0, :], line[..., 1, :]
    return (start + (end - start) * along[..., None]).astype(np.float32)
