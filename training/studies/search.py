"""A search over settings with Optuna, on validation alone.

.. code-block:: toml

    [search]
    trials = 30

    [search.space]
    "student.head_rate" = { low = 2e-4, high = 3e-3, log = true }
    "distill.temperature" = { choices = [2.0, 4.0, 6.0] }

What is maximised is the student's mean validation accuracy over the folds and seeds of the file.
Patients who validate in one fold are held out in another, so a search is about one fold, and only
that fold's held-out patients are fair to what it chooses; several folds are refused unless they
hold out patients on whom none of them chooses.

The study lies in ``study.log`` (Optuna's journal), so several jobs may work on one search. A
trial's run folder is named after its values: a job that was killed leaves a trial under way, the
next job takes it up again and goes on from its last checkpoint.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kdoct_desktop.domain.whole_file import write_whole
from training.config import make_config
from training.errors import TrainingError
from training.events import Events
from training.files import write_json
from training.splits.split import Split
from training.studies.search_space import Dimension, SearchTable, read_space, suggest, trial_cell
from training.studies.sweep_cells import Room, Unit, give_teacher
from training.studies.sweep_plan import Plan
from training.studies.toml_text import to_toml

SCHEMA = 1


def run_search(plan: Plan, room: Room, *, events: Events) -> dict[str, Any]:
    """Try settings until the wanted number of trials is done, then write the best.

    Args:
        plan: With a ``search`` table.
        room: Folder of the search.
        events: Where to report to.

    Returns:
        What ``search.json`` says: every trial with its values and its validation accuracy.

    Raises:
        TrainingError: ``bad-sweep`` (the space, or the folds), ``no-optuna``, ``search-failed`` (no
            trial gave a figure).
        Stopped: As asked.
    """
    table, space = read_space(plan)
    check_folds(plan.folds(room.split), room.split)
    optuna = _optuna()
    study = _open_study(optuna, room.out)
    while (trial := _next_trial(optuna, study, table, space, room.out, plan)) is not None:
        _run_trial(optuna, study, trial, plan=plan, room=room, events=events)
    return _write_result(optuna, study, plan, room, events)


def check_folds(folds: Sequence[int], split: Split) -> None:
    """Refuse folds that would choose on the patients that they hold out.

    Raises:
        TrainingError: ``bad-sweep``.
    """
    held_out = {patient for fold in folds for patient in split.folds[fold].test}
    chosen_on = {patient for fold in folds for patient in split.folds[fold].validation}
    if held_out & chosen_on:
        raise TrainingError(
            "bad-sweep",
            f"Search: {len(held_out & chosen_on)} patients validate in one of its folds and are "
            f"held out in another, so no figure on them would be fair; choose one fold (folds = "
            f"[{folds[0]}]).",
        )


def _optuna() -> Any:
    """Optuna, which only a search needs.

    Raises:
        TrainingError: ``no-optuna``.
    """
    try:
        import optuna
    except ImportError as error:
        raise TrainingError(
            "no-optuna", "A search needs Optuna; install it with the training requirements."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _open_study(optuna: Any, out: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    path = str(out / "study.log")
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    return optuna.create_study(
        storage=storage, study_name="search", direction="maximize", load_if_exists=True
    )


def _next_trial(
    optuna: Any, study: Any, table: SearchTable, space: Mapping[str, Dimension], out: Path,
    plan: Plan,
) -> Any:  # fmt: skip
    """A trial to work on: one that a killed job left, or a new one; None when all are given out.

    The sampler is seeded by the number of the trial, so that jobs that start together do not draw
    the same values.
    """
    states = optuna.trial.TrialState
    with FileLock(out / "study.lock"):
        for left in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            if _abandoned(out, left.number):
                study.tell(left.number, state=states.FAIL)
                if set(left.params) == set(space):
                    study.enqueue_trial(left.params, user_attrs={"again": left.number})
        trials = study.get_trials(deepcopy=False)
        whole = [t for t in trials if set(t.params) == set(space)]
        given = [t for t in whole if t.state != states.WAITING and not _repeated(t, trials)]
        if len(given) >= table.trials and not any(t.state == states.WAITING for t in trials):
            return None
        trial = study.ask()
        lock = FileLock(_lock_file(out, trial.number))
        lock.acquire(timeout=0)
        seed = plan.file.seeds[0] * 100_003 + trial.number
        study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=table.startup)
        values = {path: suggest(trial, path, one) for path, one in space.items()}
    return trial, values, lock


def _repeated(trial: Any, trials: Any) -> bool:
    """Whether a trial was taken up again under another number."""
    return any(other.user_attrs.get("again") == trial.number for other in trials)


def _lock_file(out: Path, number: int) -> Path:
    return out / f"trial-{number}.lock"


def _abandoned(out: Path, number: int) -> bool:
    """Whether no living job holds a trial that is under way."""
    lock = FileLock(_lock_file(out, number))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _run_trial(
    optuna: Any, study: Any, asked: Any, *, plan: Plan, room: Room, events: Events
) -> None:
    """Train a trial's students and tell the study; a failure of the training is its result."""
    trial, values, lock = asked
    states = optuna.trial.TrialState
    try:
        events.metric(f"trial {trial.number}", values)
        value = validation_accuracy(plan, values, room, events)
    except TrainingError as error:
        trial.set_user_attr("failed", error.code)
        study.tell(trial, state=states.FAIL)
        events.warning("trial-failed", f"Trial {trial.number}: {error.message}", error.details)
    else:
        study.tell(trial, value)
        events.metric(f"trial {trial.number}", {"validation_accuracy": value})
    finally:
        lock.release()


