"""Run by torchrun: the gradients of the first step, in one process or several."""

import sys
from pathlib import Path

import torch

from training.events import Silent
from training.files import write_whole
from training.learning.assemble import make_fit, open_parts
from training.learning.compute import start_fabric
from training.learning.fold_data import load_fold
from training.learning.losses import class_weights
from training.learning.tasks import SupervisedTask
from training.networks.models import build_teacher
from training.open_run import open_run


def main(folder: Path, target: Path) -> None:
    """Write the gradients that this process sees after one step."""
    run = open_run(folder)
    config = run.config
    data = load_fold(config, run.root, run.manifest, run.split, 0)
    fabric = start_fabric(config.compute, "fp32")
    torch.manual_seed(0)
    network, initial = build_teacher(config.teacher, 3, size=(32, 48))
    parts = open_parts("teacher", config, data, run.folder, cache=run.cache, extra={},
                       events=Silent(), fabric=fabric)  # fmt: skip
    task = SupervisedTask(config.teacher, class_weights(data.train.labels, 3, "balanced"))
    fit = make_fit(parts, network, initial, task=task, fabric=fabric, events=Silent())
    optimizer = fit._session.optimizer

    def keep(*_: object, **__: object) -> None:
        from safetensors.torch import save

        found = {
            name: weight.grad.clone()
            for name, weight in network.named_parameters()
            if weight.grad is not None
        }
        place = target.with_name(f"{target.name}-{fabric.global_rank}.safetensors")
        write_whole(place, save(found))

    optimizer.step = keep
    for step in fit._batches.epoch(0):
        fit._stepper.run_step(step)
        tally = fit._session.at.tally
        write_whole(target.with_name(f"{target.name}-{fabric.global_rank}.txt"),
                    f"{fabric.world_size} {tally.seen} {tally.right}".encode())  # fmt: skip
        break


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
