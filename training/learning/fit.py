"""A whole training: epochs, choice of weights, checkpoints, stops, resumption."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from kdoct_desktop.domain.whole_file import write_whole
from training.data.batches import TrainingBatches
from training.errors import TrainingError
from training.events import Events
from training.files import write_json
from training.learning.compute import summed
from training.learning.loop import Stepper, is_finite
from training.learning.session import Session, Tally
from training.learning.stopping import AFTER_EPOCH, NOW, Stopped, StopRequest
from training.learning.validate import Batches, ValidationSet, better, candidates, measure
from training.networks.checkpoint import load_state, save_best, save_state
from training.recipe import NetworkConfig
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is trained, where it goes, and what is said about it.

    Attributes:
        role: ``teacher`` or ``student``.
        fold: Which.
        config: Of the network.
        folder: Of the run.
        facts: What ``model.json`` says beside the choice: classes, input, hashes, seeds.
        identity: Hash of everything that decides the result; guards checkpoints.
        checkpoint_minutes: Longest time between checkpoints.
    """

    role: str
    fold: int
    config: NetworkConfig
    folder: RunFolder
    facts: dict[str, Any]
    identity: str
    checkpoint_minutes: float

    @property
    def title(self) -> str:
        """How progress calls it."""
        return f"fold {self.fold} {self.role}"


class Fit:
    """Trains one network; every method belongs to one pass over the epochs."""

    def __init__(
        self,
        job: Job,
        session: Session,
        stepper: Stepper,
        *,
        batches: TrainingBatches,
        validation: ValidationSet,
        plain: Batches,
        events: Events,
    ) -> None:
        self._job = job
        self._session = session
        self._stepper = stepper
        self._batches = batches
        self._validation = validation
        self._plain = plain
        self._events = events
        self._stop = StopRequest(job.folder.stop(job.fold, job.role))
        self._saved_s = time.monotonic()

    def run(self) -> dict[str, Any]:
        """Train to the end, or go on from the last checkpoint.

        Returns:
            Facts of the chosen weights.

        Raises:
            Stopped: A stop was asked for; everything is kept.
            TrainingError: ``diverged``, ``other-run``, ``no-whole-checkpoint``.
        """
        config = self._job.config
        with self._stop.signals():
            self._resume()
            at = self._session.at
            while at.epoch < config.epochs and at.waiting < config.patience:
                self._stepper.run_epoch(self._batches, after_step=self._after_step)
                self._end_epoch()
        self._finish()
        return at.best

    def _resume(self) -> None:
        folder = self._job.folder.checkpoints(self._job.fold, self._job.role)
        found = load_state(folder, identity=self._job.identity, events=self._events)
        if found is not None:
            self._session.restore(*found)
            at = self._session.at
            self._events.metric(self._job.title, {"resumed_epoch": at.epoch, "step": at.step})
        if self._leads:
            self._stop.clear()
        self._session.fabric.barrier()

    def _after_step(self, done: int) -> None:
        """Report, checkpoint when it is time, honour a stop."""
        self._events.progress(
            done, self._batches.steps_per_epoch,
            f"{self._job.title}, epoch {self._session.at.epoch + 1} of {self._job.config.epochs}",
        )  # fmt: skip
        late = time.monotonic() - self._saved_s > 60.0 * self._job.checkpoint_minutes
        asked, late = self._agreed(self._stop.asked(), late)
        if late or asked == NOW:
            self._save()
        if asked == NOW:
            raise Stopped(f"{self._job.title}: stopped; the same command goes on from here.")

    def _end_epoch(self) -> None:
        """Choose weights, write the log and a checkpoint."""
        job, session = self._job, self._session
        at, config = session.at, job.config
        if not is_finite(session.raw):
            raise TrainingError(
                "diverged", f"{job.title}: the weights are no numbers any more; lower the rates, "
                "or use bf16 or fp32. The last checkpoint is whole."
            )  # fmt: skip
        if config.swa_start >= 0 and at.epoch >= config.swa_start:
            session.swa.update(session.raw)
        figures = self._choose()
        at.history.append({"epoch": at.epoch, **_epoch_figures(session), **figures})
        at.epoch, at.step, at.tally = at.epoch + 1, 0, Tally()
        if self._leads:
            write_whole(job.folder.log(job.fold, job.role), _lines(at.history))
        self._events.metric(job.title, _for_people(at.history[-1]))
        self._save()
        (asked, _) = self._agreed(self._stop.asked(), False)
        if asked >= AFTER_EPOCH and at.epoch < config.epochs:
            raise Stopped(f"{job.title}: stopped after epoch {at.epoch}; the best is kept.")

    def _choose(self) -> dict[str, Any]:
        """Measure the candidates; keep the best of them if it beats all before."""
        session, job = self._session, self._job
        at, classes = session.at, len(job.facts["classes"])
        measured: dict[str, Any] = {}
        best = at.best["validation"][at.best["chosen"]] if at.best else None
        winner, weights = "", {}
        for name, network in candidates(session, self._statistics):
            measured[name] = measure(network, self._validation, session.fabric, classes)
            if better(measured[name], best):
                best, winner = measured[name], name
                weights = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
        at.waiting = 0 if winner else at.waiting + 1
        if winner:
            at.best = {"epoch": at.epoch, "chosen": winner, "validation": measured}
            self._keep(weights)
        return {"validation": measured, "chosen": winner}

    def _keep(self, weights: dict[str, Tensor]) -> None:
        job = self._job
        if self._leads:
            facts = {**job.facts, "role": job.role, "fold": job.fold, **self._session.at.best}
            save_best(job.folder.best(job.fold, job.role), weights, facts)

    def _save(self) -> None:
        job, session = self._job, self._session
        if self._leads:
            folder = job.folder.checkpoints(job.fold, job.role)
            facts = {**session.facts(), "identity": job.identity}
            path = save_state(folder, session.at.updates, session.tensors(), facts)
            place = {"epoch": session.at.epoch, "step": session.at.step}
            self._events.checkpoint(path.name, {"role": job.role, "fold": job.fold, **place})
        session.fabric.barrier()
        self._saved_s = time.monotonic()

    def _finish(self) -> None:
        job, at = self._job, self._session.at
        if self._leads:
            done = {"identity": job.identity, "epochs": at.epoch, "best": at.best}
            write_json(job.folder.finished(job.fold, job.role), done)
        self._session.fabric.barrier()
        self._events.done(job.title, {"epochs": at.epoch, **_best_for_people(at.best)})

    def _statistics(self) -> Iterator[Any]:
        """Ready inputs of plain training views, for batch statistics."""
        for inputs in ValidationSet(
            self._plain, device=self._session.fabric.device,
            scale=(tuple(self._job.facts["input"]["mean"]), tuple(self._job.facts["input"]["std"])),
            channels_last=self._job.config.channels_last,
        ):  # fmt: skip
            yield inputs.pictures if inputs.fundus is None else (inputs.pictures, inputs.fundus)

    def _agreed(self, asked: int, late: bool) -> tuple[int, bool]:
        """What any process was asked: all must do the same."""
        fabric = self._session.fabric
        if fabric.world_size == 1:
            return asked, late
        both = torch.tensor([asked, int(late)], device=fabric.device)
        seen = summed(fabric, both, reduce_op="max")
        return int(seen[0]), bool(seen[1])

    @property
    def _leads(self) -> bool:
        """True in the one process that writes."""
        return bool(self._session.fabric.is_global_zero)


