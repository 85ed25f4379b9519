"""How fast training is on this machine, in ratios of one run; phantom pictures, random weights.

Everything is measured in turns, some seconds each, several rounds: a machine that becomes slower
slows all of it. What is reported is the median over the rounds of each ratio.

- *loop*: distillation as it runs: random views, both networks, optimizer, averages.
- *bare*: the teacher's forward pass and the student's forward, backward and optimizer step on
  tensors that lie ready; their times are added.
- *pipeline*: random views alone.
- *reference*: `training.studies.reference_recipe`.
"""

import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from training.config import Config, load_config
from training.events import Events
from training.learning.compute import choose_accelerator, start_fabric, versions
from training.studies.bench_measures import Measures, draw

SCHEMA = 1
ROUNDS = 5
GOALS = {
    "loop_to_bare": {"cuda": 0.9, "cpu": 0.95},
    "pipeline_to_model": {"cuda": 2.0, "cpu": 2.0},
    "loop_to_reference": {"cuda": 3.0},
}


def bench_config(source: str | None, words: list[str]) -> Config:
    """What is measured: the configuration that is named, else the recipe, small without a GPU."""
    small = choose_accelerator("auto") == "cpu"
    return load_config(source or ("bench" if small else "generic"), words)


def measure_speed(
    config: Config, *, seconds: float, events: Events, size: tuple[int, int] = (496, 512)
) -> dict[str, Any]:
    """Measure.

    Args:
        config: Networks, sizes, batches; initial weights are not used.
        seconds: Of each measurement, over all rounds.
        events: Told of the progress and of each figure.
        size: Rows and columns of the phantom pictures.

    Returns:
        ``images_per_s`` of each measurement, ``ratios`` with their goals, and what was measured
        where.
    """
    with tempfile.TemporaryDirectory(prefix="kdoct-bench-") as folder:
        drawn = draw(Path(folder), config, size=size, events=events)
        fabric = start_fabric(config.compute, config.student.precision)
        measures = Measures(config, drawn, fabric)
        rounds = []
        for number in range(ROUNDS):
            rounds.append(measures.round(seconds / ROUNDS))
            events.progress(number + 1, ROUNDS, "bench")
        measures.close()
    result = _result(config, fabric, rounds)
    events.metric("images per second", result["images_per_s"])
    for name, one in result["ratios"].items():
        events.metric(name.replace("_", " "), {k: v for k, v in one.items() if v is not None})
    return result


def _result(config: Config, fabric: Fabric, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Medians, ratios and goals."""
    device = fabric.device.type
    for one in rounds:
        one["bare"] = 1.0 / (1.0 / one["teacher_forward"] + 1.0 / one["student_step"])
    speeds = {name: round(statistics.median(r[name] for r in rounds), 2) for name in rounds[0]}
    pairs = {"loop_to_bare": ("loop", "bare"), "pipeline_to_model": ("pipeline", "bare"),
             "loop_to_reference": ("loop", "reference")}  # fmt: skip
    ratios = {}
    for name, (above, below) in pairs.items():
        values = [one[above] / one[below] for one in rounds]
        median, goal = statistics.median(values), GOALS[name].get(device)
        ratios[name] = {
            "median": round(median, 3), "low": round(min(values), 3), "high": round(max(values), 3),
            "goal": goal, "met": None if goal is None else median >= goal,
        }  # fmt: skip
    return {
        "schema": SCHEMA,
        "device": device,
        "machine": {"processor": platform.processor() or platform.machine(),
                    "cores": os.cpu_count(), "threads": torch.get_num_threads(),
                    "load": [round(v, 2) for v in os.getloadavg()] if os.name == "posix" else None,
                    **versions()},
        "measured": {
            "teacher": config.teacher.model, "student": config.student.model,
            "height": config.input.height, "width": config.input.width,
            "batch": config.student.batch, "accumulation": config.student.accumulation,
            "precision": str(getattr(fabric.strategy.precision, "precision", "32-true")),
            "rounds": len(rounds),
        },
        "images_per_s": speeds,
        "ratios": ratios,
    }  # fmt: skip


__all__ = ["bench_config", "measure_speed"]
