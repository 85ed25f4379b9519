"""One phantom eye and one scan of it: everything that `phantom_optics` needs, B-scan by B-scan."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.phantoms.canvas import Slice
from training.phantoms.fields import Floats, smooth_field, stream
from training.phantoms.layers import Anatomy, Positions
from training.phantoms.lesions import FIELDS, KINDS, Blob, BlobCut, Lesions, cut_blob
from training.phantoms.masks import bscan_masks, label_of
from training.phantoms.optics import render
from training.phantoms.styles import pupil_gain, style_of
from training.phantoms.surfaces import smooth_along
from training.phantoms.vessels import VesselMap

Rows = dict[str, Floats]
TONES = {
    "RNFL": 0.2, "GCL": 0.12, "INL": 0.12, "HENLE": 0.22, "EZ": 0.15, "RPE": 0.1, "CHOROID": 0.15,
}  # fmt: skip
"""How much the reflectivity of a layer changes over the retina."""

CHOROID_PERIOD_MM = 4.8
SWOLLEN_MM = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An eye under the scanner.

    Attributes:
        seed: Of the phantom.
        condition: Of the eye.
        style: Name of the device's look.
        quality: Of the scan.
        at: Where the A-scans lie.
        anatomy: The healthy eye.
        lesions: What disease adds.
        surfaces: In pixels, axes (bscan, ascan), by name.
        vessels: The tree of retinal vessels.
        depth: Rows of a B-scan.
        axial_mm: Size of a row.
    """

    seed: int
    condition: str
    style: str
    quality: str
    at: Positions
    anatomy: Anatomy
    lesions: Lesions
    surfaces: Rows
    vessels: VesselMap
    depth: int
    axial_mm: float

    @property
    def _ascan_mm(self) -> float:
        return self.at.spacing_mm[1]

    def render(self) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.bool_]], tuple[str, ...]]:
        """Voxels and masks by kind, axes (bscan, depth, ascan), and the label of each B-scan."""
        bscans, ascans = self.at.x.shape
        shape = (bscans, self.depth, ascans)
        voxels = np.empty(shape, np.uint8)
        masks = {kind: np.zeros(shape, bool) for kind in KINDS}
        labels: list[str] = []
        for s, spots in self._slices():
            index = len(labels)
            found = bscan_masks(s, spots)
            for kind, mask in found.items():
                masks[kind][index] = mask
            pixel_mm2 = self.axial_mm * self._ascan_mm
            labels.append(label_of(self.condition, found, pixel_mm2=pixel_mm2))
            voxels[index] = render(stream(self.seed, f"light {index}"), s)
        return voxels, masks, tuple(labels)

    def _slices(self) -> list[tuple[Slice, list[BlobCut]]]:
        """Each B-scan and the exudates in it."""
        rng = stream(self.seed, "tone")
        tone = self._tones(rng)
        x, y = self._choroid_positions(rng)
        hyaloid = self._hyaloid(rng)
        style = style_of(self.style, self.seed, quality=self.quality)
        gain = pupil_gain(self.seed, self.at.x, y=self.at.y, quality=self.quality)
        vessel = self.vessels.at(self.at.x, self.at.y) * (1 - self.anatomy.disc)
        slices = []
        for index in range(len(self.at.x)):
            rows = {name: values[index] for name, values in self.surfaces.items()}
            spots = self._cuts(self.lesions.spots, index, rows=rows)
            s = Slice(
                surfaces=rows,
                x=x[index],
                y=y[index],
                vessel=vessel[index],
                lesion={name: getattr(self.lesions, name)[index] for name in FIELDS},
                disc=self.anatomy.disc[index],
                tone={name: values[index] for name, values in tone.items()},
                gain=gain[index],
                cysts=self._cuts(self.lesions.cysts, index, rows=rows),
                bright=spots + self._cuts(self.lesions.foci, index, rows=rows),
                hyaloid=None if hyaloid is None else hyaloid[index],
                style=style,
                depth=self.depth,
                axial_mm=self.axial_mm,
                ascan_mm=self._ascan_mm,
            )
            slices.append((s, spots))
        return slices

    def _cuts(self, blobs: list[Blob], index: int, *, rows: Rows) -> list[BlobCut]:
        x, y = self.at.x[index], self.at.y[index]
        cuts = (cut_blob(item, x, y=y, surfaces=rows, axial_mm=self.axial_mm) for item in blobs)
        return [item for item in cuts if item is not None]

    def _tones(self, rng: np.random.Generator) -> Rows:
        """Slow changes of each layer's reflectivity; swollen nuclear layer reflects more."""
        x, y = self.at.x, self.at.y
        tones: Rows = {}
        for name, amount in TONES.items():
            wave = smooth_field(rng, x, y=y, scale_mm=rng.uniform(0.6, 1.6), waves=8)
            tones[name] = np.exp(amount * wave + rng.normal(0, 0.12)).astype(np.float32)
        swollen = self.lesions.swelling.get("ONL", np.float32(0)) / np.float32(SWOLLEN_MM)
        tones["HENLE"] = np.asarray(tones["HENLE"] * (1 + 2.2 * np.clip(swollen, 0, 1)), np.float32)
        return tones

    def _choroid_positions(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Positions turned and shifted on the choroid's texture, so that eyes differ."""
        shift = rng.uniform(0, CHOROID_PERIOD_MM, 2).astype(np.float32)
        quarter = int(rng.integers(4))
        cos, sin = np.float32((1, 0, -1, 0)[quarter]), np.float32((0, 1, 0, -1)[quarter])
        x, y = self.at.x, self.at.y
        return cos * x - sin * y + shift[0], sin * x + cos * y + shift[1]

    def _hyaloid(self, rng: np.random.Generator) -> Floats | None:
        """Rows of the detached posterior hyaloid; None in eyes where it is not seen."""
        if rng.random() > 0.3:
            return None
        x, y = self.at.x, self.at.y
        lift = rng.uniform(0.02, 0.3) + 0.03 * smooth_field(rng, x, y=y, scale_mm=2.5)
        lift = lift + rng.normal(0, 0.07) * x + 0.33
        chord = self.surfaces["BM"] * np.float32(self.axial_mm) - lift
        smooth = smooth_along(np.asarray(chord, np.float32), round(0.5 / self._ascan_mm))
        rows = smooth / np.float32(self.axial_mm)
        return np.asarray(np.minimum(rows, self.surfaces["ILM"]), np.float32)
