"""The outer form of a ``.kdmodel`` file: a zip with known members and one possible byte form.

Members are stored without compression, in a fixed order, with a fixed time. A reader builds the
archive again from what it read and compares: a byte that differs anywhere, a comment, a second
directory or bytes between the members make it "not a package". That leaves nothing to hide in,
no ratio to blow up, and makes writing reproducible.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from kdoct_desktop.domain.errors import ModelError

MANIFEST = "manifest.json"
MODEL = "model.onnx"
GOLDEN = "golden.npz"
STATISTICS = "statistics.npz"
CARD = "MODEL_CARD.md"
SIGNATURE = "signature"

_MIB = 1024 * 1024
SIZE_LIMITS: dict[str, int] = {
    MANIFEST: _MIB,
    MODEL: 400 * _MIB,
    GOLDEN: 64 * _MIB,
    STATISTICS: 16 * _MIB,
    CARD: _MIB,
    SIGNATURE: 64,
}
"""Every member in its order, with the most bytes that it may have."""

LARGEST_FILE = sum(SIZE_LIMITS.values()) + 4096
_TIME = (1980, 1, 1, 0, 0, 0)


def pack(members: Mapping[str, bytes]) -> bytes:
    """The one byte form of an archive with these members; each must be a known one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in SIZE_LIMITS:
            if name in members:
                entry = zipfile.ZipInfo(name, _TIME)
                entry.create_system = 3
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, members[name])
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Members of an archive, after a check of its whole structure.

    Raises:
        ModelError: ``not-a-package``, ``too-large``, or ``unsigned`` where only the signature is
            missing.
    """
    if len(data) > LARGEST_FILE:
        raise too_large()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            members = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise not_a_package() from error
    except (ValueError, NotImplementedError, RuntimeError, UnicodeError) as error:
        # what zipfile raises for odd names, versions, methods and encryption flags
        raise not_a_package() from error
    missing = [name for name in SIZE_LIMITS if name not in members]
    if missing == [SIGNATURE]:
        raise ModelError(
            "unsigned", "The model package carries no signature, so it was not loaded."
        )
    if missing or pack(members) != data:
        raise not_a_package()
    return members


def read_bytes(path: Path) -> bytes:
    """Content of a package file, unless it is too large.

    Raises:
        ModelError: ``not-a-package`` where it cannot be read, ``too-large``.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                raise too_large()
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ModelError("not-a-package", "The model package cannot be read.") from error
    if len(data) > LARGEST_FILE:
        raise too_large()
    return data


def not_a_package() -> ModelError:
    """The refusal of something that is no package or a damaged one."""
    return ModelError("not-a-package", "This is not a model package, or it is damaged.")


def too_large() -> ModelError:
    """The refusal of something beyond the size limits."""
    return ModelError("too-large", "The model package is larger than this program accepts.")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Only known members, each once, stored, within its limit."""
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names) or not set(names) <= set(SIZE_LIMITS):
        raise not_a_package()
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits != 0:
            raise not_a_package()
        if max(entry.file_size, entry.compress_size) > SIZE_LIMITS[entry.filename]:
            raise too_large()
