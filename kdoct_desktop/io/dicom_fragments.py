"""In the reading process: the pieces of a file in which each compressed frame lies."""

import struct
from typing import BinaryIO

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.dicom_gate import Gated, truncated

Span = tuple[int, int]
"""Offset in the file and length."""

_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")


def frame_spans(gated: Gated, frames: int, extended: bytes | None) -> tuple[tuple[Span, ...], ...]:
    """The fragments of each frame of encapsulated pixel data (DICOM PS3.5 A.4).

    Args:
        gated: The file.
        frames: Number of frames.
        extended: Value of the extended offset table; None where there is none.

    Raises:
        IngestError: The fragments run past the file's end or do not add up to the frames.
    """
    if gated.pixels is None or gated.pixel_bytes == 0:
        raise IngestError("missing-pixel-data", "The file holds no pixel data.")
    with gated.path.open("rb") as stream:
        table, fragments = _fragments(stream, gated)
        if len(fragments) == frames:
            return tuple((fragment,) for fragment in fragments)
        if not fragments:
            raise IngestError("missing-pixel-data", "The file holds no pixel data.")
        if frames == 1:
            return (tuple(fragments),)
        starts = _starts(stream, fragments, table=table, extended=extended)
    if len(starts) != frames:
        text = f"The file holds {len(starts)} of the {frames} B-scans that it claims."
        raise IngestError("frame-count-mismatch", text)
    ends = [*starts[1:], len(fragments)]
    return tuple(tuple(fragments[a:b]) for a, b in zip(starts, ends, strict=True))


def _fragments(stream: BinaryIO, gated: Gated) -> tuple[bytes, list[Span]]:
    """The basic offset table and every fragment behind it."""
    assert gated.pixels is not None  # noqa: S101 - checked by the caller
    stream.seek(gated.pixels)
    items: list[Span] = []
    while True:
        head = stream.read(8)
        if len(head) == 8 and head[:4] == _END:
            break
        if len(head) < 8 or head[:4] != _ITEM:
            raise truncated() if len(head) < 8 else _damaged()
        (length,) = struct.unpack("<I", head[4:])
        at = stream.tell()
        if length > gated.size - at:
            raise truncated()
        items.append((at, length))
        stream.seek(length, 1)
    if not items:
        raise _damaged()
    stream.seek(items[0][0])
    return stream.read(items[0][1]), items[1:]


def _starts(
    stream: BinaryIO, fragments: list[Span], *, table: bytes, extended: bytes | None
) -> list[int]:
    """Number of the first fragment of each frame: from a table, else from start markers."""
    offsets: tuple[int, ...] = ()
    if extended and len(extended) % 8 == 0:
        offsets = struct.unpack(f"<{len(extended) // 8}Q", extended)
    elif table and len(table) % 4 == 0:
        offsets = struct.unpack(f"<{len(table) // 4}I", table)
    if offsets:
        base = fragments[0][0] - 8
        by_offset = {at - 8 - base: number for number, (at, _) in enumerate(fragments)}
        if any(offset not in by_offset for offset in offsets) or offsets[0] != 0:
            raise _damaged()
        return sorted(by_offset[offset] for offset in set(offsets))
    starts = []
    for number, (at, _) in enumerate(fragments):
        stream.seek(at)
        if stream.read(4).startswith(_STARTS):
            starts.append(number)
    if not starts or starts[0] != 0:
        raise _damaged()
    return starts


def _damaged() -> IngestError:
    return IngestError("damaged-file", "The compressed pixel data is damaged.")
