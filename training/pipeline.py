"""A whole run: teacher, student and evaluation of every fold, then the report and the package.

Each training is a process of its own: its memory goes back, and a crash of one fold is a crash of
one fold. Everything that is done is found done, so the same command resumes.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.events import Events
from training.learning.stopping import STOPPED_CODE, Stopped
from training.open_run import Run


def run_folds(
    run: Run, *, folds: Sequence[int] | None, events: Events, package: bool, key: Path | None
) -> dict[str, Any]:
    """Do what is not done yet.

    Args:
        run: An open run.
        folds: Which; all where None. The report and the package need all of them.
        events: Where to report to.
        package: Export when every fold is done.
        key: The site's signing key; its usual place where None.

    Returns:
        The report over the folds that are done.
    """
    from training.measure.evaluate_fold import evaluate_fold
    from training.measure.evaluate_run import evaluate_run

    wanted = range(len(run.split.folds)) if folds is None else folds
    for fold in wanted:
        if run.config.distill.soft_weight:
            train_apart(run, "teacher", fold, events)
        train_apart(run, "distill", fold, events)
        evaluate_fold(run.root, run.folder, fold, run.manifest, run.split, run.config, events)
    report: dict[str, Any] = evaluate_run(
        run.root, run.folder, run.manifest, run.split, run.config, events
    )
    if package and folds is None:
        from training.ship.package_site import export_run

        export_run(run.folder, run.root, run.manifest, run.split, run.config, fold=None,
                   key_file=key, events=events)  # fmt: skip
    return report


def train_apart(run: Run, step: str, fold: int, events: Events) -> None:
    """Run ``teacher`` or ``distill`` of a fold as a process and pass on what it says.

    Raises:
        Stopped: It was asked to stop.
        TrainingError: It failed; the code is its own, or ``step-died``.
    """
    role = "teacher" if step == "teacher" else "student"
    if run.folder.finished(fold, role).is_file():
        return
    command = [sys.executable, "-m", "training", step, str(run.folder.root),
               "--fold", str(fold), "--events"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:  # noqa: S603
        failure = None
        for line in process.stdout or ():
            failure = pass_on(line, events) or failure
        code = process.wait()
    if code == STOPPED_CODE:
        raise Stopped(f"fold {fold} {role}: stopped; the same command goes on from here.")
    if failure is not None:
        raise failure
    if code != 0:
        raise TrainingError(
            "step-died",
            f"The {role} of fold {fold} ended with code {code}; the same command goes on from its "
            "last checkpoint. If the system ran out of memory, choose a smaller batch and more "
            "accumulation.",
        )


def pass_on(line: str, events: Events) -> TrainingError | None:
    """Repeat an event line; gives the error where it is one."""
    try:
        values = json.loads(line)
        kind = values["event"]
    except (ValueError, KeyError, TypeError):
        return None
    if kind == "progress":
        events.progress(values["done"], values["total"], values["step"])
    elif kind == "metric":
        events.metric(values["step"], values["values"])
    elif kind == "warning":
        events.warning(values["code"], values["message"], values["details"])
    elif kind == "checkpoint":
        events.checkpoint(values["path"], values["values"])
    elif kind == "done":
        events.done(values["step"], values["values"])
    elif kind == "error":
        return TrainingError(values["code"], values["message"], values["details"])
    return None
