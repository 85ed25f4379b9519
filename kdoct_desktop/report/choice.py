"""Which class's evidence is shown for an eye, and which B-scans are printed."""

import numpy as np

from kdoct_desktop.domain.finding import NORMAL, Finding
from kdoct_desktop.domain.prediction import Prediction

KEY_BSCANS = 3
"""How many of the strongest B-scans report and pictures show."""


def evidence_code(finding: Finding) -> str:
    """Class whose evidence is shown: the reported disease, else the likeliest one."""
    if finding.class_code is not None and finding.class_code != NORMAL:
        return finding.class_code
    return max(finding.thresholds, key=lambda code: finding.probabilities[code])


def nothing_stands_out(prediction: Prediction, finding: Finding) -> bool:
    """True where no disease is reported and no B-scan comes even half way to a threshold."""
    if finding.class_code not in (None, NORMAL):
        return False
    return all(
        prediction.probabilities[:, prediction.model.classes.index(code)].max() < 0.5 * limit
        for code, limit in finding.bscan_thresholds.items()
    )


def key_bscans(prediction: Prediction, finding: Finding) -> tuple[int, ...]:
    """Indices of the B-scans that are printed.

    The strongest ones for the shown class, the finding's own one first; the middle of the volume
    and its quarters where nothing stands out.
    """
    count = len(prediction.bscans)
    if nothing_stands_out(prediction, finding):
        return tuple(dict.fromkeys((count // 2, count // 4, 3 * count // 4)))
    column = prediction.model.classes.index(evidence_code(finding))
    order = np.argsort(-prediction.probabilities[:, column], kind="stable").tolist()
    others = [int(each) for each in order if each != finding.strongest_bscan]
    return (finding.strongest_bscan, *others[: KEY_BSCANS - 1])
