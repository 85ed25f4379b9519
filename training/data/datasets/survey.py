"""What an importer sees of a data folder, and where it reports what does not fit."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from training.errors import TrainingError
from training.events import Events, Silent

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
"""Suffixes of picture files, lower case."""

_IGNORED = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the manifest whose picture has not been read yet; fields as in `manifest.Row`."""

    path: str
    dataset: str
    patient: str
    frame: int = 0
    eye: str = ""
    volume: str = ""
    bscan: int = -1
    label: str = ""
    volume_label: str = ""
    device: str = ""
    part: str = ""
    fundus: str = ""
    outline: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was decided during an import and that its record must tell.

    Attributes:
        code: Stable lower-case identifier with hyphens.
        message: One plain sentence.
        details: What the sentence counts, one line each.
    """

    code: str
    message: str
    details: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    """Everything that keeps the data set from being imported, one line each."""

    unreadable: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    without_patient: list[str] = field(default_factory=list)


class Survey:
    """A data folder, without what was excluded by name.

    Attributes:
        root: The data folder.
        options: The importer's options.
        events: Who is told how far the work is.
        findings: What does not fit.
        notes: What was decided.
        sole: Files of which no B-scan is named: reading refuses one that holds several.
    """

    def __init__(
        self,
        root: Path,
        *,
        options: Mapping[str, str] | None = None,
        exclude: Sequence[str] = (),
        events: Events | None = None,
    ) -> None:
        self.root = root
        self.options = dict(options or {})
        self.events: Events = events or Silent()
        self.findings = Findings()
        self.notes: list[Note] = []
        self.sole: set[str] = set()
        self._exclude = {_plain(entry) for entry in exclude}
        self._matched: set[str] = set()
        self._left_out: set[str] = set()
        self._links_told: set[str] = set()
        self._walked: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def files(self, under: str = "", *, suffixes: Collection[str] = PICTURES) -> list[str]:
        """Files below a folder with one of the suffixes, sorted; all where there are none.

        Links are unreadable files: they may lead out of the data folder or round in circles.

        Args:
            under: Folder relative to the root, without a closing slash; empty for the root.
            suffixes: Lower case, with the dot.
        """
        files, links = self._walk()
        prefix = f"{under}/" if under else ""
        for link in links:
            below = link.startswith(prefix) and link not in self._links_told
            if below and not self.excluded(link):
                self._links_told.add(link)
                self.unreadable(link, "links are not followed")
        return [
            path
            for path in files
            if path.startswith(prefix)
            and (not suffixes or PurePosixPath(path).suffix.lower() in suffixes)
            and not self.excluded(path)
        ]

    def inside(self, path: str) -> str | None:
        """Why a path from a table is no file of the data folder; None where it is one."""
        given = PurePosixPath(path)
        if not given.parts or given.is_absolute() or ".." in given.parts or ":" in given.parts[0]:
            return "the path leads out of the data folder"
        here = self.root
        for part in given.parts:
            here = here / part
            if here.is_symlink():
                return "links are not followed"
        return None if here.is_file() else "the file does not exist"

    def excluded(self, path: str, frame: int | None = None) -> bool:
        """Whether a file, or one B-scan of it, is left out by name; it is recorded then.

        Args:
            path: Relative to the root; a folder's name leaves out all that is below it.
            frame: B-scan of the file; None asks for the whole file.
        """
        for entry in self._entries(path, frame):
            if entry in self._exclude:
                self._matched.add(entry)
                self._left_out.add(path if frame is None else f"{path} #{frame}")
                return True
        return False

    @property
    def left_out(self) -> tuple[str, ...]:
        """What was left out by name, sorted."""
        return tuple(sorted(self._left_out))

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Entries of the exclude list that name nothing, sorted."""
        return tuple(sorted(self._exclude - self._matched))

    def unreadable(self, name: str, reason: str) -> None:
        """A file cannot be read."""
        self.findings.unreadable.append(f"{name}: {reason}")

    def unknown(self, name: str, reason: str) -> None:
        """A label is not known, or a name does not fit the layout."""
        self.findings.unknown.append(f"{name}: {reason}")

    def no_patient(self, name: str, reason: str) -> None:
        """Nothing says whose B-scan it is."""
        self.findings.without_patient.append(f"{name}: {reason}")

    def note(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        """Record a decision."""
        self.notes.append(Note(code, message, tuple(details)))

    def flag(self, option: str) -> bool:
        """An option that is ``yes`` or ``no``; no where it is not given.

        Raises:
            TrainingError: ``bad-option``.
        """
        word = self.options.get(option, "no").strip().lower()
        if word not in ("yes", "no"):
            raise TrainingError("bad-option", f"The option {option} is yes or no, not {word}.")
        return word == "yes"

    def _entries(self, path: str, frame: int | None) -> Iterator[str]:
        if frame is not None:
            yield f"{path} #{frame}"
            return
        yield path
        if "::" in path:
            yield path.partition("::")[0]
        yield from (str(parent) for parent in PurePosixPath(path).parents if parent.parts)

    def _walk(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Files and links below the root, sorted; hidden ones and litter are left out."""
        if self._walked is None:
            files: list[str] = []
            links: list[str] = []
            waiting = [""]
            while waiting:
                here = waiting.pop()
                for entry in self._scan(here):
                    if entry.name.startswith(".") or entry.name.casefold() in _IGNORED:
                        continue
                    name = f"{here}/{entry.name}" if here else entry.name
                    if entry.is_symlink():
                        links.append(name)
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(name)
            self._walked = tuple(sorted(files)), tuple(sorted(links))
        return self._walked

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                return list(entries)
        except OSError:
            self.unreadable(folder or ".", "the folder cannot be read")
            return []


@dataclass(frozen=True, slots=True)
class Importer:
    """One layout.

    Attributes:
        title: What people call it.
        layout: How its folder looks, for messages.
        read: Gives the candidates of a data folder and reports the rest to the survey.
        options: What can be set, with its meaning; a name that ends in a dot takes any ending.
    """

    title: str
    layout: str
    read: Callable[[Survey], list[Candidate]]
    options: Mapping[str, str] = field(default_factory=dict)


def _plain(entry: str) -> str:
    return entry.strip().replace("\\", "/").removeprefix("./").rstrip("/")
