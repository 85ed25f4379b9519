"""The rule from B-scans to an eye.

For each disease the mean of the best three adjacent calibrated B-scan probabilities, calibrated
again at eye level, is held against the package's threshold. The maximum over B-scans is not used:
with a specificity of 0.96 a B-scan it would alarm in most healthy volumes. An eye is as normal as
its least normal three adjacent B-scans: the best three of a diseased eye look healthy, too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.adjacent import adjacent_means, run_around
from kdoct_desktop.domain.finding import (
    NORMAL,
    EyeRule,
    Finding,
    FindingState,
    Urgency,
    UrgencyMap,
)
from kdoct_desktop.domain.prediction import Prediction
from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.domain.volume import Notice, OctVolume, ScanPattern

_NORMAL_MEAN = 0.5
"""A volume is called normal only if its B-scans look normal on average."""


def eye_scores(
    probabilities: NDArray[np.float64], adjacent: int, numbers: Sequence[int] = ()
) -> NDArray[np.float64]:
    """Mean of the best `adjacent` neighbouring B-scans for each class.

    Args:
        probabilities: Calibrated, axes (bscan, class).
        adjacent: Length of the window; shortened to the volume where it is longer.
        numbers: ``OctVolume.numbers``: B-scans on both sides of a missing one are no neighbours.

    Returns:
        One score a class.
    """
    scores: NDArray[np.float64] = adjacent_means(probabilities, adjacent, numbers)[0].max(axis=0)
    return scores


def calibrate(score: float, scale: float, offset: float) -> float:
    """Platt scaling of a probability: ``sigmoid(scale * logit(score) + offset)``."""
    if scale == 1.0 and offset == 0.0:
        return score
    bounded = min(max(score, 1e-6), 1.0 - 1e-6)
    value = scale * float(np.log(bounded / (1.0 - bounded))) + offset
    return float(1.0 / (1.0 + np.exp(-min(max(value, -500.0), 500.0))))


def summarise(
    volume: OctVolume, prediction: Prediction, *, rule: EyeRule, urgency: UrgencyMap
) -> Finding:
    """Say what the prediction means for the eye.

    Args:
        volume: The scan, for its coverage.
        prediction: What the model said.
        rule: Parameters from the model package.
        urgency: The site's map.
    """
    classes, table = prediction.model.classes, prediction.probabilities
    scores = _calibrated(classes, table, rule, volume.numbers)
    diseases = [code for code in classes if code != NORMAL]
    likely = _likely(diseases, scores, rule, urgency)
    leading = likely[0] if likely else max(diseases, key=scores.__getitem__)
    column, threshold = table[:, classes.index(leading)], rule.bscan_threshold(leading)
    strongest, run = _strongest(column, rule.adjacent, threshold, volume.numbers)
    quality = volume_quality(prediction, rule)
    alone = strongest if likely and run[0] == run[1] and len(column) > 1 else None
    state, blocking = _state(volume, prediction, quality=quality, rule=rule, likely=likely)
    code = (leading if likely else NORMAL) if state is FindingState.FOUND else None
    reasons = _extent_unknown(volume, rule) if code == NORMAL else ()
    reasons += _also(likely, urgency) + _doubts(volume, prediction, quality, alone=alone)
    return Finding(
        state=state,
        class_code=code,
        urgency=urgency.urgency(code) if code is not None else Urgency.NEEDS_HUMAN_READ,
        probabilities=scores,
        thresholds={code: rule.thresholds[code] for code in diseases},
        bscan_thresholds={code: rule.bscan_threshold(code) for code in diseases},
        rule=rule.name,
        urgency_version=urgency.version,
        strongest_bscan=strongest,
        evidence_range=run if likely else None,
        quality=quality,
        reasons=blocking + (reasons if state is not FindingState.UNLIKE_TRAINING else ()),
    )


def _likely(
    diseases: Sequence[str], scores: dict[str, float], rule: EyeRule, urgency: UrgencyMap
) -> list[str]:
    """Diseases from their thresholds on, the most pressing first, then the most probable."""
    return sorted(
        (code for code in diseases if scores[code] >= rule.thresholds[code]),
        key=lambda code: (list(Urgency).index(urgency.urgency(code)), -scores[code]),
    )


def _calibrated(
    classes: tuple[str, ...],
    table: NDArray[np.float64],
    rule: EyeRule,
    numbers: Sequence[int],
) -> dict[str, float]:
    """Eye-level probability of each class, on that class's own scale."""
    scores = dict(zip(classes, eye_scores(table, rule.adjacent, numbers).tolist(), strict=True))
    normal = table[:, classes.index(NORMAL)]
    scores[NORMAL] = float(adjacent_means(normal, rule.adjacent, numbers)[0].min())
    return {
        code: calibrate(score, rule.scale.get(code, 1.0), rule.offset.get(code, 0.0))
        for code, score in scores.items()
    }


def volume_quality(prediction: Prediction, rule: EyeRule) -> Quality:
    """Quality of a volume from that of its B-scans."""
    states = [bscan.quality.state for bscan in prediction.bscans]
    reasons = tuple(
        sorted({reason for bscan in prediction.bscans for reason in bscan.quality.reasons})
    )
    if states.count(QualityState.UNGRADABLE) > rule.max_ungradable_share * len(states):
        return Quality(QualityState.UNGRADABLE, reasons)
    if states.count(QualityState.GOOD) < 0.5 * len(states):
        return Quality(QualityState.POOR, reasons)
    return Quality(QualityState.GOOD)


