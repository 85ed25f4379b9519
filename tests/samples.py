"""Made-up results for tests: retina-like scans, predictions, both eyes, every kind of finding.

Nothing here comes from a person. Every value is a function of its arguments, so two calls give
the same arrays.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.eye_level import summarise
from kdoct_desktop.domain.finding import EyeRule, Urgency, UrgencyMap
from kdoct_desktop.domain.prediction import (
    BscanPrediction,
    ModelIdentity,
    Prediction,
    ProviderReport,
)
from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.domain.study import Patient, Problem, Study
from kdoct_desktop.domain.volume import (
    Laterality,
    Notice,
    OctVolume,
    Provenance,
    ScanPattern,
)
from tests.sample_scans import repeated, volume

CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")
DISPLAY = ("Normal", "Drusen", "CNV", "DME")
BIAS = np.array([0.2, -0.1, -0.2, 0.1], dtype=np.float32)
RULE = EyeRule(thresholds={"DRUSEN": 0.45, "CNV": 0.5, "DME": 0.55})
URGENCY = UrgencyMap(
    "3",
    {
        "CNV": Urgency.URGENT,
        "DME": Urgency.SEMI_URGENT,
        "DRUSEN": Urgency.ROUTINE,
        "NORMAL": Urgency.OBSERVE,
    },
)
NOW = datetime(2026, 11, 20, 14, 5, 33, tzinfo=timezone(timedelta(hours=1)))
MODEL = ModelIdentity(
    name="kdoct-factory",
    version="1.0.0",
    sha256="4f2c9d" + "0a1b2c3d" * 7 + "ef",
    classes=CLASSES,
    display_names=DISPLAY,
    demonstration=True,
    notice="Demonstration model trained on synthetic and public pictures: not for any decision "
    "about a patient.",
    key_id="9a8b7c6d",
)
PROVIDER = ProviderReport(asked="auto", ran="cpu", canary_ms=41.6, parity=2.4e-7)
PATIENT = Patient("PHANTOM^Olga^D", "00213", date(1948, 3, 9), "F")

HOSTILE_TEXTS = {
    "markup": '<b>Bold</b> <img src="file:///etc/passwd"/> &amp; <font color="red">x</font>',
    "open tag": "<para><b><i>never closed",
    "script": "<script>alert(1)</script>",
    "right to left": "\u202eevil\u202c דוד כהן",
    "arabic": "محمد أحمد",
    "chinese": "山田^太郎=やまだ^たろう",
    "greek": "Παπαδόπουλος^Αλέξανδρος",
    "cyrillic": "Іванова^Ольга",
    "thai": "สมชาย ใจดี",
    "emoji": "Zoe \U0001f642 \U0001f468\u200d\U0001f469",
    "control": "A\x00B\x07C\x1b[31mD\r\nE\tF",
    "surrogate": "x\ud800y",
    "zero width": "in\u200bvis\u200bible\ufeff",
    "combining": "a" + "\u0301" * 60,
    "formula": '=HYPERLINK("http://example.invalid","x")',
    "braces": "%s %d {0} {name} %(x)s \\ ( ) \\) Tj",
    "long word": "W" * 4000,
    "64 KiB": "Long Name " * 6554,
    "blank": "   ",
    "empty": "",
}
"""Text that a file may hold in any field."""


def prediction(
    scan: OctVolume,
    *,
    code: str = "NORMAL",
    at: tuple[int, int] | None = None,
    height: float = 5.0,
    spread: float = 2.5,
    ood: int = 0,
    quality: Quality | None = None,
    incomplete: bool = False,
) -> Prediction:
    """What a model might say: the logits are the mean of the activation maps plus bias.

    Args:
        scan: The scan.
        code: Class that is likely.
        at: (B-scan, A-scan) of the peak of a disease; the middle where None.
        height: Part of the logit that speaks for the class at its peak.
        spread: Standard deviation of the evidence over B-scans.
        ood: The first so many B-scans are unlike the training data.
        quality: Of every B-scan; good where None.
        incomplete: The evidence does not add up to the logits.
    """
    cams = activation_maps(scan, code=code, at=at, height=height, spread=spread)
    logits = cams.mean(axis=(2, 3)) + BIAS
    shares = softmax(logits)
    bscans = tuple(
        BscanPrediction(
            index=index,
            logits=tuple(logits[index].tolist()),
            probabilities=tuple(shares[index].tolist()),
            completeness_error=0.02 if incomplete else 3e-6,
            ood_distance=0.7 if index < ood else 0.1,
            ood=index < ood,
            quality=quality or Quality(),
        )
        for index in range(scan.bscan_count)
    )
    frames = np.array([[0, scan.voxels.shape[1], 0, scan.voxels.shape[2]]] * len(bscans), np.int32)
    return Prediction(MODEL, PROVIDER, "5e" * 32, ("identity",), bscans, cams, frames)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of each row."""
    powers = np.exp(logits, dtype=np.float64)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def activation_maps(
    scan: OctVolume, *, code: str, at: tuple[int, int] | None, height: float, spread: float
) -> NDArray[np.float32]:
    """Axes (bscan, class, row, column): a blob over the lesion; see `prediction`."""
    count, _depth, ascans = scan.voxels.shape
    peak = at or (count // 2, ascans // 2)
    rows, columns = np.mgrid[0:8, 0:16].astype(np.float64)
    column = (peak[1] + 0.5) / ascans * 16 - 0.5
    blob = np.exp(-(((columns - column) / 1.3) ** 2) - ((rows - 4.6) / 1.0) ** 2)
    blob = (blob / blob.mean()).astype(np.float32)
    weight = np.exp(-0.5 * ((np.arange(count) - peak[0]) / spread) ** 2)
    cams = np.full((count, 4, 8, 16), -0.4, dtype=np.float32)
    cams[:, 0] = 2.0
    if code != "NORMAL":
        cams[:, 0] = (2.0 - 4.0 * weight)[:, None, None]
        cams[:, CLASSES.index(code)] += (height * weight)[:, None, None] * blob
    return cams


def analysed(scan: OctVolume, said: Prediction, rule: EyeRule = RULE) -> VolumeAnalysis:
    """A scan with its prediction and the finding that the real rule makes of it."""
    return VolumeAnalysis(scan, said, summarise(scan, said, rule=rule, urgency=URGENCY))


def found(
    code: str = "CNV", eye: Laterality | None = Laterality.OD, *, seed: int = 1, bscans: int = 25
) -> VolumeAnalysis:
    """One eye with a class found, off centre so that a mirrored picture is noticed."""
    at = (bscans * 2 // 5, 90)
    lesion = None if code == "NORMAL" else at
    scan = volume(eye, bscans=bscans, lesion=lesion, seed=seed, label=f"scan{seed}.dcm")
    return analysed(scan, prediction(scan, code=code, at=at))


def not_analysed(eye: Laterality | None = Laterality.OD, *, seed: int = 9) -> VolumeAnalysis:
    """A circle scan, which the model does not know."""
    scan = volume(eye, bscans=1, pattern=ScanPattern.CIRCLE, seed=seed, label="circle.vol")
    text = (
        "Not analysed: this is a circle scan around the optic disc; the model knows macular "
        "volumes."
    )
    return VolumeAnalysis(scan, not_analysed=Problem("circle.vol", "circle-scan", text))


def study_analysis(
    *volumes: VolumeAnalysis, patient: Patient = PATIENT, problems: tuple[Problem, ...] = ()
) -> StudyAnalysis:
    """A visit that holds these scans; a right eye with CNV and a normal left eye where none."""
    if not volumes:
        volumes = (
            found("CNV", Laterality.OD, seed=1),
            found("NORMAL", Laterality.OS, seed=2),
        )
    return StudyAnalysis(
        study=Study(
            uid="2.25.1",
            patient=patient,
            performed=date(2026, 11, 20),
            volumes=tuple(item.volume for item in volumes),
        ),
        volumes=volumes,
        problems=problems,
        model=MODEL,
        provider=PROVIDER,
        timing_s={"read": 0.41, "predict": 2.62, "total": 3.03},
    )


def of_size(bscans: int, depth: int, ascans: int, *, located: bool = True) -> StudyAnalysis:
    """A visit with one scan of any size; every B-scan shows evidence for CNV."""
    scan = repeated(bscans, depth, ascans, located=located)
    said = prediction(scan, code="CNV", at=(bscans // 2, ascans // 2), spread=float(bscans))
    return study_analysis(analysed(scan, said))


def every_state() -> dict[str, StudyAnalysis]:
    """One small visit for each kind of result."""
    od = Laterality.OD
    small = volume(od, bscans=9, depth=120, ascans=128)
    weak = Quality(QualityState.POOR, ("weak signal",))
    useless = Quality(QualityState.UNGRADABLE, ("weak signal", "clipped"))
    few = volume(od, bscans=3, depth=120, ascans=128)
    lost = Problem("broken.dcm", "truncated-file", "The file ends before its pixel data does.")
    noted = replace(small, notices=(Notice("geometry", "The geometry is not calibrated."),))
    low = EyeRule(thresholds={"DRUSEN": 0.3, "CNV": 0.3, "DME": 0.3})
    undecided = EyeRule(thresholds={"DRUSEN": 0.99, "CNV": 0.99, "DME": 0.99})
    cases: dict[str, tuple[VolumeAnalysis, ...]] = {
        f"found {code}": (analysed(small, prediction(small, code=code, spread=1.2)),)
        for code in CLASSES
    }
    cases |= {
        "isolated": (analysed(small, prediction(small, code="CNV", spread=0.3, height=9.0), low),),
        "poor": (analysed(small, prediction(small, code="CNV", quality=weak)),),
        "ungradable": (analysed(small, prediction(small, quality=useless)),),
        "unlike the training data": (analysed(small, prediction(small, ood=8)),),
        "some unlike": (analysed(small, prediction(small, ood=3)),),
        "limited coverage": (analysed(few, prediction(few)),),
        "undecided": (
            analysed(small, prediction(small, code="DME", height=3.0, spread=9.0), undecided),
        ),
        "evidence does not add up": (
            analysed(small, prediction(small, code="CNV", incomplete=True)),
        ),
        "notice": (analysed(noted, prediction(noted)),),
        "not analysed": (not_analysed(),),
        "eye not stated": (found("DRUSEN", None),),
        "no scale, no localizer": (_bare(),),
        "nothing read": (),
    }
    return {
        name: replace(study_analysis(*items, problems=(lost,)), volumes=items)
        if name != "nothing read"
        else StudyAnalysis(Study(uid=""), problems=(lost,))
        for name, items in cases.items()
    }


def _bare() -> VolumeAnalysis:
    """A stack of pictures: no scale, no localizer, eye from the user."""
    scan = volume(None, bscans=9, depth=120, ascans=128, located=False, scaled=False)
    scan = scan.with_laterality(Laterality.OS, Provenance.USER)
    return analysed(scan, prediction(scan, code="DME"))
