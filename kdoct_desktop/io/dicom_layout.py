"""In the reading process: where a DICOM file's frames lie and how they are stored.

Everything is checked here, against the limits and against the bytes that are there, before any
frame is decoded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import dicom_fields as fields
from kdoct_desktop.io.dicom_fragments import Span, frame_spans
from kdoct_desktop.io.dicom_gate import (
    DEFLATED,
    IMPLICIT,
    UNDEFINED,
    Gated,
    floating_point,
    truncated,
)
from kdoct_desktop.io.grey import GreyTransform, Window
from kdoct_desktop.io.limits import Limits

NATIVE = {IMPLICIT, "1.2.840.10008.1.2.1", DEFLATED}
"""Implicit and explicit little endian, deflated."""

ENCODED = {
    "1.2.840.10008.1.2.5": "rle",
    "1.2.840.10008.1.2.4.50": "jpeg",
    "1.2.840.10008.1.2.4.80": "jpeg-ls",
    "1.2.840.10008.1.2.4.81": "jpeg-ls",
    "1.2.840.10008.1.2.4.90": "jpeg-2000",
    "1.2.840.10008.1.2.4.91": "jpeg-2000",
    "1.2.840.10008.1.2.4.201": "jpeg-2000",
    "1.2.840.10008.1.2.4.202": "jpeg-2000",
    "1.2.840.10008.1.2.4.203": "jpeg-2000",
}
"""Compressed transfer syntaxes that are read, and the kind of their codestreams."""

_ZEISS = ("ZEISS", "CZM", "CIRRUS", "PLEX ELITE")
_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the frames of a file are stored.

    Attributes:
        path: File that holds them.
        syntax: Transfer syntax UID.
        rows: Rows of a frame.
        columns: Columns of a frame.
        frames: Number of frames.
        samples: 1 or 3.
        photometric: Photometric interpretation.
        planar: Colour planes are stored one after the other.
        allocated: 8 or 16 bits.
        stored: Bits that hold the value.
        signed: Two's complement.
        spans: For each frame the pieces of the file that hold it.
        greys: One transform for all frames, or one a frame.
        zeiss: Written by a Carl Zeiss Meditec device.
    """

    path: Path
    syntax: str
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int
    allocated: int
    stored: int
    signed: bool
    spans: tuple[tuple[Span, ...], ...]
    greys: tuple[GreyTransform, ...]
    zeiss: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of a decoded frame."""
        return self.rows * self.columns * self.samples * (self.allocated // 8)


def layout_of(gated: Gated, data: Dataset, limits: Limits) -> Layout:
    """Check the image description of a header and find the frames.

    Raises:
        IngestError: Something is missing, impossible, unsupported or beyond the limits.
    """
    _check_encoding(gated)
    rows, columns, frames = _size(data, limits)
    samples, photometric = _photometric(data)
    allocated, stored, high = _depth(data)
    frame_bytes = rows * columns * samples * (allocated // 8)
    if frame_bytes > limits.picture_bytes or frame_bytes * frames > limits.volume_bytes:
        raise IngestError("too-large", "The file claims more pixels than any real scan holds.")
    if gated.syntax in NATIVE:
        spans = _native(gated, frame_bytes, frames)
    else:
        offsets = data.get("ExtendedOffsetTable")
        spans = frame_spans(gated, frames, offsets if isinstance(offsets, bytes) else None)
    greys = _greys(data, frames, stored=stored, shift=high - stored + 1, photometric=photometric)
    return Layout(
        path=gated.path,
        syntax=gated.syntax,
        rows=rows,
        columns=columns,
        frames=frames,
        samples=samples,
        photometric=photometric,
        planar=_number(data, "PlanarConfiguration", 0),
        allocated=allocated,
        stored=stored,
        signed=_number(data, "PixelRepresentation", 0) == 1,
        spans=spans,
        greys=greys,
        zeiss=_is_zeiss(data),
    )


def _check_encoding(gated: Gated) -> None:
    """Make sure that there are pixels, encoded in a way that is read."""
    if gated.syntax not in NATIVE and gated.syntax not in ENCODED:
        name = UID(gated.syntax).name
        known = name if name != gated.syntax else "an unknown transfer syntax"
        raise IngestError("unsupported-syntax", f"The pixels are encoded as {known}; not read.")
    if gated.floating:
        raise floating_point()
    if gated.pixels is None:
        raise IngestError("missing-pixel-data", "The file holds no pixel data.")


def _is_zeiss(data: Dataset) -> bool:
    """True for the spellings in which these devices state their maker, or else their model."""
    stated = (data.get("Manufacturer"), data.get("ManufacturerModelName"))
    words = " ".join(str(value) for value in stated if value).upper()
    return any(word in words for word in _ZEISS)


def _native(gated: Gated, frame_bytes: int, frames: int) -> tuple[tuple[Span, ...], ...]:
    if gated.pixel_bytes == UNDEFINED:
        raise IngestError("damaged-file", "Uncompressed pixels are wrapped as compressed ones.")
    if gated.pixel_bytes < frame_bytes * frames:
        raise truncated()
    assert gated.pixels is not None  # noqa: S101 - checked by the caller
    return tuple(((gated.pixels + i * frame_bytes, frame_bytes),) for i in range(frames))


def _size(data: Dataset, limits: Limits) -> tuple[int, int, int]:
    rows, columns = _number(data, "Rows", 0), _number(data, "Columns", 0)
    frames = _number(data, "NumberOfFrames", 1)
    if rows < 1 or columns < 1:
        raise IngestError("no-pixels", "The file does not say how large its pictures are.")
    if frames < 1:
        raise IngestError("no-bscans", "The file holds no B-scan.")
    if frames > limits.frames:
        raise IngestError("too-many-bscans", "The file claims more B-scans than any real scan.")
    if rows > limits.rows or columns > limits.rows:
        raise IngestError("too-large", "The file claims larger pictures than any real scan holds.")
    return rows, columns, frames


def _photometric(data: Dataset) -> tuple[int, str]:
    samples = _number(data, "SamplesPerPixel", 1)
    photometric = str(data.get("PhotometricInterpretation") or "").strip()
    grey = samples == 1 and photometric in ("MONOCHROME1", "MONOCHROME2")
    colour = samples == 3 and photometric in _COLOURS
    if colour and str(data.get("SOPClassUID")) == fields.OPT:
        colour = False
    if not grey and not colour:
        raise IngestError("wrong-photometric", "The pixels are not grey values as a scan's are.")
    return samples, photometric


def _depth(data: Dataset) -> tuple[int, int, int]:
    allocated = _number(data, "BitsAllocated", 0)
    stored = _number(data, "BitsStored", allocated)
    high = _number(data, "HighBit", stored - 1)
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        text = f"Pixels of {allocated} bits are not read."
        raise IngestError("unsupported-depth", text)
    if not stored - 1 <= high < allocated:
        high = stored - 1
    return allocated, stored, high


def _greys(
    data: Dataset, frames: int, *, stored: int, shift: int, photometric: str
) -> tuple[GreyTransform, ...]:
    """The grey transform of each frame; one for all where no frame has its own."""
    shared = _first(data, "SharedFunctionalGroupsSequence")
    groups = data.get("PerFrameFunctionalGroupsSequence") or []
    own = [
        group
        for group in groups
        if "FrameVOILUTSequence" in group or "PixelValueTransformationSequence" in group
    ]
    holders = list(groups) if own and len(groups) == frames else [Dataset()]
    return tuple(
        _grey(
            [
                _first(holder, "PixelValueTransformationSequence"),
                _first(shared, "PixelValueTransformationSequence"),
                data,
            ],
            [_first(holder, "FrameVOILUTSequence"), _first(shared, "FrameVOILUTSequence"), data],
            stored=stored,
            shift=shift,
            signed=_number(data, "PixelRepresentation", 0) == 1,
            inverted=photometric == "MONOCHROME1",
        )
        for holder in holders
    )


def _grey(
    rescale: list[Dataset],
    interest: list[Dataset],
    *,
    stored: int,
    shift: int,
    signed: bool,
    inverted: bool,
) -> GreyTransform:
    """The transform from the first holder that states each part."""
    slope, intercept = 1.0, 0.0
    for holder in rescale:
        if "RescaleSlope" in holder:
            slope = _real(holder, "RescaleSlope") or 1.0
            intercept = _real(holder, "RescaleIntercept") or 0.0
            break
    window, table = None, None
    for holder in interest:
        table = _table(_first(holder, "VOILUTSequence"))
        width = _real(holder, "WindowWidth")
        if width is not None and width > 0.0:
            function = str(holder.get("VOILUTFunction") or "LINEAR")
            window = Window(_real(holder, "WindowCenter") or 0.0, width, function)
        if table is not None or window is not None:
            break
    return GreyTransform(
        bits=stored,
        shift=shift,
        signed=signed,
        slope=slope,
        intercept=intercept,
        window=window,
        table=table,
        inverted=inverted,
    )


def _table(holder: Dataset) -> tuple[int, int, tuple[int, ...]] | None:
    """A value-of-interest table: first mapped value, output bits, entries."""
    descriptor, entries = holder.get("LUTDescriptor"), holder.get("LUTData")
    if descriptor is None or entries is None or len(descriptor) != 3:
        return None
    if isinstance(entries, bytes):
        entries = [int.from_bytes(entries[i : i + 2], "little") for i in range(0, len(entries), 2)]
    values = tuple(int(entry) for entry in entries)
    bits = int(descriptor[2])
    return (int(descriptor[1]), bits, values) if values and 8 <= bits <= 16 else None


def _first(data: Dataset, keyword: str) -> Dataset:
    sequence = data.get(keyword)
    usable = sequence is not None and not isinstance(sequence, str | bytes) and len(sequence) > 0
    return sequence[0] if usable and sequence is not None else Dataset()


def _number(data: Dataset, keyword: str, default: int) -> int:
    value: Any = data.get(keyword)
    return default if value is None or value == "" else int(value)


def _real(data: Dataset, keyword: str) -> float | None:
    """A number, or the first of several."""
    value: Any = data.get(keyword)
    if value is None or value == "":
        return None
    if hasattr(value, "__len__") and not isinstance(value, str):
        value = value[0]
    return float(value)
