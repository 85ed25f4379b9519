"""Simulated patients as a folder of pictures, to try the whole way without any patient.

Layout: ``<class of the eye>/<patient>/<eye>/<number>.png`` and ``labels.csv``, one line a B-scan
with its own label, for the ``csv`` importer; the folders alone serve the ``folder`` importer.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kdoct_desktop.domain.whole_file import write_whole
from training.errors import TrainingError
from training.events import Events, Silent
from training.phantom import PhantomSpec, generate
from training.phantoms.styles import STYLES

COLUMNS = ("path", "patient", "eye", "volume", "bscan", "label", "volume_label", "device")


def write_patients(
    folder: Path,
    classes: Sequence[str],
    *,
    patients: int,
    bscans: int = 5,
    seed: int = 0,
    size: tuple[int, int] = (248, 256),
    events: Events | None = None,
) -> Path:
    """Write pictures and ``labels.csv`` of `patients` patients of each class, one eye each.

    Args:
        folder: New or empty.
        classes: Conditions that `training.phantom` knows.
        patients: Of each class.
        bscans: Of each volume.
        seed: Everything follows from it.
        size: Rows and columns of a B-scan.
        events: Told how far it is.

    Returns:
        The label file.

    Raises:
        TrainingError: ``not-empty``: nothing is overwritten.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TrainingError("not-empty", f"The folder {folder.name} is not empty; choose another.")
    heard = events or Silent()
    rng = np.random.default_rng(seed)
    lines: list[tuple[object, ...]] = []
    order = [(k, condition) for k in range(patients) for condition in classes]
    for done, (number, condition) in enumerate(order):
        spec = _eye(rng, condition, bscans=bscans, size=size)
        lines += _write_volume(folder, spec, patient=f"{condition.lower()}{number:03d}")
        heard.progress(done + 1, len(order), "drawing patients")
    return _write_labels(folder / "labels.csv", lines)


def _eye(
    rng: np.random.Generator, condition: str, *, bscans: int, size: tuple[int, int]
) -> PhantomSpec:
    """A random eye with that condition."""
    return PhantomSpec(
        seed=int(rng.integers(2**31)),
        condition=condition,
        laterality=str(rng.choice(["OD", "OS"])),
        bscans=bscans,
        depth=size[0],
        ascans=size[1],
        style=str(rng.choice(sorted(STYLES))),
        severity=float(rng.uniform(0.5, 1.0)),
        axial_mm=0.0039 * 496 / size[0],
        localizer_size=0,
    )


def _write_labels(path: Path, lines: list[tuple[object, ...]]) -> Path:
    """The label file, written at once."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines)
    write_whole(path, text.getvalue().encode())
    return path


def _write_volume(folder: Path, spec: PhantomSpec, *, patient: str) -> list[tuple[object, ...]]:
    """The pictures of one eye; returns their lines."""
    phantom = generate(spec)
    place = Path(spec.condition) / patient / spec.laterality
    (folder / place).mkdir(parents=True)
    lines: list[tuple[object, ...]] = []
    for index, (bscan, label) in enumerate(zip(phantom.voxels, phantom.labels, strict=True)):
        path = place / f"{index:03d}.png"
        if not cv2.imwrite(str(folder / path), bscan):
            raise OSError(f"{path.name} cannot be written")
        volume = f"{patient}-{spec.laterality}"
        lines.append((path.as_posix(), patient, spec.laterality, volume, index, label,
                      spec.condition, spec.style))  # fmt: skip
    return lines
