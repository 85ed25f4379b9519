"""The manifest: one row a B-scan, written once by an importer, read by every later step."""

import csv
import dataclasses
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kdoct_desktop.domain.whole_file import write_whole
from training.errors import TrainingError

SCHEMA = "# kdoct-manifest 2"


@dataclass(frozen=True, slots=True)
class Row:
    """One B-scan.

    Attributes:
        path: File, relative to the data folder, with forward slashes.
        frame: Index of the B-scan within the file, from 0.
        sha256: Of the B-scan's grey values and shape, so that a copy in another format of
            container is found.
        phash: Perceptual hash, 64 hexadecimal digits.
        dataset: Name of the data set.
        patient: Key that a split never divides, with the data set in front: ``neh:CNV_12``.
        eye: ``OD``, ``OS`` or empty where unknown.
        volume: Key of the volume, with the patient in front; empty where there is none.
        bscan: Position in the volume from 0; -1 where unknown.
        label: The data set's own label of this B-scan; empty where unlabelled.
        volume_label: The data set's own class of the volume or patient; empty where there is none.
        device: Name of the device; empty where unknown.
        part: The data set's own ``train``, ``val`` or ``test``; empty where it has none.
        fundus: Fundus photograph of the same eye, relative to the data folder; empty for none.
        outline: Pictures of the same size, relative to the data folder and with ``|`` between
            them, that are white where the lesion of the label is; empty where it was not outlined.
    """

    path: str
    frame: int
    sha256: str
    phash: str
    dataset: str
    patient: str
    eye: str = ""
    volume: str = ""
    bscan: int = -1
    label: str = ""
    volume_label: str = ""
    device: str = ""
    part: str = ""
    fundus: str = ""
    outline: str = ""

    @property
    def name(self) -> str:
        """How messages call this B-scan."""
        return f"{self.path} #{self.frame}" if self.frame else self.path


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


@dataclass(frozen=True, slots=True)
class Manifest:
    """All rows, in a fixed order, with the hash that later steps hold on to.

    Attributes:
        rows: In the order of the file.
        sha256: Of the file's bytes.
    """

    rows: tuple[Row, ...]
    sha256: str


def write_manifest(path: Path, rows: Sequence[Row]) -> Manifest:
    """Write a manifest, sorted by data set, path and frame; an older one is replaced at once."""
    ordered = sorted(rows, key=lambda row: (row.dataset, row.path, row.frame))
    text = io.StringIO()
    text.write(SCHEMA + "\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in ordered)
    data = text.getvalue().encode()
    write_whole(path, data)
    return Manifest(tuple(ordered), hashlib.sha256(data).hexdigest())


def read_manifest(path: Path) -> Manifest:
    """Read what `write_manifest` wrote.

    Raises:
        TrainingError: ``bad-manifest``: missing, of another schema, or a row is damaged.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError("bad-manifest", f"The manifest {path.name} cannot be read.") from error
    first, _, rest = text.partition("\n")
    reader = csv.reader(io.StringIO(rest))
    if first != SCHEMA or tuple(next(reader, ())) != COLUMNS:
        raise TrainingError(
            "bad-manifest", f"{path.name} is not a manifest of this version; write it again."
        )
    try:
        rows = tuple(_row(cells) for cells in reader)
    except ValueError as error:
        raise TrainingError("bad-manifest", f"{path.name} has a damaged row: {error}.") from error
    return Manifest(rows, hashlib.sha256(data).hexdigest())


def _row(cells: list[str]) -> Row:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} cells in place of {len(COLUMNS)}")
    values = dict(zip(COLUMNS, cells, strict=True))
    numbers = {name: int(values.pop(name)) for name in ("frame", "bscan")}
    return Row(**values, **numbers)  # type: ignore[arg-type]
