"""Numbers that go beside the network: the eye-level rule of the factory model.

Everything is fitted on pictures like those of the training (fresh paintings, fresh phantoms, the
training half of ``kermany``), never on a data set that the model is judged on.
"""

from typing import Any

import numpy as np

from kdoct_desktop.domain.eye_level import eye_scores
from kdoct_desktop.inference.preprocess import InputSpec, preprocess
from kdoct_desktop.inference.probability import softmax
from training.measure.calibrate import ADJACENT, Runner, fit_platt, rule_table
from training.painted.painting import CLASSES
from training.phantom import PhantomSpec, generate
from training.phantoms.styles import STYLES


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
        scores[row] = eye_scores(softmax(run(inputs)[0], temperature), ADJACENT)
    truth = np.array([label for label, _ in volumes])
    scale, offset = {}, {}
    for k, code in enumerate(CLASSES):
        if code != "NORMAL":
            counted = truth != CLASSES.index("CNV") if code == "DRUSEN" else truth >= 0
            scale[code], offset[code] = fit_platt(scores[counted, k], truth[counted] == k)
    return rule_table(dict.fromkeys(scale, 0.5), scale, offset)
