"""Writes the demo study: one invented patient, both eyes, as a device would export them.

``python -m training.demo_study OUT`` fills the folder OUT/study with an ophthalmic tomography
volume and a localizer for each eye, and writes ``truth.json`` beside it: what the phantoms show.
"""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from training.phantom import Phantom, PhantomSpec, generate
from training.phantoms.dicom import Visit, write_op, write_opt

VISIT = Visit(
    patient_name="PHANTOM^OD-OS",
    patient_id="PHANTOM-0213",
    performed=datetime(2000, 1, 1, 12, 0, 0),
    key="demo",
)
RIGHT = PhantomSpec(
    seed=220, condition="CNV", laterality="OD", severity=0.6, style="spectralis_fine",
    localizer_size=768,
)  # fmt: skip
LEFT = PhantomSpec(
    seed=315, condition="DRUSEN", laterality="OS", severity=0.3, style="spectralis_fine",
    localizer_size=768,
)  # fmt: skip


def truth_of(phantom: Phantom, volume: str, *, localizer: str) -> dict[str, Any]:
    """Labels and lesion boxes of a phantom; rows and columns from 0, half open."""
    boxes: list[dict[str, Any]] = []
    for kind, mask in phantom.masks.items():
        for index in np.flatnonzero(mask.any(axis=(1, 2))):
            boxes += [{"bscan": int(index), "kind": kind, **box} for box in boxes_of(mask[index])]
    boxes.sort(key=lambda box: (box["bscan"], box["kind"], box["left"]))
    return {
        "volume": volume,
        "localizer": localizer,
        "laterality": phantom.spec.laterality,
        "condition": phantom.spec.condition,
        "labels": list(phantom.labels),
        "boxes": boxes,
        "spec": asdict(phantom.spec),
    }


def boxes_of(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> list[dict[str, int]]:
    """A box for each run of columns that hold a pixel of the `mask` (depth, ascan)."""
    columns = np.concatenate([[False], mask.any(axis=0), [False]])
    edges = np.flatnonzero(columns[1:] != columns[:-1])
    found = []
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        rows = np.flatnonzero(mask[:, left:right].any(axis=1))
        found.append({
            "top": int(rows[0]), "bottom": int(rows[-1]) + 1,
            "left": int(left), "right": int(right),
            "pixels": int(mask[:, left:right].sum()),
        })  # fmt: skip
    return found


def write_demo(folder: Path, specs: tuple[PhantomSpec, ...] = (RIGHT, LEFT)) -> list[Path]:
    """Write ``study/`` and the truth into `folder` and return the files, the truth last."""
    study = folder / "study"  # a folder of its own: the reader takes everything in it
    study.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    truths: list[dict[str, Any]] = []
    for spec in specs:
        phantom = generate(spec)
        volume = study / f"{spec.laterality}_volume.dcm"
        localizer = study / f"{spec.laterality}_localizer.dcm"
        files += write_opt(phantom, volume, visit=VISIT)
        files.append(write_op(phantom, localizer, visit=VISIT))
        truths.append(truth_of(phantom, volume.name, localizer=localizer.name))
    truth = folder / "truth.json"
    document = {"schema": 1, "patient": VISIT.patient_id, "volumes": truths}
    truth.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return [*files, truth]


def main(arguments: list[str]) -> int:
    """Command line: the folder to write into."""
    if len(arguments) != 1:
        print("usage: python -m training.demo_study OUT", file=sys.stderr)
        return 2
    for file in write_demo(Path(arguments[0])):
        print(f"{file.name}  {file.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
