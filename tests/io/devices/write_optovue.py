"""Writes Optovue ``.OCT`` files with their ``.txt``, as public readers describe them."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NAME = "Doe, Jane _27_3D Retina_OS_2014-09-12_10.21.36_1"


@dataclass
class Optovue:
    """What is written; change what is to differ.

    Attributes:
        steps: Stored values of each step, axes (bscan, depth, ascan).
        protocol: Its name in the ``.txt``.
        general: Lines of the ``.txt`` by key, over the usual ones; None leaves one out.
        detail: Lines about each step, the same.
        groups: How often all steps follow each other.
    """

    steps: list[NDArray[np.float32]]
    protocol: str = "RT - 3D Retina"
    general: dict[str, str | None] = field(default_factory=dict)
    detail: dict[str, str | None] = field(default_factory=dict)
    groups: int = 1

    def write(self, folder: Path, name: str = NAME) -> Path:
        """Write both files; returns the path of the ``.OCT``."""
        path = folder / f"{name}.OCT"
        path.write_bytes(b"".join(_numbers(step) for step in self.steps) * self.groups)
        path.with_suffix(".txt").write_text(self.text(), encoding="latin-1")
        return path

    def text(self) -> str:
        """The ``.txt``."""
        depth = self.steps[0].shape[1]
        lines = ["[Patient]", "Last Name=Doe", "First Name=Jane", "Birth Date=1950-01-01"]
        for number, step in enumerate(self.steps, start=1):
            bscans, _, ascans = step.shape
            usual: dict[str, str | None] = {
                "XY Scan Size1": f" {ascans * 0.018:.2f} mm",
                "XY Scan Interval1": " 0.050 mm",
            }
            lines += [
                f"[{self.protocol} Step {number}]",
                f"XY Scan Length={ascans}",
                f"XY Scan Usage={bscans}",
                f"[{self.protocol} Step {number} Detail]",
                *_lines({**usual, **self.detail}),
            ]
        general: dict[str, str | None] = {
            "OCT Window Height": str(depth),
            "Scan Depth": f"{depth * 0.003071:.3f} mm",
            "Frames Per Data Group": str(sum(len(step) for step in self.steps)),
            "Total Data Groups": str(self.groups),
            "Eye Scanned": "OS",
            "Video Width": "640",
        }
        lines += ["[General]", *_lines({**general, **self.general})]
        return "\r\n".join(lines) + "\r\n"


def _lines(values: dict[str, str | None]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items() if value is not None]


def _numbers(step: NDArray[np.float32]) -> bytes:
    """A-scan by A-scan, each from the bottom up."""
    data = bytearray()
    for bscan in step:
        for ascan in range(bscan.shape[1]):
            column = bscan[:, ascan].tolist()
            data += struct.pack(f"<{len(column)}f", *reversed(column))
    return bytes(data)
