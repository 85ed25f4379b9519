"""From the lines of a label table to the volumes and B-scans that they mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kdoct_desktop.io.plan import VolumePlan
from training.data.datasets.survey import Survey
from training.data.datasets.table import Line, Table, eye_word, identifier
from training.errors import TrainingError

KEYS = ("file", "volume", "patient")
Spot = tuple[int, int]
"""Index of the volume and position of the B-scan in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One volume.

    Attributes:
        plan: What the reader made of its headers.
        frames: File and frame of each B-scan, in order.
    """

    plan: VolumePlan
    frames: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        """For messages: its first file."""
        return self.frames[0][0]


@dataclass(slots=True)
class Marks:
    """What the table says of one volume.

    Attributes:
        volume: Class of the volume as such; empty where there is none.
        label: Label from a line that means the whole volume; B-scans without a line of their own
            carry it.
        bscans: Labels of single B-scans by position, each from a line of its own.
        patient: Whose the volume is: by the table, else by the file; empty where neither says.
        eye: OD, OS or empty.
        doubt: Why the table cannot be followed; empty where it can.
    """

    volume: str = ""
    label: str = ""
    bscans: dict[int, str] = field(default_factory=dict)
    patient: str = ""
    eye: str = ""
    doubt: str = ""

    @property
    def labelled(self) -> bool:
        """Whether there is any label."""
        return bool(self.label or self.bscans)

    def of(self, bscan: int) -> str:
        """Label of a B-scan: its own, else the volume's; empty where there is neither."""
        return self.bscans.get(bscan, self.label)


def label_scans(survey: Survey, table: Table, scans: Sequence[Scan]) -> list[Marks]:
    """What the table says of each volume; lines that mean none are findings.

    A person is one patient however the table calls the volumes: the patient that it names for one
    volume is that of all volumes of the same Patient ID. Two patients for one Patient ID are a
    doubt about all of them.

    Raises:
        TrainingError: ``missing-column``.
    """
    key = next((name for name in KEYS if table.column(name) is not None), None)
    if key is None or table.column("label") is None:
        raise TrainingError(
            "missing-column",
            f"The first line of {table.name} must name a column label and one of "
            f"{', '.join(KEYS)}.",
        )
    places = _places(scans, key)
    desk = _Desk(scans, [Marks() for _ in scans])
    for line in table.lines:
        said = _Reader(table, line, key)
        value = said.value()
        if key != "file" or not survey.excluded(value):
            _mark(survey, said, places.get(value, ()) if value else (), desk)
    if desk.idle:
        text = f"{len(desk.idle)} lines of {table.name} mean no scan that was not left out."
        survey.note("idle-lines", text, desk.idle)
    _settle_people(desk)
    return desk.marks


@dataclass(frozen=True, slots=True)
class _Reader:
    """The cells of a line by the names of their meaning."""

    table: Table
    line: Line
    key: str

    def text(self, name: str) -> str:
        """The cell; empty where the table has no such column."""
        column = self.table.column(name)
        return self.line.cells[column] if column is not None else ""

    def value(self) -> str:
        """What the key column says; a path with forward slashes and no closing one."""
        if self.key == "file":
            return self.text("file").replace("\\", "/").removeprefix("./").rstrip("/")
        return identifier(self.text(self.key))


def _places(scans: Sequence[Scan], key: str) -> dict[str, list[Spot]]:
    """Every B-scan that a value of the key column means."""
    places: dict[str, list[Spot]] = {}
    for index, scan in enumerate(scans):
        for bscan, (path, _) in enumerate(scan.frames):
            for value in _values(scan, path, key):
                places.setdefault(value, []).append((index, bscan))
    return places


def _values(scan: Scan, path: str, key: str) -> list[str]:
    if key == "file":
        parents = [str(parent) for parent in PurePosixPath(path).parents if parent.parts]
        return [path, *parents]
    if key == "volume":
        return [scan.plan.source.key.partition(" #")[0]]
    return [_patient_id(scan)]


def _patient_id(scan: Scan) -> str:
    """The Patient ID of the file; empty where it has none."""
    return identifier(scan.plan.patient.identifier or "")


def _settle_people(desk: "_Desk") -> None:
    """Write down whose each volume is, the same for all volumes of one Patient ID."""
    named: dict[str, set[str]] = {}
    for scan, mark in zip(desk.scans, desk.marks, strict=True):
        if mark.patient:
            named.setdefault(_patient_id(scan), set()).add(mark.patient)
    for scan, mark in zip(desk.scans, desk.marks, strict=True):
        here = _patient_id(scan)
        names = named.get(here, set()) if here else set()
        if len(names) > 1:
            mark.doubt = mark.doubt or "has a Patient ID for which the table names several patients"
        mark.patient = mark.patient or next(iter(names), here)


def _mark(survey: Survey, said: _Reader, spots: Sequence[Spot], desk: "_Desk") -> None:
    """Follow one line."""
    where = said.line.where
    label, position = said.text("label"), identifier(said.text("bscan"))
    eye = eye_word(said.text("eye"))
    if said.key == "patient" and eye:
        spots = [spot for spot in spots if desk.scans[spot[0]].plan.laterality == eye]
    volumes = {index for index, _ in spots}
    here = [spot for spot in spots if not position or str(spot[1]) == position]
    if not spots:
        reason = f"means no scan: there is no such {said.key} among the files"
        if survey.left_out and said.key != "file":
            desk.idle.append(where)
        else:
            survey.unreadable(where, reason)
    elif not label:
        survey.unknown(where, "has no label")
    elif eye is None:
        survey.unknown(where, "has an eye that is neither OD nor OS")
    elif position and len(volumes) > 1:
        survey.unknown(where, "numbers a B-scan, but means several volumes")
    elif not here:
        survey.unknown(where, "numbers a B-scan that is not in the volume")
    else:
        for index in sorted(volumes):
            covered = [bscan for one, bscan in here if one == index]
            _write(said, desk.scans[index], covered, eye=eye, mark=desk.marks[index])


@dataclass(slots=True)
class _Desk:
    """The volumes, what is known of each, and lines that mean only what was left out."""

    scans: Sequence[Scan]
    marks: list[Marks]
    idle: list[str] = field(default_factory=list)


def _write(said: _Reader, scan: Scan, covered: Sequence[int], *, eye: str, mark: Marks) -> None:
    """Put down what a line says of a volume, or that it contradicts another line."""
    label = said.text("label")
    whole = not said.text("bscan") and len(covered) == len(scan.frames)
    news = {
        "label": label if whole else "",
        "volume": said.text("volume_label") or (label if whole else ""),
        "patient": identifier(said.text("patient")),
        "eye": eye,
    }
    for name, value in news.items():
        before = getattr(mark, name)
        if before and value and before != value:
            mark.doubt = f"{said.line.where} contradicts another line about its {name}"
        elif value:
            setattr(mark, name, value)
    for bscan in () if whole else covered:
        if mark.bscans.setdefault(bscan, label) != label:
            mark.doubt = f"{said.line.where} contradicts another line about B-scan {bscan}"
