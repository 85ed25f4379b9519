"""A seeded generator of optical coherence tomography volumes with exact lesion masks.

The picture is made as light makes it: surfaces in millimetres, reflectivity and absorption of each
layer, vessels and lesions in three dimensions, point-spread function, speckle, noise, display
curve. No patient is in it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phantoms.fields import Floats, stream
from training.phantoms.layers import (
    SURFACES,
    Positions,
    bscan_motion,
    healthy_anatomy,
    scan_positions,
)
from training.phantoms.localizer import draw_localizer
from training.phantoms.pathology import draw_lesions
from training.phantoms.scene import Scene
from training.phantoms.styles import QUALITIES, STYLES
from training.phantoms.surfaces import place_in_frame, stack_layers
from training.phantoms.vessels import draw_vessels

CONDITIONS = ("NORMAL", "DRUSEN", "CNV", "DME")
PATTERNS = ("raster", "line", "radial", "circle")
FIXATION_MM = {
    "raster": (0.2, 0.2),
    "line": (0.25, 0.45),
    "radial": (0.1, 0.1),
    "circle": (0.1, 0.1),
}
"""Spread of the scan's centre about its target."""


@dataclass(frozen=True, slots=True)
class PhantomSpec:
    """What to generate.

    Attributes:
        seed: Everything random follows from it.
        condition: ``NORMAL``, ``DRUSEN``, ``CNV`` or ``DME``.
        laterality: ``OD`` or ``OS``; OS is the exact mirror image of OD.
        bscans: Number of B-scans.
        depth: Rows of a B-scan.
        ascans: Columns of a B-scan.
        style: A name of ``phantom_styles.STYLES``.
        severity: From subtle (0) to gross (1).
        pattern: ``raster``, ``line``, ``radial`` or ``circle``.
        extent_mm: Length of a B-scan, and height of a raster.
        axial_mm: Size of a row.
        quality: ``good``, ``poor``, ``ungradable`` or ``clipped``.
        localizer_size: Rows and columns of the localizer; 0 makes none and saves time.
    """

    seed: int
    condition: str = "NORMAL"
    laterality: str = "OD"
    bscans: int = 25
    depth: int = 496
    ascans: int = 512
    style: str = "spectralis"
    severity: float = 0.6
    pattern: str = "raster"
    extent_mm: tuple[float, float] = (6.0, 6.0)
    axial_mm: float = 0.0039
    quality: str = "good"
    localizer_size: int = 384

    def __post_init__(self) -> None:
        if self.laterality not in ("OD", "OS"):
            raise ValueError(f"unknown laterality {self.laterality!r}")
        if min(self.bscans, self.depth, self.ascans) < 1 or self.ascans < 16:
            raise ValueError("a phantom needs a B-scan, a row and 16 A-scans")
        if not 0 <= self.severity <= 1:
            raise ValueError("severity lies between 0 and 1")
        for value, known in (
            (self.condition, CONDITIONS),
            (self.pattern, PATTERNS),
            (self.style, tuple(STYLES)),
            (self.quality, QUALITIES),
        ):
            if value not in known:
                raise ValueError(f"{value!r} is none of {', '.join(known)}")


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A generated volume and its ground truth.

    Attributes:
        voxels: uint8, axes (bscan, depth, ascan).
        masks: bool of the same shape for every kind of lesion, empty ones included.
        labels: Class of each B-scan, from the masks.
        surfaces: float32 pixels, axes (bscan, ascan), by the names of ``phantom_layers.SURFACES``.
        spacing_mm: Between B-scans (None unless they are parallel), rows and A-scans.
        localizer: uint8 en-face picture, axes (row, column); empty if none was asked for.
        localizer_pixel_mm: Size of its pixels.
        scan_paths: float32 position of each A-scan, axes (bscan, ascan, row/column), in localizer
            pixels from 0.
        spec: What was asked for.
    """

    voxels: NDArray[np.uint8]
    masks: dict[str, NDArray[np.bool_]]
    labels: tuple[str, ...]
    surfaces: dict[str, Floats]
    spacing_mm: tuple[float | None, float, float]
    localizer: NDArray[np.uint8]
    localizer_pixel_mm: float
    scan_paths: Floats
    spec: PhantomSpec

    @property
    def scan_lines(self) -> Floats:
        """First and last A-scan of each B-scan, axes (bscan, start/end, row/column)."""
        return self.scan_paths[:, [0, -1]]


def generate(spec: PhantomSpec) -> Phantom:
    """Make the phantom of `spec`; the same spec gives the same bytes."""
    at = _fixated(spec)
    restless = 2.5 if spec.quality == "ungradable" else 1.0
    axial_motion, lateral_motion = bscan_motion(spec.seed, spec.bscans, amount=restless)
    moved = replace(at, x=at.x + lateral_motion[:, None])
    anatomy = healthy_anatomy(spec.seed, moved)
    lesions = draw_lesions(spec.seed, spec.condition, severity=spec.severity, at=moved)
    surfaces = place_in_frame(
        spec.seed,
        stack_layers(anatomy, lesions, ascan_mm=at.spacing_mm[1]),
        bruch=anatomy.bruch,
        motion=axial_motion,
        depth=spec.depth,
        axial_mm=spec.axial_mm,
        clipped=spec.quality == "clipped",
    )
    vessels = draw_vessels(spec.seed)
    scene = Scene(
        spec.seed, spec.condition, spec.style, spec.quality, at=moved, anatomy=anatomy,
        lesions=lesions, surfaces=surfaces, vessels=vessels, depth=spec.depth,
        axial_mm=spec.axial_mm,
    )  # fmt: skip
    voxels, masks, labels = scene.render()
    localizer, pixel_mm, paths = draw_localizer(
        spec.seed, spec.localizer_size, at=at, vessels=vessels, lesions=lesions,
        pattern=spec.pattern,
    )  # fmt: skip
    phantom = Phantom(
        voxels=voxels,
        masks=masks,
        labels=labels,
        surfaces={name: surfaces[name] for name in SURFACES},
        spacing_mm=(at.spacing_mm[0], spec.axial_mm, at.spacing_mm[1]),
        localizer=localizer,
        localizer_pixel_mm=pixel_mm,
        scan_paths=paths,
        spec=spec,
    )
    return _mirrored(phantom) if spec.laterality == "OS" else phantom


def _fixated(spec: PhantomSpec) -> Positions:
    """Scan positions about the point where the eye really looked."""
    at = scan_positions(
        spec.pattern, bscans=spec.bscans, ascans=spec.ascans, extent_mm=spec.extent_mm
    )
    aside, above = stream(spec.seed, "fixation").normal(0, FIXATION_MM[spec.pattern])
    return replace(at, x=at.x + np.float32(aside), y=at.y + np.float32(above))


def _mirrored(phantom: Phantom) -> Phantom:
    """The left eye: columns of B-scans and localizer the other way round."""
    paths = phantom.scan_paths[:, ::-1].copy()
    paths[..., 1] = phantom.spec.localizer_size - 1 - paths[..., 1]
    return replace(
        phantom,
        voxels=np.ascontiguousarray(phantom.voxels[..., ::-1]),
        masks={k: np.ascontiguousarray(m[..., ::-1]) for k, m in phantom.masks.items()},
        surfaces={k: np.ascontiguousarray(s[:, ::-1]) for k, s in phantom.surfaces.items()},
        localizer=np.ascontiguousarray(phantom.localizer[:, ::-1]),
        scan_paths=paths,
    )


def random_spec(rng: np.random.Generator, **fixed: Any) -> PhantomSpec:
    """Draw a spec; what is given in `fixed` stays as given."""
    style = str(fixed.get("style") or rng.choice(sorted(STYLES)))
    wide = style in ("optovue", "topcon") and rng.random() < 0.6
    pattern = str(
        fixed.get("pattern") or rng.choice(["raster", "radial", "line"], p=[0.7, 0.15, 0.15])
    )
    length = float(rng.uniform(8.5, 12.0) if wide else rng.uniform(4.5, 8.8))
    depth = int(fixed.get("depth", 496))
    drawn: dict[str, Any] = {
        "seed": int(rng.integers(2**31)),
        "condition": str(rng.choice(CONDITIONS)),
        "laterality": str(rng.choice(["OD", "OS"])),
        "style": style,
        "severity": float(rng.beta(1.6, 1.4)),
        "pattern": pattern,
        "extent_mm": (length, length * float(rng.uniform(0.5, 1.0))),
        "axial_mm": float(rng.uniform(1.75, 2.3)) / depth,
        "quality": str(rng.choice(["good", "poor"], p=[0.86, 0.14])),
        "bscans": {"line": 1, "radial": 6, "circle": 1}.get(pattern, 25),
    }
    return PhantomSpec(**(drawn | fixed))
