"""Do heatmaps point at lesions? Against the exact masks of phantoms."""

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import bscan_evidence
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.session import InferenceSession
from tests.benchmarks.measures import Measure, at_least, stated
from tests.benchmarks.subject import CLASSES, Subject
from training.measure.faithfulness import Pointing, pointing
from training.phantom import Phantom, PhantomSpec, generate

DISEASES = ("DRUSEN", "CNV", "DME")
FIRST_SEED = 900_000
_LEAST_PIXELS = 40


def pointing_game(subject: Subject, *, eyes: int) -> list[Measure]:
    """The strongest evidence for the true class, and where it lies, in unseen phantoms.

    Args:
        subject: The model; one without training points nowhere in particular.
        eyes: Volumes of each disease.
    """
    if not subject.trained:
        return []
    session = InferenceSession(subject.package, "cpu")
    found: dict[str, list[Pointing]] = {disease: [] for disease in DISEASES}
    for number in range(eyes * len(DISEASES)):
        disease = DISEASES[number % len(DISEASES)]
        spec = PhantomSpec(seed=FIRST_SEED + number, condition=disease, bscans=13, localizer_size=0)
        found[disease] += _pointings(generate(spec), disease, subject, session)
    measures = []
    for disease, cases in found.items():
        measures += _figures(disease, cases)
    return measures


def _pointings(
    phantom: Phantom, disease: str, subject: Subject, session: InferenceSession
) -> list[Pointing]:
    """One comparison for each B-scan that shows the disease and is called so."""
    prediction = predict_volume(phantom.voxels, subject.package, session)
    column = CLASSES.index(disease)
    called = prediction.probabilities.argmax(axis=1)
    cases = []
    for index, label in enumerate(phantom.labels):
        mask = _lesion(phantom, index)
        if label != disease or called[index] != column or mask.sum() < _LEAST_PIXELS:
            continue
        top, bottom, left, right = prediction.frames[index].tolist()
        evidence = bscan_evidence(
            prediction.cams[index, column], (top, bottom, left, right), mask.shape
        )
        cases.append(pointing(evidence, mask))
    return cases


def _lesion(phantom: Phantom, index: int) -> NDArray[np.bool_]:
    """Every kind of lesion of a B-scan in one mask, axes (depth, ascan)."""
    lesion = np.zeros(phantom.voxels.shape[1:], dtype=np.bool_)
    for mask in phantom.masks.values():
        lesion |= mask[index]
    return lesion


def _figures(disease: str, cases: list[Pointing]) -> list[Measure]:
    """Hits and energy of a disease beside chance and the centre."""
    if not cases:
        return [stated(f"pointing game, {disease}", 0.0, unit="share", note="no B-scan was called")]

    def mean(name: str) -> float:
        return float(np.mean([getattr(case, name) for case in cases]))

    chance, centre = mean("chance_hit"), mean("centre_hit")
    energy_note = f"chance {mean('chance_energy'):.2f}, centre {mean('centre_energy'):.2f}"
    return [
        at_least(
            f"pointing game, {disease}",
            mean("hit"),
            unit="share",
            limit=round(max(chance, centre), 3),
            note=f"{len(cases)} B-scans; chance {chance:.2f}, centre {centre:.2f}",
        ),
        stated(f"energy in lesion, {disease}", mean("energy"), unit="share", note=energy_note),
    ]
