"""What one B-scan cuts through, and the canvas on which light is painted as sub-pixel jumps."""

from dataclasses import dataclass

import numpy as np

from training.phantoms.fields import Floats
from training.phantoms.lesions import BlobCut
from training.phantoms.styles import Style

RPE = 0.42
REFLECTIVITY = {
    "RNFL": 0.19, "GCL": 0.056, "IPL": 0.078, "INL": 0.028, "OPL": 0.062, "HENLE": 0.0105,
    "ONL": 0.0072, "ELM": 0.034, "IS": 0.012, "EZ": 0.21, "OS": 0.085, "RPE": RPE, "BM": 0.13,
    "CAPILLARIS": 0.13, "CHOROID": 0.075, "SCLERA": 0.07, "FLUID": 0.0006, "DRUSE": 0.075,
    "VESSEL": 0.16, "MATERIAL": 0.13, "MIXED": 0.034, "HYALOID": 0.006,
}  # fmt: skip
"""Share of the light that a layer sends back, as the fourth power of its usual grey over 255."""

ABSORPTION_PER_MM = {
    "RNFL": 1.2, "GCL": 0.7, "INL": 0.5, "ONL": 0.2, "EZ": 4.0, "RPE": 52.0, "DRUSE": 2.5,
    "CHOROID": 2.0, "SCLERA": 2.5, "VESSEL": 22.0, "MATERIAL": 5.0, "SPOT": 30.0, "STREAK": 9.0,
    "DISC": 14.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Everything the light meets in one B-scan; arrays over the A-scans.

    Attributes:
        surfaces: In pixels, by name.
        x: Nasal millimetres, for the choroid's texture.
        y: Superior millimetres, likewise.
        vessel: Half height of a retinal vessel, millimetres.
        lesion: Rows of the lesion fields, by name.
        disc: One inside the optic disc.
        tone: Slow change of each layer's reflectivity, by layer name.
        gain: Share of the light that the eye lets through.
        cysts: Fluid in the retina.
        bright: Exudates and foci.
        hyaloid: Row of the posterior hyaloid; None where it is not detached.
        style: The device.
        depth: Rows of the B-scan.
        axial_mm: Size of a row.
        ascan_mm: Distance of two A-scans.
    """

    surfaces: dict[str, Floats]
    x: Floats
    y: Floats
    vessel: Floats
    lesion: dict[str, Floats]
    disc: Floats
    tone: dict[str, Floats]
    gain: Floats
    cysts: list[BlobCut]
    bright: list[BlobCut]
    hyaloid: Floats | None
    style: Style
    depth: int
    axial_mm: float
    ascan_mm: float

    @property
    def ascans(self) -> int:
        """Number of A-scans."""
        return int(self.x.size)

    @property
    def crust(self) -> Floats:
        """Upper border, in pixels, of what lies on the pigment epithelium below any fluid."""
        height = (self.lesion["deposit"] + self.lesion["shrm"]) / np.float32(self.axial_mm)
        return np.asarray(np.maximum(self.surfaces["RPE"] - height, self.surfaces["OS"]))

    def rows(self, millimetres: float) -> np.float32:
        """A length as a number of rows."""
        return np.float32(millimetres / self.axial_mm)

    def shade(self, name: str) -> np.float32:
        """Reflectivity of a tissue as the device's contrast shows it."""
        return np.float32(RPE * (REFLECTIVITY[name] / RPE) ** self.style.contrast)


class Canvas:
    """Jumps that become a picture when they are summed down the columns.

    A jump between two rows is shared by both, so that borders have no steps. The sum makes fluid,
    vessels and exudates further jumps, and shadows below them need no rule of their own.
    """

    def __init__(self, depth: int, ascans: int) -> None:
        self._jumps = np.zeros((depth + 2, ascans), np.float32)
        self._depth = depth
        self._columns = np.arange(ascans)

    def jump(
        self, row: Floats, amount: Floats | np.float32 | float, *, columns: slice | None = None
    ) -> None:
        """Add `amount` to everything below `row` (fractions of a pixel count in part)."""
        at = self._columns if columns is None else self._columns[columns]
        place = np.clip(row, 0, self._depth)
        whole = place.astype(np.int64)
        part = (place - whole) * amount
        self._jumps[whole, at] += amount - part
        self._jumps[whole + 1, at] += part

    def layers(self, borders: list[tuple[Floats, Floats | np.float32 | float]]) -> None:
        """Borders from top to bottom, each with the value below it; zero above the first."""
        before: Floats | np.float32 | float = 0.0
        for row, value in borders:
            self.jump(row, value - before)
            before = value

    def picture(self) -> Floats:
        """The summed picture, axes (depth, ascan)."""
        return np.asarray(np.cumsum(self._jumps[: self._depth], axis=0), np.float32)
