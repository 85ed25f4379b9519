"""A sweep of seconds over the tiny run."""

from pathlib import Path
from typing import Any

from tests.training.tiny_run import TINY, hand_split, write_data
from training.events import Events, Silent
from training.learning.distill import distill_student
from training.learning.fold_data import load_fold
from training.learning.teacher import train_teacher
from training.open_run import Run
from training.settings_file import merged
from training.splits.split import save_split
from training.studies.sweep_cells import Room
from training.studies.sweep_plan import Plan, read_plan
from training.studies.toml_text import to_toml

SHORT = {"teacher": {"epochs": 1, "warmup_epochs": 0, "freeze_epochs": 0, "swa_start": -1},
         "student": {"epochs": 1, "warmup_epochs": 0, "swa_start": -1}}  # fmt: skip


class Trained:
    """Trains in this process and remembers what."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def __call__(self, run: Run, step: str, fold: int, events: Events) -> None:
        name = run.folder.root.parent.name
        self.steps.append(f"{name} {step} {run.config.compute.seed} {fold}")
        data = load_fold(run.config, run.root, run.manifest, run.split, fold)
        work = train_teacher if step == "teacher" else distill_student
        work(run.config, data, run.folder, events=events, cache=run.cache)


def write_sweep(folder: Path, tables: dict[str, Any], name: str = "sweep.toml") -> Path:
    """A sweep file over the tiny configuration, which lies beside it."""
    (folder / "tiny.toml").write_text(to_toml(merged(TINY, SHORT)), "utf-8")
    path = folder / name
    path.write_text(to_toml({"title": "a test", "config": "tiny.toml", **tables}), "utf-8")
    return path


def prepared(folder: Path) -> dict[str, Path]:
    """Data, manifest and out folder with a split made by hand: arguments of a sweep."""
    manifest = write_data(folder / "data")
    save_split(folder / "out" / "splits.json", hand_split(manifest))
    return {"data": folder / "data", "manifest": folder / "manifest.csv", "out": folder / "out"}


def opened(folder: Path, sweep: Path, train: Any) -> tuple[Plan, Room]:
    """The plan and the room of a sweep."""
    from training.studies.sweep import open_room

    plan = read_plan(sweep)
    return plan, open_room(plan, **prepared(folder), train=train, events=Silent())
