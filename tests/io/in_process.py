"""The reader's own functions without the process around them, for tests of values and rules."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io import dicom
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.dicom_fields import FileInfo
from kdoct_desktop.io.dicom_header import read_header
from kdoct_desktop.io.dicom_localizer import DicomFile
from kdoct_desktop.io.dicom_pixels import read_frames
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile, VolumePlan
from kdoct_desktop.io.records import from_json
from kdoct_desktop.io.wire import PREFIX, decode, encode


def plan_of(path: Path) -> VolumePlan:
    """What is planned for the only volume of a DICOM file."""
    arguments = {"path": str(path), "limits": asdict(Limits())}
    ((message, _),) = read_header(Workspace(path.parent), arguments)
    info = from_json(FileInfo, decode(encode(message)[PREFIX.size :])["info"])
    plans, problems = dicom.plans_of([DicomFile(InputFile(path, path.name, "folder"), info)])
    assert problems == []
    (plan,) = plans
    return plan


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """The B-scans of a DICOM file, axes (bscan, depth, ascan)."""
    frames = len(plan_of(path).frames)
    arguments: dict[str, Any] = {"path": str(path), "limits": asdict(Limits()), "colour": False}
    arguments["indices"] = list(range(frames))
    answers = read_frames(Workspace(path.parent), arguments)
    return np.stack(
        [np.frombuffer(data, np.uint8).reshape(message["shape"]) for message, data in answers]
    )
