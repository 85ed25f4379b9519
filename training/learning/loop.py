"""One epoch: steps of several micro-batches, over one process or several."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from training.data.batches import UNLABELLED, Step, TrainingBatches
from training.learning.compute import is_one_device, seed_from, summed
from training.learning.mixing import mix
from training.learning.optimise import rate_factor, set_rates
from training.learning.session import Session
from training.learning.tasks import Inputs, Task, to_inputs
from training.recipe import NetworkConfig


class Stepper:
    """Runs the steps of a training; knows nothing of epochs' ends, checkpoints or files."""

    def __init__(
        self,
        session: Session,
        config: NetworkConfig,
        task: Task,
        *,
        seed: int,
        scale: tuple[tuple[float, ...], tuple[float, ...]],
    ) -> None:
        self._session = session
        self._config = config
        self._task = task
        self._seed = seed
        self._device = session.fabric.device
        mean, std = (torch.tensor(one).view(1, 3, 1, 1).to(self._device) for one in scale)
        self._mean, self._std = mean, std

    def run_epoch(self, batches: TrainingBatches, *, after_step: Callable[[int], None]) -> None:
        """Run the epoch that the session stands in, from the step that it stands at.

        Args:
            batches: Of the training rows.
            after_step: Called with the number of steps of the epoch that are done; may raise.
        """
        at = self._session.at
        steps: Iterator[Step] = batches.epoch(at.epoch, start=at.step)
        try:
            for step in steps:
                self._set_rates(step.index, batches.steps_per_epoch)
                self.run_step(step)
                at.step = step.index + 1
                after_step(at.step)
        finally:
            close = getattr(steps, "close", None)
            if close is not None:
                close()

    def run_step(self, step: Step) -> None:
        """Forward, backward and one update."""
        session = self._session
        session.ready(frozen=session.at.epoch < self._config.freeze_epochs)
        sums = torch.zeros(2, device=self._device)  # loss, right answers
        for index, batch in enumerate(step.batches):
            inputs = to_inputs(
                batch, device=self._device, mean=self._mean, std=self._std,
                channels_last=self._config.channels_last,
            )  # fmt: skip
            sums += self._micro_batch(inputs, step, index, last=index == len(step.batches) - 1)
        self._update()
        self._count(step, sums)

    def _micro_batch(self, inputs: Inputs, step: Step, index: int, *, last: bool) -> Tensor:
        """Add a micro-batch's share to the gradients; returns the share and the right answers."""
        session, fabric = self._session, self._session.fabric
        seed = seed_from(self._seed, session.at.epoch, step.index, fabric.global_rank, index)
        torch.manual_seed(seed)  # dropout and stochastic depth follow from the place in the run
        inputs = self._mixed(inputs, step, part=index * fabric.world_size + fabric.global_rank)
        with self._without_exchange(not last):
            share, logits = self._task.share(session.wrapped, inputs, step)
            # several processes: their gradients are averaged, and shares are to be summed
            fabric.backward(share * fabric.world_size)
        known = (inputs.labels != UNLABELLED) & (inputs.weights > 0)
        right = ((logits.detach().argmax(dim=1) == inputs.labels) & known).sum()
        return torch.stack([share.detach().float(), right.float()])

    def _mixed(self, inputs: Inputs, step: Step, *, part: int) -> Inputs:
        """Mixup or cutmix, where the configuration asks for it."""
        if not (self._config.mixup or self._config.cutmix):
            return inputs
        mixed = mix(
            inputs.pictures, inputs.labels, self._config,
            seed=self._seed, epoch=self._session.at.epoch, step=step.index, part=part,
        )  # fmt: skip
        return replace(inputs, pictures=mixed.pictures, mix=mixed)

    def _update(self) -> None:
        session, config = self._session, self._config
        if config.clip:
            session.fabric.clip_gradients(
                session.wrapped, session.optimizer, max_norm=config.clip,
                error_if_nonfinite=False,
            )  # fmt: skip
        session.optimizer.step()
        session.optimizer.zero_grad(set_to_none=True)
        session.at.updates += 1
        if config.ema:
            session.ema.update(session.raw)

    def _set_rates(self, step: int, steps: int) -> None:
        config, epoch = self._config, self._session.at.epoch
        averaging = config.swa_start >= 0 and epoch >= config.swa_start
        set_rates(
            self._session.optimizer,
            rate_factor(epoch + (step + 1) / steps, config),
            swa_rate=config.swa_rate if averaging else None,
        )

    def _count(self, step: Step, sums: Tensor) -> None:
        loss, right = summed(self._session.fabric, sums).tolist()
        tally = self._session.at.tally
        tally.loss += loss
        tally.right += int(right)
        tally.steps += 1
        tally.seen += len(step.labels)
        tally.labelled += int(np.count_nonzero(step.labels != UNLABELLED))

    def _without_exchange(self, enabled: bool) -> AbstractContextManager[object]:
        """Gradients are exchanged once a step, with its last micro-batch."""
        fabric = self._session.fabric
        if not enabled or is_one_device(fabric):
            return nullcontext()
        return fabric.no_backward_sync(self._session.wrapped)


def is_finite(network: nn.Module) -> bool:
    """False where a weight is no number."""
    return all(bool(torch.isfinite(weight).all()) for weight in network.parameters())
