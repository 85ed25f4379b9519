"""Freed memory stays with the process that trains."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from training.learning.host_memory import keep_memory

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import ctypes, resource, sys
from training.learning.host_memory import keep_memory
if sys.argv[1] == "kept":
    assert keep_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes, library.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
size = 64 * 1024**2
for turn in range(12):
    if turn == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = library.malloc(size)
    library.memset(block, 1, size)
    library.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kind: str) -> int:
    """Page faults of ten uses of a large block, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, kind], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_large_block_is_mapped_once_and_not_with_every_use() -> None:
    assert faults("kept") < 100 < faults("given back")


def test_another_system_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert not keep_memory()
