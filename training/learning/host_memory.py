"""Memory of tensors on a processor: kept by the process instead of given back after every use.

glibc gives large blocks back to the system as soon as they are free, and each is then mapped and
zeroed anew, page by page, in every layer of every step.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h
_NEVER = 2**31 - 1
_TOP_PAD = 256 * 1024**2


def keep_memory() -> bool:
    """Tell the allocator to keep what is freed; for a process that trains and then ends.

    Returns:
        False where the C library is not glibc: nothing is changed there.
    """
    if sys.platform != "linux":
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - AttributeError: another C library
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _TOP_PAD))
    return all(mallopt(option, value) == 1 for option, value in wanted)
