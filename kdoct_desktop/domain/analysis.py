"""The result of one pass over an input: what was read, what the model said, what it means."""

from dataclasses import dataclass, field

from kdoct_desktop.domain.finding import Finding
from kdoct_desktop.domain.prediction import ModelIdentity, Prediction, ProviderReport
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import OctVolume


@dataclass(frozen=True, slots=True, eq=False)
class VolumeAnalysis:
    """A volume with its prediction and its finding.

    Attributes:
        volume: The scan.
        prediction: What the model said; None where the scan was shown but not analysed.
        finding: What we report; None where the scan was not analysed.
        not_analysed: Why it was not analysed; None where it was.
    """

    volume: OctVolume
    prediction: Prediction | None = None
    finding: Finding | None = None
    not_analysed: Problem | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StudyAnalysis:
    """A whole visit.

    Attributes:
        study: What was read.
        volumes: One entry a volume of the study, in its order.
        problems: Inputs that were refused.
        model: Which model spoke; None where none was usable.
        provider: Where it ran; None where nothing ran.
        timing_s: Seconds by step: ``read``, ``predict``, ``total``.
    """

    study: Study
    volumes: tuple[VolumeAnalysis, ...] = ()
    problems: tuple[Problem, ...] = ()
    model: ModelIdentity | None = None
    provider: ProviderReport | None = None
    timing_s: dict[str, float] = field(default_factory=dict)
