"""Volumes and predictions of an eye, and what the rule says of them."""

from collections.abc import Sequence

import numpy as np

from kdoct_desktop.domain.eye_level import summarise
from kdoct_desktop.domain.finding import (
    EyeRule,
    Finding,
    Urgency,
    UrgencyMap,
)
from kdoct_desktop.domain.prediction import (
    BscanPrediction,
    ModelIdentity,
    Prediction,
    ProviderReport,
)
from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.domain.volume import OctVolume, Provenance, ScanPattern, Source, Spacing

CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")
RULE = EyeRule(thresholds={"DRUSEN": 0.5, "CNV": 0.5, "DME": 0.5})
URGENCY = UrgencyMap(
    "1",
    {
        "CNV": Urgency.URGENT,
        "DME": Urgency.SEMI_URGENT,
        "DRUSEN": Urgency.ROUTINE,
        "NORMAL": Urgency.OBSERVE,
    },
)


def volume(count: int, *, step_mm: float | None = 0.12, line: bool = False) -> OctVolume:
    return OctVolume(
        voxels=np.zeros((count, 8, 8), np.uint8),
        source=Source("test", "0" * 64, "test"),
        spacing=Spacing(step_mm, 0.004, 0.01, Provenance.DEVICE),
        scan_pattern=ScanPattern.LINE if line else ScanPattern.RASTER,
    )


def prediction(
    rows: Sequence[tuple[float, ...]],
    *,
    ood: int = 0,
    quality: tuple[QualityState, int] = (QualityState.GOOD, 0),
) -> Prediction:
    bscans = tuple(
        BscanPrediction(
            index=index,
            logits=tuple(float(np.log(p)) for p in row),
            probabilities=row,
            completeness_error=0.0,
            ood_distance=0.1,
            ood=index < ood,
            quality=Quality(quality[0], ("weak signal",)) if index < quality[1] else Quality(),
        )
        for index, row in enumerate(rows)
    )
    return Prediction(
        model=ModelIdentity("m", "1", "0" * 64, CLASSES, CLASSES),
        provider=ProviderReport("auto", "cpu", 1.0, 0.0),
        preprocessing="0" * 64,
        views=("identity",),
        bscans=bscans,
        cams=np.zeros((len(rows), 4, 2, 2), np.float32),
        frames=np.tile(np.array([0, 8, 0, 8], np.int32), (len(rows), 1)),
    )


NORMAL_ROW = (0.91, 0.03, 0.03, 0.03)
CNV_ROW = (0.03, 0.03, 0.91, 0.03)
DRUSEN_ROW = (0.03, 0.91, 0.03, 0.03)


def say(rows: Sequence[tuple[float, ...]], **options: object) -> Finding:
    predicted = prediction(rows, **options)  # type: ignore[arg-type]
    return summarise(volume(len(rows)), predicted, rule=RULE, urgency=URGENCY)


def say_of(scan: OctVolume, rows: Sequence[tuple[float, ...]]) -> Finding:
    return summarise(scan, prediction(rows), rule=RULE, urgency=URGENCY)
