"""The work of a sweep: one (cell, seed, fold) after the other, each in the run folder of its cell.

Several jobs may work on one sweep: a lock says who is on what, everything that is done is found
done. A teacher that would be trained in the same way as one that is finished is copied from there.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kdoct_desktop.domain.whole_file import write_whole
from training.data.manifest import Manifest
from training.errors import TrainingError
from training.events import Events, Silent
from training.files import write_json
from training.open_run import Run, create_run
from training.run_folder import RunFolder
from training.splits.split import Split
from training.studies.sweep_plan import Cell

Train = Callable[[Run, str, int, Events], None]
"""Trains ``teacher`` or ``distill`` of a fold to the end."""
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One training of a sweep with its evaluation."""

    cell: Cell
    seed: int
    fold: int

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.cell.name}, seed {self.seed}, fold {self.fold}"


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """The folder of a sweep.

    Attributes:
        out: Folder.
        data: Data folder.
        manifest_file: Of the data.
        manifest: Its rows.
        split: What all cells share.
        train: Runs a training.
    """

    out: Path
    data: Path
    manifest_file: Path
    manifest: Manifest
    split: Split
    train: Train

    @property
    def split_file(self) -> Path:
        """The split that all cells share."""
        return self.out / "splits.json"

    def folder(self, unit: Unit) -> RunFolder:
        """Run folder of a unit."""
        return RunFolder(self.out / unit.cell.name / f"seed-{unit.seed}")

    def open(self, unit: Unit) -> Run:
        """The run of a unit, made where it is missing."""
        return create_run(
            self.folder(unit).root, unit.cell.config(unit.seed), root=self.data,
            manifest_file=self.manifest_file, cache=self.out / "cache",
            split_file=self.split_file, events=Silent(),
        )  # fmt: skip

    def is_done(self, unit: Unit) -> bool:
        """Whether a unit is trained and evaluated."""
        return _read(self.evaluation(unit)).get("finished") is True

    def why_missing(self, unit: Unit) -> str:
        """Why a unit has no figures."""
        failure = _read(self.failure(unit))
        return str(failure.get("code", "not finished"))

    def evaluation(self, unit: Unit) -> Path:
        """Says that a unit is done."""
        return self.folder(unit).fold(unit.fold) / "sweep-done.json"

    def failure(self, unit: Unit) -> Path:
        """Says why a unit is not done."""
        return self.folder(unit).fold(unit.fold) / "failure.json"


def work(room: Room, units: Iterable[Unit], events: Events) -> list[Unit]:
    """Do what is not done and not in the hands of another job.

    A unit whose teacher another job is training is waited for, after everything else.

    Returns:
        Units that failed; the reason lies in their folder and was said.

    Raises:
        Stopped: As asked.
    """
    failed, waiting = [], [unit for unit in units if not room.is_done(unit)]
    patient = False
    while waiting:
        later = []
        for unit in waiting:
            with _mine(room.folder(unit).fold(unit.fold) / ".unit.lock") as got:
                if not got:
                    continue  # another job is on it, from teacher to evaluation
                try:
                    if not _do(room, unit, events, patient=patient):
                        later.append(unit)
                except TrainingError as error:
                    _failed(room, unit, error, events)
                    failed.append(unit)
        patient, waiting = True, later
    return failed


def _do(room: Room, unit: Unit, events: Events, *, patient: bool) -> bool:
    """Teacher, student and evaluation of a unit; False where its teacher is being trained."""
    from training.measure.evaluate_fold import evaluate_fold

    if room.is_done(unit):
        return True
    run = room.open(unit)
    if run.config.distill.soft_weight and not give_teacher(room, unit, run, events, wait=patient):
        return False
    events.metric("sweep", {"": unit.title})
    room.train(run, "distill", unit.fold, events)
    report = evaluate_fold(
        run.root, run.folder, unit.fold, run.manifest, run.split, run.config, events, faithful=0
    )
    done = {"finished": True, "weights_sha256": {
        role: about["model"]["weights_sha256"] for role, about in report["roles"].items()
    }}  # fmt: skip
    write_json(room.evaluation(unit), done)
    room.failure(unit).unlink(missing_ok=True)
    return True


def give_teacher(room: Room, unit: Unit, run: Run, events: Events, *, wait: bool) -> bool:
    """See to it that the unit has its teacher: found, copied from another cell, or trained.

    Args:
        room: The sweep.
        unit: Of which cell, seed and fold.
        run: Its run.
        events: Where to report to.
        wait: Wait while another job trains the same teacher.

    Returns:
        False where another job is training it.
    """
    from training.learning.assemble import identity
    from training.learning.fold_data import load_fold

    own = run.folder.role(unit.fold, "teacher")
    if (own / "finished.json").is_file():
        return True
    data = load_fold(run.config, run.root, run.manifest, run.split, unit.fold)
    mark = identity("teacher", run.config, data, {})
    with _mine(room.out / "teachers" / f"{mark[:24]}.lock", wait=wait) as got:
        if not got:
            return False
        donor = find_teacher(room.out, mark, unit.fold)
        if donor is None:
            events.metric("sweep", {"": f"teacher of {unit.title}"})
            room.train(run, "teacher", unit.fold, events)
        else:
            copy_teacher(donor, own)
            label = donor.relative_to(room.out).as_posix()
            events.metric("sweep", {"": f"teacher of {unit.title}: the same as {label}"})
    return True


def find_teacher(out: Path, mark: str, fold: int) -> Path | None:
    """Folder of a finished teacher with this identity; None where there is none."""
    for done in sorted(out.glob(f"*/seed-*/fold-{fold}/teacher/finished.json")):
        if _read(done).get("identity") == mark:
            return done.parent
    return None


def copy_teacher(donor: Path, own: Path) -> None:
    """Copy a finished teacher, verified by the hash of its weights; put in place at once.

    Raises:
        TrainingError: ``tampered-model``: the copy is not what the training wrote.
    """
    from training.networks.checkpoint import read_best

    draft = own / ".draft" / "best"
    shutil.rmtree(draft.parent, ignore_errors=True)
    shutil.copytree(donor / "best", draft)
    read_best(draft)
    shutil.rmtree(own / "best", ignore_errors=True)
    draft.replace(own / "best")
    draft.parent.rmdir()
    for answers in donor.parent.glob("predictions-teacher-*.npz"):  # checked again when they serve
        write_whole(own.parent / answers.name, answers.read_bytes())
    if (donor / "log.jsonl").is_file():
        write_whole(own / "log.jsonl", (donor / "log.jsonl").read_bytes())
    origin = {"copied_from": "/".join(donor.parts[-4:])}
    write_whole(own / "copied.json", json.dumps(origin).encode())
    write_whole(own / "finished.json", (donor / "finished.json").read_bytes())


@contextmanager
def _mine(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock; False where another job holds it and it is not waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=POLL_S)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _failed(room: Room, unit: Unit, error: TrainingError, events: Events) -> None:
    """Keep and say why a unit has no figures."""
    reason = {"code": error.code, "message": error.message, "time": round(time.time())}
    write_json(room.failure(unit), reason)
    events.warning("cell-failed", f"{unit.title}: {error.message} ({error.code})", error.details)


def _read(path: Path) -> dict[str, Any]:
    """A small JSON file; empty where it is missing or half written."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
