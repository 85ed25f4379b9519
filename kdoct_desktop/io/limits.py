"""Ingest limits: what a foreign file may claim and what reading it may cost.

Every size is held against these numbers before anything is decoded. The values are those that
open-source DICOM tools and fuzzing projects use, or a margin above the largest real scan.
"""

import ctypes
import os
import sys
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted; sizes in bytes, times in seconds.

    Attributes:
        file_bytes: Largest file.
        rows: Most rows and most columns of a picture.
        frames: Most B-scans of a volume and most pages of a picture file.
        picture_bytes: Largest decoded picture; one B-scan of 16 bit at 8192 x 8192 fits.
        volume_bytes: Largest decoded volume.
        free_share: Share of the free memory that a decoded volume may take.
        inflate_bytes: Most bytes that a deflated DICOM file may unpack to.
        header_bytes: Most bytes of a DICOM file before its pixel data.
        text_bytes: Longest text value of a DICOM element.
        depth: Deepest nesting of DICOM sequences.
        elements: Most elements of a DICOM file.
        inputs: Most files of a folder.
        folder_depth: Deepest nesting of folders.
        archive_entries: Most entries of an archive.
        archive_bytes: Most bytes that an archive may unpack to, as really written.
        archive_ratio: Most bytes unpacked for each byte of the archive.
        file_s: Time for reading one file's header or unpacking one archive entry.
        volume_s: Time for decoding one volume, and
        bscan_s: as much more for each of its B-scans: a large volume on a busy computer makes
            progress, which a hang does not.
        start_s: Time for the reading process to start and to load a format's codecs.
        child_bytes: Memory of the reading process.
    """

    file_bytes: int = 4 * GIB
    rows: int = 16_384
    frames: int = 8_192
    picture_bytes: int = 256 * MIB
    volume_bytes: int = 4 * GIB
    free_share: float = 0.6
    inflate_bytes: int = 512 * MIB
    header_bytes: int = 256 * MIB
    text_bytes: int = 64 * KIB
    depth: int = 32
    elements: int = 200_000
    inputs: int = 20_000
    folder_depth: int = 16
    archive_entries: int = 20_000
    archive_bytes: int = 16 * GIB
    archive_ratio: int = 200
    file_s: float = 25.0
    volume_s: float = 60.0
    bscan_s: float = 0.25
    start_s: float = 60.0
    child_bytes: int = 2_560 * MIB

    def volume_seconds(self, bscans: int) -> float:
        """Time for decoding a volume of so many B-scans."""
        return self.volume_s + self.bscan_s * bscans


def free_memory() -> int | None:
    """Bytes of memory that can be had without swapping; None where the system does not say."""
    if sys.platform == "win32":
        return _free_memory_windows()
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * KIB
    if "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _free_memory_windows() -> int | None:
    """``GlobalMemoryStatusEx``: its third eight bytes hold the free physical memory."""
    status = (ctypes.c_uint64 * 8)()
    status[0] = ctypes.sizeof(status)
    windll = getattr(ctypes, "windll", None)
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status[2])
