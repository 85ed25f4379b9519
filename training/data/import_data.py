"""From a data folder to manifest rows: an importer names them, this reads and hashes the pictures.

Everything that does not fit is one error that lists it; only what is named in the exclude list is
left out, and the report tells what and how much.
"""

import os
import queue
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from training.data.datasets import (
    csv_table,
    dicom_folder,
    duke,
    folder,
    kermany,
    neh,
    oct_c8,
    octdl,
    octid,
    octmnist,
    retouch,
)
from training.data.datasets.survey import Candidate, Importer, Note, Survey
from training.data.manifest import Row
from training.data.perceptual_hash import perceptual_hash
from training.data.read_picture import (
    picture_sha256,
    read_fundus,
    read_outline,
    read_picture,
)
from training.errors import TrainingError
from training.events import Events, Silent

IMPORTERS: dict[str, Importer] = {
    "neh": neh.IMPORTER,
    "kermany": kermany.IMPORTER,
    "duke": duke.IMPORTER,
    "octdl": octdl.IMPORTER,
    "octid": octid.IMPORTER,
    "oct-c8": oct_c8.IMPORTER,
    "octmnist": octmnist.IMPORTER,
    "retouch": retouch.IMPORTER,
    "folder": folder.IMPORTER,
    "csv": csv_table.IMPORTER,
    "dicom": dicom_folder.IMPORTER,
}
"""Every layout by the name that the command line knows it by."""

_MOST_THREADS = 16


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import gave.

    Attributes:
        importer: Name of the layout.
        rows: Of the manifest, sorted by path and frame.
        excluded: Files and B-scans that were left out by name.
        decisions: What was decided on the way, each with its list.
    """

    importer: str
    rows: tuple[Row, ...]
    excluded: tuple[str, ...]
    decisions: tuple[Note, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentences of the decisions."""
        return tuple(note.message for note in self.decisions)

    def facts(self) -> dict[str, Any]:
        """Plain values for the record of a run; labels as the data set writes them."""
        labels = Counter(row.label for row in self.rows)
        return {
            "importer": self.importer,
            "bscans": len(self.rows),
            "patients": len({row.patient for row in self.rows}),
            "volumes": len({row.volume for row in self.rows if row.volume}),
            "labels": dict(sorted(labels.items())),
            "excluded": list(self.excluded),
            "notes": [{**asdict(note), "details": list(note.details)} for note in self.decisions],
        }


def import_dataset(
    importer: str,
    root: Path,
    *,
    exclude: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    events: Events | None = None,
    threads: int = 0,
) -> ImportReport:
    """Read a data set.

    Args:
        importer: A name of `IMPORTERS`.
        root: The data folder; what the rows' paths are relative to.
        exclude: Names to leave out: a file, ``file #3`` for one B-scan of it, or a folder.
        options: Of the importer; see its ``options``.
        events: Told of the progress; the caller passes the report's notes on.
        threads: That read pictures; 0 takes the number of cores.

    Raises:
        TrainingError: ``unreadable-files``, ``unknown-labels``, ``missing-patients`` or, for more
            than one of these, ``bad-data``: with every file; ``unmatched-exclusions``,
            ``wrong-layout``, ``no-pictures``, ``unknown-importer``, ``unknown-option``.
    """
    events = events or Silent()
    chosen = _importer(importer, options or {})
    if not root.is_dir():
        raise TrainingError("wrong-layout", "The data folder does not exist.")
    survey = Survey(root, options=options, exclude=exclude, events=events)
    candidates = _kept(survey, chosen.read(survey))
    rows = _read(survey, candidates, threads or min(os.cpu_count() or 1, _MOST_THREADS))
    _raise_findings(survey)
    if not rows:
        raise TrainingError("no-pictures", f"No picture of {chosen.title} was found.")
    return ImportReport(importer, tuple(rows), survey.left_out, tuple(survey.notes))


