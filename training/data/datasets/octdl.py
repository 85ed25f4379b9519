"""OCTDL, Mendeley sncdhf53xc: seven diseases, a table of labels, patients and eyes.

``<DISEASE>/<disease>_<patient>_<number>.jpg`` with ``OCTDL_labels.csv`` (``file_name`` without a
suffix, ``disease``, ``patient_id``, ``eye``; its ``image_hight`` is spelt so). The table rules. The
patient is ``patient_id`` over all diseases. Some files are PNG inside; content decides, not names.
"""

from pathlib import PurePosixPath

from training.data.datasets.layout import first_part, placed
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.datasets.table import Line, Table, eye_word, find_table, identifier, read_table

DISEASES = ("AMD", "DME", "ERM", "NO", "RAO", "RVO", "VID")
TABLE = "OCTDL_labels.csv"
_LAYOUT = "OCTDL: {AMD,DME,ERM,NO,RAO,RVO,VID}/<disease>_<patient>_<number>.jpg"
_COLUMNS = ("file_name", "disease", "patient_id", "eye")


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    table = read_table(survey.root, find_table(survey, TABLE, layout=_LAYOUT))
    base, files = placed(survey, _LAYOUT, first_part(lambda name: name.upper() in DISEASES))
    lines, contradicted = _lines(table)
    candidates: list[Candidate] = []
    disagree: list[str] = []
    used: set[str] = set()
    for path, parts in files:
        name = PurePosixPath(path).stem.casefold()
        if name not in lines or name in used:
            survey.unknown(path, f"has no line of its own in {TABLE}")
            continue
        used.add(name)
        if name in contradicted:
            survey.unknown(path, contradicted[name])
            continue
        one = _candidate(survey, path, table, lines[name])
        if one is not None:
            candidates.append(one)
            if parts[0].upper() != one.label:
                disagree.append(f"{path}: {one.label} in {lines[name].where}")
    excluded = {PurePosixPath(path).stem.casefold() for path in survey.left_out}
    for name, line in lines.items():
        path = _expected(base, table, line)
        if name not in used and name not in excluded and not survey.excluded(path):
            survey.unreadable(path, f"named in {line.where}, but there is no such file")
    if disagree:
        text = f"{len(disagree)} folders disagree with {TABLE}, which rules."
        survey.note("names-disagree", text, disagree)
    return candidates


def _lines(table: Table) -> tuple[dict[str, Line], dict[str, str]]:
    """The line of each file, by its name case folded, and which of them are contradicted."""
    (column, *_) = table.need(*_COLUMNS)
    lines: dict[str, Line] = {}
    contradicted: dict[str, str] = {}
    for line in table.lines:
        name = _bare(line.cells[column]).casefold()
        before = lines.setdefault(name, line)
        if before is not line and before.cells != line.cells:
            contradicted[name] = f"{line.where} contradicts {before.where}"
    return lines, contradicted


def _expected(base: str, table: Table, line: Line) -> str:
    """Where the file of a line should lie."""
    name, disease, *_ = (line.cells[column] for column in table.need(*_COLUMNS))
    return "/".join(filter(None, (base, disease.upper(), f"{_bare(name)}.jpg")))


def _bare(name: str) -> str:
    known = PurePosixPath(name).suffix.lower() in (".jpg", ".jpeg", ".png")
    return PurePosixPath(name).stem if known else name


def _candidate(survey: Survey, path: str, table: Table, line: Line) -> Candidate | None:
    """The candidate of a file; None where the table does not say enough."""
    _, disease, patient, eye = (line.cells[column] for column in table.need(*_COLUMNS))
    if disease.upper() not in DISEASES:
        survey.unknown(path, f"{line.where} gives the disease {disease or '(none)'}")
        return None
    if not identifier(patient):
        survey.no_patient(path, f"{line.where} names no patient")
        return None
    side = eye_word(eye)
    if side is None:
        survey.unknown(path, f"{line.where} gives an eye that is neither OD nor OS")
        return None
    return Candidate(
        path=path,
        dataset="octdl",
        patient=f"octdl:{identifier(patient)}",
        eye=side,
        label=disease.upper(),
        device="Optovue RTVue XR",
    )


IMPORTER = Importer("OCTDL", _LAYOUT, read)
