"""Training the teacher of a fold."""

from pathlib import Path
from typing import Any

import torch

from training.config import Config
from training.events import Events
from training.learning.assemble import identity, make_fit, network_seed, open_parts
from training.learning.compute import start_fabric
from training.learning.fit import finished, only_here
from training.learning.fold_data import FoldData
from training.learning.losses import class_weights
from training.learning.tasks import SupervisedTask
from training.networks.models import build_teacher
from training.run_folder import RunFolder


def train_teacher(
    config: Config, data: FoldData, folder: RunFolder, *, events: Events, cache: Path | None = None
) -> dict[str, Any]:
    """Train, or go on, or find it done.

    Args:
        config: The run.
        data: The fold.
        folder: The run's folder.
        events: Where to report to.
        cache: Folder of decoded pictures; the run's own where left out.

    Returns:
        Epoch, name and validation figures of the chosen weights.

    Raises:
        TrainingError: Before any epoch is spent where something is wrong.
        Stopped: As asked.
    """
    mark = identity("teacher", config, data, {})
    done = finished(folder, data.fold, "teacher", mark)
    if done is not None:
        return done
    fabric = start_fabric(config.compute, config.teacher.precision)
    torch.manual_seed(network_seed(config, "teacher", data.fold))
    size = (config.input.height, config.input.width)
    codes = config.classes.codes
    network, initial = build_teacher(config.teacher, len(codes), size=size, codes=codes)
    alpha = class_weights(
        data.train.labels, len(config.classes.codes), config.teacher.class_weights
    ).to(fabric.device)
    with only_here(folder, data.fold, "teacher", leads=fabric.is_global_zero):
        parts = open_parts("teacher", config, data, folder, cache=cache, extra={}, events=events,
                           fabric=fabric)  # fmt: skip
        task = SupervisedTask(config.teacher, alpha)
        return make_fit(parts, network, initial, task=task, fabric=fabric, events=events).run()
