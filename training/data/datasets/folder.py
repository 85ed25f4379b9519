"""A site's own folders: ``class/patient/…``, or another order of the same, as an option says."""

from pathlib import PurePosixPath

from training.data.datasets.layout import PARTS, note_unknown_patients, own_patient, ranked
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.datasets.table import eye_word
from training.data.read_picture import count_frames
from training.errors import TrainingError

LEVELS = ("class", "patient", "eye", "volume", "part", "any")
_PLACE = LEVELS[2:]  # what tells volumes of a patient apart
OPTIONS = {
    "layout": "folders from the top, of class, patient, eye, volume, part, any: class/patient",
    "dataset": "name of the data set: site",
    "device": "name of the device",
    "patients": "image: nobody knows the patients, each picture counts as one",
    "unlabelled": "name of a class folder whose pictures have no label",
}
_LAYOUT = "folders of pictures: class/patient/…"


def read(survey: Survey) -> list[Candidate]:
    """Candidates of all pictures; below the folders of the layout there may be any others.

    A folder called OD, OS or the like tells the eye. A volume is what lies in the same folders, but
    for the class: its B-scans may be sorted into several. Folders of eye, volume or below the
    layout, or pages, make one; those of part and any only keep volumes apart.
    """
    levels = _levels(survey)
    own = survey.options.get("patients", "") == "image"
    candidates: list[Candidate] = []
    for path in survey.files():
        parts = PurePosixPath(path).parts[:-1]
        missing = [level for level in levels[len(parts) :] if level != "any"]
        if missing == ["patient"] or (not own and "patient" not in levels):
            survey.no_patient(path, f"lies above the patient's folder of {'/'.join(levels)}")
        elif missing:
            survey.unknown(path, f"lies above the {missing[0]}'s folder of {'/'.join(levels)}")
        else:
            candidates += _pages(survey, path, levels)
    if own:
        note_unknown_patients(survey, len(candidates))
    return ranked(survey, candidates, class_level=levels.index("class"))


def _levels(survey: Survey) -> tuple[str, ...]:
    own = survey.options.get("patients", "") == "image"
    if survey.options.get("patients", "image") != "image":
        raise TrainingError("bad-option", "The option patients can only be image.")
    text = survey.options.get("layout", "class" if own else "class/patient")
    levels = tuple(text.strip("/").split("/"))
    named = [level for level in levels if level != "any"]
    if set(levels) - set(LEVELS) or len(set(named)) != len(named) or "class" not in levels:
        known = ", ".join(LEVELS)
        raise TrainingError("bad-option", f"The layout {text} must name class, of {known}.")
    if own == ("patient" in levels):
        text = "The layout must name patient, or the option patients must be image; not both."
        raise TrainingError("bad-option", text)
    return levels


def _pages(survey: Survey, path: str, levels: tuple[str, ...]) -> list[Candidate]:
    """Candidates of one file, one a page."""
    parts = PurePosixPath(path).parts[:-1]
    said, below = dict(zip(levels, parts, strict=False)), parts[len(levels) :]
    eyes = {eye for word in (said.get("eye", ""), *below) if (eye := eye_word(word))}
    if wrong := _wrong(said, eyes):
        survey.unknown(path, wrong)
        return []
    dataset = survey.options.get("dataset", "site")
    patient = own_patient(dataset, path, "")
    if "patient" in said:
        patient = f"{dataset}:{said['patient'].strip()}"
    pages = pages_of(survey, path)
    place = [name for level, name in zip(levels, parts, strict=False) if level in _PLACE]
    place += [*below, PurePosixPath(path).stem] if pages > 1 else below
    whole = pages > 1 or "eye" in said or "volume" in said or below
    label = said["class"].strip()
    return [
        Candidate(
            path=path,
            frame=frame,
            dataset=dataset,
            patient=patient,
            eye=next(iter(eyes), ""),
            volume="/".join((patient, *place)) if whole else "",
            label="" if label == survey.options.get("unlabelled") else label,
            device=survey.options.get("device", ""),
            part=said.get("part", "").lower(),
        )
        for frame in range(pages)
    ]


def _wrong(said: dict[str, str], eyes: set[str]) -> str:
    """Why the folders cannot be followed; empty where they can."""
    part = said.get("part", "").lower()
    if said.get("eye") and eye_word(said["eye"]) is None:
        return f"the eye {said['eye']} is neither OD nor OS"
    if len(eyes) > 1:
        return "its folders name both eyes"
    if part and part not in PARTS:
        return f"the part {part} is none of train, val and test"
    return ""


def pages_of(survey: Survey, path: str) -> int:
    """Pages of a TIFF; 1 for every other picture and for what cannot be read (told later)."""
    if PurePosixPath(path).suffix.lower() not in (".tif", ".tiff"):
        return 1
    try:
        return count_frames(survey.root, path)
    except TrainingError:
        return 1


IMPORTER = Importer("folders of pictures", _LAYOUT, read, OPTIONS)
