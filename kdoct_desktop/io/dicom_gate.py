"""The gate before pydicom: walks a DICOM file's elements and believes no length.

pydicom takes declared lengths, nesting and element counts on trust; here each is held against the
bytes that are left and the ingest limits. What passes is the bytes before the pixel data, and
where the pixel data lies.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.limits import Limits

DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
UNDEFINED = 0xFFFFFFFF

_PIXELS = {(0x7FE0, 0x0010): "pixels", (0x7FE0, 0x0008): "float", (0x7FE0, 0x0009): "double"}
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_TEXT = {b"AE", b"AS", b"CS", b"DA", b"DT", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM", b"UC", b"UI"}
_TEXT |= {b"UR", b"UT", b"DS", b"IS"}
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)


@dataclass(frozen=True, slots=True)
class Gated:
    """A DICOM file that passed.

    Attributes:
        path: File that holds the data set: the given one, or the inflated copy.
        syntax: Transfer syntax UID as written.
        media_class: SOP class UID as the file meta group states it.
        implicit: Value representations are not written.
        start: Offset of the data set.
        end: Offset of the pixel data element, or of the file's end where there is none.
        pixels: Offset of the pixel data's value; None where there is none.
        pixel_bytes: Declared length; ``0xFFFFFFFF`` for encapsulated pixel data.
        size: Bytes of the file at `path`.
        floating: The pixel data are 32-bit floating-point values.
    """

    path: Path
    syntax: str
    media_class: str
    implicit: bool
    start: int
    end: int
    pixels: int | None
    pixel_bytes: int
    size: int
    floating: bool = False


def truncated() -> IngestError:
    """The refusal of a file that ends too early."""
    return IngestError("truncated-file", "The file ends before its data does; export it again.")


def floating_point() -> IngestError:
    """The refusal of a picture whose pixels are no integers."""
    return IngestError("unsupported-depth", "Floating-point pixels are not read.")


def pass_gate(path: Path, limits: Limits, folder: Path) -> Gated:
    """Check a DICOM file's structure without decoding a value.

    Args:
        path: A file whose bytes 128 to 132 are ``DICM``.
        limits: What is accepted.
        folder: Where a deflated data set may be unpacked.

    Raises:
        IngestError: The structure is broken or beyond the limits.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        syntax, media_class, start = _meta(stream, size, limits)
        if syntax == DEFLATED:
            stream.seek(start)
            path = _inflate(stream, folder / f"inflated-{abs(hash(path))}", limits)
            start, size = 0, path.stat().st_size
    if syntax == BIG_ENDIAN:
        text = "The retired big-endian transfer syntax is not read; export the scan again."
        raise IngestError("unsupported-syntax", text)
    with path.open("rb") as stream:
        walker = _Walker(stream, size=size, implicit=syntax == IMPLICIT, limits=limits)
        stream.seek(start)
        end, pixels, length = walker.data_set()
    if end - start > limits.header_bytes:
        raise IngestError("too-large", "The file's header is larger than any real scan's.")
    return Gated(
        path=path,
        syntax=syntax,
        media_class=media_class,
        implicit=syntax == IMPLICIT,
        start=start,
        end=end,
        pixels=pixels,
        pixel_bytes=length,
        size=size,
        floating=walker.floating,
    )


def _meta(stream: BinaryIO, size: int, limits: Limits) -> tuple[str, str, int]:
    """Transfer syntax, SOP class and the offset behind the file meta group."""
    stream.seek(132)
    walker = _Walker(stream, size=size, implicit=False, limits=limits)
    uids = {(0x0002, 0x0010): "", (0x0002, 0x0002): ""}
    while True:
        at = stream.tell()
        head = stream.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            break
        stream.seek(at)
        tag, _, length = walker.header()
        if length > 4096:
            raise truncated() if length > size - stream.tell() else _nonsense()
        value = stream.read(length)
        if tag in uids:
            uids[tag] = value.rstrip(b"\0 ").decode("ascii", "replace")
    syntax, media_class = uids.values()
    if not syntax:
        if at >= size:
            raise truncated()
        raise IngestError("missing-syntax", "The file does not say how its data is encoded.")
    return syntax, media_class, at


