"""From a checkpoint to figures and, with a key, to the signed package."""

import dataclasses
import datetime
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdoct_desktop.inference.preprocess import InputSpec
from training.factory.calibrate import fit_eye_rule, phantom_volumes
from training.factory.card import write_card
from training.factory.checkpoint import load_averaged, read_facts
from training.factory.config import Config
from training.factory.evaluate import evaluate
from training.factory.loop import to_input
from training.factory.manifest import build_manifest
from training.factory.samples import Pool, load_pool
from training.factory.shards import make_shard
from training.factory.sources import Row, labelled, normals, read_manifest
from training.measure.calibrate import Calibration, Runner, class_means, fit_temperature, ood_limit
from training.networks.models import Network
from training.painted.painting import CLASSES
from training.ship.export import (
    check_parity,
    golden_sample,
    load_key,
    onnx_runner,
    to_onnx,
    write_model,
    write_public_key,
)

CALIBRATION_SHARD = 100_000  # far beyond any epoch: pictures that no training has seen
PICTURES = 600
VOLUMES = 48


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A checkpoint, exported and measured."""

    network: Network
    spec: InputSpec
    facts: dict[str, Any]
    graph: bytes
    run: Runner
    inputs: np.ndarray[Any, np.dtype[np.float32]]
    calibration: Calibration
    metrics: dict[str, Any]


def measure(config: Config, data: Path, work: Path, *, looks: list[str]) -> Measured:
    """Export the checkpoint in `work`, calibrate it on fresh pictures and evaluate it."""
    torch.set_num_threads(config.train.threads)
    spec = InputSpec(config.input.height, config.input.width)
    facts = read_facts(work / "checkpoint")
    network = Network(len(CLASSES))
    network.load_state_dict(load_averaged(work / "checkpoint"))
    graph = to_onnx(network, spec)
    run = onnx_runner(graph)
    rows = read_manifest(data)
    pool = load_pool(normals(rows), labelled(rows))
    shards = [
        make_shard(pool, config.data, spec, index=CALIBRATION_SHARD + k, count=PICTURES)
        for k in range(2)
    ]
    inputs = [to_input(shard.units).contiguous().numpy() for shard in shards]
    parity = check_parity(network, run, np.concatenate(inputs))
    calibration = _calibrate(run, spec, inputs, [shard.labels for shard in shards])
    metrics = evaluate(rows, run, spec, calibration)
    metrics["parity"] = dataclasses.asdict(parity)
    metrics["phantom_volumes"] = VOLUMES
    metrics["training_pictures"] = _counts(rows, pool)
    metrics["looks"] = looks
    return Measured(network, spec, facts, graph, run, inputs[0], calibration, metrics)


def evaluate_checkpoint(
    config: Config, data: Path, work: Path, *, looks: list[str], target: Path | None
) -> None:
    """Write the figures of a checkpoint as JSON to a file or to stdout."""
    text = json.dumps(measure(config, data, work, looks=looks).metrics, indent=1) + "\n"
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text, "utf-8")


def release(
    config: Config,
    data: Path,
    work: Path,
    *,
    looks: list[str],
    key_file: Path,
    package: Path,
    public_key: Path,
) -> None:
    """Measure a checkpoint and write the signed package and the public key."""
    done = measure(config, data, work, looks=looks)
    manifest = build_manifest(
        done.facts,
        done.spec,
        done.calibration,
        metrics=done.metrics,
        created=datetime.datetime.now(datetime.UTC),
    )
    key = load_key(key_file)
    write_model(
        package,
        graph=done.graph,
        manifest=manifest,
        golden=golden_sample(done.run, done.inputs[:8]),
        network=done.network,
        calibration=done.calibration,
        card=write_card(manifest, done.metrics),
        key=key,
    )
    write_public_key(key, public_key)
    (work / "evaluation.json").write_text(json.dumps(done.metrics, indent=1) + "\n", "utf-8")


def _calibrate(run: Runner, spec: InputSpec, inputs: list[Any], labels: list[Any]) -> Calibration:
    """Temperature and class means on the first half, limits on the second."""
    answers = []
    for ready in inputs:
        parts = [run(ready[at : at + 16]) for at in range(0, len(ready), 16)]
        answers.append([np.concatenate(one) for one in zip(*parts, strict=True)])
    (logits, _, first), (_, _, second) = answers
    temperature = fit_temperature(logits, labels[0])
    means = class_means(first, labels[0], len(CLASSES))
    volumes = phantom_volumes(VOLUMES, seed=4)
    rule = fit_eye_rule(volumes, run, spec, temperature=temperature)
    return Calibration(temperature, means, ood_limit(second, means), rule)


def _counts(rows: list[Row], pool: Pool) -> dict[str, int]:
    """How many real pictures and groups the training drew from."""
    return {
        "normals": len(pool.normals),
        "normal_groups": len({row.group for row in normals(rows)}),
        "labelled": len(pool.labelled),
        "labelled_groups": len({row.group for row in labelled(rows)}),
    }
