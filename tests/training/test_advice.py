"""Failures of the machine as plain sentences."""

import errno

import pytest
import torch
from safetensors import SafetensorError

from training.advice import messages_for
from training.errors import TrainingError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk-full"),
        (PermissionError(errno.EACCES, "Permission denied"), "not-writable"),
        (OSError(errno.EROFS, "Read-only file system"), "not-writable"),
        (OSError(errno.EMFILE, "Too many open files"), "too-many-files"),
        (OSError(errno.EIO, "Input/output error"), "disk-fault"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out-of-memory"),
        (MemoryError(), "out-of-memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out-of-memory"),
        (torch.OutOfMemoryError("something else"), "out-of-memory"),
        (RuntimeError("CUDA error: out of memory"), "out-of-memory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out-of-memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "out-of-memory",
        ),
        (RuntimeError("no kernel image is available for execution on the device"), "no-gpu"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "disk-full"),
    ],
)
def test_each_failure_of_the_machine_has_its_code_and_says_what_to_do(
    error: Exception, code: str
) -> None:
    found = messages_for(error)
    assert found is not None
    assert found.code == code
    assert found.message.endswith(".")


def test_out_of_memory_advises_a_smaller_batch_that_learns_the_same() -> None:
    found = messages_for(torch.OutOfMemoryError("CUDA out of memory"))
    assert found is not None
    assert "accumulation" in found.message
    assert "effective batch" in found.message


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    for error in (ValueError("out of memory"), RuntimeError("shapes differ"), OSError(999, "odd")):
        assert messages_for(error) is None


def test_an_error_raised_on_purpose_is_passed_on() -> None:
    error = TrainingError("empty-class", "No B-scan of DME.", ["DME"])
    assert messages_for(error) is error
