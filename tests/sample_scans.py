"""Made-up scans for tests: a retina-like volume, a fundus-like localizer, scan lines."""

from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import (
    Laterality,
    Localizer,
    LocalizerKind,
    OctVolume,
    Provenance,
    ScanPattern,
    Source,
    Spacing,
)

_LAYERS = (
    (0.0, 0.16, 150.0), (0.16, 0.38, 96.0), (0.38, 0.5, 66.0), (0.5, 0.6, 110.0),
    (0.6, 0.86, 52.0), (0.86, 0.93, 150.0), (0.93, 1.0, 80.0),
)  # fmt: skip


def retina(
    bscans: int = 25,
    depth: int = 240,
    ascans: int = 256,
    *,
    seed: int = 1,
    lesion: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """Grey values that look roughly like a macula: layers, a pit, speckle, and a dark bleb.

    Args:
        bscans: Number of B-scans.
        depth: Rows.
        ascans: Columns.
        seed: Of the speckle.
        lesion: (B-scan, A-scan) of a fluid-like bleb under the retina; None for none.
    """
    random = np.random.default_rng(seed)
    b = np.linspace(-1.0, 1.0, bscans)[:, None, None] if bscans > 1 else np.zeros((1, 1, 1))
    z = np.arange(depth, dtype=np.float64)[None, :, None]
    x = np.linspace(-1.0, 1.0, ascans)[None, None, :]
    lift = np.zeros((bscans, 1, ascans))
    if lesion is not None:
        at_b, at_a = b[lesion[0]].item(), x[0, 0, lesion[1]].item()
        lift = 0.09 * depth * np.exp(-(((b - at_b) / 0.18) ** 2) - ((x - at_a) / 0.14) ** 2)
    bottom = 0.66 * depth + 0.05 * depth * x**2 + 0.03 * depth * b**2
    pit = np.exp(-((x / 0.16) ** 2) - (b / 0.25) ** 2)
    top = bottom - 0.27 * depth * (1.0 - 0.5 * pit) - lift
    rpe = bottom - lift * 0.15
    inner = (z - top) / np.maximum(rpe - lift * 0.85 - top, 1.0)
    grey = np.full((bscans, depth, ascans), 14.0)
    for low, high, value in _LAYERS:
        grey = np.where((inner >= low) & (inner < high), value, grey)
    grey = np.where((inner >= 1.0) & (z < rpe), 24.0, grey)
    below = (z - rpe) / depth
    grey = np.where((below >= 0.0) & (below < 0.02), 205.0, grey)
    grey = np.where(below >= 0.02, 105.0 * np.exp(-(below - 0.02) / 0.07) + 14.0, grey)
    speckle = random.gamma(5.0, 0.2, size=grey.shape)
    vessels = 1.0 - 0.45 * (np.cos(9.0 * x + 2.0 * b) > 0.985) * (inner > 0.1)
    return np.clip(grey * speckle * vessels, 0.0, 255.0).astype(np.uint8)


def localizer(size: int = 256, *, seed: int = 5) -> Localizer:
    """A fundus-like grey picture with a disc and a few vessels."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[0:size, 0:size] / size - 0.5
    grey = 120.0 - 90.0 * np.exp(-((row**2 + column**2) / 0.012))
    grey += 90.0 * np.exp(-(((row - 0.02) ** 2 + (column - 0.42) ** 2) / 0.006))
    for bend in (-0.35, -0.2, 0.22, 0.36):
        away = np.abs(row - bend * np.sqrt(np.clip(0.42 - column, 0.0, None)) * 1.2)
        grey -= 60.0 * np.exp(-((away / 0.008) ** 2))
    grey *= random.gamma(40.0, 1 / 40.0, size=grey.shape)
    mm = 8.8 / size
    return Localizer(np.clip(grey, 0, 255).astype(np.uint8), LocalizerKind.SLO, (mm, mm))


def scan_lines(bscans: int) -> NDArray[np.float32]:
    """Level lines on `localizer`; as on a Spectralis the first B-scan lies lowest."""
    lines = np.zeros((bscans, 2, 2), dtype=np.float32)
    lines[:, :, 0] = (np.linspace(0.84, 0.16, bscans) * 256.0)[:, None]
    lines[:, 0, 1], lines[:, 1, 1] = 0.16 * 256.0, 0.84 * 256.0
    return lines


def volume(
    eye: Laterality | None = Laterality.OD,
    *,
    bscans: int = 25,
    depth: int = 240,
    ascans: int = 256,
    lesion: tuple[int, int] | None = None,
    pattern: ScanPattern = ScanPattern.RASTER,
    located: bool = True,
    scaled: bool = True,
    label: str = "scan.dcm",
    seed: int = 1,
) -> OctVolume:
    """One scan of 6 by 6 mm and 1.9 mm depth.

    Args:
        eye: Which eye; None for not stated.
        bscans, depth, ascans, lesion: See `retina`.
        pattern: How the beam moved.
        located: With a localizer and scan lines.
        scaled: With a scale from the device.
        label: Name of the file.
        seed: Of the speckle.
    """
    step = 6.0 / (bscans - 1) if bscans > 1 else None
    spacing = Spacing(step, 1.9 / depth, 6.0 / ascans, Provenance.DEVICE) if scaled else Spacing()
    return OctVolume(
        voxels=retina(bscans, depth, ascans, seed=seed, lesion=lesion),
        source=Source(label, f"{seed:064x}", "DICOM OPT", key="1.2.3"),
        spacing=spacing,
        scan_pattern=pattern,
        laterality=eye,
        laterality_provenance=Provenance.DEVICE if eye else Provenance.UNKNOWN,
        order_provenance=Provenance.DERIVED,
        localizer=localizer() if located else None,
        scan_lines=scan_lines(bscans) if located else None,
        acquired=datetime(2026, 11, 20, 9, 41),
        device="Heidelberg Engineering Spectralis",
    )


def repeated(bscans: int, depth: int, ascans: int, *, located: bool = True) -> OctVolume:
    """A scan of any size, made quickly: the same seven B-scans over and over.

    Args:
        bscans, depth, ascans: Size.
        located: With a localizer and scan lines.
    """
    few = volume(bscans=7, depth=depth, ascans=ascans, lesion=(3, ascans // 2), located=located)
    voxels = few.voxels[np.arange(bscans) % 7]
    return replace(few, voxels=voxels, scan_lines=scan_lines(bscans) if located else None)
