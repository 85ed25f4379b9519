"""Pictures of B-scans and of the eye from the front, from source pixels, for report and export."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.heatmap import bscan_evidence
from kdoct_desktop.domain.prediction import Prediction
from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.domain.whole_file import whole_file
from kdoct_desktop.report import colour, enface
from kdoct_desktop.report.choice import evidence_code, key_bscans
from kdoct_desktop.report.geometry import (
    Window,
    include,
    isotropic_shape,
    resample,
    resample_evidence,
    tissue_window,
)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One B-scan plain and with evidence, cut alike.

    Attributes:
        plain: Grey, axes (row, column), true proportions.
        drawn: RGB with evidence, same rows and columns; None where nothing may be drawn.
        why_not: Sentence in place of `drawn`; empty where it is there.
        window: Rows of the source that are shown.
    """

    plain: NDArray[np.uint8]
    drawn: NDArray[np.uint8] | None
    why_not: str
    window: Window


def evidence_at(
    volume: OctVolume, prediction: Prediction, index: int, class_index: int
) -> NDArray[np.float32]:
    """Evidence for a class at each pixel of one B-scan, in units of the logit."""
    top, bottom, left, right = (int(edge) for edge in prediction.frames[index])
    shape = (volume.voxels.shape[1], volume.voxels.shape[2])
    return bscan_evidence(prediction.cams[index, class_index], (top, bottom, left, right), shape)


def pairs(
    volume: OctVolume,
    prediction: Prediction | None,
    indices: Sequence[int],
    *,
    class_index: int | None,
    width: int,
    line_px: float = 3.0,
) -> list[Pair]:
    """B-scans plain and with evidence, all cut alike so that they can be compared.

    Args:
        volume: The scan.
        prediction: What the model said; None draws no evidence.
        indices: B-scans from 0.
        class_index: Class whose evidence is drawn; None draws none.
        width: Pixels across; depth follows from the spacing.
        line_px: Width of the contour lines in pixels.
    """
    window = tissue_window(volume.voxels[list(indices)], volume.spacing)
    found = [_drawable(volume, prediction, index, class_index) for index in indices]
    for evidence, _why in found:
        if evidence is not None:
            least = colour.CONTOUR_LEVELS[0] * float(evidence.max())
            strong = np.flatnonzero(evidence.max(axis=1) >= least)
            window = include(window, strong, volume.voxels.shape[1])
    return [
        _pair(volume, index, evidence, why, window=window, width=width, line_px=line_px)
        for index, (evidence, why) in zip(indices, found, strict=True)
    ]


def _drawable(
    volume: OctVolume, prediction: Prediction | None, index: int, class_index: int | None
) -> tuple[NDArray[np.float32] | None, str]:
    """Evidence that may be drawn on a B-scan, or None and the sentence that says why not."""
    if prediction is None or class_index is None:
        return None, "No evidence: this scan was not analysed."
    cam = prediction.cams[index, class_index]
    name = prediction.model.display_names[class_index]
    why = colour.why_nothing_drawn(prediction.bscans[index], cam, name)
    if why is not None:
        return None, why
    return evidence_at(volume, prediction, index, class_index), ""


def _pair(
    volume: OctVolume,
    index: int,
    evidence: NDArray[np.float32] | None,
    why_not: str,
    *,
    window: Window,
    width: int,
    line_px: float,
) -> Pair:
    """Cut, bring to true proportions, draw."""
    cut = volume.voxels[index, window.top : window.bottom]
    shape = isotropic_shape(window.rows, cut.shape[1], volume.spacing, width=width)
    plain = resample(cut, shape)
    if evidence is None:
        return Pair(plain, None, why_not, window)
    peak = float(evidence.max())
    here = resample_evidence(evidence[window.top : window.bottom], shape)
    return Pair(plain, colour.overlay(plain, here, peak, line_px=line_px), "", window)


def front(item: VolumeAnalysis, *, width: int, strongest: bool = True) -> enface.EnFace:
    """The eye from the front, with evidence for the class that the finding is about."""
    prediction, finding = item.prediction, item.finding
    if prediction is None or finding is None:
        return enface.draw(item.volume, None, width=width)
    index = prediction.model.classes.index(evidence_code(finding))
    evidence: NDArray[np.float32] | None = enface.class_evidence(prediction, index)
    if evidence is not None and float(evidence.sum(axis=1).max()) < colour.MIN_STRENGTH:
        evidence = None
    bright = key_bscans(prediction, finding)[0] if strongest else None
    return enface.draw(
        item.volume, evidence, width=width, strongest=bright, line_px=max(1.6, width / 230.0)
    )


def save_heatmaps(
    analysis: StudyAnalysis, folder: Path, *, first: int = 1, every_bscan: bool = False
) -> list[Path]:
    """Write PNGs with evidence: the key B-scans, or all, and the eye from the front.

    Names tell nothing about the patient: ``volume1_OD_bscan027.png``, ``volume1_OD_enface.png``.
    B-scans keep their pixels; only what may be drawn is drawn.

    Args:
        analysis: One visit.
        folder: Where to; made if it is not there.
        first: Number of the first volume, for several visits in one folder.
        every_bscan: All B-scans and not only the three strongest.

    Returns:
        The files, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, item in enumerate(analysis.volumes, start=first):
        prediction, finding = item.prediction, item.finding
        if prediction is None or finding is None:
            continue
        eye = item.volume.laterality.value if item.volume.laterality else "unknown-eye"
        stem = f"volume{number}_{eye}"
        column = prediction.model.classes.index(evidence_code(finding))
        every = range(item.volume.bscan_count)
        for index in every if every_bscan else sorted(key_bscans(prediction, finding)):
            target = folder / f"{stem}_bscan{index + 1:03d}.png"
            written.append(_write_png(target, _heatmap(item.volume, prediction, index, column)))
        picture = front(item, width=768).pixels
        written.append(_write_png(folder / f"{stem}_enface.png", picture))
    return written


def _heatmap(
    volume: OctVolume, prediction: Prediction, index: int, column: int
) -> NDArray[np.uint8]:
    """One B-scan in its own pixels, with evidence where it may be drawn."""
    grey = volume.voxels[index]
    evidence, _why = _drawable(volume, prediction, index, column)
    if evidence is None:
        return np.repeat(grey[:, :, None], 3, axis=2)
    return colour.overlay(grey, evidence)


def _write_png(target: Path, picture: NDArray[np.uint8]) -> Path:
    with whole_file(target) as stream:
        Image.fromarray(picture).save(stream, format="PNG")
    return target
