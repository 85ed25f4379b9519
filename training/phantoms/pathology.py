"""The diseases: which lesions a condition has, from subtle (severity 0) to gross (1)."""

import numpy as np

from training.phantoms.diabetic import draw_diabetic
from training.phantoms.drusen import draw_drusen
from training.phantoms.fields import smooth_field, stream
from training.phantoms.layers import Positions
from training.phantoms.lesions import Lesions
from training.phantoms.neovascular import draw_neovascular


def draw_lesions(seed: int, condition: str, *, severity: float, at: Positions) -> Lesions:
    """The lesions of one eye.

    Raises:
        ValueError: The condition is unknown.
    """
    rng = stream(seed, f"lesions {condition}")
    lesions = Lesions.none(at)
    if condition == "DRUSEN":
        draw_drusen(rng, lesions, severity=severity, at=at)
    elif condition == "CNV":
        draw_neovascular(rng, lesions, severity=severity, at=at)
    elif condition == "DME":
        draw_diabetic(rng, lesions, severity=severity, at=at)
    elif condition != "NORMAL":
        raise ValueError(f"unknown condition {condition!r}")
    if condition in ("DRUSEN", "CNV"):
        wave = smooth_field(rng, at.x, y=at.y, scale_mm=0.11)
        patch = np.clip(smooth_field(rng, at.x, y=at.y, scale_mm=0.9), 0, 2)
        ripple = 0.003 * rng.uniform(0.2, 1.3) * patch * np.clip(wave + 0.4, 0, None)
        lesions.ripple = np.asarray(np.minimum(ripple, 0.009), np.float32)
    return lesions
