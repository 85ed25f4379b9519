"""NEH-UT 2021 of Noor Eye Hospital, Mendeley 8kt969dhx6: volumes of three classes.

``{NORMAL,DRUSEN,CNV}/<case>/[OD|OS/]<number>_<label>.{tif,jpg}`` with ``data_information.csv``.
The table rules; names are held against it. Patient numbers begin again in every class, so the
patient is class and number. Both the label of the B-scan and the class of its volume are kept:
where they agree is the "worst case" of the literature, and everything is what use looks like.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from training.data.datasets.layout import first_part, placed, ranked
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.datasets.table import Line, Table, eye_word, find_table, identifier, read_table

CLASSES = ("NORMAL", "DRUSEN", "CNV")
TABLE = "data_information.csv"
_LAYOUT = "NEH: {NORMAL,DRUSEN,CNV}/<case>/[OD|OS/]<number>_<label>.<tif or jpg>"
_FILE = re.compile(r"^(\d+)_([A-Za-z]+)\.(jpe?g|tiff?|png)$", re.IGNORECASE)
_COLUMNS = ("Patient ID", "Class", "Eye", "Label", "Directory")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the table says of one file; `name` is its path from the class on."""

    where: str
    name: str
    patient: str
    kind: str
    eye: str | None
    label: str


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    table = read_table(survey.root, find_table(survey, TABLE, layout=_LAYOUT))
    base, files = placed(survey, _LAYOUT, first_part(_is_class))
    entries, contradicted = _entries(survey, table)
    by_stem: dict[str, list[str]] = {}
    for key in entries:
        by_stem.setdefault(_stem(key), []).append(key)
    candidates: list[Candidate] = []
    disagree: list[str] = []
    used: set[str] = set()
    for path, parts in files:
        key = "/".join(parts).casefold()
        if key not in entries:  # the table may name the other of .tif and .jpg
            same = by_stem.get(_stem(key), [])
            key = same[0] if len(same) == 1 else key
        if key not in entries or key in used:
            survey.unknown(path, f"has no line of its own in {TABLE}")
            continue
        used.add(key)
        entry = entries[key]
        if key in contradicted:
            survey.unknown(path, contradicted[key])
            continue
        disagree += _differences(path, parts, entry)
        one = _candidate(survey, path, entry)
        candidates += [one] if one is not None else []
    excluded = {_stem(path.casefold()) for path in survey.left_out}
    for key, entry in entries.items():
        path = f"{base}/{entry.name}" if base else entry.name
        if key not in used and _stem(path.casefold()) not in excluded and not survey.excluded(path):
            survey.unreadable(path, f"named in {entry.where}, but there is no such file")
    if disagree:
        text = f"{len(disagree)} names disagree with {TABLE}, which rules."
        survey.note("names-disagree", text, disagree)
    return ranked(survey, candidates, class_level=len(PurePosixPath(base).parts))


def _is_class(name: str) -> bool:
    return name.upper() in CLASSES


def _entries(survey: Survey, table: Table) -> tuple[dict[str, _Entry], dict[str, str]]:
    """The entry of each file, by its name case folded, and which of them are contradicted.

    Lines that say the same of a file again are dropped and noted.
    """
    table.need(*_COLUMNS)
    entries: dict[str, _Entry] = {}
    contradicted: dict[str, str] = {}
    dropped: list[str] = []
    for line in table.lines:
        entry = _entry(table, line)
        key = entry.name.casefold()
        before = entries.setdefault(key, entry)
        if before is entry:
            continue
        said = [(one.patient, one.kind, one.eye, one.label) for one in (before, entry)]
        if said[0] == said[1]:
            dropped.append(f"{entry.where}: again {entry.name}")
        else:
            contradicted[key] = f"{entry.where} contradicts {before.where}"
    if dropped:
        text = f"{len(dropped)} lines of {TABLE} name a file again and were dropped."
        survey.note("double-lines", text, dropped)
    return entries, contradicted


def _entry(table: Table, line: Line) -> _Entry:
    columns = table.need(*_COLUMNS)
    patient, kind, eye, label, directory = (line.cells[column] for column in columns)
    parts = PurePosixPath(directory.replace("\\", "/")).parts
    picture = table.column("Image Name")
    if parts and not PurePosixPath(parts[-1]).suffix and picture is not None:
        parts = (*parts, line.cells[picture])
    begins = next((i for i, part in enumerate(parts) if _is_class(part)), 0)
    return _Entry(
        where=line.where,
        name="/".join(parts[begins:]),
        patient=identifier(patient),
        kind=kind.upper(),
        eye=eye_word(eye),
        label=label.upper(),
    )


def _candidate(survey: Survey, path: str, entry: _Entry) -> Candidate | None:
    """The candidate of a file; None where the table does not say enough."""
    for word, what in ((entry.label, "label"), (entry.kind, "class")):
        if word not in CLASSES:
            survey.unknown(path, f"{entry.where} gives the {what} {word or '(none)'}")
            return None
    if not entry.patient:
        survey.no_patient(path, f"{entry.where} names no patient")
        return None
    if entry.eye is None:
        survey.unknown(path, f"{entry.where} gives an eye that is neither OD nor OS")
        return None
    patient = f"neh:{entry.kind}_{entry.patient}"
    return Candidate(
        path=path,
        dataset="neh",
        patient=patient,
        eye=entry.eye,
        volume=f"{patient}/{entry.eye or 'eye-unknown'}",
        label=entry.label,
        volume_label=entry.kind,
        device="Heidelberg Spectralis",
    )


def _differences(path: str, parts: tuple[str, ...], entry: _Entry) -> list[str]:
    """Where the names of folders and file say something else than the table."""
    match = _FILE.match(parts[-1])
    said = {
        "class": (parts[0].upper(), entry.kind),
        "case": (parts[1] if len(parts) > 2 else "", entry.patient),
        "label": (match[2].upper() if match else "", entry.label),
    }
    if len(parts) > 3 and (named := eye_word(parts[2])):
        said["eye"] = (named, entry.eye or "")
    return [
        f"{path}: {what} {named or '(none)'} in the name, {ruled or '(none)'} in {entry.where}"
        for what, (named, ruled) in said.items()
        if named != ruled
    ]


def _stem(key: str) -> str:
    return str(PurePosixPath(key).with_suffix("")) if key else ""


IMPORTER = Importer("NEH-UT 2021", _LAYOUT, read)
