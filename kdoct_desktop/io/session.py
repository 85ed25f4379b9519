"""One reading of one input: the reading process, the limits, and who is told how far it is."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from kdoct_desktop.domain.progress import Progress
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.crew import Crew
from kdoct_desktop.io.failures import garbage
from kdoct_desktop.io.hashing import FileHashes
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile, VolumePlan, combined_hash
from kdoct_desktop.io.records import from_json

T = TypeVar("T")


class Reporter:
    """Passes progress on, and repeats it while waiting so that the user can stop the work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = (0, 0, "finding files")

    def report(self, done: int, total: int, step: str) -> None:
        """Tell how far the work is; may raise ``Cancelled``."""
        self._last = (done, total, step)
        self._progress(done, total, step)

    def tick(self) -> None:
        """Tell again what was told last; may raise ``Cancelled``."""
        self._progress(*self._last)


class Session:
    """What a reader needs to get at headers.

    Attributes:
        contained: The reading process.
        limits: What is accepted.
        reporter: Who is told.
        crew: The reading process with its helpers; None where it works alone.
        taken: Files that belong to a scan or an export, and are not read as scans of their own.
        hashes: Of the files, as far as they are computed.
    """

    def __init__(
        self,
        contained: Contained,
        limits: Limits,
        reporter: Reporter,
        crew: Crew | None = None,
    ) -> None:
        self.contained = contained
        self.limits = limits
        self.reporter = reporter
        self.crew = crew
        self.taken: set[Path] = set()
        self.hashes = FileHashes()

    def header(
        self, task: str, file: InputFile, kind: type[T], *, hashed: bool = True, **arguments: object
    ) -> T:
        """What the reading process makes of a file's header.

        The file's hash is computed here meanwhile: nothing is parsed for it, and for most files it
        takes about as long as the header.

        Args:
            task: Name of the task.
            file: The file.
            kind: Record type of the answer's ``info``; has a ``sha256``, which comes empty.
            hashed: Fill ``sha256`` in; else it stays empty, and the file is hashed while its
                B-scans are decoded.
            arguments: What else the task is told.

        Raises:
            IngestError: The file is refused.
        """
        answer = self.contained.ask(
            task,
            seconds=self.limits.file_s,
            meanwhile=(lambda: self._hash(file.path)) if hashed else None,
            path=str(file.path),
            limits=asdict(self.limits),
            **arguments,
        )
        info = answer.get("info")
        if not isinstance(info, dict):
            raise garbage()
        sha256 = self.hashes.of(file.path) if hashed else ""
        try:
            return from_json(kind, {**info, "sha256": sha256})
        except ValueError as error:
            raise garbage() from error

    def hashed(self, plan: VolumePlan) -> VolumePlan:
        """The plan with the hash of its source.

        Raises:
            IngestError: ``unreadable``.
        """
        if not plan.hashed_later:
            return plan
        sha256 = combined_hash([self.hashes.of(path) for path in plan.hashed_later])
        return replace(plan, source=replace(plan.source, sha256=sha256), hashed_later=())

    def _hash(self, path: Path) -> None:
        """Hash a file; may be stopped."""
        while not self.hashes.step((path,)):
            self.reporter.tick()

    def references(self, file: InputFile) -> list[list[str]]:
        """Path components of each file that a DICOMDIR lists, as written.

        Raises:
            IngestError: The DICOMDIR is refused.
        """
        answer = self.contained.ask(
            "dicom-directory",
            seconds=self.limits.file_s,
            path=str(file.path),
            limits=asdict(self.limits),
        ).get("references")
        if not isinstance(answer, list):
            raise garbage()
        return [[str(part) for part in parts] for parts in answer if isinstance(parts, list)]
