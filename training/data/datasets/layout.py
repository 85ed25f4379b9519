"""What several layouts have in common: where the classes lie, positions in a volume, names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from kdoct_desktop.io.natural import natural_key
from training.data.datasets.survey import Candidate, Survey
from training.errors import TrainingError

PARTS = {"train": "train", "val": "val", "test": "test"}
Place = tuple[str, ...]


def placed(
    survey: Survey, layout: str, begins: Callable[[Place], int | None]
) -> tuple[str, list[tuple[str, Place]]]:
    """Find the only place where a layout begins, however deep the archive put it.

    Args:
        survey: The data folder.
        layout: For the message.
        begins: Index of the first part of a path that belongs to the layout; None where the path
            does not follow it.

    Returns:
        The folder in which the layout begins, relative to the root, and every fitting file with
        its parts from there on. Pictures below that folder that do not fit are unknown; pictures
        elsewhere are noted.

    Raises:
        TrainingError: ``wrong-layout``: the layout is nowhere, or in several places.
    """
    starts = {path: begins(PurePosixPath(path).parts) for path in survey.files()}
    base = _only_base(layout, starts)
    prefix = f"{base}/" if base else ""
    fitting: list[tuple[str, Place]] = []
    elsewhere: list[str] = []
    for path, at in starts.items():
        if at is not None:
            fitting.append((path, PurePosixPath(path).parts[at:]))
        elif path.startswith(prefix):
            survey.unknown(path, f"does not fit {layout}")
        else:
            elsewhere.append(path)
    if elsewhere:
        text = f"{len(elsewhere)} pictures outside of {base} are not of the data set."
        survey.note("pictures-elsewhere", text, elsewhere)
    return base, fitting


def _only_base(layout: str, starts: Mapping[str, int | None]) -> str:
    """The folder in which the layout begins."""
    bases = {
        "/".join(PurePosixPath(path).parts[:at]) for path, at in starts.items() if at is not None
    }
    if len(bases) == 1:
        return bases.pop()
    text = f"The folder does not look like {layout}."
    if bases:
        text = f"{len(bases)} folders look like {layout}; give the one that is meant."
    raise TrainingError("wrong-layout", text, [base or "." for base in sorted(bases)])


def parts_then_classes(classes: Iterable[str]) -> Callable[[Place], int | None]:
    """A layout ``{train,val,test}/CLASS/file`` at the end of the path."""
    known = set(classes)

    def begins(parts: Place) -> int | None:
        fits = len(parts) >= 3 and parts[-3].lower() in PARTS and parts[-2].upper() in known
        return len(parts) - 3 if fits else None

    return begins


def first_part(fits: Callable[[str], bool]) -> Callable[[Place], int | None]:
    """A layout that begins with the first folder whose name fits."""

    def begins(parts: Place) -> int | None:
        return next((i for i, part in enumerate(parts[:-1]) if fits(part)), None)

    return begins


def ranked(
    survey: Survey, candidates: Sequence[Candidate], *, class_level: int | None = None
) -> list[Candidate]:
    """Positions in each volume by the natural order of the file names, then by frame.

    Args:
        survey: Is told of volumes without positions.
        candidates: Of all volumes.
        class_level: Which folder of a path is a class, counted from 0: it says nothing of the
            order. Where a volume lies in several of them and two of its files have one name,
            nobody knows the order. None where there is no such folder.
    """
    volumes: dict[str, list[Candidate]] = {}
    for one in candidates:
        if one.volume:
            volumes.setdefault(one.volume, []).append(one)
    position: dict[tuple[str, int], int] = {}
    unknown: list[str] = []
    for members in volumes.values():
        names = {one.path: _without(one.path, class_level) for one in members}
        if _one_order(names):
            members.sort(key=lambda one: (natural_key(names[one.path]), one.path, one.frame))
            position |= {(one.path, one.frame): i for i, one in enumerate(members)}
        else:
            unknown += [one.path for one in members]
    if unknown:
        text = (
            f"{len(unknown)} B-scans are of volumes that lie in several class folders under the "
            "same names: their order is not known."
        )
        survey.note("unknown-order", text, sorted(set(unknown)))
    return [
        replace(one, bscan=position.get((one.path, one.frame), one.bscan)) for one in candidates
    ]


def _without(path: str, level: int | None) -> str:
    """The path without one of its folders."""
    return "/".join(part for i, part in enumerate(PurePosixPath(path).parts) if i != level)


def _one_order(names: Mapping[str, str]) -> bool:
    """Whether the names without the class tell the files apart, be they of one suffix or not."""
    if len({path.removesuffix(PurePosixPath(path).name) for path in names}) == 1:
        return True
    keys = [tuple(natural_key(str(PurePosixPath(name).with_suffix("")))) for name in names.values()]
    return len(set(keys)) == len(keys)


def own_patient(dataset: str, path: str, base: str) -> str:
    """The key of a picture whose patient nobody knows: its own name, without suffix."""
    inner = PurePosixPath(path).relative_to(base) if base else PurePosixPath(path)
    return f"{dataset}:{inner.with_suffix('')}"


def note_unknown_patients(survey: Survey, count: int) -> None:
    """Record that a split by patient is a split by picture here."""
    text = (
        f"The data set does not say whose its {count} pictures are: each counts as a patient of "
        "its own, so a split of it may divide people. Use it to train or as an external test."
    )
    survey.note("unknown-patients", text)


def note_weak_labels(survey: Survey, count: int) -> None:
    """Record that B-scans took over the class of their volume."""
    text = (
        f"{count} B-scans carry the label of their volume; at the edges of a diseased volume "
        "there may be normal ones."
    )
    survey.note("labels-of-volumes", text)


def folded(names: Mapping[str, str], word: str) -> str | None:
    """What a name means, whatever its case, spaces, hyphens and underscores; None if unknown."""
    return names.get("".join(letter for letter in word.casefold() if letter.isalnum()))
