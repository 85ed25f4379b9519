"""Zip archives that must be refused, made by code."""

import struct
import warnings
import zipfile
from pathlib import Path

from tests.io.bad_inputs import Writer, raw


def packed(*entries: tuple[str, bytes], **options: int) -> Writer:
    """Writes an archive of these entries; `mode` is the POSIX mode of each."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that occur twice
            for name, data in entries:
                info = zipfile.ZipInfo("x")
                info.filename = info.orig_filename = name
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = options.get("mode", 0) << 16
                archive.writestr(info, data)

    return write


def _encrypted_zip(path: Path) -> None:
    packed(("a.dcm", b"secret" * 100))(path)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)


def _lying_zip(path: Path) -> None:
    """The table says that the entry is small."""
    packed(("a.dcm", bytes(400 * 2**20)))(path)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)


BAD_ARCHIVES: dict[str, tuple[Writer, str]] = {
    "encrypted": (_encrypted_zip, "encrypted-archive"),
    "empty": (packed(), "empty-input"),
    "broken": (raw(b"PK\x03\x04" + b"\0" * 200), "damaged-archive"),
    "ratio": (packed(("a.dcm", bytes(64 * 2**20))), "archive-bomb"),
    "lying": (_lying_zip, "damaged-archive"),
    "entries": (packed(*((f"{i}.dcm", b"") for i in range(20_001))), "too-many-files"),
    "link": (packed(("link", b"/etc/passwd"), mode=0o120777), "unsafe-archive"),
    "device": (packed(("device", b""), mode=0o020666), "unsafe-archive"),
    "case": (packed(("a/B.dcm", b"1"), ("A/b.dcm", b"2")), "unsafe-archive"),
    "twice": (packed(("a.dcm", b"1"), ("a.dcm", b"2")), "unsafe-archive"),
}

UNSAFE_NAMES = (
    "../a.dcm",
    "a/../../b.dcm",
    "/a.dcm",
    "//host/share/a.dcm",
    "C:/a.dcm",
    "C:a.dcm",
    "..\\a.dcm",
    "\\\\host\\share\\a.dcm",
    "a\\b.dcm",
    "a\0.dcm",
    "a/./b.dcm",
    "a//b.dcm",
    "CON",
    "con.dcm",
    "a/NUL.txt",
    "COM1.dcm",
    "lpt9",
    "AUX .dcm",
    "a.dcm.",
    "a.dcm ",
    "a:stream",
    "a\n.dcm",
    "x" * 300,
    "..",
    ".",
)
