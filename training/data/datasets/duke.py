"""Srinivasan 2014 (Duke): 45 volumes, a folder each, 15 of every class.

``Publication_Dataset/{AMD,DME,NORMAL}<1-15>/TIFFs/8bitTIFFs/*.tif``. A folder is a patient. The
class is that of the volume; its B-scans carry it, too.
"""

import re

from training.data.datasets.layout import first_part, note_weak_labels, placed, ranked
from training.data.datasets.survey import Candidate, Importer, Survey

_LAYOUT = "Srinivasan 2014: {AMD,DME,NORMAL}<1-15>/TIFFs/8bitTIFFs/*.tif"
_FOLDER = re.compile(r"^(AMD|DME|NORMAL)(\d+)$", re.IGNORECASE)
_INNER = ("tiffs", "8bittiffs")


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    _, files = placed(survey, _LAYOUT, first_part(lambda name: _FOLDER.match(name) is not None))
    candidates = []
    others = []
    for path, parts in files:
        match = _FOLDER.match(parts[0])
        if match is None or tuple(part.lower() for part in parts[1:-1]) != _INNER:
            others.append(path)
            continue
        patient = f"duke:{match[1].upper()}{int(match[2])}"
        candidates.append(
            Candidate(
                path=path,
                dataset="duke",
                patient=patient,
                volume=patient,
                label=match[1].upper(),
                volume_label=match[1].upper(),
                device="Heidelberg Spectralis",
            )
        )
    if others:
        text = f"{len(others)} pictures outside of TIFFs/8bitTIFFs are other copies; not read."
        survey.note("other-copies", text, others)
    if candidates:
        note_weak_labels(survey, len(candidates))
    return ranked(survey, candidates)


IMPORTER = Importer("Srinivasan 2014 (Duke)", _LAYOUT, read)
