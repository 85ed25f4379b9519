"""A site's own table: one line a B-scan, columns named by options.

The options ``path, label, patient`` … name the columns of these fields; without an option a column
of the field's own name is taken. ``set.FIELD=value`` gives a field the same value everywhere, and
``where.COLUMN=value`` (several with ``|`` between) keeps the lines with that value: one data set
out of several. ``outline`` may name several columns with ``|`` between: the lesions of each kind.
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from training.data.datasets.layout import PARTS
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.datasets.table import (
    Line,
    Table,
    eye_word,
    given_table,
    identifier,
    pseudonym,
    read_table,
    site_secret,
)
from training.data.read_picture import ARRAY_MARK
from training.errors import TrainingError

NEEDED = ("path", "label", "patient")
FIELDS = (
    *NEEDED,
    *("frame", "dataset", "eye", "volume", "bscan", "volume_label", "device", "part", "fundus"),
    "outline",
)
NOTHING = "empty"
"""In place of an outline: somebody looked, and there is nothing to outline."""
OPTIONS = {
    "table": "the CSV file, relative to the data folder",
    **{field: f"column of {field}" for field in FIELDS},
    "set.": "set.FIELD=value: the same value for every line",
    "where.": "where.COLUMN=value|value: keep these lines only",
    "labels": "the labels that are known, with | between; any where not given",
    "unlabelled": "yes: lines without a label are unlabelled B-scans",
    "pseudonyms": "yes: put a hash in place of the patient's identifier",
    "salt": "file in the data folder with a secret that makes these hashes hard to guess",
}


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the fields come from: a column, or the same value everywhere.

    Attributes:
        columns: Column of each field that has one; of outlines the columns, with ``|`` between.
        values: Fields that are the same in every line.
        salt: Goes into the hashes of patients; None where their identifiers stay as they are.
    """

    columns: dict[str, str]
    values: dict[str, str]
    salt: str | None

    def value(self, line: Line, field: str) -> str:
        """The text of a field; empty where nothing gives it."""
        if field in self.values:
            return self.values[field]
        return line.cells[self.columns[field]] if field in self.columns else ""

    def outlines(self, line: Line) -> list[str]:
        """The pictures of outlined lesions that a line names."""
        if "outline" in self.values or "outline" not in self.columns:
            found = [self.value(line, "outline")]
        else:
            found = [line.cells[name] for name in self.columns["outline"].split("|")]
        return [_slashes(one) for one in found if one not in ("", NOTHING)]


def read(survey: Survey) -> list[Candidate]:
    """Candidates of all lines that are kept, in the order of their paths."""
    table = read_table(survey.root, given_table(survey, "table"))
    columns = _columns(survey, table)
    lines = _kept(survey, table)
    if not lines:
        raise TrainingError("no-pictures", f"No line of {table.name} is kept.")
    seen: dict[tuple[str, int], tuple[Line, Candidate]] = {}
    doubles: list[str] = []
    for line in lines:
        one = _candidate(survey, columns, line)
        if one is None:
            continue
        before = seen.setdefault((one.path, one.frame), (line, one))
        if before[0] is not line and before[1] == one:
            doubles.append(f"{line.where}: as {before[0].where}")
        elif before[0] is not line:
            survey.unknown(one.path, f"{line.where} contradicts {before[0].where}")
    if doubles:
        text = f"{len(doubles)} lines of {table.name} say a thing again and were dropped."
        survey.note("double-lines", text, doubles)
    return [one for _, (_, one) in sorted(seen.items())]


def _columns(survey: Survey, table: Table) -> _Columns:
    values = {
        name.partition(".")[2]: value
        for name, value in survey.options.items()
        if name.startswith("set.")
    }
    values.setdefault("dataset", "site")
    if set(values) - set(FIELDS):
        wrong = sorted(set(values) - set(FIELDS))
        raise TrainingError("bad-option", "These fields are not known.", wrong)
    found: dict[str, str] = {}
    for field in FIELDS:
        if field in survey.options and field == "outline":
            found[field] = "|".join(table.need(*survey.options[field].split("|")))
        elif field in survey.options:
            (found[field],) = table.need(survey.options[field])
        elif (same := table.column(field)) is not None:
            found[field] = same
    if "set.dataset" not in survey.options and "dataset" in found:
        del values["dataset"]
    missing = [
        field
        for field in NEEDED
        if field not in found
        and field not in values
        and not (field == "label" and survey.flag("unlabelled"))
    ]
    if missing:
        table.need(*missing)
    return _Columns(found, values, site_secret(survey) if survey.flag("pseudonyms") else None)


