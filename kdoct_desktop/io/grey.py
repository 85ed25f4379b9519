"""Stored values to 8-bit grey: one documented transform, a table from stored value to grey.

8-bit pictures without a sign keep their values. Deeper ones go through the modality rescale, then
the value-of-interest table or window that the file states (DICOM PS3.3 C.11.2), else linearly over
the whole range that the stored bits allow. Nothing looks at the pixels, so the same value gives
the same grey in every B-scan. MONOCHROME1 is inverted at the end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """A value-of-interest window.

    Attributes:
        centre: Window centre in rescaled values.
        width: Window width in rescaled values.
        function: ``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``.
    """

    centre: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True, slots=True)
class GreyTransform:
    """How stored values become grey.

    Attributes:
        bits: Stored bits, 1 to 16.
        shift: Unused low bits below the stored ones.
        signed: Stored values are two's complement.
        slope: Modality rescale.
        intercept: Modality rescale.
        window: None where the file states none.
        table: First mapped value, output bits and entries of a value-of-interest table.
        inverted: True for MONOCHROME1.
    """

    bits: int
    shift: int = 0
    signed: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    window: Window | None = None
    table: tuple[int, int, tuple[int, ...]] | None = None
    inverted: bool = False

    def lookup(self) -> NDArray[np.uint8]:
        """Grey value of each stored value, as an array of ``2 ** bits`` entries."""
        stored = np.arange(1 << self.bits, dtype=np.float64)
        if self.signed:
            stored[1 << (self.bits - 1) :] -= 1 << self.bits
        if self.bits == 8 and not self.signed:
            share = stored / 255.0
        else:
            share = self._share(stored * self.slope + self.intercept)
        grey = np.floor(np.clip(share, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
        return 255 - grey if self.inverted else grey

    def apply(self, pixels: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
        """Grey values of a picture of stored values, signed ones seen as unsigned."""
        if pixels.dtype == np.uint8 and self.bits == 8 and not self.signed and not self.shift:
            values: NDArray[np.uint8] = pixels.astype(np.uint8, copy=False)
            return 255 - values if self.inverted else values
        index = (pixels >> self.shift) & ((1 << self.bits) - 1)
        return np.take(self.lookup(), index)

    def _share(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Position of rescaled values between black 0 and white 1."""
        if self.table is not None:
            first, bits, entries = self.table
            at = np.clip(values - first, 0, len(entries) - 1).astype(np.intp)
            return np.asarray(entries, dtype=np.float64)[at] / ((1 << bits) - 1)
        if self.window is not None:
            return _windowed(values, self.window)
        low, high = values.min(), values.max()
        return np.asarray((values - low) / (high - low))


def _windowed(values: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, to the range 0 to 1."""
    if window.function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (values - window.centre) / window.width)))
    if window.function == "LINEAR_EXACT":
        return (values - window.centre) / window.width + 0.5
    span = max(window.width - 1.0, 1e-9)
    return np.asarray((values - (window.centre - 0.5)) / span + 0.5)


def grey_from_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Grey of a picture stored as RGB; None where it really has colour.

    A picture counts as grey while no more than 2 % of its pixels differ by more than 40 between
    channels: compressed grey pictures stay far below, colour photographs far above.

    Args:
        pixels: uint8, axes (row, column, RGB).
    """
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    if float((spread > 40).mean()) > 0.02:
        return None
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    grey: NDArray[np.float32] = np.floor(pixels.astype(np.float32) @ weights + np.float32(0.5))
    if not spread.any():
        return np.ascontiguousarray(pixels[..., 0])
    return np.clip(grey, 0.0, 255.0).astype(np.uint8)
