"""Tables of labels: CSV files as people and spreadsheets write them, and the words in them."""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from training.data.datasets.survey import Survey
from training.errors import TrainingError

_SHORTEST_SECRET = 16
_NOTHING = {"", "nan", "none", "null", "n/a", "na", "unknown", "-"}
_EYES = {
    **dict.fromkeys(("od", "r", "re", "right"), "OD"),
    **dict.fromkeys(("os", "l", "le", "left"), "OS"),
    **dict.fromkeys(_NOTHING, ""),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table.

    Attributes:
        where: For messages: table and line, without a value, for values may name a person.
        cells: Column to stripped text; empty for ``nan``, too.
    """

    where: str
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns in order."""

    name: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    def column(self, name: str) -> str | None:
        """The column of that name, whatever its case, spaces and underscores; None without."""
        same = [column for column in self.columns if _key(column) == _key(name)]
        return same[0] if len(same) == 1 else None

    def need(self, *names: str) -> tuple[str, ...]:
        """The columns of these names.

        Raises:
            TrainingError: ``missing-column``.
        """
        found = [self.column(name) for name in names]
        missing = [name for name, column in zip(names, found, strict=True) if column is None]
        if missing:
            raise TrainingError(
                "missing-column",
                f"The first line of {self.name} names no column {', '.join(missing)}.",
            )
        return tuple(column for column in found if column is not None)


def find_table(survey: Survey, name: str, *, layout: str) -> str:
    """The only file of that name in the data folder, whatever its case; relative to it.

    Raises:
        TrainingError: ``wrong-layout``.
    """
    paths = survey.files(suffixes=(".csv",))
    found = [path for path in paths if PurePosixPath(path).name.lower() == name.lower()]
    if len(found) != 1:
        text = f"{len(found) or 'No'} files {name} are there; {layout} has one."
        raise TrainingError("wrong-layout", text, found)
    return found[0]


def given_table(survey: Survey, option: str) -> str:
    """The table that an option names, or the only CSV file at the top of the data folder.

    Raises:
        TrainingError: ``wrong-layout``: it is not there, or it is not clear which it is.
    """
    if option in survey.options:
        path = survey.options[option].replace("\\", "/")
        reason = survey.inside(path)
        if reason is not None:
            raise TrainingError("wrong-layout", f"The table {path} cannot be used: {reason}.")
        return path
    found = sorted(
        path.name for path in survey.root.iterdir() if path.suffix.lower() == ".csv"
    )  # fmt: skip
    if len(found) != 1:
        text = f"{len(found) or 'No'} tables lie in the data folder; name one by {option}=."
        raise TrainingError("wrong-layout", text, found)
    return found[0]


def read_table(root: Path, path: str) -> Table:
    """Read a CSV file; comma, semicolon or tab, as its first line shows.

    Raises:
        TrainingError: ``bad-table``: unreadable, empty, a column twice, or a line too long.
    """
    name = PurePosixPath(path).name
    try:
        text = (root / path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError("bad-table", f"{name} cannot be read as text in UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = tuple(cell.strip() for cell in next(reader, []))
        if not columns or len(set(columns)) != len(columns):
            raise TrainingError("bad-table", f"{name} has no column, or one of them twice.")
        lines = tuple(
            _line(f"{name} line {reader.line_num}", columns, cells) for cells in reader if cells
        )
    except csv.Error as error:
        raise TrainingError("bad-table", f"{name} is damaged near its end of quotes.") from error
    return Table(name, columns, lines)


def _line(where: str, columns: Sequence[str], cells: Sequence[str]) -> Line:
    if len(cells) > len(columns):
        raise TrainingError("bad-table", f"{where} has more cells than there are columns.")
    filled = [*cells, *[""] * (len(columns) - len(cells))]
    return Line(where, dict(zip(columns, map(_text, filled), strict=True)))


def eye_word(word: str) -> str | None:
    """OD, OS or empty where the word says nothing; None where the word is not understood."""
    return _EYES.get(word.strip().lower())


def identifier(word: str) -> str:
    """An identifier without what spreadsheets add: ``12.0`` is ``12``, ``none`` is empty."""
    if word.strip().lower() in _NOTHING:
        return ""
    match = re.fullmatch(r"(\d+)\.0+", word.strip())
    return match[1] if match else word.strip()


def site_secret(survey: Survey) -> str:
    """Text of the file that the option ``salt`` names; empty without the option.

    A file, so that the secret itself is in no command line and in no record of the options.

    Raises:
        TrainingError: ``bad-option``: it cannot be read, or is shorter than 16 characters.
    """
    if "salt" not in survey.options:
        return ""
    path = survey.options["salt"]
    secret = ""
    if survey.inside(path) is None:
        secret = (survey.root / path).read_text("utf-8", errors="replace").strip()
    if len(secret) < _SHORTEST_SECRET:
        text = f"{path} must be a file in the data folder with {_SHORTEST_SECRET} characters."
        raise TrainingError("bad-option", text)
    return secret


def pseudonym(identifier: str, salt: str) -> str:
    """16 hexadecimal digits that stand for a person.

    Without a secret `salt` they hide the identifier from sight only: whoever can try all
    identifiers of a clinic finds it again.
    """
    return hashlib.sha256(f"kdoct-patient\0{salt}\0{identifier}".encode()).hexdigest()[:16]


def _text(cell: str) -> str:
    stripped = cell.strip()
    return "" if stripped.lower() == "nan" else stripped


def _key(name: str) -> str:
    return re.sub(r"[\s_]", "", name.casefold())
