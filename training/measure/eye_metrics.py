"""From B-scans to eyes and patients, by the desktop's own rule.

Nothing is decided here: `kdoct_desktop.domain.eye_level.summarise` says what an eye is called, with
the same states that send an eye to a person. What the evaluation cannot know never shows: `BLIND`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kdoct_desktop
from kdoct_desktop.domain.eye_level import summarise
from kdoct_desktop.domain.finding import NORMAL, EyeRule, Finding, Urgency, UrgencyMap
from kdoct_desktop.domain.prediction import (
    BscanPrediction,
    ModelIdentity,
    Prediction,
    ProviderReport,
)
from kdoct_desktop.domain.quality import Quality
from kdoct_desktop.domain.volume import OctVolume, Source
from training.measure.metrics import NO_CALL, Units
from training.measure.resample import Values
from training.measure.volumes import AMBIGUOUS, Volumes, united

BLIND = (
    "Quality, extent and scan pattern are not known here, so no eye is ungradable or of limited "
    "coverage, as some are in use."
)


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """What is reported for eyes.

    Attributes:
        units: Eyes with a clear truth and enough B-scans to be called anything.
        keys: Volume of each unit.
        states: Kind of result by name, counted.
        left_out: Why eyes are not among the units, counted.
        unclear: Patients of an eye whose class is unclear.
    """

    units: Units
    keys: tuple[str, ...]
    states: dict[str, int]
    left_out: dict[str, int]
    unclear: frozenset[str]


def eyes(
    volumes: Volumes,
    probabilities: Values,
    *,
    classes: Sequence[str],
    rule: EyeRule,
    unlike: NDArray[np.bool_] | None = None,
) -> Eyes:
    """Call every eye by the desktop's rule.

    Args:
        volumes: Which B-scans belong together.
        probabilities: Calibrated, axes (B-scan, class).
        classes: Codes in order.
        rule: As the package will carry it.
        unlike: B-scans flagged as unlike the training data; None for a network without embedding.
    """
    codes, urgency, why = tuple(classes), program_urgency(), volumes.why_not(rule.min_bscans)
    chosen: list[tuple[int, Finding]] = []
    for k, members in enumerate(volumes.members):
        if not why[k]:
            flags = np.zeros(len(members), dtype=bool) if unlike is None else unlike[members]
            volume = _scan(len(members), volumes.numbers[k])
            prediction = _as_read(probabilities[members], codes, flags)
            chosen.append((k, summarise(volume, prediction, rule=rule, urgency=urgency)))
    return Eyes(
        _eye_units(volumes, chosen, codes),
        tuple(volumes.keys[k] for k, _ in chosen),
        dict(Counter(finding.state.value for _, finding in chosen)),
        dict(Counter(reason for reason in why if reason)),
        frozenset(volumes.patients[k] for k in np.flatnonzero(volumes.truth == AMBIGUOUS)),
    )


def _eye_units(
    volumes: Volumes, chosen: Sequence[tuple[int, Finding]], codes: tuple[str, ...]
) -> Units:
    """Units of the volumes that were called, each given by its index and its finding."""
    called = [NO_CALL if f.class_code is None else codes.index(f.class_code) for _, f in chosen]
    scores = [[f.probabilities[code] for code in codes] for _, f in chosen]
    return Units(
        volumes.truth[[k for k, _ in chosen]],
        np.array(scores, dtype=np.float64).reshape(-1, len(codes)),
        np.array(called, dtype=np.int64),
        tuple(volumes.patients[k] for k, _ in chosen),
    )


def _as_read(
    probabilities: Values, codes: tuple[str, ...], unlike: NDArray[np.bool_]
) -> Prediction:
    """The prediction that the desktop would hold, without its maps."""
    bscans = tuple(
        BscanPrediction(
            index=k, logits=(), probabilities=tuple(row), completeness_error=0.0,
            ood_distance=0.0, ood=bool(flag), quality=Quality(),
        )
        for k, (row, flag) in enumerate(zip(probabilities.tolist(), unlike, strict=True))
    )  # fmt: skip
    return Prediction(
        model=ModelIdentity("evaluation", "0", "", codes, codes),
        provider=ProviderReport("cpu", "cpu", 0.0, 0.0),
        preprocessing="",
        views=("identity",),
        bscans=bscans,
        cams=np.zeros((len(bscans), len(codes), 1, 1), dtype=np.float32),
        frames=np.zeros((len(bscans), 4), dtype=np.int32),
    )


def _scan(count: int, numbers: tuple[int, ...]) -> OctVolume:
    """The volume that the desktop would hold, without its pixels."""
    pixels = np.zeros((count, 1, 1), dtype=np.uint8)
    return OctVolume(pixels, Source("", "", "manifest"), numbers=numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """What is reported for patients.

    Attributes:
        units: Patients with a clear truth.
        rule: The rule in words.
        left_out: Patients whose class is unclear.
    """

    units: Units
    rule: str
    left_out: int


def patients_from_eyes(
    found: Units, classes: Sequence[str], unclear: Collection[str] = ()
) -> Patients:
    """A patient is called what the most urgent eye is called.

    A disease in either eye leads; without one, an eye without a call leaves the patient without
    one; NORMAL is left for patients whose every eye was called so. Truth: the only disease of
    the eyes; patients with an `unclear` eye are left out. Scores: the larger of the eyes' scores,
    for NORMAL the smaller.
    """
    urgency, normal = program_urgency(), classes.index(NORMAL)
    order = list(Urgency)

    def lead(at: list[int]) -> int:
        calls = {int(found.called[k]) for k in at}
        diseases = sorted(
            calls - {normal, NO_CALL},
            key=lambda k: (order.index(urgency.urgency(classes[k])), -found.scores[at, k].max()),
        )
        return diseases[0] if diseases else (NO_CALL if NO_CALL in calls else normal)

    def scores(at: list[int]) -> Values:
        row: Values = found.scores[at].max(axis=0)
        row[normal] = found.scores[at, normal].min()
        return row

    made = _by_patient(found, classes, lead, scores, unclear)
    return Patients(made[0], "most urgent of the eyes", made[1])


def patients_from_bscans(
    found: Units, classes: Sequence[str], unclear: Collection[str] = ()
) -> Patients:
    """Where no volumes are known: the class of the highest mean probability of a patient's B-scans.

    Truth: the only disease among the B-scans; patients with an `unclear` eye are left out.
    """

    def scores(at: list[int]) -> Values:
        row: Values = found.scores[at].mean(axis=0)
        return row

    made = _by_patient(found, classes, lambda at: int(scores(at).argmax()), scores, unclear)
    return Patients(made[0], "mean of the B-scans", made[1])


def _by_patient(
    found: Units, classes: Sequence[str], lead: Any, scores: Any, unclear: Collection[str]
) -> tuple[Units, int]:
    """Units of patients by a rule for the call and one for the scores, and how many are unclear."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(found.patients):
        groups[name].append(at)
    truth = {name: united(found.truth[at], classes) for name, at in groups.items()}
    clear = [name for name in groups if truth[name] != AMBIGUOUS and name not in unclear]
    table = [scores(groups[name]) for name in clear]
    units = Units(
        np.array([truth[name] for name in clear], dtype=np.int64),
        np.array(table, dtype=np.float64).reshape(-1, len(classes)),
        np.array([lead(groups[name]) for name in clear], dtype=np.int64),
        tuple(clear),
    )
    return units, len({*groups, *unclear}) - len(clear)


def program_urgency() -> UrgencyMap:
    """The map from class to urgency that the program comes with."""
    values = json.loads(resource("urgency.json").read_text("utf-8"))
    table = {code: Urgency(name) for code, name in values["urgency"].items()}
    return UrgencyMap(str(values["version"]), table)


def resource(name: str) -> Path:
    """A file that comes with the program, from the checkout or as installed."""
    package = Path(kdoct_desktop.__file__).resolve().parent
    installed = package / "resources"
    return (installed if installed.is_dir() else package.parent / "resources") / name
