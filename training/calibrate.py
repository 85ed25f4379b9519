"""Numbers that go beside the network: temperature, class means, limits, eye-level rule.

Everything is fitted on pictures like those of the training (fresh paintings, fresh phantoms, the
training half of ``kermany``), never on a data set that the model is judged on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.eye_level import eye_scores
from kdoct_desktop.inference.preprocess import InputSpec, preprocess
from kdoct_desktop.inference.probability import cosine_distances, softmax
from training.painting import CLASSES
from training.phantom import PhantomSpec, generate
from training.phantom_styles import STYLES

Array = NDArray[np.float32]
Runner = Callable[[Array], tuple[Array, Array, Array]]
"""From ready inputs (n, 3, row, column) to logits, activation maps and embeddings."""

UNLIKE_SHARE = 0.01
"""Share of training-like pictures that may be flagged as unlike the training data."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was fitted.

    Attributes:
        temperature: Divides the logits.
        means: Mean embedding of each class, axes (class, feature).
        ood_threshold: Cosine distance above which a picture is unlike the training data.
        eye_rule: The manifest's table.
    """

    temperature: float
    means: Array
    ood_threshold: float
    eye_rule: dict[str, Any]


def fit_temperature(logits: Array, labels: NDArray[np.int64]) -> float:
    """Temperature of least cross entropy, between 1 and 8.

    It never sharpens: what it is fitted on is nearer to the training than any real clinic is, and
    answers that are fitted to be bolder there would be overconfident elsewhere.
    """
    grid = np.geomspace(1.0, 8.0, 200)
    picked = np.arange(len(labels))
    losses = [
        -float(np.log(softmax(logits, float(t))[picked, labels] + 1e-12).mean()) for t in grid
    ]
    return round(float(grid[int(np.argmin(losses))]), 3)


def class_means(embeddings: Array, labels: NDArray[np.int64]) -> Array:
    """Mean embedding of each class."""
    return np.stack([embeddings[labels == k].mean(axis=0) for k in range(len(CLASSES))]).astype(
        np.float32
    )


def ood_limit(embeddings: Array, means: Array) -> float:
    """Distance that `UNLIKE_SHARE` of training-like pictures exceed."""
    distances = cosine_distances(embeddings, means)
    return round(float(np.quantile(distances, 1.0 - UNLIKE_SHARE)), 4)


def phantom_volumes(count: int, *, seed: int, bscans: int = 9) -> list[tuple[int, Any]]:
    """Volumes of simulated eyes: class of the eye and voxels (bscan, depth, ascan)."""
    rng = np.random.default_rng((seed, 77))
    volumes = []
    for index in range(count):
        label = index % len(CLASSES)
        spec = PhantomSpec(
            seed=int(rng.integers(2**31)),
            condition=CLASSES[label],
            laterality=str(rng.choice(["OD", "OS"])),
            bscans=bscans,
            style=str(rng.choice(sorted(STYLES))),
            severity=float(rng.uniform(0.3, 1.0)),
            localizer_size=0,
        )
        volumes.append((label, generate(spec).voxels))
    return volumes


def fit_eye_rule(
    volumes: list[tuple[int, Any]], run: Runner, spec: InputSpec, *, temperature: float
) -> dict[str, Any]:
    """Platt scaling of the eye-level score of each disease on simulated eyes.

    Neovascular eyes have drusen too, and the rule reports the more urgent class, so they say
    nothing against DRUSEN and are left out of its fit.
    """
    scores = np.zeros((len(volumes), len(CLASSES)))
    for row, (_, voxels) in enumerate(volumes):
        inputs = np.stack([preprocess(bscan, spec)[0] for bscan in voxels])
        scores[row] = eye_scores(softmax(run(inputs)[0], temperature), 3)
    truth = np.array([label for label, _ in volumes])
    scale, offset = {}, {}
    for k, code in enumerate(CLASSES):
        if code != "NORMAL":
            counted = truth != CLASSES.index("CNV") if code == "DRUSEN" else truth >= 0
            scale[code], offset[code] = fit_platt(scores[counted, k], truth[counted] == k)
    return {
        "name": "adjacent-mean",
        "version": 1,
        "adjacent": 3,
        "thresholds": {code: 0.5 for code in CLASSES if code != "NORMAL"},
        "scale": scale,
        "offset": offset,
        "min_bscans": 5,
        "min_extent_mm": 2.0,
        "max_ood_share": 0.5,
        "max_ungradable_share": 0.5,
    }


def fit_platt(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and offset of ``sigmoid(scale * logit(score) + offset)`` by penalised likelihood.

    The penalty draws towards scale 1 and offset 0: simulated eyes are few and easy, and a steep
    curve fitted on them would be overconfident on real ones (Platt, 1999; Gaussian priors).
    """
    bounded = np.clip(scores, 1e-4, 1.0 - 1e-4)
    value = np.log(bounded / (1.0 - bounded))
    best = (np.inf, 1.0, 0.0)
    for scale in np.linspace(0.4, 2.0, 33):
        for offset in np.linspace(-3.0, 3.0, 61):
            z = scale * value + offset
            loss = np.logaddexp(0.0, np.where(truth, -z, z)).sum()
            loss += 4.0 * (np.log(scale) ** 2) + 0.5 * offset**2
            if loss < best[0]:
                best = (float(loss), float(scale), float(offset))
    return round(best[1], 3), round(best[2], 3)