def finished(folder: RunFolder, fold: int, role: str, identity: str) -> dict[str, Any] | None:
    """Facts of the best weights of a training that is done; None while it is not.

    Raises:
        TrainingError: ``other-run``: what is there was trained differently.
    """
    try:
        done = json.loads(folder.finished(fold, role).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if done["identity"] != identity:
        raise TrainingError(
            "other-run", f"The {role} of fold {fold} was trained with another configuration or "
            "split; choose another run folder."
        )  # fmt: skip
    best: dict[str, Any] = done["best"]
    return best


@contextmanager
def only_here(folder: RunFolder, fold: int, role: str, *, leads: bool) -> Iterator[None]:
    """Hold the role's folder against other jobs on the same run.

    Args:
        folder: The run.
        fold: Which.
        role: ``teacher`` or ``student``.
        leads: True in the one process of this job that writes; the others need no lock.

    Raises:
        TrainingError: ``busy``.
    """
    if not leads:
        yield
        return
    place = folder.role(fold, role)
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TrainingError(
            "busy", f"Another job is training the {role} of fold {fold} in this run folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _epoch_figures(session: Session) -> dict[str, Any]:
    tally = session.at.tally
    rates = sorted({group["lr"] for group in session.optimizer.param_groups})
    return {
        "updates": session.at.updates,
        "loss": tally.loss / max(1, tally.steps),
        "train_accuracy": tally.right / tally.labelled if tally.labelled else None,
        "seen": tally.seen,
        "rate": rates[-1],
        "rate_low": rates[0],
    }


def _lines(history: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in history).encode()


def _for_people(entry: dict[str, Any]) -> dict[str, Any]:
    chosen = max(entry["validation"], key=lambda name: entry["validation"][name]["accuracy"])
    figures = entry["validation"][chosen]
    return {
        "epoch": entry["epoch"] + 1,
        "loss": entry["loss"],
        "validation_accuracy": figures["accuracy"],
        "validation_loss": figures["loss"],
        "of": chosen,
        "kept": entry["chosen"] or "no",
    }


def _best_for_people(best: dict[str, Any]) -> dict[str, Any]:
    figures = best["validation"][best["chosen"]]
    return {"best_epoch": best["epoch"] + 1, "of": best["chosen"],
            "validation_accuracy": figures["accuracy"]}  # fmt: skip