def _kept(survey: Survey, table: Table) -> list[Line]:
    """Lines that every ``where`` keeps."""
    lines = list(table.lines)
    for option, value in survey.options.items():
        if option.startswith("where."):
            (column,) = table.need(option.partition(".")[2])
            wanted = {one.strip() for one in value.split("|")}
            lines = [line for line in lines if line.cells[column] in wanted]
    return lines


def _candidate(survey: Survey, columns: _Columns, line: Line) -> Candidate | None:
    """The candidate of a line; None where it is left out or something is wrong with it."""
    path = _slashes(columns.value(line, "path"))
    if survey.excluded(path):
        return None
    number = columns.value(line, "frame")
    frame = _number(survey, line, path, number or "0")
    bscan = _number(survey, line, path, columns.value(line, "bscan") or "-1")
    if frame is None or bscan is None or survey.excluded(path, frame):
        return None
    file = path.partition(ARRAY_MARK)[0]
    reason = survey.inside(file) if file else "no file is named"
    if reason is not None:
        survey.unreadable(_shown(path), f"{reason} ({line.where})")
        return None
    if not number:
        survey.sole.add(path)
    return _filled(survey, columns, line, Candidate(path, "", "", frame=frame, bscan=bscan))


def _filled(survey: Survey, columns: _Columns, line: Line, one: Candidate) -> Candidate | None:
    """The candidate with what the line says of eye, patient and label."""
    fundus, outlines = _slashes(columns.value(line, "fundus")), columns.outlines(line)
    person = identifier(columns.value(line, "patient"))
    wrong = _wrong(survey, columns, line)
    if wrong:
        survey.unknown(one.path, f"{line.where} {wrong}")
        return None
    if not person:
        survey.no_patient(one.path, f"{line.where} names no patient")
        return None
    beside = [*([fundus] if fundus else []), *outlines]
    absent = [(file, reason) for file in beside if (reason := survey.inside(file)) is not None]
    for file, reason in absent:
        survey.unreadable(_shown(file), f"{reason} ({line.where})")
    if absent:
        return None
    if columns.salt is not None:
        person = pseudonym(person, columns.salt)
    dataset, volume = columns.value(line, "dataset"), columns.value(line, "volume")
    return replace(
        one,
        dataset=dataset,
        patient=f"{dataset}:{person}",
        eye=eye_word(columns.value(line, "eye")) or "",
        volume=f"{dataset}:{person}/{volume}" if volume else "",
        label=columns.value(line, "label"),
        volume_label=columns.value(line, "volume_label"),
        device=columns.value(line, "device"),
        part=columns.value(line, "part").lower(),
        fundus=fundus,
        outline="|".join(outlines),
    )


def _wrong(survey: Survey, columns: _Columns, line: Line) -> str:
    """Why a line cannot be followed; empty where it can."""
    label, part = columns.value(line, "label"), columns.value(line, "part").lower()
    if not label and not survey.flag("unlabelled"):
        return "has no label"
    if label and label not in survey.options.get("labels", label).split("|"):
        return "has an unknown label"
    if eye_word(columns.value(line, "eye")) is None:
        return "has an eye that is neither OD nor OS"
    if not columns.value(line, "dataset"):
        return "has no data set"
    if part and part not in PARTS:
        return "has a part that is none of train, val and test"
    return ""


def _slashes(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")


def _shown(path: str) -> str:
    """A path of the table as messages may call it: one out of the data folder may name people."""
    file = path.partition(ARRAY_MARK)[0]
    if PurePosixPath(file).is_absolute() or ":" in file.partition("/")[0]:
        return "an absolute path"
    return path or "no path"


def _number(survey: Survey, line: Line, path: str, text: str) -> int | None:
    """A frame or position; None, and a finding, where the text is no whole number."""
    plain = identifier(text)
    if plain == "-1" or (plain.isdecimal() and plain.isascii()):
        return int(plain)
    survey.unknown(_shown(path), f"{line.where} gives a frame or position that is no whole number")
    return None


IMPORTER = Importer("a table of B-scans", "a CSV file of paths, labels and patients", read, OPTIONS)
