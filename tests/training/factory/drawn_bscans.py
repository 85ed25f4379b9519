"""A folder like the development pictures: simulated normal eyes stand in for the real ones."""

import csv
from pathlib import Path

import cv2

from training.factory.sources import held_out
from training.files import file_sha256
from training.painted.painting import CLASSES
from training.phantom import PhantomSpec, generate

COLUMNS = ("path", "dataset", "label", "group", "eye", "licence", "sha256")
OPEN, CLOSED = "CC BY 4.0", "none stated"


def kermany_groups(count: int, *, held: bool) -> list[str]:
    """Names of groups in the half that may be learned from, or in the other."""
    names = (f"kermany-g{k:03d}" for k in range(1000))
    return [name for name in names if held_out(name) == held][:count]


def write_bscans(root: Path, *, octdl: int = 6) -> list[dict[str, str]]:
    """Two pictures of each group of ``octdl``, one of each other, and ``manifest.csv``."""
    wanted = [("octdl", "NORMAL", f"octdl-g{k // 2:03d}", OPEN) for k in range(2 * octdl)]
    wanted += [("kermany", CLASSES[k % 4], name, OPEN)
               for k, name in enumerate(kermany_groups(8, held=False))]  # fmt: skip
    wanted += [("kermany", "CNV", name, OPEN) for name in kermany_groups(1, held=True)]
    wanted += [("clinic_a", "DME", "clinic_a-g001", CLOSED)]
    wanted += [("duke_dme", "DME", "duke_dme-g001", CLOSED)]
    rows = []
    for seed, (dataset, label, group, licence) in enumerate(wanted):
        eye = PhantomSpec(
            seed=seed, condition=label, bscans=1, depth=248, ascans=256, pattern="line",
            axial_mm=0.0078, localizer_size=0,
        )  # fmt: skip
        path = f"{dataset}/{label}/{group}-{seed:03d}.png"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), generate(eye).voxels[0])
        values = (path, dataset, label, group, "OD", licence, file_sha256(root / path))
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    write_rows(root, rows)
    return rows


def write_rows(root: Path, rows: list[dict[str, str]]) -> None:
    """The manifest of the folder."""
    with (root / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
