"""The eye seen from the front: localizer or mean projection, with evidence and scan lines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from kdoct_desktop.domain.heatmap import en_face_evidence
from kdoct_desktop.domain.prediction import Prediction
from kdoct_desktop.domain.volume import OctVolume, ScanPattern
from kdoct_desktop.report import colour
from kdoct_desktop.report.geometry import resample

_FANS = {ScanPattern.RADIAL, ScanPattern.CIRCLE, ScanPattern.LINE}
_FLATTEST = 0.1  # a flatter or taller projection is drawn as a square, not to scale
_STRONGEST_RGB = (255, 255, 255)
_QUIET_RGB = (150, 160, 168)


@dataclass(frozen=True, slots=True, eq=False)
class EnFace:
    """A picture from the front and where the B-scans lie on it.

    Attributes:
        pixels: RGB, axes (row, column, component).
        lines: float64, axes (bscan, start/end, row/column), in pixels of `pixels`.
        on_localizer: True when the picture is the localizer; else it is the mean projection.
        width_mm: Width of the picture where a millimetre is as long down as across; else None.
    """

    pixels: NDArray[np.uint8]
    lines: NDArray[np.float64]
    on_localizer: bool
    width_mm: float | None


def projection(voxels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean over depth, stretched over the grey range; axes (bscan, ascan)."""
    mean = voxels.mean(axis=1, dtype=np.float32)
    low, high = np.percentile(mean, (0.5, 99.5))
    span = max(float(high - low), 1.0)
    stretched: NDArray[np.uint8] = np.clip((mean - low) * (255.0 / span), 0.0, 255.0).astype(
        np.uint8
    )
    return stretched


def class_evidence(prediction: Prediction, class_index: int) -> NDArray[np.float32]:
    """Evidence for one class from the front, axes (bscan, ascan).

    It ends with the last A-scan that the network saw. B-scans whose evidence does not add up to
    the logit are left at 0.
    """
    last = int(prediction.frames[:, 3].max())
    seen = en_face_evidence(prediction.cams[:, class_index], prediction.frames, last)
    holds = np.array([bscan.evidence_holds for bscan in prediction.bscans])
    seen[~holds] = 0.0
    return seen


def draw(
    volume: OctVolume,
    evidence: NDArray[np.float32] | None,
    *,
    width: int,
    strongest: int | None = None,
    line_px: float = 1.6,
) -> EnFace:
    """Draw the eye from the front.

    Args:
        volume: The scan.
        evidence: Axes (bscan, ascan), in favour of one class; None draws none. Columns beyond the
            last given A-scan count as 0.
        width: Width of the picture in pixels.
        strongest: Index of the B-scan to draw bright; None for none.
        line_px: Width of the contour lines in pixels.
    """
    base, lines, on_localizer, width_mm = _base(volume, width)
    level = np.zeros(volume.bscan_count)
    picture = np.repeat(base[:, :, None], 3, axis=2)
    if evidence is not None and float(evidence.max(initial=0.0)) > 0.0:
        spread = _spread(volume, evidence, lines, base.shape)
        picture = colour.overlay(base, spread, line_px=line_px)
        rows = evidence.sum(axis=1)
        level = rows / max(float(rows.max()), 1e-9)
    drawn = _draw_lines(picture, lines, level, strongest)
    return EnFace(drawn, lines, on_localizer, width_mm)


def _base(
    volume: OctVolume, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64], bool, float | None]:
    """Grey picture at `width`, scan lines on it, whether it is the localizer, its width in mm."""
    localizer = volume.localizer
    if localizer is not None and volume.scan_lines is not None:
        grey = _grey(localizer.pixels)
        tall = localizer.pixel_mm[0] / localizer.pixel_mm[1] if localizer.pixel_mm else 1.0
        zoom = width / grey.shape[1]
        height = max(1, round(grey.shape[0] * zoom * tall))
        scale = np.array([height / grey.shape[0], zoom])
        lines = (volume.scan_lines.astype(np.float64) + 0.5) * scale - 0.5
        width_mm = localizer.pixel_mm[1] * grey.shape[1] if localizer.pixel_mm else None
        return resample(grey, (height, width)), lines, True, width_mm
    height, width_mm = _projection_height(volume, width)
    rows = (np.arange(volume.bscan_count) + 0.5) * height / volume.bscan_count - 0.5
    lines = np.zeros((volume.bscan_count, 2, 2))
    lines[:, :, 0] = rows[:, None]
    lines[:, 1, 1] = width - 1.0
    return resample(projection(volume.voxels), (height, width)), lines, False, width_mm


