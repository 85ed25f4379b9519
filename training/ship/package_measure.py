"""What an export measures: which student, its graph, parity, the numbers beside it, the variant."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.input_spec import InputSpec
from kdoct_desktop.inference.preprocess import preprocess
from training.config import Config
from training.data.manifest import Manifest
from training.data.read_picture import read_picture
from training.errors import TrainingError
from training.events import Events
from training.learning.fold_data import FoldData
from training.measure.calibrate import Calibration
from training.measure.student_operating import student_operating
from training.measure.thresholds import Operating
from training.networks.checkpoint import LoadedModel, read_best
from training.networks.models import Network
from training.phantom import CONDITIONS, PhantomSpec, generate
from training.run_folder import RunFolder
from training.ship.export import (
    Answers,
    Parity,
    graph_answers,
    onnx_runner,
    parity_of,
    to_onnx,
)
from training.ship.half import HalfParity, compare_half, half_weights
from training.splits.split import Split

Array = NDArray[np.float32]

PARITY_PICTURES = 200
GOLDEN_STYLES = ("spectralis", "cirrus")
STEPS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Everything that a package is written from.

    Attributes:
        facts: Of the student.
        network: The student.
        graph: ONNX file.
        spec: Its input.
        operating: What the validation part chose, with what it rests on.
        calibration: What of it goes beside the network.
        golden: Inputs of the golden sample, drawn.
        parity: Graph against network.
        half: The variant and how far it is; None where it was not asked for.
    """

    facts: dict[str, Any]
    network: Network
    graph: bytes
    spec: InputSpec
    operating: Operating
    calibration: Calibration
    golden: Array
    parity: Parity
    half: tuple[bytes, HalfParity] | None


def best_fold(folder: RunFolder, split: Split) -> int:
    """The fold whose student was best on its validation part; ties by lower loss, then number.

    A student whose training is under way or was stopped is passed over.

    Raises:
        TrainingError: ``no-model``: no fold has a finished student; or ``tampered-model``.
    """
    found: list[tuple[float, float, int]] = []
    for fold in range(len(split.folds)):
        if (folder.role(fold, "student") / "finished.json").is_file():
            _, facts = read_best(folder.best(fold, "student"))
            figures = facts["validation"][facts["chosen"]]
            found.append((-figures["accuracy"], figures["loss"], fold))
    if not found:
        raise TrainingError("no-model", "No fold has a finished student; distil one first.")
    return min(found)[2]


def check_student(
    facts: dict[str, Any], config: Config, manifest: Manifest, split: Split, fold: int
) -> None:
    """Refuse a student of another run.

    Raises:
        TrainingError: ``wrong-student``, with what differs.
    """
    wanted = {
        "role": "student",
        "fold": fold,
        "split_sha256": split.sha256,
        "manifest_sha256": manifest.sha256,
        "classes": list(config.classes.codes),
        "input": config.input.spec.to_json(),
    }
    wrong = [name for name, value in wanted.items() if facts.get(name) != value]
    if wrong:
        raise TrainingError(
            "wrong-student",
            "The student in this folder was trained with another "
            f"{', '.join(wrong)} than this run says; export it with its own run.",
        )


def phantom_inputs(spec: InputSpec) -> Array:
    """Inputs for the golden sample, axes (n, channel, row, column): drawn, no patient in them."""
    pictures = [
        generate(
            PhantomSpec(seed=900 + k, condition=condition, bscans=1, style=style, localizer_size=0)
        ).voxels[0]
        for k, (style, condition) in enumerate((s, c) for s in GOLDEN_STYLES for c in CONDITIONS)
    ]
    return np.stack([preprocess(picture, spec)[0] for picture in pictures])


def parity_inputs(data: FoldData, spec: InputSpec) -> Array:
    """Inputs of validation B-scans, spread over all of them: `PARITY_PICTURES`, or all."""
    rows = data.validation.rows
    at = np.unique(np.linspace(0, len(rows) - 1, min(PARITY_PICTURES, len(rows))).round())
    pictures = (read_picture(data.root, rows[int(k)].path, rows[int(k)].frame) for k in at)
    return np.stack([preprocess(picture, spec)[0] for picture in pictures])


def measured(
    student: LoadedModel, folder: RunFolder, data: FoldData, config: Config, events: Events
) -> Ready:
    """Graph, parity, the numbers beside the network, and the variant.

    Raises:
        TrainingError: ``parity``, ``wrong-student``, or ``no-embedding`` where a class has no
            validation B-scan.
    """
    network = student.network
    if not isinstance(network, Network):
        raise TrainingError("wrong-student", "Only a student can be exported.")
    spec = config.input.spec
    events.progress(1, STEPS, "export: making the graph")
    graph = to_onnx(network, spec)
    events.progress(2, STEPS, "export: comparing graph and network")
    inputs = parity_inputs(data, spec)
    answers = graph_answers(onnx_runner(graph), inputs)
    parity = parity_of(network, answers, inputs)
    events.progress(3, STEPS, "export: temperature, eye rule and limits")
    operating = student_operating(student, folder, data, config, events)
    calibration = operating.calibration()
    half = _half(graph, inputs, answers, calibration) if config.export.half else None
    return Ready(
        student.facts, network, graph, spec, operating, calibration, phantom_inputs(spec), parity,
        half,
    )  # fmt: skip


def _half(
    graph: bytes, inputs: Array, answers: Answers, calibration: Calibration
) -> tuple[bytes, HalfParity]:
    """The float16 variant of a graph and how far it is."""
    variant = half_weights(graph)
    parity = compare_half(
        graph, variant, inputs, known=answers,
        means=calibration.means, temperature=calibration.temperature,
    )  # fmt: skip
    return variant, parity
