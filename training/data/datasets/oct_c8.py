"""OCT-C8, Kaggle: eight classes; an augmented re-mix of Kermany, OCTID and others.

``RetinalOCT_Dataset/{train,val,test}/CLASS/``. Nobody knows the patients, and the pictures are in
other sets, too: never an external test of a network that saw those.
"""

from training.data.datasets.layout import (
    PARTS,
    note_unknown_patients,
    own_patient,
    parts_then_classes,
    placed,
)
from training.data.datasets.survey import Candidate, Importer, Survey

CLASSES = ("AMD", "CNV", "CSR", "DME", "DR", "DRUSEN", "MH", "NORMAL")
_LAYOUT = "OCT-C8: {train,val,test}/{AMD,CNV,CSR,DME,DR,DRUSEN,MH,NORMAL}/*.jpg"


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    base, files = placed(survey, _LAYOUT, parts_then_classes(CLASSES))
    candidates = [
        Candidate(
            path=path,
            dataset="oct-c8",
            patient=own_patient("oct-c8", path, base),
            label=folder.upper(),
            part=PARTS[part.lower()],
        )
        for path, (part, folder, _) in files
    ]
    note_unknown_patients(survey, len(candidates))
    text = "OCT-C8 mixes pictures of Kermany, OCTID and others: no external test for those."
    survey.note("mixed-sources", text)
    return candidates


IMPORTER = Importer("OCT-C8", _LAYOUT, read)
