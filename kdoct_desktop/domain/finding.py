"""What we report for an eye. The rule that leads to it is in ``eye_level``."""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from kdoct_desktop.domain.quality import Quality
from kdoct_desktop.domain.volume import Notice

NORMAL = "NORMAL"
"""Code of the class that means "none of the diseases that the model knows"."""


class Urgency(StrEnum):
    """How soon somebody should look, most urgent first."""

    URGENT = "urgent"
    SEMI_URGENT = "semi-urgent"
    NEEDS_HUMAN_READ = "needs human read"
    ROUTINE = "routine"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class UrgencyMap:
    """Site-editable map from class code to urgency, printed with its version.

    Attributes:
        version: Version of the map.
        by_class: Urgency of each class code; a class that is missing needs a human read.
    """

    version: str
    by_class: dict[str, Urgency]

    def urgency(self, class_code: str) -> Urgency:
        """Urgency of a class; one that is not listed needs a human read."""
        return self.by_class.get(class_code, Urgency.NEEDS_HUMAN_READ)


@dataclass(frozen=True, slots=True)
class EyeRule:
    """Parameters of the eye-level rule, from the model package.

    Attributes:
        adjacent: How many adjacent B-scans are averaged.
        thresholds: By class code; a disease is reported from its threshold on.
        scale: Eye-level calibration by class: ``sigmoid(scale * logit(score) + offset)``.
        offset: See `scale`.
        min_bscans: Fewer B-scans than this are limited coverage.
        min_extent_mm: A raster that spans less across B-scans is limited coverage; None = unused.
        max_ood_share: Above this share of unlike B-scans the eye is unlike the training data.
        max_ungradable_share: Above this share of ungradable B-scans the eye is ungradable.
    """

    thresholds: dict[str, float]
    adjacent: int = 3
    scale: dict[str, float] = field(default_factory=dict)
    offset: dict[str, float] = field(default_factory=dict)
    min_bscans: int = 5
    min_extent_mm: float | None = 2.0
    max_ood_share: float = 0.5
    max_ungradable_share: float = 0.5

    def bscan_threshold(self, code: str) -> float:
        """Probability in a B-scan at which three like it would reach the eye's threshold.

        The inverse of the eye-level calibration: ``sigmoid((logit(threshold) - offset) / scale)``.
        """
        scale, offset = self.scale.get(code, 1.0), self.offset.get(code, 0.0)
        threshold = min(max(self.thresholds[code], 1e-6), 1.0 - 1e-6)
        logit = math.log(threshold / (1.0 - threshold))
        power = min(max((offset - logit) / scale, -500.0), 500.0)
        return 1.0 / (1.0 + math.exp(power))

    @property
    def name(self) -> str:
        """What is printed for the rule."""
        return f"mean of the best {self.adjacent} adjacent B-scans"


class FindingState(StrEnum):
    """What kind of result an eye got; all but FOUND need a human read."""

    FOUND = "found"
    LIMITED_COVERAGE = "limited coverage"
    UNGRADABLE = "ungradable"
    UNLIKE_TRAINING = "unlike the training data"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """What we report for an eye.

    Attributes:
        state: What kind of result.
        class_code: The reported class; None where the state allows none.
        urgency: How soon somebody should look.
        probabilities: Eye level, calibrated, by class code; each class on its own scale.
        thresholds: By class code, at eye level, as used.
        bscan_thresholds: The same on the scale of a B-scan's probability.
        rule: The rule in words.
        urgency_version: Version of the urgency map.
        strongest_bscan: Index from 0 of the strongest B-scan for the reported class, or for the
            likeliest disease where none is reported.
        evidence_range: First and last index of the B-scans at or above the threshold around the
            strongest one; None where no disease is reported.
        quality: Of the whole volume.
        reasons: Why a human read is needed and what else to know, one plain sentence each.
    """

    state: FindingState
    class_code: str | None
    urgency: Urgency
    probabilities: dict[str, float]
    thresholds: dict[str, float]
    bscan_thresholds: dict[str, float]
    rule: str
    urgency_version: str
    strongest_bscan: int
    evidence_range: tuple[int, int] | None
    quality: Quality
    reasons: tuple[Notice, ...] = ()

    @property
    def needs_human_read(self) -> bool:
        """True where no finding was possible or something about it is doubtful."""
        return self.urgency is Urgency.NEEDS_HUMAN_READ or any(
            reason.code in _DOUBTS for reason in self.reasons
        )


_DOUBTS = {
    "isolated-bscan", "several-diseases", "poor-quality", "unlike-bscans", "bscans-missing",
    "radial-scan", "extent-unknown",
}  # fmt: skip