def validation_accuracy(plan: Plan, values: Mapping[str, Any], room: Room, events: Events) -> float:
    """Mean validation accuracy of a trial's students over the folds and seeds of the file."""
    cell = trial_cell(plan, values)
    found = []
    for seed in plan.file.seeds:
        for fold in plan.folds(room.split):
            unit = Unit(cell, seed, fold)
            place = room.folder(unit).fold(fold) / ".unit.lock"
            place.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(place):
                run = room.open(unit)
                if run.config.distill.soft_weight:
                    give_teacher(room, unit, run, events, wait=True)
                room.train(run, "distill", fold, events)
            done = json.loads(
                (run.folder.role(fold, "student") / "finished.json").read_text("utf-8")
            )
            best = done["best"]
            found.append(float(best["validation"][best["chosen"]]["accuracy"]))
    return math.fsum(found) / len(found)


def _write_result(
    optuna: Any, study: Any, plan: Plan, room: Room, events: Events
) -> dict[str, Any]:
    """Write ``search.json`` and ``best.toml``, the configuration of the best trial so far."""
    folds = plan.folds(room.split)
    trials = study.get_trials(deepcopy=False)
    done = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    result: dict[str, Any] = {
        "schema": SCHEMA, "title": plan.file.title, "split_sha256": room.split.sha256,
        "objective": "mean validation accuracy of the student", "seeds": list(plan.file.seeds),
        "folds": list(folds),
        "trials": [{"number": t.number, "state": t.state.name.lower(), "values": t.params,
                    "accuracy": t.value, "failed": t.user_attrs.get("failed", "")}
                   for t in trials if not _repeated(t, trials)],
    }  # fmt: skip
    if done:
        best = max(done, key=lambda t: (t.value, -t.number))
        result["best"] = {"number": best.number, "values": best.params, "accuracy": best.value}
        tables = trial_cell(plan, best.params).values
        make_config(tables)
        head = _head(best, len(done), folds)
        write_whole(room.out / "best.toml", (head + to_toml(tables)).encode())
    write_json(room.out / "search.json", result)
    if not done:
        text = "No trial of the search gave a figure; search.json says why."
        raise TrainingError("search-failed", text)
    events.done("search", {"trial": result["best"]["number"], **result["best"]["values"],
                           "validation_accuracy": result["best"]["accuracy"],
                           "file": str(room.out / "best.toml")})  # fmt: skip
    return result


def _head(best: Any, count: int, folds: Sequence[int]) -> str:
    """What ``best.toml`` says before its tables."""
    named = f"fold {folds[0]}" if len(folds) == 1 else f"the folds {', '.join(map(str, folds))}"
    return (
        f"# Trial {best.number} of {count} that gave a figure: mean validation accuracy "
        f"{best.value:.4f}.\n"
        f"# Chosen on the validation part of {named} of the split in splits.json.\n"
        "# Measure it there before you believe it:\n"
        f"# only the held-out patients of {named} are fair.\n"
        "# Patients held out in other folds may have had a part in the choice: a figure over all\n"
        "# folds would flatter.\n\n"
    )