def _inflate(stream: BinaryIO, target: Path, limits: Limits) -> Path:
    """Unpack a deflated data set, counting what really comes out."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    written = 0
    with target.open("wb") as out:
        while not engine.eof:
            packed = engine.unconsumed_tail or stream.read(65536)
            try:
                part = engine.decompress(packed, 1 << 20)
            except zlib.error as error:
                raise IngestError("damaged-file", "The compressed data is damaged.") from error
            if not packed and not part:
                raise truncated()
            written += len(part)
            if written > limits.inflate_bytes:
                raise IngestError("inflate-bomb", "The file unpacks to far more than a scan.")
            out.write(part)
    return target


class _Walker:
    """Walks elements and keeps count."""

    def __init__(self, stream: BinaryIO, *, size: int, implicit: bool, limits: Limits) -> None:
        self._stream = stream
        self._size = size
        self._implicit = implicit
        self._limits = limits
        self._count = 0
        self.floating = False

    def data_set(self) -> tuple[int, int | None, int]:
        """Offsets of the pixel data element and its value, and its declared length."""
        while (at := self._stream.tell()) < self._size:
            tag, vr, length = self.header()
            kind = _PIXELS.get(tag)
            if kind == "double":
                raise floating_point()
            if kind is not None:
                self.floating = kind == "float"
                value = self._stream.tell()
                if length != UNDEFINED and length > self._size - value:
                    raise truncated()
                return at, value, length
            self._skip(vr, length, depth=0, end=self._size)
        return self._size, None, 0

    def header(self) -> tuple[tuple[int, int], bytes, int]:
        """Tag, value representation (empty where implicit) and declared length."""
        self._count += 1
        if self._count > self._limits.elements:
            raise IngestError("too-many-elements", "The file has more elements than any real scan.")
        group, element = struct.unpack("<HH", self._exactly(4))
        if group == 0xFFFE or self._implicit:
            return (group, element), b"", int.from_bytes(self._exactly(4), "little")
        vr = self._exactly(2)
        if not vr.isalpha() or not vr.isupper():
            raise _nonsense()
        if vr in _LONG:
            self._exactly(2)
            return (group, element), vr, int.from_bytes(self._exactly(4), "little")
        return (group, element), vr, int.from_bytes(self._exactly(2), "little")

    def _skip(self, vr: bytes, length: int, *, depth: int, end: int) -> None:
        """Go past a value, walking into sequences."""
        start = self._stream.tell()
        if length != UNDEFINED and length > end - start:
            raise truncated()
        sequence = vr == b"SQ" or length == UNDEFINED or (not vr and self._item_follows(length))
        if not sequence:
            if vr in _TEXT and length > self._limits.text_bytes:
                raise IngestError("too-long-text", "A text in the file is far too long.")
            self._stream.seek(length, 1)
            return
        if depth >= self._limits.depth:
            raise IngestError("nested-too-deeply", "The file nests its data too deeply.")
        if vr in (b"OB", b"OW"):
            self._fragments(end)
            return
        implicit, self._implicit = self._implicit, self._implicit or vr == b"UN"
        self._items(end if length == UNDEFINED else start + length, length, depth=depth)
        self._implicit = implicit

    def _item_follows(self, length: int) -> bool:
        """In implicit encoding a sequence is told by the item tag that its value starts with."""
        if length < 8:
            return False
        start = self._stream.tell()
        tag = self._stream.read(4)
        self._stream.seek(start)
        return tag == b"\xfe\xff\x00\xe0"

    def _items(self, end: int, length: int, *, depth: int) -> None:
        """Go past the items of a sequence that ends at `end` or with a delimiter."""
        while self._stream.tell() < end:
            tag, _, item_length = self.header()
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM:
                raise _nonsense()
            start = self._stream.tell()
            if item_length != UNDEFINED and item_length > end - start:
                raise truncated()
            item_end = end if item_length == UNDEFINED else start + item_length
            while self._stream.tell() < item_end:
                inner, vr, inner_length = self.header()
                if inner == _ITEM_END:
                    break
                self._skip(vr, inner_length, depth=depth + 1, end=item_end)
        if length == UNDEFINED:
            raise truncated()

    def _fragments(self, end: int) -> None:
        """Go past encapsulated pictures inside a sequence, such as an icon."""
        while True:
            tag, _, length = self.header()
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM or length > end - self._stream.tell():
                raise truncated()
            self._stream.seek(length, 1)

    def _exactly(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            raise truncated()
        return data


def _nonsense() -> IngestError:
    return IngestError("damaged-file", "The file's structure is damaged.")
