"""In the reading process: PNG, JPEG, TIFF and BMP pictures as 8-bit grey.

Sizes are read from the headers and held against the limits before a pixel is decoded. Orientation
and other EXIF entries are ignored, transparency is laid on black, and a picture that really has
colour is refused: OCT B-scans are grey.
"""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.grey import GreyTransform, grey_from_colour
from kdoct_desktop.io.image_fields import ImageInfo, PageInfo
from kdoct_desktop.io.jpeg_end import ends_early
from kdoct_desktop.io.limits import Limits

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_GREY_8 = {"1", "L"}
_GREY_16 = {"I;16", "I;16L", "I;16B"}
_COLOUR = {"P", "PA", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_JPEG_IN_TIFF = {"jpeg", "tiff_jpeg"}
_SMALLEST = 16
_ENDS_EARLY = "The picture ends early or is damaged; export it again."
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262


def read_header(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Answer with the ``ImageInfo`` of ``arguments["path"]``.

    Raises:
        IngestError: The picture is damaged, of an unsupported kind or beyond the limits.
    """
    del work
    path, limits = Path(arguments["path"]), Limits(**arguments["limits"])
    Image.MAX_IMAGE_PIXELS = limits.picture_bytes // 2
    pages: list[PageInfo] = []
    with _opened(path) as image:
        name = str(image.format)
        total = 0
        jpeg = name in ("JPEG", "MPO") or image.info.get("compression") in _JPEG_IN_TIFF
        for number in range(limits.frames + 1):
            if number > 0 and not _advance(image, number):
                break
            if number == limits.frames:
                raise IngestError("too-many-bscans", "The file holds more pictures than a scan.")
            page = _page(image, limits)
            total += page.rows * page.columns
            if total > limits.volume_bytes:
                raise IngestError("too-large", "The file claims more pixels than any real scan.")
            pages.append(page)
    kind = "JPEG" if name == "MPO" else name
    ratio = total / max(path.stat().st_size, 1) if jpeg else None
    info = ImageInfo("", kind, tuple(pages), lossy_ratio=ratio)  # sha256: see ``Session.header``
    yield {"info": dataclasses.asdict(info)}, None


def read_frames(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """Decode the pages ``arguments["indices"]`` of ``arguments["path"]`` in that order.

    Raises:
        IngestError: A page cannot be decoded or is a colour picture.
    """
    del work
    path = Path(arguments["path"])
    with _opened(path) as image:
        for index in arguments["indices"]:
            pixels = np.ascontiguousarray(_decoded(image, path, index))
            answer = {"index": index, "shape": list(pixels.shape), "apart": _apart(image, index)}
            yield answer, pixels.data


def _apart(image: Image.Image, index: int) -> bool:
    """See ``crew.Decoded``: not where pixels are copied, or pages searched from the first one."""
    return index == 0 and image.format != "BMP" and image.info.get("compression") != "raw"


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        text = "The picture claims more pixels than any real scan."
        raise IngestError("too-large", text) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise IngestError("damaged-picture", "The picture is damaged.") from error


def _advance(image: Image.Image, number: int) -> bool:
    """Go to a page; False where there is none."""
    try:
        image.seek(number)
    except EOFError:
        return False
    except Image.DecompressionBombError as error:
        text = "The picture claims more pixels than any real scan."
        raise IngestError("too-large", text) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise IngestError("damaged-picture", "The picture is damaged.") from error
    return True


def _page(image: Image.Image, limits: Limits) -> PageInfo:
    width, height = image.size
    channels = len(image.getbands())
    if max(width, height) > limits.rows or width * height * max(channels, 2) > limits.picture_bytes:
        raise IngestError("too-large", "The picture claims more pixels than any real scan.")
    if min(width, height) < _SMALLEST:
        raise IngestError("not-an-oct-picture", "The picture is too small to be a B-scan.")
    if image.mode not in _GREY_8 | _GREY_16 | _COLOUR and not _is_png_16(image):
        raise IngestError("unsupported-depth", "Pictures with this kind of pixels are not read.")
    colour = image.mode in _COLOUR and image.mode != "LA"
    return PageInfo(rows=height, columns=width, bits=_bits(image), colour=colour)


def _is_png_16(image: Image.Image) -> bool:
    return image.mode == "I" and image.format == "PNG"


def _bits(image: Image.Image) -> int:
    """Bits of a grey value: 8 but for deep pictures, whose TIFF tag may say fewer than 16."""
    if image.mode not in _GREY_16 | {"I"}:
        return 8
    tags = getattr(image, "tag_v2", None)
    stated = tags.get(_BITS_PER_SAMPLE, (16,)) if tags is not None else (16,)
    bits = int(stated[0] if isinstance(stated, tuple) else stated)
    return bits if 8 < bits <= 16 else 16


def _decoded(image: Image.Image, path: Path, index: int) -> NDArray[np.uint8]:
    if (index or image.tell()) and not _advance(image, index):
        raise IngestError("truncated-file", "The file ends before its last picture.")
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, IndexError, EOFError) as error:
        raise IngestError("damaged-picture", _ENDS_EARLY) from error
    if image.format == "JPEG" and ends_early(np.asarray(image), path.read_bytes(), _plain_jpeg):
        raise IngestError("damaged-picture", _ENDS_EARLY)
    if image.mode in _GREY_8:
        return np.asarray(image.convert("L"))
    if image.mode in _GREY_16 or image.mode == "I":
        values = np.asarray(image).astype(np.uint16)
        tags = getattr(image, "tag_v2", None)
        inverted = tags is not None and tags.get(_PHOTOMETRIC) == 0
        return GreyTransform(bits=_bits(image), inverted=inverted).apply(values)
    grey = grey_from_colour(_on_black(image))
    if grey is None:
        raise IngestError("not-an-oct-picture", "This is a colour picture, not an OCT B-scan.")
    return grey


def _plain_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Pixels of a codestream, in its own mode."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return np.asarray(image)


def _on_black(image: Image.Image) -> NDArray[np.uint8]:
    """RGB with transparency laid on black."""
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        solid = image.convert("RGBA")
        ground = Image.new("RGBA", solid.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(ground, solid).convert("RGB"))
    return np.asarray(image.convert("RGB"))
