"""The files of an input: a file, a folder, what a DICOMDIR lists. Nothing leads outside."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kdoct_desktop.domain.study import Problem
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.natural import natural_key
from kdoct_desktop.io.plan import InputFile

_IGNORED = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information"}


def folder_files(folder: Path, label: str, limits: Limits) -> tuple[list[InputFile], list[Problem]]:
    """Files of a folder and its sub-folders in natural order; hidden ones are left out.

    Args:
        folder: Where to look.
        label: What the user is shown for the folder itself.
        limits: Bounds on the number of files and on the nesting.
    """
    files: list[InputFile] = []
    problems: list[Problem] = []
    for path, depth in _walk(folder, problems, limits.folder_depth):
        if len(files) >= limits.inputs:
            text = f"The folder holds more than {limits.inputs} files; the rest is not read."
            problems.append(Problem(label, "too-many-files", text))
            break
        files.append(InputFile(path, path.name, label if depth == 0 else path.parent.name))
    return files, problems


def _walk(folder: Path, problems: list[Problem], deepest: int) -> Iterator[tuple[Path, int]]:
    """Files with the depth of their folder, in natural order, links left out."""
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: natural_key(entry.name))
        except OSError:
            text = "The folder cannot be read; check its permissions."
            problems.append(Problem(here.name, "unreadable", text))
            continue
        inner: list[tuple[Path, int]] = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name.casefold() in _IGNORED:
                continue
            if entry.is_symlink():
                text = "Links inside a folder are not followed."
                problems.append(Problem(entry.name, "link-not-followed", text))
            elif entry.is_dir(follow_symlinks=False):
                if depth < deepest:
                    inner.append((Path(entry.path), depth + 1))
                else:
                    text = "Folders are nested too deeply; the inner ones are not read."
                    problems.append(Problem(entry.name, "nested-too-deeply", text))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path), depth
        waiting += reversed(inner)


def referenced_files(
    directory: InputFile, references: Sequence[Sequence[str]]
) -> tuple[list[InputFile], list[Problem]]:
    """The files that a DICOMDIR lists, as far as they lie inside its folder.

    Args:
        directory: The DICOMDIR.
        references: Path components of each file, as written.
    """
    root = directory.path.parent.resolve()
    files: dict[Path, InputFile] = {}
    problems: list[Problem] = []
    for reference in references:
        if not reference or any(_unsafe(part) for part in reference):
            text = "An entry of the DICOMDIR leads outside of its folder; it is not followed."
            problems.append(Problem(directory.label, "unsafe-path", text))
            continue
        found = _find(root, reference)
        if found is None:
            text = "A file that the DICOMDIR lists is missing."
            problems.append(Problem(directory.label, "missing-file", text))
        elif found.is_symlink() or not found.resolve().is_relative_to(root):
            text = "An entry of the DICOMDIR leads outside of its folder; it is not followed."
            problems.append(Problem(directory.label, "unsafe-path", text))
        elif found not in files and found != directory.path:
            files[found] = InputFile(found, found.name, directory.folder)
    return list(files.values()), problems


def _unsafe(part: str) -> bool:
    """True for a path component that is more than a plain name."""
    return (
        part in ("", ".", "..")
        or any(letter in part for letter in '/\\:*?"<>|')
        or any(ord(letter) < 32 for letter in part)
    )


def _find(root: Path, parts: Sequence[str]) -> Path | None:
    """The file with these components, upper and lower case alike; None where there is none."""
    here = root
    for part in parts:
        exact = here / part
        if exact.exists():
            here = exact
            continue
        try:
            same = [entry for entry in here.iterdir() if entry.name.casefold() == part.casefold()]
        except OSError:
            return None
        if len(same) != 1:
            return None
        here = same[0]
    return here if here.is_file() else None