def _projection_height(volume: OctVolume, width: int) -> tuple[int, float | None]:
    """Height that makes the projection true in millimetres; a square where that is unknown.

    Returns:
        The height in pixels, and the width in millimetres; None where the height is not true.
    """
    step, ascan = volume.spacing.bscan_mm, volume.spacing.ascan_mm
    if step and ascan and volume.scan_pattern not in _FANS and volume.bscan_count > 1:
        width_mm = ascan * volume.voxels.shape[2]
        share = step * volume.bscan_count / width_mm
        if _FLATTEST <= share <= 1.0 / _FLATTEST:
            return round(width * share), width_mm
    return width, None


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luminance of a colour picture (ITU-R BT.601); a grey one as it is."""
    if pixels.ndim == 2:
        return pixels
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    grey: NDArray[np.uint8] = np.rint(pixels[:, :, :3] @ weights).astype(np.uint8)
    return grey


def _spread(
    volume: OctVolume,
    evidence: NDArray[np.float32],
    lines: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Lay evidence on the picture: along each scan line and, in a raster, between neighbours.

    The patch between two neighbouring lines is sampled more densely than the pixels, each sample
    is put into its pixel, and a pixel takes the mean of its samples.
    """
    columns = volume.voxels.shape[2]
    full = np.zeros((len(evidence), columns), dtype=np.float64)
    full[:, : min(columns, evidence.shape[1])] = evidence[:, :columns]
    count = int(np.ceil(1.5 * np.hypot(*(lines[:, 1] - lines[:, 0]).T).max())) + 2
    share = (np.arange(count) + 0.5) / count
    values = np.stack([np.interp(share * columns - 0.5, np.arange(columns), row) for row in full])
    places = (
        lines[:, None, 0] * (1.0 - share)[None, :, None]
        + lines[:, None, 1] * (share[None, :, None])
    )
    at, value = _samples(places, values, fan=volume.scan_pattern in _FANS)
    cells = np.rint(at).astype(np.intp)
    inside = ((cells >= 0) & (cells < np.array(shape[:2]))).all(axis=1)
    flat = cells[inside, 0] * shape[1] + cells[inside, 1]
    total = np.bincount(flat, value[inside], minlength=shape[0] * shape[1])
    weight = np.bincount(flat, minlength=shape[0] * shape[1])
    mean = total / np.maximum(weight, 1)
    return mean.reshape(shape[0], shape[1]).astype(np.float32)


def _samples(
    places: NDArray[np.float64], values: NDArray[np.float64], *, fan: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dense samples of the evidence and where they lie.

    Args:
        places: Axes (bscan, sample, row/column).
        values: Axes (bscan, sample).
        fan: Lines that are no raster: nothing is filled in between, each gets a narrow band.
    """
    if fan or len(places) == 1:
        along = places[:, -1] - places[:, 0]
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / length[:, None]
        shifts = np.arange(-2.5, 2.6, 0.5)
        band = places[None] + shifts[:, None, None, None] * normal[None, :, None, :]
        return band.reshape(-1, 2), np.tile(values.reshape(-1), len(shifts))
    first, last = (places[1] - places[0]) / 2.0, (places[-1] - places[-2]) / 2.0
    places = np.concatenate([[places[0] - first], places, [places[-1] + last]])
    values = np.concatenate([values[:1], values, values[-1:]])
    gaps = np.linalg.norm(np.diff(places, axis=0), axis=2).max(axis=1)
    steps = [np.linspace(0.0, 1.0, int(np.ceil(1.5 * gap)) + 2) for gap in gaps]
    low = np.repeat(np.arange(len(gaps)), [len(step) for step in steps])
    part = np.concatenate(steps)
    at = places[low] * (1.0 - part)[:, None, None] + places[low + 1] * part[:, None, None]
    value = values[low] * (1.0 - part)[:, None] + values[low + 1] * part[:, None]
    return at.reshape(-1, 2), value.reshape(-1)


def _draw_lines(
    picture: NDArray[np.uint8],
    lines: NDArray[np.float64],
    level: NDArray[np.float64],
    strongest: int | None,
) -> NDArray[np.uint8]:
    """Draw the scan lines in the colour of their evidence, the strongest one bright and on top.

    Drawn twice as large on a layer of their own and reduced, which makes them smooth.
    """
    height, width = picture.shape[:2]
    layer = Image.new("RGBA", (2 * width, 2 * height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    colours = colour.table()
    dense = len(lines) > height / 8
    for index, (line, share) in enumerate(zip(lines, level, strict=True)):
        rgb = colours[int(255 * share)].tolist() if share > 0.15 else list(_QUIET_RGB)
        alpha = (40 if dense else 80) + int((60 if dense else 90) * share)
        if index != strongest:
            pen.line(_ends(line), fill=(*rgb, alpha), width=2)
    if strongest is not None:
        pen.line(_ends(lines[strongest]), fill=(0, 0, 0, 150), width=9)
        pen.line(_ends(lines[strongest]), fill=(*_STRONGEST_RGB, 255), width=4)
    smooth = layer.resize((width, height), Image.Resampling.BOX)
    below = Image.fromarray(picture).convert("RGBA")
    return np.array(Image.alpha_composite(below, smooth).convert("RGB"), dtype=np.uint8)


def _ends(line: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Start and end of a line as x, y, x, y on the doubled layer."""
    (row0, col0), (row1, col1) = ((line + 0.5) * 2.0).tolist()
    return col0, row0, col1, row1
