"""The tasks of the reading process for device files."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.formats import FORMATS
from kdoct_desktop.io.devices.raw_volume import check_sum
from kdoct_desktop.io.limits import Limits

Parse = Callable[[Path, Limits], DeviceFile]


def read_header(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Answer ``info``: a ``DeviceInfo`` of ``arguments["path"]``, a file of ``format``.

    Raises:
        IngestError: The file is refused.
    """
    info = _parsed(work, arguments).info
    pictures = sum(len(one.pictures) for one in info.volumes)
    check_sum(pictures, Limits(**arguments["limits"]))  # before millions of records are made plain
    yield {"info": asdict(info)}, None


def read_frames(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """Decode ``arguments["indices"]`` in that order; each answer has ``index`` and ``shape``.

    Raises:
        IngestError: A picture cannot be decoded.
    """
    file = _parsed(work, arguments)
    for index in arguments["indices"]:
        pixels = np.ascontiguousarray(file.picture(index, colour=bool(arguments["colour"])))
        if pixels.dtype != np.uint8:
            raise IngestError("reader-garbage", "Reading gave an answer that makes no sense.")
        yield {"index": index, "shape": list(pixels.shape)}, pixels.data


def read_layers(
    work: Workspace, arguments: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """Heights of the layers of ``arguments["volume"]``: float32, little endian, with ``shape``.

    Raises:
        IngestError: They cannot be read.
    """
    rows = _parsed(work, arguments).layers(arguments["volume"])
    rows = np.ascontiguousarray(rows, dtype="<f4")
    yield {"shape": list(rows.shape)}, rows.data


def _parsed(work: Workspace, arguments: dict[str, Any]) -> DeviceFile:
    """The parsed file; parsed once unless the process was started anew."""
    path = arguments["path"]
    found = work.parsed.get(path)
    if not isinstance(found, DeviceFile):
        (one,) = (one for one in FORMATS if one.name == arguments["format"])
        module, function = one.parser.split(":")
        parse: Parse = getattr(importlib.import_module(module), function)
        found = work.parsed[path] = parse(Path(path), Limits(**arguments["limits"]))
    return found
