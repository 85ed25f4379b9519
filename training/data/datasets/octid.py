"""OCTID, Borealis: an archive of JPEGs a class, side by side. Nobody knows the patients."""

from training.data.datasets.layout import (
    first_part,
    folded,
    note_unknown_patients,
    own_patient,
    placed,
)
from training.data.datasets.survey import Candidate, Importer, Survey

NAMES = {
    **dict.fromkeys(("normal",), "NORMAL"),
    **dict.fromkeys(("amd", "amrd", "armd", "agerelatedmaculardegeneration"), "AMD"),
    **dict.fromkeys(("csr", "centralserousretinopathy"), "CSR"),
    **dict.fromkeys(("dr", "diabeticretinopathy"), "DR"),
    **dict.fromkeys(("mh", "macularhole"), "MH"),
}
"""Folder name, as `layout.folded` writes it, to class."""

_LAYOUT = "OCTID: {NORMAL,AMD,CSR,DR,MH}/*.jpeg"


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    base, files = placed(survey, _LAYOUT, first_part(lambda name: folded(NAMES, name) is not None))
    candidates = [
        Candidate(
            path=path,
            dataset="octid",
            patient=own_patient("octid", path, base),
            label=folded(NAMES, parts[0]) or "",
            device="Zeiss Cirrus",
        )
        for path, parts in files
    ]
    note_unknown_patients(survey, len(candidates))
    return candidates


IMPORTER = Importer("OCTID", _LAYOUT, read)