def read_exclude_list(path: Path) -> list[str]:
    """Names of a text file, one a line; empty lines and lines that begin with ``#`` are skipped.

    Raises:
        TrainingError: ``bad-exclude-list``.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError("bad-exclude-list", f"{path.name} cannot be read.") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _importer(name: str, options: Mapping[str, str]) -> Importer:
    if name not in IMPORTERS:
        text = f"There is no importer {name}; there are these."
        raise TrainingError("unknown-importer", text, tuple(IMPORTERS))
    chosen = IMPORTERS[name]
    prefixes = tuple(known for known in chosen.options if known.endswith("."))
    wrong = [one for one in options if one not in chosen.options and not one.startswith(prefixes)]
    if wrong:
        known = [f"{option}: {meaning}" for option, meaning in chosen.options.items()]
        text = f"The importer {name} has no option {', '.join(wrong)}; it has these."
        raise TrainingError("unknown-option", text, known)
    return chosen


def _kept(survey: Survey, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates that are not left out by their frame, sorted; one that stands twice is told."""
    kept: dict[tuple[str, int], Candidate] = {}
    for one in candidates:
        if PurePosixPath(one.path).is_absolute():
            raise ValueError("an importer must give paths relative to the data folder")
        if survey.excluded(one.path, one.frame):
            continue
        if kept.setdefault((one.path, one.frame), one) is not one:
            survey.unknown(one.path, f"its B-scan {one.frame} stands twice")
    return [kept[key] for key in sorted(kept)]


def _read(survey: Survey, candidates: Sequence[Candidate], threads: int) -> list[Row]:
    """Read and hash all pictures, file by file in several threads; findings go to the survey."""
    files: dict[str, list[Candidate]] = {}
    for one in candidates:
        files.setdefault(one.path, []).append(one)
    fundi = sorted({one.fundus for one in candidates if one.fundus})
    work = _Work(survey.root, survey.sole)
    total = len(candidates) + len(fundi)
    with ThreadPoolExecutor(threads) as pool:
        try:
            jobs: list[Future[None]] = [pool.submit(work.file, group) for group in files.values()]
            jobs += [pool.submit(work.fundus, path) for path in fundi]
            for done, result in enumerate(work.results(jobs, total), start=1):
                if isinstance(result, TrainingError):
                    survey.findings.unreadable.append(result.message)
                survey.events.progress(done, total, "reading pictures")
        except BaseException:
            work.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return sorted(work.rows, key=lambda row: (row.path, row.frame))


class _Work:
    """What the threads do; results come back one by one, so that one thread alone reports."""

    def __init__(self, root: Path, sole: Collection[str]) -> None:
        self._root = root
        self._sole = sole
        self._done: queue.SimpleQueue[Row | str | TrainingError] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.rows: list[Row] = []

    def file(self, group: Sequence[Candidate]) -> None:
        """Read the B-scans of one file in order, which the readers of large files are made for."""
        for one in group:
            if self.stop.is_set():
                return
            try:
                only = one.path in self._sole and one.frame == 0
                picture = read_picture(self._root, one.path, None if only else one.frame)
                if one.outline:
                    read_outline(self._root, one.outline, picture.shape)
                self._done.put(_row(one, picture_sha256(picture), perceptual_hash(picture)))
            except TrainingError as error:
                self._done.put(error)

    def fundus(self, path: str) -> None:
        """See whether a fundus photograph can be read."""
        try:
            read_fundus(self._root, path)
            self._done.put(path)
        except TrainingError as error:
            self._done.put(error)

    def results(
        self, jobs: Sequence[Future[None]], total: int
    ) -> Iterator[Row | str | TrainingError]:
        """Each result as it comes; what a thread raised unexpectedly is raised here."""
        for _ in range(total):
            while True:
                try:
                    result = self._done.get(timeout=0.5)
                    break
                except queue.Empty:
                    for job in jobs:
                        if job.done():
                            job.result()
            if isinstance(result, Row):
                self.rows.append(result)
            yield result


def _row(one: Candidate, sha256: str, phash: str) -> Row:
    return Row(sha256=sha256, phash=phash, **asdict(one))


def _raise_findings(survey: Survey) -> None:
    """Raise the one error that lists everything.

    Raises:
        TrainingError: See `import_dataset`.
    """
    found = survey.findings
    kinds = [
        ("unreadable-files", "that cannot be read", found.unreadable),
        ("unknown-labels", "whose label or name does not fit", found.unknown),
        ("missing-patients", "without a patient", found.without_patient),
    ]
    there = [(code, what, sorted(lines)) for code, what, lines in kinds if lines]
    if not there:
        if survey.unmatched:
            text = f"{len(survey.unmatched)} entries of the exclude list name nothing here."
            raise TrainingError("unmatched-exclusions", text, survey.unmatched)
        return
    counts = ", ".join(f"{len(lines)} {what}" for _, what, lines in there)
    raise TrainingError(
        there[0][0] if len(there) == 1 else "bad-data",
        f"The data set has entries that stop the import: {counts}. Correct them, or leave them "
        "out by name with an exclude list.",
        [line for _, _, lines in there for line in lines],
    )
