"""OCTMNIST of MedMNIST: Kermany's pictures, cropped and shrunk, in one npz. Patients are lost.

``octmnist[_64|_128|_224].npz`` with ``{train,val,test}_{images,labels}``, images uint8 (n, row,
column), labels (n, 1): 0 CNV, 1 DME, 2 drusen, 3 normal. Rows point into an array of the archive
as ``octmnist_224.npz::train_images``; the frame counts in that array.
"""

import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from training.data.datasets.layout import PARTS, note_unknown_patients
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.read_picture import ARRAY_MARK, count_frames
from training.errors import TrainingError

LABELS = ("CNV", "DME", "DRUSEN", "NORMAL")
_LAYOUT = "OCTMNIST: one octmnist.npz, octmnist_64.npz, octmnist_128.npz or octmnist_224.npz"


def read(survey: Survey) -> list[Candidate]:
    """Candidates of the whole set; see the module."""
    found = survey.files(suffixes=(".npz",))
    found = [path for path in found if PurePosixPath(path).name.startswith("octmnist")]
    if "file" in survey.options:
        found = [path for path in found if path == survey.options["file"]]
    if len(found) != 1:
        text = f"{len(found) or 'No'} archives fit {_LAYOUT}; name one by file=."
        raise TrainingError("wrong-layout", text, found)
    (path,) = found
    candidates: list[Candidate] = []
    for part in PARTS:
        array = f"{path}{ARRAY_MARK}{part}_images"
        if survey.excluded(array):
            continue
        try:
            frames = count_frames(survey.root, array)
        except TrainingError as error:
            survey.unreadable(array, error.message)
            continue
        labels = _labels(survey.root / path, f"{part}_labels")
        if len(labels) != frames:
            text = f"{PurePosixPath(path).name} has {len(labels)} labels for {frames} {part} images"
            raise TrainingError("wrong-layout", f"{text}.")
        candidates += _candidates(survey, array, labels, part)
    note_unknown_patients(survey, len(candidates))
    return candidates


def _labels(path: Path, name: str) -> NDArray[np.int64]:
    """Labels of one part, shape (n,).

    Raises:
        TrainingError: ``wrong-layout``: there are none of shape (n,) or (n, 1).
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            labels = np.asarray(archive[name])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError("wrong-layout", f"{path.name} has no readable {name}.") from error
    if labels.dtype.kind not in "iu" or labels.size != len(labels):
        raise TrainingError("wrong-layout", f"{name} of {path.name} is no list of numbers.")
    return labels.reshape(-1).astype(np.int64)


def _candidates(
    survey: Survey, array: str, labels: NDArray[np.int64], part: str
) -> list[Candidate]:
    candidates = []
    for frame, label in enumerate(labels.tolist()):
        if not 0 <= label < len(LABELS):
            if not survey.excluded(array, frame):
                survey.unknown(f"{array} #{frame}", f"has the label {label}")
            continue
        candidates.append(
            Candidate(
                path=array,
                frame=frame,
                dataset="octmnist",
                patient=f"octmnist:{part}-{frame:06d}",
                label=LABELS[label],
                device="Heidelberg Spectralis",
                part=part,
            )
        )
    return candidates


IMPORTER = Importer(
    "OCTMNIST", _LAYOUT, read, {"file": "the archive, where there are several of different sizes"}
)
