"""What a failure of the machine means and what to do: one plain sentence instead of a traceback."""

import errno

from training.errors import TrainingError

_SMALLER = (
    "halve the batch and double the accumulation, which leaves the effective batch as it is "
    "(for example teacher.batch=2 teacher.accumulation=8); `kdoct-train doctor` finds the largest "
    "batch that fits"
)
_FULL = "Everything written so far is whole; free some space and give the same command to go on."
_OS = {
    errno.ENOSPC: ("disk-full", f"The disk is full. {_FULL}"),
    errno.EDQUOT: ("disk-full", f"Your quota on this disk is used up. {_FULL}"),
    errno.EFBIG: ("disk-full", f"A file is larger than this disk allows. {_FULL}"),
    errno.EROFS: ("not-writable", "The run folder lies on a disk that cannot be written."),
    errno.EACCES: ("not-writable", "A file or folder cannot be opened: its permissions forbid it."),
    errno.EPERM: ("not-writable", "A file or folder cannot be changed: its permissions forbid it."),
    errno.EMFILE: (
        "too-many-files",
        "This process may open no more files; raise the limit (ulimit -n), or set "
        "compute.loader_threads lower.",
    ),
    errno.EIO: (
        "disk-fault",
        "The disk reports an error; check it before going on. The same command goes on from the "
        "last whole checkpoint.",
    ),
    errno.ENOMEM: ("out-of-memory", f"This machine ran out of memory; {_SMALLER}."),
}
_WORDS = (
    ("no space left on device", "disk-full", f"The disk is full. {_FULL}"),
    ("out of memory", "out-of-memory", f"The GPU ran out of memory; {_SMALLER}."),
    ("alloc_failed", "out-of-memory", f"The GPU ran out of memory; {_SMALLER}."),
    ("can't allocate memory", "out-of-memory", f"This machine ran out of memory; {_SMALLER}."),
    ("not enough memory", "out-of-memory", f"This machine ran out of memory; {_SMALLER}."),
    (
        "no kernel image is available",
        "no-gpu",
        "This torch was not built for this GPU; install the torch that fits it, or set "
        "compute.accelerator=cpu.",
    ),
    (
        "driver version is insufficient",
        "no-gpu",
        "The GPU's driver is older than this torch needs; update the driver, or set "
        "compute.accelerator=cpu.",
    ),
    (
        "connection refused",
        "no-connection",
        "The processes of this run do not reach each other; check the address and port given to "
        "torchrun on every machine.",
    ),
)
_TORCH = {
    "OutOfMemoryError", "AcceleratorError", "RuntimeError", "SafetensorError",
    "DistBackendError", "DistNetworkError", "DistStoreError",
}  # fmt: skip


def messages_for(error: BaseException) -> TrainingError | None:
    """The plain form of a failure that comes from the machine and not from a fault of the program.

    Known by their numbers (OSError) or their words (torch and safetensors have one class for
    many causes). torch need not be loaded.

    Returns:
        An error to show in the place of `error`; None where nothing is known about it, so that the
        traceback is not lost.
    """
    if isinstance(error, TrainingError):
        return error
    if isinstance(error, MemoryError):
        return TrainingError("out-of-memory", f"This machine ran out of memory; {_SMALLER}.")
    if isinstance(error, OSError) and error.errno in _OS:
        return TrainingError(*_OS[error.errno])
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, OSError) or names & _TORCH:
        text = str(error).lower()
        for words, code, message in _WORDS:
            if words in text:
                return TrainingError(code, message)
    if "OutOfMemoryError" in names:
        return TrainingError("out-of-memory", f"The GPU ran out of memory; {_SMALLER}.")
    return None
