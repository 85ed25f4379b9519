"""The pictures of a data folder and what each may be used for.

Only two data sets carry a licence (CC BY 4.0) that lets shipped weights learn from them. The rest
is for evaluation and this module is the one place that says so.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.arrays import Grey
from training.errors import TrainingError

TRAINABLE = ("octdl", "kermany")
LICENCE = "CC BY 4.0"


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of the manifest.

    Attributes:
        path: The picture.
        dataset: Name of its data set.
        label: The label its data set gives.
        group: Patient, or the smallest set that must stay together.
        masks: Expert mask by kind; None in place of a path where a reader found nothing.
        eye: ``OD``, ``OS`` or empty where unknown.
        licence: As the manifest states it; empty where it does not.
        sha256: Of the file; empty where the manifest does not state it.
    """

    path: Path
    dataset: str
    label: str
    group: str
    masks: dict[str, Path | None]
    eye: str = ""
    licence: str = ""
    sha256: str = ""


def read_manifest(data: Path) -> list[Row]:
    """All pictures of a data folder, in the manifest's order.

    Raises:
        FileNotFoundError: No manifest.
    """
    return read_bscans(data / "bscans")


def read_bscans(root: Path) -> list[Row]:
    """All pictures of a folder with ``manifest.csv``, in its order.

    Raises:
        FileNotFoundError: No manifest.
    """
    rows = []
    with (root / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            masks: dict[str, Path | None] = {}
            for key, value in line.items():
                if key.startswith("mask_") and value:
                    masks[key[5:]] = None if value == "empty" else root / value
            more = {name: line.get(name) or "" for name in ("eye", "licence", "sha256")}
            rows.append(Row(root / line["path"], line["dataset"], line["label"], line["group"],
                            masks, **more))  # fmt: skip
    return rows


def licensed(rows: list[Row], datasets: Sequence[str]) -> list[Row]:
    """Rows of the named data sets, after a look at the licence of each.

    Raises:
        TrainingError: ``not-licensed``: a data set is named that weights that ship must not learn
            from, a row states another licence, or its picture also stands in such a data set.
    """
    if wrong := sorted(set(datasets) - set(TRAINABLE)):
        text = (
            f"Weights that ship may learn from {' and '.join(TRAINABLE)} alone, never from these."
        )
        raise TrainingError("not-licensed", text, wrong)
    chosen = [row for row in rows if row.dataset in datasets]
    barred = {row.sha256 for row in rows if row.dataset not in TRAINABLE}
    bad = [row.path.name for row in chosen if row.licence != LICENCE or row.sha256 in barred]
    if bad:
        text = (
            f"{len(bad)} pictures are not stated to be under {LICENCE}, or are of another set too."
        )
        raise TrainingError("not-licensed", text, bad)
    return chosen


def held_out(group: str) -> bool:
    """True for the half of the groups of ``kermany`` that no training may see."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 2 == 1


def normals(rows: list[Row]) -> list[Row]:
    """Real normal B-scans to paint on."""
    return [
        row
        for row in rows
        if row.label == "NORMAL"
        and (row.dataset == "octdl" or (row.dataset == "kermany" and not held_out(row.group)))
    ]


def labelled(rows: list[Row]) -> list[Row]:
    """Real labelled B-scans for training: the training half of ``kermany``."""
    return [row for row in rows if row.dataset == "kermany" and not held_out(row.group)]


def read_grey(path: Path) -> Grey:
    """A picture as uint8 grey values.

    Raises:
        OSError: The file is no picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise OSError(f"not a picture: {path.name}")
    return np.asarray(picture, dtype=np.uint8)
