"""Is the heatmap what the model uses, on phantoms and on real tissue?

Deletion and insertion on phantoms, maps of a network whose weights were redrawn, and the outlines
that experts drew on real B-scans where ``../shared/data`` is there.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from kdoct_desktop.domain.heatmap import bscan_evidence
from kdoct_desktop.domain.prediction import Prediction
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.preprocess import preprocess
from kdoct_desktop.inference.session import InferenceSession
from tests.benchmarks.measures import Measure, at_least, at_most, stated
from tests.benchmarks.subject import CLASSES, Subject, tensors
from training.arrays import Mask
from training.factory.sources import Row, read_grey, read_manifest
from training.measure.faithfulness import (
    Curves,
    Pointing,
    deletion_insertion,
    map_similarity,
    pointing,
)
from training.measure.resample import Bootstrap, interval
from training.phantom import PhantomSpec, generate
from training.ship.export import onnx_runner

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FIRST_SEED = 910_000
TRANSFER = {"CONTROL": "NORMAL", "AMD_EXUDATIVE": "CNV", "DME": "DME"}
"""Class of each label of ``clinic_a``; its other diseases were not taught."""
_DISEASES = CLASSES[1:]
_RESAMPLES = 1000

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
    """Evidence for the labelled disease against the outlines of experts, on B-scans of a clinic."""
    there = (DATA / "bscans" / "manifest.csv").exists()
    found = list(_compared(subject)) if there else []
    if not found:
        return [stated("pointing game, clinic_a", 0.0, unit="share", note="the data is not here")]
    bootstrap = Bootstrap([group for group, _ in found], resamples=_RESAMPLES)

    def draws(name: str) -> NDArray[np.float64]:
        return bootstrap.mean(np.array([float(getattr(one, name)) for _, one in found]))

    def mean(name: str) -> float:
        return float(draws(name)[0])

    hits = interval(draws("hit"))
    chance, centre = mean("chance_hit"), mean("centre_hit")
    note = f"{len(found)} B-scans, {bootstrap.patients} groups"
    note += f" ({hits['low']:.2f} to {hits['high']:.2f})"
    return [
        at_least(
            "pointing game, clinic_a",
            mean("hit"),
            unit="share",
            limit=round(max(chance, centre), 3),
            note=f"{note}; chance {chance:.2f}, centre {centre:.2f}",
        ),
        stated(
            "energy in lesion, clinic_a",
            mean("energy"),
            unit="share",
            note=f"chance {mean('chance_energy'):.2f}, centre {mean('centre_energy'):.2f}",
        ),
    ]


def _compared(subject: Subject) -> Iterator[tuple[str, Pointing]]:
    """Group and comparison of each diseased B-scan of ``clinic_a`` in which experts outlined."""
    run = onnx_runner(subject.package.onnx_bytes)
    for row in read_manifest(DATA):
        shown = TRANSFER.get(row.label, "NORMAL") if row.dataset == "clinic_a" else "NORMAL"
        lesion = _outlined(row) if shown != "NORMAL" else None
        if lesion is None:
            continue
        ready, box = preprocess(read_grey(row.path), subject.package.input_spec)
        cam = run(ready[None])[1][0, CLASSES.index(shown)]
        yield row.group, pointing(bscan_evidence(cam, box, lesion.shape), lesion)


def _outlined(row: Row) -> Mask | None:
    """Everything that experts outlined in a B-scan, axes (depth, ascan); None for nothing."""
    masks = [read_grey(path) > 127 for path in row.masks.values() if path is not None]
    union: Mask | None = np.logical_or.reduce(masks) if masks else None
    return union if union is not None and union.any() else None
