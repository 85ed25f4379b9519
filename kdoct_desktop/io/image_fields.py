"""What is kept of a picture file's header."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One picture of a file.

    Attributes:
        rows: Height in pixels.
        columns: Width in pixels.
        bits: Bits of a grey value, or of each channel.
        colour: Stored with colour channels or a palette; it may still hold only grey.
    """

    rows: int
    columns: int
    bits: int
    colour: bool


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """A picture file.

    Attributes:
        sha256: Hash over the bytes of the file.
        format: ``PNG``, ``JPEG``, ``TIFF`` or ``BMP``.
        pages: Its pictures.
        lossy_ratio: How many times smaller JPEG compression made them; None where there is none.
    """

    sha256: str
    format: str
    pages: tuple[PageInfo, ...]
    lossy_ratio: float | None = None
