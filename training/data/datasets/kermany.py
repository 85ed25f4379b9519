"""Kermany 2018 (UCSD, OCT2017), Mendeley rscbjbr9sj, version 2 and 3.

Version 3: ``CellData/OCT/{train,test}/CLASS/``; version 2, as on Kaggle: ``OCT2017 /{train,test,
val}/CLASS/`` with a space at the end. Files are ``CLASS-<patient>-<number>.jpeg``: the patient is
the bare number, for a fifth of the patients are in several classes. The last number is no position
in a volume. The official parts share patients; they are kept in ``part`` for the split to handle.
"""

import re
from pathlib import PurePosixPath

from training.data.datasets.layout import PARTS, parts_then_classes, placed
from training.data.datasets.survey import Candidate, Importer, Survey

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
_LAYOUT = "Kermany: {train,test,val}/{CNV,DME,DRUSEN,NORMAL}/<CLASS>-<patient>-<number>.jpeg"
_FILE = re.compile(r"^(CNV|DME|DRUSEN|NORMAL)-(\d+)-(\d+)\.jpe?g$", re.IGNORECASE)


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    _, files = placed(survey, _LAYOUT, parts_then_classes(CLASSES))
    candidates = []
    for path, (part, folder, name) in files:
        match = _FILE.match(name)
        if match is None:
            survey.unknown(path, f"{PurePosixPath(name).name} is no <CLASS>-<patient>-<number>")
        elif match[1].upper() != folder.upper():
            survey.unknown(path, f"is named {match[1]} in the folder {folder}")
        else:
            candidates.append(
                Candidate(
                    path=path,
                    dataset="kermany",
                    patient=f"kermany:{match[2]}",
                    label=folder.upper(),
                    device="Heidelberg Spectralis",
                    part=PARTS[part.lower()],
                )
            )
    return candidates


IMPORTER = Importer("Kermany 2018 (OCT2017, UCSD)", _LAYOUT, read)
