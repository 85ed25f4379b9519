"""The figures on the model card: what the exported network says about pictures it never learned.

Runs on onnxruntime with the desktop's preprocessing and read-out, so the figures are those of
what ships.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import Box, bscan_evidence
from kdoct_desktop.inference.preprocess import InputSpec, preprocess
from kdoct_desktop.inference.probability import cosine_distances, softmax
from training.arrays import Grey, Mask
from training.factory.measures import mean_with_interval, table
from training.factory.samples import phantom_bscan
from training.factory.sources import Row, held_out, read_grey
from training.measure.calibrate import Calibration, Runner
from training.measure.faithfulness import pointing
from training.painted.painting import CLASSES

Array = NDArray[np.float32]

TRANSFER = {"CONTROL": "NORMAL", "AMD_EXUDATIVE": "CNV", "DME": "DME"}
UNLIKE = (("clinic_a", "RVO"), ("octdl", "ERM"), ("octdl", "MACULAR_HOLE"))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the model said about some pictures.

    Attributes:
        called: Index of the most probable class, one a picture.
        probabilities: Axes (picture, class).
        ood: Flagged as unlike the training data.
        cams: Activation maps, axes (picture, class, row, column).
        boxes: The part of each picture that the network saw.
    """

    called: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    ood: Mask
    cams: Array
    boxes: list[Box]


def answer(
    pictures: Sequence[Grey], run: Runner, spec: InputSpec, calibration: Calibration
) -> Answers:
    """Ask the model, sixteen pictures at a time."""
    parts, boxes = [], []
    for at in range(0, len(pictures), 16):
        ready = [preprocess(picture, spec) for picture in pictures[at : at + 16]]
        boxes += [box for _, box in ready]
        parts.append(run(np.stack([tensor for tensor, _ in ready])))
    logits, cams, embeddings = (np.concatenate(one) for one in zip(*parts, strict=True))
    probabilities = softmax(logits, calibration.temperature)
    distance = cosine_distances(embeddings, calibration.means)
    called = probabilities.argmax(axis=1).astype(np.int64)
    return Answers(called, probabilities, distance > calibration.ood_threshold, cams, boxes)


def evaluate(
    rows: list[Row],
    run: Runner,
    spec: InputSpec,
    calibration: Calibration,
    *,
    phantoms: int = 300,
) -> dict[str, Any]:
    """All tables of the card as plain values."""

    def ask(pictures: Sequence[Grey]) -> Answers:
        return answer(pictures, run, spec, calibration)

    sets: dict[str, Any] = {}
    evidence: dict[str, Any] = {}
    sets["phantoms"], evidence["phantoms"] = phantom_table(ask, phantoms)
    kermany = [row for row in rows if row.dataset == "kermany" and held_out(row.group)]
    sets["kermany held-out groups"] = real_table(ask, kermany, {c: c for c in CLASSES})
    clinic = [row for row in rows if row.dataset == "clinic_a" and row.label in TRANSFER]
    duke = [row for row in rows if row.dataset == "duke_dme"]
    sets["clinic_a"] = real_table(ask, clinic, TRANSFER)
    sets["duke_dme"] = real_table(ask, duke, TRANSFER)
    sets["clinic_a + duke_dme"] = real_table(ask, clinic + duke, TRANSFER)
    unlike = {}
    for dataset, label in UNLIKE:
        chosen = [row for row in rows if (row.dataset, row.label) == (dataset, label)]
        if chosen:
            unlike[f"{dataset} {label}"] = unlike_table(ask, chosen)
    evidence["clinic_a"] = evidence_table(ask, clinic)
    return {"classes": list(CLASSES), "sets": sets, "unlike": unlike, "evidence": evidence}


Ask = Callable[[Sequence[Grey]], Answers]


def real_table(ask: Ask, rows: list[Row], names: dict[str, str]) -> dict[str, Any]:
    """Table of real labelled pictures; empty where there are none."""
    if not rows:
        return {"n": 0}
    answers = ask([read_grey(row.path) for row in rows])
    truth = np.array([CLASSES.index(names[row.label]) for row in rows], dtype=np.int64)
    groups = [row.group for row in rows]
    result = table(truth, answers.called, groups, CLASSES)
    picked = answers.probabilities[np.arange(len(truth)), truth]
    result["log_loss"] = round(float(-np.log(np.maximum(picked, 1e-9)).mean()), 4)
    result["unlike_training"] = mean_with_interval(answers.ood.astype(float), groups)
    return result


def unlike_table(ask: Ask, rows: list[Row]) -> dict[str, Any]:
    """How pictures of a disease that the model was not shown are called."""
    answers = ask([read_grey(row.path) for row in rows])
    groups = [row.group for row in rows]
    called = np.bincount(answers.called, minlength=len(CLASSES))
    return {
        "n": len(rows),
        "groups": len(set(groups)),
        "called": {code: int(n) for code, n in zip(CLASSES, called, strict=True)},
        "called_normal": mean_with_interval((answers.called == 0).astype(float), groups),
        "unlike_training": mean_with_interval(answers.ood.astype(float), groups),
    }


def phantom_table(ask: Ask, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Held-out phantoms, an eye each: the table, and the evidence against the exact masks."""
    rng = np.random.default_rng(990_001)
    made = [phantom_bscan(CLASSES[index % len(CLASSES)], rng) for index in range(count)]
    pictures = [picture for picture, _, _ in made]
    truth = np.array([label for _, _, label in made], dtype=np.int64)
    groups = [str(index) for index in range(count)]
    answers = ask(pictures)
    cases = [
        (answers.cams[k, truth[k]], answers.boxes[k], mask, groups[k])
        for k, (_, mask, _) in enumerate(made)
        if truth[k] != 0 and mask.any()
    ]
    return table(truth, answers.called, groups, CLASSES), _pointing_table(cases)


def evidence_table(ask: Ask, rows: list[Row]) -> dict[str, Any]:
    """Evidence for the labelled disease against what experts outlined."""
    chosen = []
    for row in rows:
        mask = expert_mask(row)
        if row.label != "CONTROL" and mask is not None:
            chosen.append((row, mask))
    if not chosen:
        return {"n": 0}
    answers = ask([read_grey(row.path) for row, _ in chosen])
    cases = []
    for k, (row, mask) in enumerate(chosen):
        label = CLASSES.index(TRANSFER[row.label])
        cases.append((answers.cams[k, label], answers.boxes[k], mask, row.group))
    return _pointing_table(cases)


def expert_mask(row: Row) -> Mask | None:
    """Union of what experts outlined; None where they outlined nothing."""
    masks = [read_grey(path) > 127 for path in row.masks.values() if path is not None]
    if not masks:
        return None
    union = np.logical_or.reduce(masks)
    return union if bool(union.any()) else None


def _pointing_table(cases: list[tuple[Array, Box, Mask, str]]) -> dict[str, Any]:
    """Pointing game and energy beside chance and a prior on the centre."""
    if not cases:
        return {"n": 0}
    found = [pointing(bscan_evidence(cam, box, mask.shape), mask) for cam, box, mask, _ in cases]
    groups = [group for *_, group in cases]
    names = ("hit", "energy", "chance_hit", "chance_energy", "centre_hit", "centre_energy")
    result: dict[str, Any] = {"n": len(cases), "groups": len(set(groups))}
    for name in names:
        values = np.array([float(getattr(one, name)) for one in found])
        result[name] = mean_with_interval(values, groups)
    return result
