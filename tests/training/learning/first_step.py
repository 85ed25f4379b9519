"""The first step of the tiny teacher, without the update: what its gradients are."""

import torch
from torch import Tensor

from training.data.batches import Step
from training.events import Silent
from training.learning.assemble import make_fit, open_parts
from training.learning.compute import start_fabric
from training.learning.fold_data import load_fold
from training.learning.losses import class_weights
from training.learning.session import Tally
from training.learning.tasks import SupervisedTask
from training.networks.models import build_teacher
from training.open_run import Run


def first_step(run: Run) -> tuple[dict[str, Tensor], Tally, int, int]:
    """Gradients by name, what was counted, this process's rank and the number of processes."""
    config = run.config
    data = load_fold(config, run.root, run.manifest, run.split, 0)
    fabric = start_fabric(config.compute, "fp32")
    torch.manual_seed(0)
    size = (config.input.height, config.input.width)
    network, initial = build_teacher(config.teacher, 3, size=size)
    parts = open_parts("teacher", config, data, run.folder, cache=run.cache, extra={},
                       events=Silent(), fabric=fabric)  # fmt: skip
    task = SupervisedTask(config.teacher, class_weights(data.train.labels, 3, "balanced"))
    fit = make_fit(parts, network, initial, task=task, fabric=fabric, events=Silent())
    kept: dict[str, Tensor] = {}

    def keep(*_: object, **__: object) -> None:
        for name, weight in network.named_parameters():
            if weight.grad is not None:
                kept[name] = weight.grad.clone()

    fit._session.optimizer.step = keep
    step: Step = next(iter(fit._batches.epoch(0)))
    fit._stepper.run_step(step)
    return kept, fit._session.at.tally, fabric.global_rank, fabric.world_size
