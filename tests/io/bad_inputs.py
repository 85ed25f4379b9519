"""Every kind of bad input, made by code: name, how to write it, and the code it must get."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.io.dicom_files import opt, ramp, save, save_encoded

Writer = Callable[[Path], object]


def raw(data: bytes) -> Writer:
    """Writes these bytes."""

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def _opt(**tags: Any) -> Writer:
    def write(path: Path) -> None:
        save(opt(ramp(3), **tags), path)

    return write


def _cut(share: float, syntax: str = "1.2.840.10008.1.2.1") -> Writer:
    def write(path: Path) -> None:
        save(opt(ramp(5)), path, syntax)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return write


def _stream(stream: bytes, syntax: str, rows: int = 40, columns: int = 48) -> Writer:
    def write(path: Path) -> None:
        data = opt(np.zeros((2, 8, 8), np.uint8), Rows=rows, Columns=columns)
        save_encoded(data, path, syntax, [stream, stream])

    return write


def _picture(mode: str, size: tuple[int, int], name: str, color: object = 0) -> bytes:
    out = BytesIO()
    Image.new(mode, size, color).save(out, name)  # type: ignore[arg-type]
    return out.getvalue()


def _photo() -> bytes:
    red, green = np.mgrid[0:80, 0:90]
    picture = np.stack([red * 3, green * 2, 255 - red - green], axis=-1).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def _png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its data does not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def _without_pixels(path: Path) -> None:
    data = opt(ramp(2))
    del data.PixelData
    save(data, path)


def _other_class(uid: str) -> Writer:
    def write(path: Path) -> None:
        data = opt(ramp(1))
        del data.PixelData
        data.SOPClassUID = uid
        save(data, path)

    return write


def _nested(depth: int) -> Writer:
    def write(path: Path) -> None:
        save(opt(ramp(1)), path)
        whole = path.read_bytes()
        at = whole.index(b"\xe0\x7f\x10\x00OB")
        item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
        sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
        path.write_bytes(whole[:at] + (sequence + item) * depth + whole[at:])

    return write


def _many_elements(path: Path) -> None:
    save(opt(ramp(1)), path)
    whole = path.read_bytes()
    at = whole.index(b"\xe0\x7f\x10\x00OB")
    path.write_bytes(whole[:at] + b"\x09\x00\x10\x10LO\x00\x00" * 250_000 + whole[at:])


def _long_text(path: Path) -> None:
    save(opt(ramp(1), SeriesDescription="x"), path)
    whole = path.read_bytes()
    at = whole.index(b"\xe0\x7f\x10\x00OB")
    element = b"\x40\x00\x00\x40UT\0\0" + struct.pack("<I", 100_000) + b"A" * 100_000
    path.write_bytes(whole[:at] + element + whole[at:])


def _lying_length(path: Path) -> None:
    save(opt(ramp(1)), path)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"\xe0\x7f\x10\x00OB")
    whole[at + 8 : at + 12] = struct.pack("<I", 2**31)
    path.write_bytes(whole)


def _deflate_bomb(path: Path) -> None:
    save(opt(ramp(1)), path, "1.2.840.10008.1.2.1.99")
    whole = path.read_bytes()
    meta = 132 + 12 + struct.unpack("<I", whole[140:144])[0]
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    element = b"\x09\x00\x10\x10OB\0\0" + struct.pack("<I", 600 * 2**20)
    packed = engine.compress(element)
    for _ in range(513):
        packed += engine.compress(bytes(2**20))
    path.write_bytes(whole[:meta] + packed + engine.flush())


def _syntax(uid: str) -> Writer:
    def write(path: Path) -> None:
        data = opt(ramp(1))
        data.PixelData = encapsulate([b"\0" * 64])
        save_encoded(data, path, uid, [b"\0" * 64])

    return write


def _two_page_colour(path: Path) -> None:
    first, second = (
        Image.new("RGB", (60, 50), (0, 90, 250)),
        Image.new("RGB", (60, 50), (250, 0, 0)),
    )
    first.save(path, "TIFF", save_all=True, append_images=[second])


def _half_jpeg(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    Image.fromarray(noise).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:9000])


def _ended_jpeg(path: Path) -> None:
    """Half of a JPEG with an end mark, which libjpeg fills with grey."""
    path.write_bytes(_half_of_a_jpeg())


def _half_of_a_jpeg(rows: int = 200, columns: int = 200) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (rows, columns), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[: len(data) // 2] + b"\xff\xd9"


def _dark_dataset() -> bytes:
    return b"\0" * 128 + b"DICM"


_J2K = b"\xff\x4f\xff\x51" + struct.pack(
    ">HHIIIIIIIIH", 41, 0, 65535, 65535, 0, 0, 65535, 65535, 0, 0, 1
)
_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\0" * 40
_JPEG = b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 60000, 60000) + b"\x01\x01\x11\x00"
_JLS = b"\xff\xd8\xff\xf7\x00\x0b\x08" + struct.pack(">HH", 60000, 60000) + b"\x01\x01\x11\x00"

BAD_INPUTS: dict[str, tuple[Writer, str]] = {
    "empty.dcm": (raw(b""), "empty-file"),
    "renamed-text.dcm": (raw(b"this is no DICOM file\n" * 50), "not-dicom"),
    "notes.doc": (raw(b"hello\n"), "not-recognised"),
    "report.pdf": (raw(b"%PDF-1.7\n"), "not-recognised"),
    "truncated-header.dcm": (_cut(0.05), "truncated-file"),
    "truncated-half.dcm": (_cut(0.5), "truncated-file"),
    "truncated-jpegls.dcm": (_cut(0.8, JPEGLSLossless), "truncated-file"),
    "only-preamble.dcm": (raw(_dark_dataset()), "truncated-file"),
    "lying-length.dcm": (_lying_length, "truncated-file"),
    "deflate-bomb.dcm": (_deflate_bomb, "inflate-bomb"),
    "dimension-bomb.dcm": (_opt(Rows=65535, Columns=65535), "too-large"),
    "pixel-bomb.dcm": (_opt(Rows=16384, Columns=16384, NumberOfFrames=17), "too-large"),
    "frame-bomb.dcm": (_opt(NumberOfFrames=10_000_000), "too-many-bscans"),
    "zero-bscans.dcm": (_opt(NumberOfFrames=0), "no-bscans"),
    "no-size.dcm": (_opt(Rows=0), "no-pixels"),
    "no-pixel-data.dcm": (_without_pixels, "missing-pixel-data"),
    "palette.dcm": (_opt(PhotometricInterpretation="PALETTE COLOR"), "wrong-photometric"),
    "colour-opt.dcm": (
        lambda path: save(opt(np.zeros((1, 40, 48, 3), np.uint8)), path),
        "wrong-photometric",
    ),
    "deep.dcm": (_opt(BitsAllocated=32, BitsStored=32), "unsupported-depth"),
    "unknown-syntax.dcm": (_syntax("1.2.3.4.5.6"), "unsupported-syntax"),
    "jpeg-lossless.dcm": (_syntax(JPEGLosslessSV1), "unsupported-syntax"),
    "nested-40.dcm": (_nested(40), "nested-too-deeply"),
    "nested-100000.dcm": (_nested(100_000), "nested-too-deeply"),
    "elements.dcm": (_many_elements, "too-many-elements"),
    "long-text.dcm": (_long_text, "too-long-text"),
    "wrapped.dcm": (_stream(_JP2, JPEG2000Lossless), "wrapped-jpeg-2000"),
    "j2k-bomb.dcm": (_stream(_J2K, JPEG2000Lossless), "size-mismatch"),
    "jpeg-bomb.dcm": (_stream(_JPEG, JPEGBaseline8Bit), "size-mismatch"),
    "jls-bomb.dcm": (_stream(_JLS, JPEGLSLossless), "size-mismatch"),
    "rle-rubbish.dcm": (_stream(b"\x05" * 200, RLELossless), "damaged-frame"),
    "zeiss.dcm": (
        lambda path: (
            save_encoded(
                opt(np.zeros((1, 40, 48), np.uint8), Manufacturer="Carl Zeiss Meditec"),
                path,
                JPEG2000Lossless,
                [b"\x13\x37" * 60],
            )
            and None
        ),
        "zeiss-obfuscated",
    ),
    "pdf-in-dicom.dcm": (_other_class("1.2.840.10008.5.1.4.1.1.104.1"), "not-an-oct-volume"),
    "enface.dcm": (_other_class("1.2.840.10008.5.1.4.1.1.77.1.5.7"), "not-an-oct-volume"),
    "flow.dcm": (_other_class("1.2.840.10008.5.1.4.1.1.77.1.5.8"), "not-an-oct-volume"),
    "raw.dcm": (_other_class("1.2.840.10008.5.1.4.1.1.66"), "not-an-oct-volume"),
    "photo.png": (raw(_photo()), "not-an-oct-picture"),
    "photo.tif": (_two_page_colour, "not-an-oct-picture"),
    "icon.png": (raw(_picture("L", (8, 8), "PNG")), "not-an-oct-picture"),
    "half.jpg": (_half_jpeg, "damaged-picture"),
    "half-with-its-end.jpg": (_ended_jpeg, "damaged-picture"),
    "half-with-its-end.dcm": (
        _stream(_half_of_a_jpeg(40, 48), JPEGBaseline8Bit),
        "damaged-frame",
    ),
    "png-bomb.png": (raw(_png_claiming(60000, 60000)), "too-large"),
    "short.png": (raw(_png_claiming(300, 300)), "damaged-picture"),
    "float.tif": (raw(_picture("F", (40, 40), "TIFF")), "unsupported-depth"),
    "a.vol": (raw(b"HSF-OCT-103" + b"\0" * 600), "truncated-file"),
    "a.e2e": (raw(b"CMDb" + b"\0" * 600), "damaged-file"),
    "a.fda": (raw(b"FOCTFDA" + b"\0" * 600), "no-bscans"),
    "P1_Macular Cube 512x128_1-2-2010_9-3-1_OD_sn1_cube_z.img": (
        raw(b"\0" * 4096),
        "truncated-file",
    ),
    "scan.tar.gz": (raw(b"\x1f\x8b" + b"\0" * 100), "unsupported-archive"),
    "inner.zip": (raw(b"PK\x03\x04" + bytes(100)), "nested-archive"),
}
"""Bad files by name; each stands in a folder beside a good one."""


def good(path: Path) -> Dataset:
    """A sound file to stand beside the bad one."""
    data = opt(ramp(4))
    save(data, path)
    return data
