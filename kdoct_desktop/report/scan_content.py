"""Everything that a report prints for one scan, as plain values."""

from dataclasses import dataclass

from kdoct_desktop.domain.analysis import VolumeAnalysis
from kdoct_desktop.domain.finding import Finding, Urgency
from kdoct_desktop.domain.prediction import ModelIdentity
from kdoct_desktop.domain.volume import Laterality, OctVolume, Provenance
from kdoct_desktop.report import wording
from kdoct_desktop.report.choice import evidence_code, key_bscans, nothing_stands_out


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One bar: a class, its eye-level probability and its threshold.

    Attributes:
        code: Class code.
        name: What the user is shown.
        value: Probability from 0 to 1.
        probability: The same, as printed.
        limit: Threshold from 0 to 1; None where the class has none.
        bscan_limit: The same on the scale of a B-scan's probability.
        threshold: The same, as printed; empty where the class has none.
        leading: True for the class that the finding names.
    """

    code: str
    name: str
    value: float
    probability: str
    limit: float | None
    bscan_limit: float | None
    threshold: str
    leading: bool


@dataclass(frozen=True, slots=True)
class Badge:
    """A value with where it came from."""

    label: str
    value: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class VolumeContent:
    """What is printed for one scan.

    Attributes:
        position: Index of the scan in the analysis.
        eye: Heading: OD right eye, OS left eye or Eye not stated.
        laterality: The eye; None where it is not stated.
        source: Name of the file or folder.
        scan: What was scanned.
        device: Manufacturer and model.
        acquired: When the device took it.
        sentence: The finding, or why there is none, in one sentence.
        urgency: How soon somebody should look; None where the scan was not analysed.
        urgency_word: The same as a word; "not analysed" where there is none.
        classes: One row a class, in the model's order.
        evidence_class: Index of the class whose evidence is drawn; None draws none.
        evidence_name: Its name.
        key_bscans: Indices of the B-scans that are printed: the strongest for that class,
            strongest first; the middle and the quarters where nothing stands out; the middle one
            where nothing was analysed.
        stands_out: True where `key_bscans` are the strongest ones.
        quality: Of the whole scan.
        reasons: What else to know about the finding.
        notices: What the reader of the file noticed.
        badges: Values that carry a provenance.
        rule: Eye-level rule in words; empty where not analysed.
        urgency_version: Version of the urgency map; empty where not analysed.
        preprocessing: Hash of the preprocessing; empty where not analysed.
        views: Names of the test-time views.
        bscan_texts: Class and probability of each B-scan for the shown class.
        evidence_text: How coarse the evidence is and how well it adds up.
    """

    position: int
    eye: str
    laterality: Laterality | None
    source: str
    scan: str
    device: str
    acquired: str
    sentence: str
    urgency: Urgency | None
    urgency_word: str
    classes: tuple[ClassRow, ...]
    evidence_class: int | None
    evidence_name: str
    key_bscans: tuple[int, ...]
    stands_out: bool
    quality: str
    reasons: tuple[str, ...]
    notices: tuple[str, ...]
    badges: tuple[Badge, ...]
    rule: str = ""
    urgency_version: str = ""
    preprocessing: str = ""
    views: tuple[str, ...] = ()
    bscan_texts: tuple[str, ...] = ()
    evidence_text: str = ""


def volume_content(position: int, item: VolumeAnalysis) -> VolumeContent:
    """What is printed for one scan."""
    volume, prediction, finding = item.volume, item.prediction, item.finding
    if prediction is None or finding is None:
        return _not_analysed(position, item)
    model = prediction.model
    index = model.classes.index(evidence_code(finding))
    return VolumeContent(
        position=position,
        eye=wording.eye_name(volume.laterality),
        laterality=volume.laterality,
        source=wording.plain(volume.source.label),
        scan=wording.scan_text(volume),
        device=wording.plain(volume.device),
        acquired=_acquired(volume),
        sentence=wording.finding_sentence(finding, model),
        urgency=finding.urgency,
        urgency_word=finding.urgency.value,
        classes=_classes(finding, model),
        evidence_class=index,
        evidence_name=model.display_names[index],
        key_bscans=key_bscans(prediction, finding),
        stands_out=not nothing_stands_out(prediction, finding),
        quality=wording.quality_text(finding.quality),
        reasons=_reasons(finding),
        notices=tuple(wording.plain(notice.message) for notice in volume.notices),
        badges=_badges(volume),
        rule=finding.rule,
        urgency_version=finding.urgency_version,
        preprocessing=prediction.preprocessing,
        views=prediction.views,
        bscan_texts=tuple(
            f"{model.display_names[index]} {wording.probability(bscan.probabilities[index])}"
            for bscan in prediction.bscans
        ),
        evidence_text=wording.evidence_text(volume, prediction),
    )


def _not_analysed(position: int, item: VolumeAnalysis) -> VolumeContent:
    """What is printed for a scan that is shown but was not analysed."""
    volume = item.volume
    why = item.not_analysed
    return VolumeContent(
        position=position,
        eye=wording.eye_name(volume.laterality),
        laterality=volume.laterality,
        source=wording.plain(volume.source.label),
        scan=wording.scan_text(volume),
        device=wording.plain(volume.device),
        acquired=_acquired(volume),
        sentence=wording.plain(why.message) if why else "Not analysed.",
        urgency=None,
        urgency_word="not analysed",
        classes=(),
        evidence_class=None,
        evidence_name="",
        key_bscans=(volume.bscan_count // 2,),
        stands_out=False,
        quality=wording.NOT_STATED,
        reasons=(),
        notices=tuple(wording.plain(notice.message) for notice in volume.notices),
        badges=_badges(volume),
    )


def _reasons(finding: Finding) -> tuple[str, ...]:
    """Why a human read is needed and what else to know."""
    stated = tuple(wording.plain(reason.message) for reason in finding.reasons)
    doubtful = finding.needs_human_read and finding.urgency is not Urgency.NEEDS_HUMAN_READ
    return ("Needs human read.", *stated) if doubtful else stated


def _classes(finding: Finding, model: ModelIdentity) -> tuple[ClassRow, ...]:
    """One bar a class, in the model's order."""
    rows = []
    for code, name in zip(model.classes, model.display_names, strict=True):
        value, limit = finding.probabilities[code], finding.thresholds.get(code)
        rows.append(
            ClassRow(
                code=code,
                name=name,
                value=value,
                probability=wording.probability(value),
                limit=limit,
                bscan_limit=finding.bscan_thresholds.get(code),
                threshold="" if limit is None else wording.probability(limit),
                leading=code == finding.class_code,
            )
        )
    return tuple(rows)


def _badges(volume: OctVolume) -> tuple[Badge, ...]:
    """Eye, scale and order, each with where it came from."""
    eye = volume.laterality.value if volume.laterality else wording.NOT_STATED
    scale = wording.scale_text(volume.spacing)
    return (
        Badge("Eye", eye, volume.laterality_provenance),
        Badge("Scale", scale, volume.spacing.provenance),
        Badge("B-scan order", "", volume.order_provenance),
    )


def _acquired(volume: OctVolume) -> str:
    """When the device took it; the time stands as the device wrote it."""
    return f"{volume.acquired:%Y-%m-%d %H:%M}" if volume.acquired else wording.NOT_STATED
