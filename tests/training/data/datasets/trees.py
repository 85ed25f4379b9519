"""Small data folders with the layouts of real data sets; every picture differs and is drawn."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.import_data import ImportReport, import_dataset
from training.errors import TrainingError

Grey = NDArray[np.uint8]


def drawing(name: str, *, depth: int = 24, ascans: int = 32) -> Grey:
    """A picture that only this name has: a band on noise, seeded by the name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 60, size=(depth, ascans))
    top = int(rng.integers(2, depth - 8))
    picture[top : top + 5] += 150
    return picture.astype(np.uint8)


def put(root: Path, *names: str) -> None:
    """Write a picture at each of these places, of the kind that the name says."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), drawing(name))


def put_text(root: Path, name: str, *lines: str) -> None:
    """Write a text file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def taken(
    importer: str,
    root: Path,
    *,
    exclude: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> ImportReport:
    """Import in one thread."""
    return import_dataset(importer, root, exclude=exclude, options=options, threads=1)


def refusal(
    importer: str,
    root: Path,
    *,
    exclude: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> TrainingError:
    """The error of an import that must fail; it never tells where the data folder lies."""
    with pytest.raises(TrainingError) as caught:
        taken(importer, root, exclude=exclude, options=options)
    assert str(root) not in " ".join((caught.value.message, *caught.value.details))
    return caught.value
