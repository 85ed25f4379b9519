"""Where a run keeps what: one folder that several jobs may share."""

from dataclasses import dataclass
from pathlib import Path

ROLES = ("teacher", "student")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved configuration, JSON."""
        return self.root / "config.json"

    @property
    def split(self) -> Path:
        """The split."""
        return self.root / "splits.json"

    @property
    def cache(self) -> Path:
        """Decoded pictures; may be shared by runs and is safe to delete."""
        return self.root / "cache"

    @property
    def report(self) -> Path:
        """All folds together: ``cv_report.json``."""
        return self.root / "cv_report.json"

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.root / "figures"

    def fold(self, fold: int) -> Path:
        """Folder of a fold."""
        return self.root / f"fold-{fold}"

    def role(self, fold: int, role: str) -> Path:
        """Folder of a network of a fold: checkpoints, log, chosen weights."""
        return self.fold(fold) / role

    def best(self, fold: int, role: str) -> Path:
        """Folder of the chosen weights: ``weights.safetensors`` and ``model.json``."""
        return self.role(fold, role) / "best"

    def log(self, fold: int, role: str) -> Path:
        """One JSON line an epoch."""
        return self.role(fold, role) / "log.jsonl"

    def checkpoints(self, fold: int, role: str) -> Path:
        """Folder of what a training goes on from."""
        return self.role(fold, role) / "checkpoints"

    def finished(self, fold: int, role: str) -> Path:
        """Written when a training is done: identity and the best candidate, JSON."""
        return self.role(fold, role) / "finished.json"

    def stop(self, fold: int, role: str) -> Path:
        """A file with ``now`` or ``epoch`` in it asks the training to stop."""
        return self.role(fold, role) / "stop"

    def predictions(self, fold: int, role: str, part: str) -> Path:
        """Answers of a network to a part of a fold, npz."""
        return self.fold(fold) / f"predictions-{role}-{part}.npz"

    @property
    def outside(self) -> Path:
        """What the student does on other data sets: ``outside.json``."""
        return self.root / "outside.json"

    def package(self, name: str) -> Path:
        """The exported package."""
        return self.root / f"{name}.kdmodel"
