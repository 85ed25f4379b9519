"""Hashes of files, computed bit by bit while there is nothing else to do on the program's side."""

import hashlib
from pathlib import Path

from kdoct_desktop.domain.errors import IngestError

STEP_BYTES = 4 << 20
"""Bytes that are hashed between two B-scans: some milliseconds."""


class FileHashes:
    """SHA-256 of some files, each read once.

    A large file takes as long to hash as to read: the first B-scan need not wait for it.
    """

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}
        self._begun: dict[Path, tuple[int, hashlib._Hash]] = {}

    def step(self, paths: tuple[Path, ...]) -> bool:
        """Hash a little more of the first of some files that is not done.

        Returns:
            Whether nothing is left to do.

        Raises:
            IngestError: ``unreadable``.
        """
        left = next((path for path in paths if path not in self._known), None)
        if left is not None:
            self._advance(left)
        return all(path in self._known for path in paths)

    def of(self, path: Path) -> str:
        """The hash of a file; hashes what is left of it.

        Raises:
            IngestError: ``unreadable``.
        """
        while path not in self._known:
            self._advance(path)
        return self._known[path]

    def _advance(self, path: Path) -> None:
        at, sha256 = self._begun.setdefault(path, (0, hashlib.sha256()))
        try:
            with path.open("rb") as stream:
                stream.seek(at)
                part = stream.read(STEP_BYTES)
        except OSError as error:
            raise IngestError("unreadable", "The file cannot be read.") from error
        sha256.update(part)
        self._begun[path] = (at + len(part), sha256)
        if len(part) < STEP_BYTES:
            self._known[path] = sha256.hexdigest()
            del self._begun[path]
