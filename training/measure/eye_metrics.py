"""From B-scans to eyes and patients, by the desktop's own rule.

Nothing is decided here: `kdoct_desktop.domain.eye_level.summarise` says what an eye is called, with
the same states that send an eye to a person. Quality is not measured, so no eye is ungradable.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
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
from training.data.manifest import Row
from training.measure.metrics import NO_CALL, Units
from training.measure.resample import Values

AMBIGUOUS = -2
"""Truth of an eye or a patient about which the labels disagree."""


@dataclass(frozen=True, slots=True, eq=False)
class Volumes:
    """Which B-scans make up which volume.

    Attributes:
        members: int64 indices of the B-scans of each volume, in their order in the eye.
        truth: Class index of each volume, or `AMBIGUOUS`.
        patients: Patient of each volume.
        keys: Key of each volume.
    """

    members: tuple[NDArray[np.int64], ...]
    truth: NDArray[np.int64]
    patients: tuple[str, ...]
    keys: tuple[str, ...]


def volumes_of(
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    *,
    classes: Sequence[str],
    names: dict[str, str],
) -> Volumes:
    """Group B-scans into volumes; B-scans without a volume are in none.

    The truth is the data set's class of the volume; where it has none, the only disease among the
    B-scans, or NORMAL where all are; where there are several diseases, `AMBIGUOUS`.

    Args:
        rows: One a B-scan.
        labels: Class index of each.
        classes: Codes in order.
        names: Label in the data to class code, as configured; codes stand for themselves.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row.volume:
            groups[row.volume].append(at)
    members, truth, patients = [], [], []
    for indices in groups.values():
        indices.sort(key=lambda at: (rows[at].bscan, rows[at].path, rows[at].frame))
        whole = {rows[at].volume_label for at in indices}
        label = whole.pop() if len(whole) == 1 else ""
        code = names.get(label, label)
        known = classes.index(code) if code in classes else None
        members.append(np.array(indices, dtype=np.int64))
        truth.append(_united(labels[indices], classes) if known is None else known)
        patients.append(rows[indices[0]].patient)
    return Volumes(tuple(members), np.array(truth, dtype=np.int64), tuple(patients), tuple(groups))


def _united(labels: NDArray[np.int64], classes: Sequence[str]) -> int:
    """The only disease among labels, NORMAL where there is none, `AMBIGUOUS` where several."""
    normal = classes.index(NORMAL)
    diseases = sorted({int(k) for k in labels} - {normal, AMBIGUOUS})
    if len(diseases) > 1 or AMBIGUOUS in labels:
        return AMBIGUOUS
    return diseases[0] if diseases else normal


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """What is reported for eyes.

    Attributes:
        units: Eyes with a clear truth and enough B-scans to be called anything.
        keys: Volume of each unit.
        states: Kind of result by name, counted.
        left_out: Why eyes are not among the units, counted.
    """

    units: Units
    keys: tuple[str, ...]
    states: dict[str, int]
    left_out: dict[str, int]


def eyes(
    volumes: Volumes,
    probabilities: Values,
    *,
    classes: Sequence[str],
    rule: EyeRule,
    unlike: NDArray[np.bool_] | None = None,
    urgency: UrgencyMap | None = None,
) -> Eyes:
    """Call every eye by the desktop's rule.

    Args:
        volumes: Which B-scans belong together.
        probabilities: Calibrated, axes (B-scan, class).
        classes: Codes in order.
        rule: As the package will carry it.
        unlike: B-scans flagged as unlike the training data; None for a network without embedding.
        urgency: Which disease leads where several are found; None for the program's own map.
    """
    codes, urgency = tuple(classes), urgency or program_urgency()
    left_out = {"labels disagree": 0, f"fewer than {rule.min_bscans} B-scans": 0}
    chosen: list[tuple[int, Finding]] = []
    for k, members in enumerate(volumes.members):
        if volumes.truth[k] == AMBIGUOUS:
            left_out["labels disagree"] += 1
        elif len(members) < rule.min_bscans:
            left_out[f"fewer than {rule.min_bscans} B-scans"] += 1
        else:
            flags = np.zeros(len(members), dtype=bool) if unlike is None else unlike[members]
            volume, prediction = _as_read(probabilities[members], codes, flags)
            chosen.append((k, summarise(volume, prediction, rule=rule, urgency=urgency)))
    states: dict[str, int] = {}
    for _, finding in chosen:
        states[finding.state.value] = states.get(finding.state.value, 0) + 1
    units = _eye_units(volumes, chosen, codes)
    return Eyes(units, tuple(volumes.keys[k] for k, _ in chosen), states, left_out)


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
) -> tuple[OctVolume, Prediction]:
    """The volume and the prediction that the desktop would hold, without its pixels."""
    count = len(probabilities)
    bscans = tuple(
        BscanPrediction(
            index=k, logits=(), probabilities=tuple(row), completeness_error=0.0,
            ood_distance=0.0, ood=bool(flag), quality=Quality(),
        )
        for k, (row, flag) in enumerate(zip(probabilities.tolist(), unlike, strict=True))
    )  # fmt: skip
    prediction = Prediction(
        model=ModelIdentity("evaluation", "0", "", codes, codes),
        provider=ProviderReport("cpu", "cpu", 0.0, 0.0),
        preprocessing="",
        views=("identity",),
        bscans=bscans,
        cams=np.zeros((count, len(codes), 1, 1), dtype=np.float32),
        frames=np.zeros((count, 4), dtype=np.int32),
    )
    volume = OctVolume(np.zeros((count, 1, 1), dtype=np.uint8), Source("", "", "manifest"))
    return volume, prediction


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """What is reported for patients.

    Attributes:
        units: Patients with a clear truth.
        rule: The rule in words.
        left_out: Patients about whom the labels disagree.
    """

    units: Units
    rule: str
    left_out: int


def patients_from_eyes(found: Units, classes: Sequence[str]) -> Patients:
    """A patient is called what the most urgent eye is called.

    A disease in either eye leads; without one, an eye without a call leaves the patient without
    one; NORMAL is left for patients whose every eye was called so. Truth: the only disease of
    the eyes. Scores: the larger of the eyes' scores, for NORMAL the smaller.
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

    made = _by_patient(found, classes, lead, scores)
    return Patients(made[0], "most urgent of the eyes", made[1])


def patients_from_bscans(found: Units, classes: Sequence[str]) -> Patients:
    """Where no volumes are known: the class of the highest mean probability of a patient's B-scans.

    Truth: the only disease among the B-scans.
    """

    def scores(at: list[int]) -> Values:
        row: Values = found.scores[at].mean(axis=0)
        return row

    made = _by_patient(found, classes, lambda at: int(scores(at).argmax()), scores)
    return Patients(made[0], "mean of the B-scans", made[1])


def _by_patient(found: Units, classes: Sequence[str], lead: Any, scores: Any) -> tuple[Units, int]:
    """Units of patients by a rule for the call and one for the scores, and how many are unclear."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(found.patients):
        groups[name].append(at)
    truth = {name: _united(found.truth[at], classes) for name, at in groups.items()}
    clear = [name for name in groups if truth[name] != AMBIGUOUS]
    table = [scores(groups[name]) for name in clear]
    units = Units(
        np.array([truth[name] for name in clear], dtype=np.int64),
        np.array(table, dtype=np.float64).reshape(-1, len(classes)),
        np.array([lead(groups[name]) for name in clear], dtype=np.int64),
        tuple(clear),
    )
    return units, len(groups) - len(clear)


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
