"""DICOM folders of a clinic with a table of labels.

Volumes, eyes and devices are what the desktop's own reader makes of the headers. The table has the
column ``label`` and names what it labels in one of these: ``file`` (a file or folder, relative to
the data folder), ``volume`` (series UID) or ``patient`` (Patient ID). More columns: ``bscan``
(position in the volume from 0), ``eye``, ``volume_label``, and ``patient`` beside ``file`` or
``volume``, which then says whose the scan is, and with it every scan of the same Patient ID.

A B-scan's own line rules; B-scans without one carry the label of a line that means the whole
volume, and how many do is noted. ``volume_label`` says something of the volume only. Where neither
labels a B-scan of a labelled volume, ``unlabelled=yes`` must allow it.

No name, date, UID or Patient ID gets out: patients and volumes are hashes, and findings name files
and lines. File names stand in the manifest as they are.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kdoct_desktop.domain.volume import ScanPattern
from kdoct_desktop.io import dicom
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile, VolumePlan, unique_keys
from kdoct_desktop.io.session import Reporter, Session
from training.data.datasets.dicom_labels import Marks, Scan, label_scans
from training.data.datasets.layout import note_weak_labels
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.datasets.table import given_table, pseudonym, read_table, site_secret
from training.errors import TrainingError

OPTIONS = {
    "table": "the CSV file of labels, relative to the data folder",
    "dataset": "name of the data set: site",
    "salt": "file in the data folder with a secret that makes the hashes hard to guess",
    "unlabelled": "yes: volumes and B-scans without a line in the table are unlabelled",
}
_LAYOUT = "a folder of DICOM files with a table of labels"
_NO_MACULA = (
    ScanPattern.CIRCLE,
    ScanPattern.ONH,
    ScanPattern.ANTERIOR,
    ScanPattern.ANGIOGRAPHY,
)


def read(survey: Survey) -> list[Candidate]:
    """Candidates of all volumes; see the module."""
    table = read_table(survey.root, given_table(survey, "table"))
    plans = _plans(survey)
    if not plans:
        raise TrainingError("no-pictures", f"No OCT volume was found; {_LAYOUT} is needed.")
    scans = _scans(survey, plans)
    marks = label_scans(survey, table, scans)
    salt = site_secret(survey)
    candidates: list[Candidate] = []
    elsewhere: list[str] = []
    for scan, mark in zip(scans, marks, strict=True):
        if scan.plan.scan_pattern in _NO_MACULA and not mark.labelled:
            elsewhere.append(f"{scan.name}: {scan.plan.scan_pattern}")
            continue
        if _fits(survey, scan, mark):
            candidates += _rows(survey, scan, mark, salt=salt)
    if elsewhere:
        text = f"{len(elsewhere)} scans without a label are no scans of the macula; left out."
        survey.note("no-macula-scans", text, elsewhere)
    _note_labels(survey, zip(scans, marks, strict=True))
    return candidates


def _plans(survey: Survey) -> list[VolumePlan]:
    """All volumes of the folder, in the order of their files; refused files are findings."""
    paths = [path for path in survey.files(suffixes=()) if _is_dicom(survey, path)]
    inputs = [
        InputFile(survey.root / path, path, str(PurePosixPath(path).parent)) for path in paths
    ]
    limits = Limits()
    reporter = Reporter(survey.events.progress)
    with Contained(limits, reporter.tick) as contained:
        session = Session(contained, limits, reporter)
        plans, problems = dicom.read(session, inputs, whole_folder=True)
    others = [one.source for one in problems if one.code == "not-an-oct-volume"]
    for one in problems:
        if one.code != "not-an-oct-volume":
            survey.unreadable(one.source, one.message)
    if others:
        survey.note("other-objects", f"{len(others)} DICOM files are no OCT volumes.", others)
    return unique_keys(plans)


def _is_dicom(survey: Survey, path: str) -> bool:
    try:
        with (survey.root / path).open("rb") as stream:
            if stream.read(132)[128:] == b"DICM":
                return True
    except OSError:
        survey.unreadable(path, "the file cannot be opened")
        return False
    if PurePosixPath(path).suffix.lower() in (".dcm", ".dicom"):
        survey.unreadable(path, "is named as DICOM but is none")
    return False


@dataclass(slots=True)
class _Frames:
    """Counts the B-scans of each file, in the order in which `read_picture` numbers them."""

    next: Counter[str] = field(default_factory=Counter)

    def number(self, path: str) -> int:
        """The number of the next B-scan of a file."""
        self.next[path] += 1
        return self.next[path] - 1


def _scans(survey: Survey, plans: list[VolumePlan]) -> list[Scan]:
    count = _Frames()
    scans = []
    for plan in plans:
        paths = [ref.file.path.relative_to(survey.root).as_posix() for ref in plan.frames]
        scans.append(Scan(plan, tuple((path, count.number(path)) for path in paths)))
    return scans


def _fits(survey: Survey, scan: Scan, mark: Marks) -> bool:
    """Whether patient, label and eye are beyond doubt; a finding where they are not."""
    eye = scan.plan.laterality
    kept = _kept(survey, scan)
    bare = [bscan for bscan in kept if not mark.of(bscan)]
    if mark.doubt:
        survey.unknown(scan.name, mark.doubt)
    elif eye is not None and mark.eye and eye.value != mark.eye:
        survey.unknown(scan.name, f"is {eye.value} in the file and {mark.eye} in the table")
    elif not mark.labelled and not survey.flag("unlabelled"):
        survey.unknown(scan.name, "has no line in the table of labels")
    elif bare and not survey.flag("unlabelled"):
        text = f"{len(bare)} of {len(kept)} B-scans have no line in the table of labels"
        survey.unknown(scan.name, text)
    elif not mark.patient:
        survey.no_patient(scan.name, "neither the file nor the table has a Patient ID")
    else:
        return True
    return False


def _kept(survey: Survey, scan: Scan) -> list[int]:
    """Positions of the B-scans that are not left out by name."""
    return [i for i, (path, frame) in enumerate(scan.frames) if not survey.excluded(path, frame)]


def _note_labels(survey: Survey, marked: Iterable[tuple[Scan, Marks]]) -> None:
    """Record how many B-scans of labelled volumes have no line of their own."""
    weak = bare = 0
    for scan, mark in marked:
        without = [bscan for bscan in _kept(survey, scan) if bscan not in mark.bscans]
        if mark.label and len(scan.frames) > 1:
            weak += len(without)
        elif mark.labelled and not mark.label:
            bare += len(without)
    if weak:
        note_weak_labels(survey, weak)
    if bare:
        text = f"{bare} B-scans of labelled volumes have no line in the table: unlabelled."
        survey.note("unlabelled-bscans", text)


def _rows(survey: Survey, scan: Scan, mark: Marks, *, salt: str) -> list[Candidate]:
    """All B-scans of a volume."""
    dataset = survey.options.get("dataset", "site")
    patient = f"{dataset}:{pseudonym(mark.patient, salt)}"
    volume = hashlib.sha256(scan.plan.source.key.encode()).hexdigest()[:12]
    eye = scan.plan.laterality
    return [
        Candidate(
            path=path,
            frame=frame,
            dataset=dataset,
            patient=patient,
            eye=eye.value if eye is not None else mark.eye,
            volume=f"{patient}/{volume}",
            bscan=bscan,
            label=mark.of(bscan),
            volume_label=mark.volume,
            device=scan.plan.device or "",
        )
        for bscan, (path, frame) in enumerate(scan.frames)
    ]


IMPORTER = Importer("DICOM with a table of labels", _LAYOUT, read, OPTIONS)
