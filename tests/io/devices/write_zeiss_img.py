"""Writes Zeiss ``.img`` cubes as they are described: no header, each B-scan turned half around."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def zeiss_name(
    protocol: str,
    *,
    patient: str = "P123",
    date: str = "4-25-2013",
    time: str = "9-32-13",
    eye: str = "OD",
    kind: str = "cube_z",
) -> str:
    """A file's name as the device makes it."""
    return f"{patient}_{protocol}_{date}_{time}_{eye}_sn2218_{kind}.img"


def write_zeiss(path: Path, voxels: NDArray[np.uint8]) -> Path:
    """Write a cube, axes (bscan, depth, ascan), one voxel after the other."""
    with path.open("wb") as file:
        for bscan in voxels:
            rows = bscan.tolist()
            for row in reversed(rows):
                file.write(bytes(reversed(row)))
    return path
