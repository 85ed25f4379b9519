"""In the reading process: what a compressed picture says of itself, before a codec sees it.

A codestream that claims another size than the file around it, or that is wrapped in a container,
is refused: codecs believe the codestream, and container walking has hung codecs.
"""

from dataclasses import dataclass

from kdoct_desktop.domain.errors import IngestError


@dataclass(frozen=True, slots=True)
class Claim:
    """Size that a codestream claims."""

    rows: int
    columns: int
    samples: int


def claim_of(data: bytes, kind: str) -> Claim | None:
    """What a codestream claims; None for run-length encoding, which claims nothing.

    Args:
        data: The codestream.
        kind: ``jpeg``, ``jpeg-ls``, ``jpeg-2000`` or ``rle``.

    Raises:
        IngestError: It is wrapped, damaged or of another kind.
    """
    if kind == "rle":
        _check_rle(data)
        return None
    if kind == "jpeg-2000":
        return _jpeg_2000(data)
    return _jpeg(data, {0xF7} if kind == "jpeg-ls" else {0xC0, 0xC1})


def begins_as(kind: str, data: bytes) -> bool:
    """Whether a codestream begins as one of its kind does; see `claim_of` for the arguments."""
    if kind == "rle":
        return 1 <= int.from_bytes(data[:4], "little") <= 15
    if kind == "jpeg-2000":
        return data[:2] == b"\xff\x4f" or data[4:6] == b"jP"
    return data[:2] == b"\xff\xd8"


def irreversible(head: bytes) -> bool:
    """Whether a JPEG 2000 codestream says in its head that it was made with loss.

    The wavelet of the coding style tells (ISO/IEC 15444-1 A.6.1): 0 is the one that rounds.

    Args:
        head: Its first bytes; False where they hold no coding style.
    """
    at = 2
    while at + 14 <= len(head) and head[at] == 0xFF and head[at + 1] != 0x90:
        if head[at + 1] == 0x52:
            return head[at + 13] == 0
        at += 2 + max(int.from_bytes(head[at + 2 : at + 4], "big"), 2)
    return False


def _damaged() -> IngestError:
    return IngestError("damaged-frame", "The compressed picture is damaged.")


def _check_rle(data: bytes) -> None:
    """Segment offsets must lie in order inside the data (DICOM PS3.5 G.5)."""
    if len(data) < 64:
        raise _damaged()
    count = int.from_bytes(data[:4], "little")
    if not 1 <= count <= 15:
        raise _damaged()
    offsets = [int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(1, count + 1)]
    if offsets[0] != 64 or offsets != sorted(offsets) or offsets[-1] >= len(data):
        raise _damaged()


def _jpeg_2000(data: bytes) -> Claim:
    """The SIZ segment, which must follow the start marker (ISO/IEC 15444-1 A.5.1)."""
    if data[4:8] == b"jP  ":
        text = "The JPEG 2000 picture is wrapped in a container; only plain codestreams are read."
        raise IngestError("wrapped-jpeg-2000", text)
    if len(data) < 42 or data[:4] != b"\xff\x4f\xff\x51":
        raise _damaged()
    right, bottom, left, top = (int.from_bytes(data[at : at + 4], "big") for at in (8, 12, 16, 20))
    tile_width, tile_height = (int.from_bytes(data[at : at + 4], "big") for at in (24, 28))
    columns, rows = right - left, bottom - top
    if rows <= 0 or columns <= 0 or tile_width == 0 or tile_height == 0:
        raise _damaged()
    if (rows // tile_height + 1) * (columns // tile_width + 1) > 65_535:
        raise _damaged()
    return Claim(rows, columns, int.from_bytes(data[40:42], "big"))


def _jpeg(data: bytes, frame_markers: set[int]) -> Claim:
    """The frame header of JPEG (ISO/IEC 10918-1 B.2.2) or JPEG-LS (ISO/IEC 14495-1 C.2.2)."""
    if data[:2] != b"\xff\xd8":
        raise _damaged()
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise _damaged()
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in frame_markers and at + 10 <= len(data):
            rows = int.from_bytes(data[at + 5 : at + 7], "big")
            columns = int.from_bytes(data[at + 7 : at + 9], "big")
            return Claim(rows, columns, data[at + 9])
        if marker in (0xDA, 0xD9) or length < 2:
            raise _damaged()
        at += 2 + length
    raise _damaged()
