"""In the reading process: DICOM frames as 8-bit pictures, one at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.codestream import Claim, begins_as, claim_of
from kdoct_desktop.io.dicom_header import read_header
from kdoct_desktop.io.dicom_layout import ENCODED, NATIVE, Layout
from kdoct_desktop.io.grey import grey_from_colour
from kdoct_desktop.io.jpeg_end import ends_early


def read_frames(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """Decode ``arguments["indices"]`` of ``arguments["path"]`` in that order.

    With ``colour`` a colour picture stays in colour, axes (row, column, RGB); without it must be
    grey. Each answer carries ``index`` and ``shape``, and ``apart`` (see ``crew.Decoded``).

    Raises:
        IngestError: A frame cannot be decoded; the message says which, counted from 1.
    """
    path = arguments["path"]
    if path not in work.parsed:
        for _ in read_header(work, arguments):
            pass
    layout = work.parsed[path]
    if not isinstance(layout, Layout):
        raise IngestError("not-dicom", "The file changed while it was read.")
    for index in arguments["indices"]:
        try:
            pixels = _eight_bit(layout, index, colour=bool(arguments["colour"]))
        except IngestError as error:
            if layout.frames == 1:
                raise
            raise IngestError(
                error.code, f"B-scan {index + 1} of {layout.frames}: {error.message}"
            ) from error
        apart = layout.syntax not in NATIVE  # those are only copied
        yield {"index": index, "shape": list(pixels.shape), "apart": apart}, pixels.data


def _eight_bit(layout: Layout, index: int, *, colour: bool) -> NDArray[np.uint8]:
    stored = _stored(layout, index)
    if layout.samples == 1:
        grey = layout.greys[index if len(layout.greys) > 1 else 0]
        return np.ascontiguousarray(grey.apply(stored))
    picture = (
        stored.astype(np.uint8)
        if layout.allocated == 8
        else (stored >> max(layout.stored - 8, 0)).astype(np.uint8)
    )
    if colour:
        return np.ascontiguousarray(picture)
    flat = grey_from_colour(picture)
    if flat is None:
        text = "This is a colour picture, not an OCT B-scan."
        raise IngestError("not-an-oct-picture", text)
    return flat


def _stored(layout: Layout, index: int) -> NDArray[np.unsignedinteger]:
    """Stored values of a frame as unsigned integers, axes (row, column) or (row, column, RGB)."""
    data = _bytes(layout.path, layout, index)
    if layout.syntax in NATIVE:
        return _native(layout, data)
    if layout.zeiss and not begins_as(ENCODED[layout.syntax], data):
        raise IngestError(
            "zeiss-obfuscated",
            "The Zeiss device scrambled these pixels; export un-obfuscated DICOM or images.",
        )
    claim = claim_of(data, ENCODED[layout.syntax])
    if claim is not None and claim != Claim(layout.rows, layout.columns, layout.samples):
        text = "The compressed picture has another size than the file says."
        raise IngestError("size-mismatch", text)
    picture = _decoded(layout, data)
    if ENCODED[layout.syntax] == "jpeg" and ends_early(
        picture, data, lambda more: _decoded(layout, more)
    ):
        raise IngestError("damaged-frame", "The compressed picture ends early; export it again.")
    return picture


def _bytes(path: Path, layout: Layout, index: int) -> bytes:
    parts = []
    with path.open("rb") as stream:
        for at, length in layout.spans[index]:
            stream.seek(at)
            parts.append(stream.read(length))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _native(layout: Layout, data: bytes) -> NDArray[np.unsignedinteger]:
    kind = np.dtype(np.uint8 if layout.allocated == 8 else "<u2")
    if len(data) != layout.frame_bytes:
        raise IngestError("truncated-file", "The file ends before its data does; export it again.")
    values: NDArray[np.unsignedinteger] = np.frombuffer(data, dtype=kind)
    if layout.samples == 1:
        return values.reshape(layout.rows, layout.columns)
    if layout.planar == 1:
        planes = values.reshape(layout.samples, layout.rows, layout.columns)
        picture = np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    else:
        picture = values.reshape(layout.rows, layout.columns, layout.samples)
    if layout.photometric == "YBR_FULL":
        picture = np.asarray(convert_color_space(picture, "YBR_FULL", "RGB"))
    elif layout.photometric != "RGB":
        raise IngestError("wrong-photometric", "The colours are stored in a way that is not read.")
    return np.asarray(picture, dtype=values.dtype)


def _decoded(layout: Layout, data: bytes) -> NDArray[np.unsignedinteger]:
    """Let the codec of the transfer syntax decode one codestream."""
    padding = b"\0" * (len(data) % 2)
    item = b"\xfe\xff\x00\xe0" + (len(data) + len(padding)).to_bytes(4, "little")
    wrapped = b"\xfe\xff\x00\xe0\0\0\0\0" + item + data + padding + b"\xfe\xff\xdd\xe0\0\0\0\0"
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": 1,
        "samples_per_pixel": layout.samples,
        "photometric_interpretation": layout.photometric,
        "planar_configuration": layout.planar,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "pixel_keyword": "PixelData",
    }
    try:
        array, _ = get_decoder(layout.syntax).as_array(wrapped, index=0, **options)
    except MemoryError:
        raise
    except Exception as error:  # a codec raises anything on damaged data
        raise IngestError("damaged-frame", "The compressed picture is damaged.") from error
    shape = (layout.rows, layout.columns) + ((3,) if layout.samples == 3 else ())
    if array.shape != shape:
        raise IngestError("size-mismatch", "The picture has another size than the file says.")
    unsigned = array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "i" else array
    return np.asarray(unsigned)
