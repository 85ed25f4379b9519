"""The reading process: serves one task at a time and dies when it is told to or left alone.

It alone loads pydicom, Pillow and the codecs, each when the first file needs it.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import wire
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.sandbox import limit_this_process, wall_in

Answer = tuple[dict[str, Any], "memoryview | None"]


@dataclass
class Workspace:
    """What a task may use.

    Attributes:
        folder: The only folder it may write into.
        limits: The default ingest limits; a task's arguments may carry others.
        parsed: Files parsed before, by path, so that decoding need not parse again.
    """

    folder: Path
    limits: Limits = field(default_factory=Limits)
    parsed: dict[str, Any] = field(default_factory=dict)


Task = Callable[[Workspace, dict[str, Any]], Iterator[Answer]]

TASKS: dict[str, str] = {
    "dicom-header": "kdoct_desktop.io.dicom_header:read_header",
    "dicom-frames": "kdoct_desktop.io.dicom_pixels:read_frames",
    "dicom-layers": "kdoct_desktop.io.dicom_heights:read_layers",
    "dicom-directory": "kdoct_desktop.io.dicom_header:read_directory",
    "image-header": "kdoct_desktop.io.image_pixels:read_header",
    "image-frames": "kdoct_desktop.io.image_pixels:read_frames",
    "device-header": "kdoct_desktop.io.devices.serve:read_header",
    "device-frames": "kdoct_desktop.io.devices.serve:read_frames",
    "device-layers": "kdoct_desktop.io.devices.serve:read_layers",
    "unpack": "kdoct_desktop.io.archive:unpack",
}
"""Module and function of each task; loaded when first asked for."""


def main(settings: dict[str, Any]) -> None:
    """Serve until the other end closes.

    Args:
        settings: ``folder``, ``memory_bytes`` and ``preload``, as ``contained`` passes them.
    """
    requests, answers = _streams()
    limit_this_process(int(settings["memory_bytes"]))
    work = Workspace(Path(settings["folder"]))
    wall_in(work.folder)
    for name in settings.get("preload", ()):
        _task(name)
    while True:
        prefix = requests.read(wire.PREFIX.size)
        if len(prefix) < wire.PREFIX.size:
            return
        request = wire.decode(requests.read(wire.PREFIX.unpack(prefix)[0]))
        _serve(work, request, answers)


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, moved away from where a library may print."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    return requests, answers


def _serve(work: Workspace, request: wire.Message, answers: BinaryIO) -> None:
    """Do one task; whatever goes wrong becomes an error with a code and no details."""
    try:
        task = _task(request["task"])
        _send(answers, {"alive": True})  # loaded: from here on the time counts
        before = time.process_time()
        for message, payload in task(work, request["arguments"]):
            spent = {} if payload is None else {"spent_s": time.process_time() - before}
            _send(answers, {**message, **spent}, payload)
            before = time.process_time()
    except IngestError as error:
        _send(answers, {"error": {"code": error.code, "message": error.message}})
    except MemoryError:
        work.parsed.clear()
        text = "The file needs more memory than reading may use."
        _send(answers, {"error": {"code": "too-much-memory", "message": text}})
    except Exception:  # noqa: BLE001 - the reader boundary: details may hold patient data
        text = "The file is damaged or not what it claims to be."
        _send(answers, {"error": {"code": "damaged-file", "message": text}})
    else:
        _send(answers, {"done": True})


def _task(name: str) -> Task:
    module, function = TASKS[name].split(":")
    task: Task = getattr(importlib.import_module(module), function)
    return task


def _send(answers: BinaryIO, message: dict[str, Any], payload: memoryview | None = None) -> None:
    """Write a message and its raw part; an unbuffered pipe may take them in pieces."""
    size = 0 if payload is None else payload.nbytes
    for part in (wire.encode(message, size), payload):
        if part is None:
            continue
        view = memoryview(part).cast("B")
        while view:
            view = view[answers.write(view) :]
