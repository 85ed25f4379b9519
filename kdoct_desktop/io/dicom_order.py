"""Order of the B-scans of a DICOM volume: from positions, never silently from chance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import Notice, Provenance
from kdoct_desktop.io.dicom_fields import FrameInfo


def order_of(
    frames: Sequence[FrameInfo], numbers: Sequence[int | None]
) -> tuple[list[int], Provenance, tuple[Notice, ...]]:
    """The order of frames and where it comes from.

    Position in the stack (device), plane position (derived), position of the scan lines (derived),
    instance number (assumed), order in the file (assumed); the first that tells all frames apart.

    Args:
        frames: As they came.
        numbers: Instance number of the file of each frame; the same for all in a multi-frame file.
    """
    if len(frames) == 1:
        return [0], Provenance.DEVICE, ()
    positions = [frame.position for frame in frames]
    known = [position for position in positions if position is not None]
    if len(known) == len(frames) == len(set(known)):
        return _sorted(known), Provenance.DEVICE, _gap(known)
    for places in (_planes(frames), _line_offsets(frames)):
        if places is not None and _all_apart(places):
            return _sorted(places.tolist()), Provenance.DERIVED, ()
    given = [number for number in numbers if number is not None]
    if len(given) == len(frames) == len(set(given)):
        text = "The file states no positions; the B-scans are ordered by instance number."
        return _sorted(given), Provenance.ASSUMED, (Notice("order-assumed", text), *_gap(given))
    text = "The file states no positions; the B-scans are in the order of the file."
    return list(range(len(frames))), Provenance.ASSUMED, (Notice("order-assumed", text),)


def numbers_of(frames: Sequence[FrameInfo]) -> tuple[int, ...]:
    """Positions of ordered frames in the stack, from 0; empty where none is missing or known."""
    known = [frame.position for frame in frames if frame.position is not None]
    if len(known) != len(frames) or len(set(known)) != len(known) or not _gap(known):
        return ()
    return tuple(number - known[0] for number in known)


def lines_of(frames: Sequence[FrameInfo]) -> NDArray[np.float64] | None:
    """Straight scan lines, axes (bscan, start/end, row/column), in localizer pixels from 0.

    DICOM counts pixels from 1, row first (PS3.3 C.8.17.10). None unless every frame has one.
    """
    if not frames or any(len(frame.coordinates) != 4 for frame in frames):
        return None
    if any(frame.orientation not in (None, "LINEAR") for frame in frames):
        return None
    lines = np.array([frame.coordinates for frame in frames], dtype=np.float64)
    return lines.reshape(-1, 2, 2) - 1.0


def parallel(lines: NDArray[np.float64]) -> bool:
    """True when all lines point the same way to within about ten degrees, direction ignored."""
    step = lines[:, 1] - lines[:, 0]
    doubled = np.exp(2j * np.arctan2(step[:, 0], step[:, 1]))
    return bool(abs(doubled.mean()) > 0.94 and np.hypot(*step.T).min() > 0.0)


def offsets(
    lines: NDArray[np.float64], scale: tuple[float, float] = (1.0, 1.0)
) -> NDArray[np.float64]:
    """Signed distance of each line's midpoint from the origin, across the common direction.

    Grows downwards for lines that run along a row, to the right for lines along a column.

    Args:
        lines: Axes (line, start/end, row/column).
        scale: Size of a pixel (row, column), to get millimetres.
    """
    scaled = lines * np.array(scale)
    step = scaled[:, 1] - scaled[:, 0]
    angle = np.angle(np.exp(2j * np.arctan2(step[:, 0], step[:, 1])).mean()) / 2.0
    normal = np.array([np.cos(angle), -np.sin(angle)])
    if normal[np.abs(normal).argmax()] < 0.0:
        normal = -normal
    return np.asarray(scaled.mean(axis=1) @ normal)


def _sorted(keys: Sequence[float]) -> list[int]:
    return sorted(range(len(keys)), key=lambda i: keys[i])


def _gap(numbers: Sequence[int]) -> tuple[Notice, ...]:
    """A notice when consecutive numbers leave something out."""
    missing = max(numbers) - min(numbers) + 1 - len(numbers)
    if missing <= 0:
        return ()
    text = f"The numbering of the B-scans skips {missing}; B-scans may be missing."
    return (Notice("missing-bscans", text),)


def _planes(frames: Sequence[FrameInfo]) -> NDArray[np.float64] | None:
    """Image positions along the axis on which they differ most, in millimetres."""
    if any(frame.plane is None for frame in frames):
        return None
    planes = np.array([frame.plane for frame in frames], dtype=np.float64)
    centred = planes - planes.mean(axis=0)
    if not centred.any():
        return None
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    if axis[np.abs(axis).argmax()] < 0.0:
        axis = -axis
    return np.asarray(planes @ axis)


def _line_offsets(frames: Sequence[FrameInfo]) -> NDArray[np.float64] | None:
    lines = lines_of(frames)
    return offsets(lines) if lines is not None and parallel(lines) else None


def _all_apart(places: NDArray[np.float64]) -> bool:
    ordered = np.sort(places)
    extent = float(ordered[-1] - ordered[0])
    return extent > 0.0 and bool(np.diff(ordered).min() > 1e-4 * extent)
