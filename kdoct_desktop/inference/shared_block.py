"""Memory that the window's process and the inference process both see.

On Linux it is a file without a name that lives in memory and is inherited as a descriptor; on
other POSIX systems a temporary file that is already unlinked; on Windows a mapping with a random
name that lives as long as somebody has it open. In every case nothing can be left behind, however
either process ends, and on Linux and Windows no pixel is written to a disk.
"""

import mmap
import os
import sys
import tempfile
import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HEAD = 64
_ALIGN = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in the block: a head, places for B-scans, places for activation maps.

    Attributes:
        slots: How many B-scans fit at a time.
        bscan: Depth and A-scans of a B-scan.
        cam: Class, row, column of its activation maps.
    """

    slots: int
    bscan: tuple[int, int]
    cam: tuple[int, int, int]

    @property
    def cams_at(self) -> int:
        """First byte of the activation maps."""
        pixels = self.slots * self.bscan[0] * self.bscan[1]
        return _HEAD + -(-pixels // _ALIGN) * _ALIGN

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.cams_at + 4 * self.slots * self.cam[0] * self.cam[1] * self.cam[2]


class Window:
    """A block that is mapped: arrays on it, and the flag that asks the worker to stop."""

    def __init__(self, memory: mmap.mmap, layout: Layout) -> None:
        self._memory = memory
        self.layout = layout
        pixels = layout.slots * layout.bscan[0] * layout.bscan[1]
        values = layout.slots * layout.cam[0] * layout.cam[1] * layout.cam[2]
        self.bscans: NDArray[np.uint8] = np.frombuffer(
            memory, dtype=np.uint8, count=pixels, offset=_HEAD
        ).reshape(layout.slots, *layout.bscan)
        self.cams: NDArray[np.float32] = np.frombuffer(
            memory, dtype=np.float32, count=values, offset=layout.cams_at
        ).reshape(layout.slots, *layout.cam)

    @property
    def stop(self) -> bool:
        """True when the work in hand is no longer wanted."""
        return self._memory[0] != 0

    @stop.setter
    def stop(self, wanted: bool) -> None:
        self._memory[0] = int(wanted)


class SharedBlock:
    """The parent's side: owns the memory and lends it to the child."""

    def __init__(self) -> None:
        self._descriptor = -1
        if sys.platform != "win32":
            self._descriptor = _unnamed_file()

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that the child must inherit."""
        return (self._descriptor,) if self._descriptor >= 0 else ()

    def open(self, layout: Layout) -> tuple[Window, str]:
        """Make room for a layout.

        Nobody may be using an earlier window at that time.

        Returns:
            The window, and the name under which the child opens the same memory.
        """
        if sys.platform == "win32":
            name = f"kdoct-{uuid.uuid4().hex}"
            return Window(mmap.mmap(-1, layout.size, tagname=name), layout), name
        os.ftruncate(self._descriptor, 0)  # nothing of the scan before stays
        os.ftruncate(self._descriptor, layout.size)
        memory = mmap.mmap(self._descriptor, layout.size)
        return Window(memory, layout), str(self._descriptor)

    def close(self) -> None:
        """Give the memory back; a window that is still open keeps it until it goes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def attach(name: str, layout: Layout) -> Window:
    """The child's side: map the memory that the parent named."""
    if sys.platform == "win32":
        return Window(mmap.mmap(-1, layout.size, tagname=name), layout)
    return Window(mmap.mmap(int(name), layout.size), layout)


def _unnamed_file() -> int:
    """Descriptor of a file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("kdoct", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
