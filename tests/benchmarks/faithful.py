"""Is the heatmap what the model uses, on phantoms and on real tissue?

Deletion and insertion on phantoms, maps of a network whose weights were redrawn, and the outlines
that experts drew on real B-scans where ``../shared/data`` is there.
"""

from functools import partial
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from kdoct_desktop.domain.heatmap import bscan_evidence
from kdoct_desktop.domain.prediction import Prediction
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.session import InferenceSession
from tests.benchmarks.measures import Measure, at_least, at_most, stated
from tests.benchmarks.subject import CLASSES, Subject, tensors
from training.factory.evaluate import TRANSFER, answer, evidence_table
from training.factory.sources import read_manifest
from training.measure.calibrate import Calibration
from training.measure.faithfulness import Curves, deletion_insertion, map_similarity
from training.phantom import PhantomSpec, generate
from training.ship.export import onnx_runner

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FIRST_SEED = 910_000
_DISEASES = CLASSES[1:]

Case = tuple[NDArray[np.uint8], NDArray[np.float32], int]
"""A B-scan, its evidence and the column of its class."""


def faithfulness(subject: Subject, *, eyes: int) -> list[Measure]:
    """All of it; nothing for a network without training.

    Args:
        subject: The model.
        eyes: Phantom volumes of each disease.
    """
    if not subject.trained:
        return []
    session = InferenceSession(subject.package, "cpu")
    cases = [case for number in range(eyes) for case in _cases(subject, session, number)]
    return [
        *_deleting(cases, subject, session),
        *_redrawn(cases, subject),
        *_outlines(subject),
    ]


def _cases(subject: Subject, session: InferenceSession, number: int) -> list[Case]:
    """The strongest B-scan of an unseen phantom of each disease."""
    cases = []
    for at, disease in enumerate(_DISEASES, start=1):
        seed = FIRST_SEED + number * len(_DISEASES) + at
        phantom = generate(PhantomSpec(seed=seed, condition=disease, bscans=9, localizer_size=0))
        prediction = predict_volume(phantom.voxels, subject.package, session)
        index = int(prediction.probabilities[:, at].argmax())
        evidence = _evidence(prediction, index, at, phantom.voxels.shape[1:])
        cases.append((phantom.voxels[index], evidence, at))
    return cases


def _evidence(
    prediction: Prediction, index: int, column: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    top, bottom, left, right = prediction.frames[index].tolist()
    cam = prediction.cams[index, column]
    return bscan_evidence(cam, (top, bottom, left, right), (shape[0], shape[1]))


def _deleting(cases: list[Case], subject: Subject, session: InferenceSession) -> list[Measure]:
    """Probability when the evidence is taken away, and when it is put back."""
    curves = []
    for seed, (bscan, evidence, column) in enumerate(cases):
        score = partial(_probability, subject=subject, session=session, column=column)
        curves.append(deletion_insertion(bscan, evidence, score=score, seed=seed))

    def mean(name: str) -> float:
        return float(np.mean([getattr(curve, name) for curve in curves]))

    names = Curves.__dataclass_fields__
    deletion, insertion, random_deletion, random_insertion = (mean(name) for name in names)
    note = f"{len(cases)} phantom B-scans; random order {{:.2f}}"
    return [
        at_most("deletion, area", deletion, unit="probability", limit=random_deletion,
                note=note.format(random_deletion)),
        at_least("insertion, area", insertion, unit="probability", limit=random_insertion,
                 note=note.format(random_insertion)),
    ]  # fmt: skip


def _probability(
    bscans: NDArray[np.uint8], *, subject: Subject, session: InferenceSession, column: int
) -> NDArray[np.float64]:
    """Probability of one class for each B-scan."""
    return predict_volume(bscans, subject.package, session).probabilities[:, column]


def _redrawn(cases: list[Case], subject: Subject) -> list[Measure]:
    """Rank correlation of the maps with those of the same network with other weights."""
    ready = tensors(np.stack([bscan for bscan, _, _ in cases]), subject.package.input_spec)
    run = onnx_runner(subject.package.onnx_bytes)
    measures = []
    for what, others in (
        ("the classifier", redrawn(subject.package.onnx_bytes, classes=len(CLASSES))),
        ("every layer", redrawn(subject.package.onnx_bytes, classes=None)),
    ):
        cams, changed = run(ready)[1], onnx_runner(others)(ready)[1]
        alike = [
            abs(map_similarity(cams[row, column], changed[row, column]))
            for row, (_, _, column) in enumerate(cases)
        ]
        measures.append(
            at_most(
                f"similarity of maps after redrawing {what}",
                float(np.mean(alike)),
                unit="|rank correlation|",
                limit=0.5,
                note=f"{len(cases)} phantom B-scans",
            )
        )
    return measures


def redrawn(graph: bytes, *, classes: int | None, seed: int = 0) -> bytes:
    """The same graph with weights drawn anew from a normal distribution of their own spread.

    Args:
        graph: ONNX model.
        classes: Only matrices with so many rows, which is the classifier; all where None.
        seed: Of the draw.
    """
    model = onnx.load_from_string(graph)
    rng = np.random.default_rng(seed)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        if classes is not None and classes not in values.shape[:2]:
            continue
        fresh = rng.normal(values.mean(), values.std(), values.shape).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(fresh, tensor.name))
    return bytes(model.SerializeToString())


def _outlines(subject: Subject) -> list[Measure]:
    """Evidence against the outlines of experts on B-scans that the model never saw."""
    if not (DATA / "bscans" / "manifest.csv").exists():
        return [stated("pointing game, clinic_a", 0.0, unit="share", note="the data is not here")]
    run = onnx_runner(subject.package.onnx_bytes)
    rows = [
        row for row in read_manifest(DATA) if row.dataset == "clinic_a" and row.label in TRANSFER
    ]
    package = subject.package
    calibration = Calibration(package.temperature, package.ood_means, package.ood_threshold, {})
    ask = partial(answer, run=run, spec=package.input_spec, calibration=calibration)
    found = evidence_table(ask, rows)
    chance, centre = found["chance_hit"]["value"], found["centre_hit"]["value"]
    low, high = found["hit"]["low"], found["hit"]["high"]
    note = f"{found['n']} B-scans, {found['groups']} groups ({low:.2f} to {high:.2f})"
    energy = f"chance {found['chance_energy']['value']:.2f}, "
    energy += f"centre {found['centre_energy']['value']:.2f}"
    return [
        at_least(
            "pointing game, clinic_a",
            found["hit"]["value"],
            unit="share",
            limit=round(max(chance, centre), 3),
            note=f"{note}; chance {chance:.2f}, centre {centre:.2f}",
        ),
        stated("energy in lesion, clinic_a", found["energy"]["value"], unit="share", note=energy),
    ]
