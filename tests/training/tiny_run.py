"""A run of seconds: drawn B-scans of tiny patients, tiny networks, a split made by hand."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.training.drawn import normal_bscan
from training.config import Config, make_config
from training.data.manifest import Manifest, Row, write_manifest
from training.data.perceptual_hash import perceptual_hash
from training.data.read_picture import picture_sha256, read_picture
from training.events import Silent
from training.learning.fold_data import FoldData, load_fold
from training.open_run import Run, create_run
from training.settings_file import merged
from training.splits.split import PARTS, Fold, Split, save_split

CODES = ("NORMAL", "DRUSEN", "CNV")
TINY: dict[str, Any] = {
    "classes": {"codes": list(CODES)},
    "input": {"height": 32, "width": 48},
    "teacher": {
        "model": "test_convnext", "weights": "none", "dropout": 0.1, "drop_path": 0.1,
        "batch": 4, "accumulation": 2, "epochs": 3, "warmup_epochs": 1, "freeze_epochs": 1,
        "head_rate": 2e-3, "backbone_rate": 2e-3, "ema": 0.8, "swa_start": 1, "swa_rate": 1e-3,
        "augment": {"operations": 1, "rotation": 4.0, "shear": 2.0, "erase": 0.1},
    },
    "student": {
        "model": "test_efficientnet", "weights": "none", "dropout": 0.1, "batch": 4,
        "accumulation": 2, "epochs": 3, "warmup_epochs": 1, "ema": 0.8, "swa_start": 1,
        "augment": {"operations": 1, "rotation": 4.0, "erase": 0.1},
    },
    "distill": {"waiver": "a test"},
    "compute": {"seed": 5, "threads": 1, "loader_threads": 2, "accelerator": "cpu"},
    "evaluate": {"resamples": 50},
}  # fmt: skip


def tiny_config(**over: Any) -> Config:
    """The tiny configuration with some values changed, table by table."""
    return make_config(merged(TINY, over))


def draw(label: str, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A B-scan whose class can be seen from afar."""
    picture, ilm, bruch = normal_bscan(depth=96, ascans=128, seed=seed)
    rng = np.random.default_rng(seed)
    centre = int(rng.integers(40, 88))
    if label == "DRUSEN":
        for k in (-24, 0, 24):
            at = (min(120, max(8, centre + k)), int(bruch[64]) - 6)
            cv2.ellipse(picture, at, (7, 7), 0, 0, 360, 230, -1)
    if label == "CNV":
        cv2.ellipse(picture, (centre, int((ilm[64] + bruch[64]) / 2)), (24, 10), 0, 0, 360, 12, -1)
    return picture


def write_data(root: Path, *, patients: int = 6, bscans: int = 3) -> Manifest:
    """Pictures of `patients` patients of each class, and their manifest beside the folder."""
    rows = []
    for k, label in enumerate(CODES):
        for number in range(patients):
            for index in range(bscans):
                path = f"{label}/p{number}/{index}.png"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                picture = draw(label, seed=1000 * k + 10 * number + index)
                cv2.imwrite(str(root / path), picture)
                again = read_picture(root, path)
                rows.append(Row(
                    path, 0, picture_sha256(again), perceptual_hash(again), "tiny",
                    f"tiny:{label}{number}", "OD", f"tiny:{label}{number}-OD", index, label, label,
                ))  # fmt: skip
    return write_manifest(root.parent / "manifest.csv", rows)


def hand_split(manifest: Manifest, *, patients: int = 6) -> Split:
    """Two folds: every third patient validates, the others test in turns."""
    folds = []
    for fold in range(2):
        parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
        for label in CODES:
            for number in range(patients):
                test = number % 3 == 2 and (number // 3) % 2 == fold
                part = "test" if test else "validation" if number % 3 == 1 else "train"
                parts[part].append(f"tiny:{label}{number}")
        folds.append(Fold(*(tuple(sorted(parts[name])) for name in PARTS)))
    return Split(manifest.sha256, CODES, tuple(folds), {"leak": {}})


def tiny_run(place: Path, config: Config | None = None, *, patients: int = 6) -> Run:
    """A run folder ``place/run`` over ``place/data``."""
    manifest_file = place / "manifest.csv"
    if not manifest_file.is_file():
        save_split(place / "split.json", hand_split(write_data(place / "data", patients=patients),
                                                    patients=patients))  # fmt: skip
    return create_run(
        place / "run", config or tiny_config(), root=place / "data", manifest_file=manifest_file,
        cache=place / "cache", split_file=place / "split.json", events=Silent(),
    )  # fmt: skip


def tiny_fold(run: Run, fold: int = 0) -> FoldData:
    """The data of a fold."""
    return load_fold(run.config, run.root, run.manifest, run.split, fold)
