"""What the model said, B-scan by B-scan. What we report for an eye is in ``finding``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.quality import Quality

COMPLETENESS_LIMIT = 1e-3
"""Largest difference between a logit and the evidence that should add up to it."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model spoke.

    Attributes:
        name: Name of the package.
        version: Version of the package.
        sha256: Hash of the whole package file.
        classes: Class codes in the order of the outputs.
        display_names: What the user is shown for each class, in the same order.
        demonstration: True for a model that must be announced as a demonstration.
        notice: Sentence that window and report must carry; empty for none.
        key_id: Short fingerprint of the key that signed the package.
    """

    name: str
    version: str
    sha256: str
    classes: tuple[str, ...]
    display_names: tuple[str, ...]
    demonstration: bool = False
    notice: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """Where the model ran, as proven and not as asked.

    Attributes:
        asked: ``auto``, ``cuda`` or ``cpu``.
        ran: ``cuda`` or ``cpu``, as the loaded session answers.
        canary_ms: Median time for one canary batch in milliseconds.
        parity: Largest difference in probability from the package's golden outputs.
        note: One sentence when it is not what was asked; empty otherwise.
    """

    asked: str
    ran: str
    canary_ms: float
    parity: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class BscanPrediction:
    """What the model said about one B-scan.

    Attributes:
        index: B-scan index from 0.
        logits: Raw outputs in class order.
        probabilities: Calibrated, in class order, sum 1.
        completeness_error: Largest ``|mean(cam) + bias - logit|`` over the classes.
        ood_distance: Cosine distance of the embedding to the nearest class mean.
        ood: True when the B-scan is unlike the training data.
        quality: Measured on the pixels, before the model.
    """

    index: int
    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    completeness_error: float
    ood_distance: float
    ood: bool
    quality: Quality

    @property
    def evidence_holds(self) -> bool:
        """True when the heatmap adds up to the logit, so that it may be shown."""
        return self.completeness_error < COMPLETENESS_LIMIT


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model said about one volume.

    Attributes:
        model: Which model.
        provider: Where it ran.
        preprocessing: Hash of the preprocessing that produced the inputs.
        views: Names of the test-time views; ``("identity",)`` without them.
        bscans: One entry a B-scan, in order.
        cams: float32 activation maps, axes (bscan, class, row, column); their mean over rows and
            columns plus the class's bias is the logit.
        frames: int32, axes (bscan, top/bottom/left/right): the half-open box of B-scan pixels
            that the network saw and over which an activation map is laid.
    """

    model: ModelIdentity
    provider: ProviderReport
    preprocessing: str
    views: tuple[str, ...]
    bscans: tuple[BscanPrediction, ...]
    cams: NDArray[np.float32]
    frames: NDArray[np.int32]

    def __post_init__(self) -> None:
        count = len(self.bscans)
        if self.cams.shape[:2] != (count, len(self.model.classes)) or self.cams.ndim != 4:
            raise ValueError("cams must have the shape (bscan, class, row, column)")
        if self.frames.shape != (count, 4):
            raise ValueError("frames must have the shape (bscan, 4)")

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Calibrated probabilities, axes (bscan, class)."""
        return np.array([bscan.probabilities for bscan in self.bscans], dtype=np.float64)
