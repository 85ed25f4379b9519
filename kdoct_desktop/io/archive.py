"""In the reading process: unpack a zip archive into the process's own folder, trusting nothing.

Names that lead outside, that Windows reserves or that differ only in case are refused with the
whole archive; so are encryption, links, and more bytes than the archive may hold: the bytes are
counted as they come out, whatever the archive's own table says.
"""

import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.limits import Limits

_RESERVED = {"CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"}
_RESERVED |= {f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"}
_CHUNK = 1 << 20
_PAUSE_ENTRIES = 100


def unpack(work: Workspace, arguments: dict[str, Any]) -> Iterator[tuple[dict[str, Any], None]]:
    """Unpack ``arguments["path"]`` into the folder ``arguments["target"]`` of the workspace.

    Raises:
        IngestError: The archive is unsafe, encrypted, damaged or beyond the limits.
    """
    path, limits = Path(arguments["path"]), Limits(**arguments["limits"])
    target = work.folder / arguments["target"]
    target.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked(archive.infolist(), limits)
            allowed = _allowed_bytes(path, limits, work.folder)
            written = 0
            for number, (entry, name) in enumerate(entries):
                written += _extract(archive, entry, target / name, allowed - written)
                if number % _PAUSE_ENTRIES == 0:
                    yield {"alive": True}, None
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise IngestError("damaged-archive", "The archive is damaged.") from error
    yield {"unpacked": written}, None


def _checked(entries: list[zipfile.ZipInfo], limits: Limits) -> list[tuple[zipfile.ZipInfo, Path]]:
    """Files of the archive with safe relative names."""
    if len(entries) > limits.archive_entries:
        raise IngestError("too-many-files", "The archive holds more files than any real study.")
    safe: list[tuple[zipfile.ZipInfo, Path]] = []
    seen: set[str] = set()
    for entry in entries:
        name = safe_name(entry.orig_filename)
        mode = entry.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise IngestError("unsafe-archive", "The archive holds a link or a special file.")
        if entry.flag_bits & 0x41:
            text = "The archive is encrypted; unpack it first and open the folder."
            raise IngestError("encrypted-archive", text)
        if entry.is_dir():
            continue
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            text = "The archive is packed in an unusual way; unpack it first and open the folder."
            raise IngestError("unsupported-archive", text)
        folded = name.as_posix().casefold()
        if folded in seen:
            raise IngestError("unsafe-archive", "Two files of the archive have the same name.")
        seen.add(folded)
        safe.append((entry, name))
    return safe


def safe_name(name: str) -> Path:
    """The name of an archive entry as a relative path that stays inside and works on Windows.

    Raises:
        IngestError: It is absolute, climbs up, or holds something that a system gives a meaning.
    """
    parts = name.rstrip("/").split("/")
    bad = (
        not name.strip("/")
        or len(name) > 1_000
        or "\\" in name
        or ":" in name
        or any(ord(letter) < 32 for letter in name)
        or any(
            part in ("", ".", "..")
            or part != part.rstrip(". ")
            or len(part.encode("utf-8", "surrogateescape")) > 255
            or part.split(".")[0].rstrip().upper() in _RESERVED
            for part in parts
        )
    )
    if bad:
        text = "The archive holds a file name that leads outside of it or is not allowed."
        raise IngestError("unsafe-archive", text)
    return Path(*parts)


def _allowed_bytes(path: Path, limits: Limits, folder: Path) -> int:
    """Most bytes that may be written: limits, ratio, and nine tenths of the free disk."""
    free = shutil.disk_usage(folder).free * 9 // 10
    by_ratio = max(path.stat().st_size * limits.archive_ratio, _CHUNK)
    return min(limits.archive_bytes, by_ratio, free)


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, allowed: int) -> int:
    """Write one entry, counting; returns the bytes written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(entry) as source, target.open("xb") as out:
        while part := source.read(_CHUNK):
            written += len(part)
            if written > allowed:
                raise IngestError("archive-bomb", "The archive unpacks to far more than it may.")
            out.write(part)
    return written
