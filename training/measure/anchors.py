"""Published figures that a run may stand beside, each with how far it can be trusted.

From the method's survey of the literature: sections 3 (published numbers) and 8 (anchors). Shares
from 0 to 1; ``sd`` over folds divides by n, as the published ones do (checked on the reference
implementation's five matrices: 92.57 +- 2.32).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

NEH = "neh"
KERMANY = "kermany"


@dataclass(frozen=True, slots=True)
class Anchor:
    """One published result.

    Attributes:
        name: Model.
        protocol: How it was measured.
        accuracy: Mean over folds, or of the one split.
        sd: Of the accuracy over folds; None where there is one split or it is not given.
        sensitivity: Macro; None where not given.
        specificity: Macro; None where not given.
        trust: How far it can be trusted, and why.
        comparable: Whether figures may be compared, where the run tests the same B-scans.
    """

    name: str
    protocol: str
    accuracy: float
    sd: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    trust: str = ""
    comparable: bool = False


_NEH_FOLDS = "NEH, 3 classes, 5 folds by patient, 12,649 B-scans with label = class of the volume"
_OCT2017 = "OCT2017, 4 classes, official 1,000 test B-scans"

_TABLE: dict[str, tuple[Anchor, ...]] = {
    NEH: (
        Anchor("FPN-VGG16, ImageNet, then UCSD, then NEH (Sotoudeh-Paima 2022)", _NEH_FOLDS,
               0.934, 0.014, trust="highest verified figure: the one to beat", comparable=True),
        Anchor("FPN-VGG16, ImageNet only (Sotoudeh-Paima 2022)", _NEH_FOLDS, 0.920, 0.016,
               trust="as quoted by the reference implementation", comparable=True),
        Anchor("KD-OCT teacher, ConvNeXtV2-L", _NEH_FOLDS, 0.9257, 0.0232, 0.9290, 0.9622,
               "recomputed from its matrices; its grouping by bare ID joins patients, and it was "
               "tested with five views", True),
        Anchor("KD-OCT student, EfficientNet-B2", _NEH_FOLDS, 0.9246, 0.0136, 0.9215, 0.9604,
               "recomputed from its matrices; folds differ from its teacher's", True),
        Anchor("MedSigLIP, as run by KD-OCT", _NEH_FOLDS, 0.845, 0.032, 0.818, 0.944,
               "falls back silently and is normalised wrongly (unverified)"),
        Anchor("Stitched MedViT (PLoS ONE 2024)", _NEH_FOLDS, 0.949,
               trust="figure unverified: a stretch target"),
        Anchor("DINOv2-B with attention (ARVO 2025)", "NEH by volume, one 70/15/15 split",
               0.8939, trust="one split"),
    ),
    KERMANY: (
        Anchor("OpticNet-71", _OCT2017, 0.998, trust="training shares patients with the test"),
        Anchor("Xception", _OCT2017, 0.997, trust="training shares patients with the test"),
        Anchor("KD-OCT teacher, five seeds", _OCT2017, 0.9772, 0.0017, 0.9772, 0.9924,
               "training shares patients with the test; the spread is that of seeds"),
        Anchor("KD-OCT student, five seeds", _OCT2017, 0.9774, 0.0027, 0.9774, 0.9925,
               "training shares patients with the test; the spread is that of seeds"),
        Anchor("Kermany 2018", _OCT2017, 0.966, trust="training shares patients with the test"),
        Anchor("DenseNet201", "OCT2017, 5 folds over 108k B-scans", 0.9669, 0.0010,
               trust="split by image: inflated"),
        Anchor("Honest level, unseen patients", "OCT2017 with overlap removed", 0.975,
               trust="no agreed record", comparable=True),
        Anchor("Grouped three-way split", "OCT2017 by patient", 0.952, trust="one split",
               comparable=True),
    ),
}  # fmt: skip

CLASSES = {NEH: {"NORMAL", "DRUSEN", "CNV"}, KERMANY: {"NORMAL", "DRUSEN", "CNV", "DME"}}
FILTERED_BSCANS = 12_649
"""B-scans of NEH whose label is the class of their volume."""


def anchors_for(
    datasets: Iterable[str], classes: Sequence[str], *, filtered: int
) -> dict[str, Any]:
    """Published figures for a run on one known data set.

    Args:
        datasets: Names of the data sets among the tested rows.
        classes: Class codes of the run.
        filtered: B-scans of the filtered set, all folds together; 0 where the run tests all.
            Figures on NEH compare only with the published ones on the same B-scans.

    Returns:
        ``dataset`` and ``rows``; empty where the data or the classes are others.
    """
    names = sorted(set(datasets))
    if len(names) != 1 or names[0] not in _TABLE or set(classes) != CLASSES[names[0]]:
        return {}
    same = names[0] != NEH or filtered == FILTERED_BSCANS
    rows = [asdict(replace(one, comparable=one.comparable and same)) for one in _TABLE[names[0]]]
    return {"dataset": names[0], "rows": rows}