def _state(
    volume: OctVolume,
    prediction: Prediction,
    *,
    quality: Quality,
    rule: EyeRule,
    likely: list[str],
) -> tuple[FindingState, tuple[Notice, ...]]:
    """The kind of result, with the reason when it is not a finding."""
    if quality.state is QualityState.UNGRADABLE:
        why = ", ".join(quality.reasons) or "signal too weak"
        text = f"Most B-scans cannot be graded ({why}); repeat the scan."
        return FindingState.UNGRADABLE, (Notice("ungradable", text),)
    unlike = sum(bscan.ood for bscan in prediction.bscans)
    if unlike > rule.max_ood_share * len(prediction.bscans):
        text = f"{unlike} of {len(prediction.bscans)} B-scans are unlike the training data."
        return FindingState.UNLIKE_TRAINING, (Notice("unlike-training", text),)
    limited = _limited_coverage(volume, rule)
    if limited and not likely:
        return FindingState.LIMITED_COVERAGE, limited
    normal = prediction.probabilities[:, prediction.model.classes.index(NORMAL)]
    if not likely and normal.mean() < _NORMAL_MEAN:
        text = "No class reaches its threshold and the B-scans do not look normal either."
        return FindingState.UNDECIDED, (Notice("undecided", text),)
    return FindingState.FOUND, limited


def _limited_coverage(volume: OctVolume, rule: EyeRule) -> tuple[Notice, ...]:
    """Why a volume sees too little of the macula to be called normal; empty if it does not."""
    count = volume.bscan_count
    if volume.scan_pattern is ScanPattern.LINE or count < rule.min_bscans:
        text = (
            f"Limited coverage: {count} B-scan{'s' if count > 1 else ''}, {rule.min_bscans} needed."
        )
        return (Notice("limited-coverage", text),)
    step = volume.spacing.bscan_mm
    if step is not None and rule.min_extent_mm is not None:
        last = volume.numbers[-1] - volume.numbers[0] if volume.numbers else count - 1
        extent = step * last
        if extent < rule.min_extent_mm:
            needed = f"{rule.min_extent_mm:.1f} mm needed"
            text = f"Limited coverage: {extent:.1f} mm of the macula, {needed}."
            return (Notice("limited-coverage", text),)
    return ()


def _extent_unknown(volume: OctVolume, rule: EyeRule) -> tuple[Notice, ...]:
    """Why a volume cannot be said to see enough of the macula to be called normal.

    Not only a small raster is refused the word: one of unknown size may be as small.
    """
    if rule.min_extent_mm is None or volume.spacing.bscan_mm is not None:
        return ()
    text = (
        "The file states no distance between B-scans: how much of the macula it shows is unknown."
    )
    return (Notice("extent-unknown", text),)


def _also(likely: list[str], urgency: UrgencyMap) -> tuple[Notice, ...]:
    """What else is above its threshold; a doubt only where it would be pressing by itself.

    Drusen beside an exudative lesion are the rule; two pressing diseases at once are not.
    """
    if len(likely) < 2:
        return ()
    text = f"Above their thresholds: {', '.join(likely)}."
    mild = {Urgency.ROUTINE, Urgency.OBSERVE}
    pressing = any(urgency.urgency(code) not in mild for code in likely[1:])
    return (Notice("several-diseases" if pressing else "also-above", text),)


def _doubts(
    volume: OctVolume,
    prediction: Prediction,
    quality: Quality,
    *,
    alone: int | None,
) -> tuple[Notice, ...]:
    """What makes a finding doubtful without forbidding it."""
    notices = []
    if volume.scan_pattern is ScanPattern.RADIAL:
        text = "Radial scan: the rule was made for B-scans side by side; these fan out."
        notices.append(Notice("radial-scan", text))
    if volume.numbers:
        text = "B-scans are missing; what they would show is unknown."
        notices.append(Notice("bscans-missing", text))
    if alone is not None:
        text = f"Isolated B-scan: only B-scan {alone + 1} shows it, its neighbours do not."
        notices.append(Notice("isolated-bscan", text))
    if quality.state is QualityState.POOR:
        text = f"Poor quality: {', '.join(quality.reasons)}."
        notices.append(Notice("poor-quality", text))
    unlike = sum(bscan.ood for bscan in prediction.bscans)
    if unlike > 1:
        text = f"{unlike} of {len(prediction.bscans)} B-scans are unlike the training data."
        notices.append(Notice("unlike-bscans" if unlike > 2 else "some-unlike-bscans", text))
    return tuple(notices)


def _strongest(
    column: NDArray[np.float64], adjacent: int, threshold: float, numbers: Sequence[int]
) -> tuple[int, tuple[int, int]]:
    """The strongest B-scan of the run that carries the finding, and the run.

    The best window decides, not the loudest B-scan, which may stand elsewhere and alone.
    """
    means, starts, lengths = adjacent_means(column, adjacent, numbers)
    best = int(means.argmax())
    start = int(starts[best])
    peak = start + int(column[start : start + int(lengths[best])].argmax())
    first, last = run_around(column >= threshold, peak, numbers)
    return first + int(column[first : last + 1].argmax()), (first, last)
