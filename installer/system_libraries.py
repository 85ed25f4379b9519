"""Finds what the operating system lacks for Qt and the tests, and installs it through apt.

Only the standard library is used. A library counts as present when the dynamic loader opens it,
which is what Qt will do; package names differ between releases of Debian, sonames do not.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping

QT_LIBRARIES: Mapping[str, str] = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libzstd.so.1": "libzstd1",
}
"""What Qt needs to load at all, off screen too: soname to Debian package."""

WINDOW_LIBRARIES: Mapping[str, str] = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
}
"""What Qt's X11 and Wayland windows need on top."""

TEST_PROGRAMS: Mapping[str, str] = {
    "Xvfb": "xvfb",
    "pdftoppm": "poppler-utils",
    "dciodvfy": "dicom3tools",
}
"""What the test suite starts: program to Debian package."""


class SystemPackageError(Exception):
    """Something of the operating system is missing and could not be installed."""


def missing_libraries(libraries: Mapping[str, str]) -> list[str]:
    """Debian packages of those libraries that the dynamic loader does not find; Linux only."""
    if not sys.platform.startswith("linux"):
        return []
    return sorted({package for soname, package in libraries.items() if not _opens(soname)})


def missing_programs(programs: Mapping[str, str]) -> list[str]:
    """Debian packages of those programs that are not on the path; Linux only."""
    if not sys.platform.startswith("linux"):
        return []
    return sorted({package for name, package in programs.items() if shutil.which(name) is None})


def missing_venv() -> list[str]:
    """The Debian package that ``python -m venv`` lacks; empty where it works."""
    have = all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))
    return [] if have else ["python3-venv"]


def apt_line(packages: Iterable[str]) -> str:
    """The one line that an administrator runs to install `packages`."""
    return f"sudo apt-get update && sudo apt-get install -y {' '.join(packages)}"


def install(packages: list[str], *, purpose: str) -> bool:
    """Install Debian packages as root, or say which line does it.

    Args:
        packages: Names; nothing happens where there are none.
        purpose: What they are for, as it is printed.

    Returns:
        True when nothing is missing any more.
    """
    if not packages:
        return True
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        print(f"Missing for {purpose}: {names} (Debian names). Install them with your system.")
        return False
    if not _is_root():
        print(f"Missing for {purpose}. Run: {apt_line(packages)}")
        return False
    print(f"Installing system packages for {purpose}: {names}", flush=True)
    _apt("update")
    result = _apt("install", "-y", "--no-install-recommends", *packages)
    if result.returncode != 0:
        print(result.stdout.strip())
        print(f"apt-get could not install them. Run: {apt_line(packages)}")
    return result.returncode == 0


def _apt(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get without questions; its output is kept for the case that it fails."""
    return subprocess.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _is_root() -> bool:
    """True for the system's administrator on POSIX."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _opens(soname: str) -> bool:
    """True when the dynamic loader finds and opens the library."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True
