"""The pictures of one unit of the factory's data set: files, and one line of the table for each.

The outlines lie beside the pictures under ``outlines/``: white where a lesion was drawn.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from kdoct_desktop.domain.whole_file import write_whole
from training.arrays import Grey, Mask
from training.errors import TrainingError
from training.factory.data_plan import Amounts, Unit
from training.factory.samples import paint_on, phantom_spec, ready_to_paint, real_view, shown
from training.factory.sources import Row, read_grey
from training.files import file_sha256
from training.painted.painting import CLASSES
from training.painted.surfaces import NoRetinaError
from training.phantom import generate

GENERATED = "generated"
EMPTY = "empty"
"""In place of an outline: it is known that there is no lesion."""


@dataclass(frozen=True, slots=True)
class Line:
    """One picture, as the table has it; the first fields are those of the ``csv`` importer.

    Attributes:
        kind: ``real``, ``painted``, ``view`` or ``phantom``.
        outline: Picture of the lesions; `EMPTY`, or nothing where they were never outlined.
        origin: The real picture that it comes from, as its manifest names it.
        licence: Of that picture, or `GENERATED`.
    """

    path: str
    dataset: str
    patient: str
    label: str
    part: str
    kind: str
    eye: str = ""
    volume: str = ""
    bscan: str = ""
    volume_label: str = ""
    device: str = ""
    outline: str = ""
    origin: str = ""
    licence: str = GENERATED


def draw_unit(unit: Unit, amounts: Amounts, out: Path) -> list[dict[str, str]]:
    """Write the pictures and outlines of a unit.

    Args:
        unit: What to draw.
        amounts: With the seed and the balance of classes.
        out: Folder of the data set.

    Returns:
        The lines of the table as plain values.

    Raises:
        TrainingError: ``changed-file``: the real picture is not the one of the manifest.
    """
    row = unit.source
    lines = _eye(unit, amounts, out) if row is None else _real(unit, row, amounts, out=out)
    return [asdict(line) for line in lines]


def _real(unit: Unit, row: Row, amounts: Amounts, *, out: Path) -> list[Line]:
    """A real picture as it is, what is painted on it, and views of it."""
    if not row.path.is_file() or file_sha256(row.path) != row.sha256:
        raise TrainingError(
            "changed-file", f"{row.path.name} is missing or not the picture of the manifest."
        )
    picture = read_grey(row.path)
    common = {"dataset": row.dataset, "patient": unit.patient, "part": unit.part,
              "origin": row.path.name, "licence": row.licence}  # fmt: skip
    path = _write(out, f"{unit.key}/real.png", picture)
    lines = [Line(path=path, label=row.label, kind="real", eye=row.eye,
                  outline=EMPTY if row.label == CLASSES[0] else "", **common)]  # fmt: skip
    lines += _painted(unit, picture, amounts, out=out, common=common) if unit.painted else []
    for index in range(unit.views):
        view = real_view(picture, unit.random(amounts.seed, 1, index))
        path = _write(out, f"{unit.key}/view-{index:04d}.png", view)
        lines.append(
            Line(path=path, label=row.label, kind="view", outline=lines[0].outline, **common)
        )
    return lines


def _painted(
    unit: Unit, picture: Grey, amounts: Amounts, *, out: Path, common: dict[str, str]
) -> list[Line]:
    """Pictures painted on a real one; none where its surfaces cannot be found."""
    try:
        normal = ready_to_paint(picture, common["dataset"])
    except NoRetinaError:
        return []
    lines = []
    for index in range(unit.painted):
        rng = unit.random(amounts.seed, 0, index)
        label = CLASSES[int(rng.choice(len(CLASSES), p=amounts.balance))]
        painting, mask = paint_on(normal, label, rng)
        path = f"{unit.key}/painted-{index:04d}.png"
        lines.append(Line(path=_write(out, path, painting), label=label, kind="painted",
                          outline=_write_outline(out, path, mask), **common))  # fmt: skip
    return lines


def _eye(unit: Unit, amounts: Amounts, out: Path) -> list[Line]:
    """A simulated eye under one look; its B-scans have labels of their own."""
    rng = unit.random(amounts.seed)
    phantom = generate(phantom_spec(unit.condition, rng, bscans=unit.bscans, pattern="raster"))
    eye, lines = phantom.spec.laterality, []
    for index, (picture, mask) in enumerate(shown(phantom, rng)):
        path = f"{unit.key}/{index:03d}.png"
        lines.append(Line(
            path=_write(out, path, picture), dataset="phantoms", patient=unit.patient,
            label=phantom.labels[index], part=unit.part, kind="phantom", eye=eye, volume=eye,
            bscan=str(index), volume_label=unit.condition, device=phantom.spec.style,
            outline=_write_outline(out, path, mask),
        ))  # fmt: skip
    return lines


def _write_outline(out: Path, path: str, mask: Mask) -> str:
    white = np.where(mask, 255, 0).astype(np.uint8)
    return _write(out, f"outlines/{path}", white) if mask.any() else EMPTY


def _write(out: Path, path: str, picture: Grey) -> str:
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise OSError(f"{path} cannot be written as PNG")
    write_whole(out / path, data.tobytes())
    return path
