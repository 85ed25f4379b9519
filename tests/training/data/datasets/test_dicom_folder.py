"""DICOM folders with a table of labels: eyes and people come from the files, no name gets out.

Reading starts a process for each file, so few files serve many promises.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.io.dicom_files import opt, ramp, save
from tests.training.data.datasets.trees import put_text, refusal, taken
from training.data.datasets.table import pseudonym
from training.data.import_data import ImportReport
from training.data.manifest import write_manifest
from training.data.read_picture import read_picture

SERIES = "1.2.826.0.1.3680043.8.498.77"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two volumes of one person, one of another as single files, one without identifier."""
    root = tmp_path_factory.mktemp("clinic")
    for name in ("one", "two", "single"):
        (root / name).mkdir()
    backwards = opt(ramp(3), eye="R", positions=[3, 2, 1], PatientID="MRN-4711")
    save(backwards, root / "one/right.dcm")
    save(opt(ramp(2, step=5), eye="L", PatientID="MRN-4711"), root / "one/left.dcm")
    for number, bscan in enumerate(ramp(2, step=7), start=1):
        data = opt(
            bscan[None],
            eye=None,
            positions=[None],
            PatientID="MRN-12",
            PatientName="Doe^Jane",
            PatientBirthDate="19500101",
            SeriesInstanceUID=SERIES,
            InstanceNumber=number,
        )
        save(data, root / f"single/{number}.dcm")
    save(opt(ramp(1, step=2), eye="R", PatientID=None), root / "two/nobody.dcm")
    return root


def labels(root: Path, *lines: str) -> Path:
    put_text(root, "labels.csv", *lines)
    return root


BY_FILE = (
    "file,label,bscan,patient,eye",
    "one/right.dcm,CNV,,,",
    "one/left.dcm,NORMAL,0,,",
    "single,DME,,,OS",
    "two/nobody.dcm,DRUSEN,,MRN-9,",
)


@pytest.fixture(scope="module")
def report(clinic: Path) -> ImportReport:
    """What is imported by the table of files."""
    options = {"dataset": "clinic", "unlabelled": "yes"}
    return taken("dicom", labels(clinic, *BY_FILE), options=options)


def test_volumes_eyes_and_people_come_from_the_files_and_labels_from_the_table(
    report: ImportReport,
) -> None:
    rows = report.rows
    assert [(row.path, row.frame, row.bscan, row.label, row.eye) for row in rows] == [
        ("one/left.dcm", 0, 0, "NORMAL", "OS"),
        ("one/left.dcm", 1, 1, "", "OS"),  # labelled by B-scan: the others are unlabelled
        ("one/right.dcm", 0, 0, "CNV", "OD"),
        ("one/right.dcm", 1, 1, "CNV", "OD"),
        ("one/right.dcm", 2, 2, "CNV", "OD"),
        ("single/1.dcm", 0, 0, "DME", "OS"),  # the table knows the eye that the file does not
        ("single/2.dcm", 0, 1, "DME", "OS"),
        ("two/nobody.dcm", 0, 0, "DRUSEN", "OD"),
    ]
    keys = {row.path: row.patient for row in rows}
    assert keys["one/left.dcm"] == keys["one/right.dcm"] == f"clinic:{pseudonym('MRN-4711', '')}"
    assert keys["two/nobody.dcm"] == f"clinic:{pseudonym('MRN-9', '')}"
    volumes = {row.path: row.volume for row in rows}
    assert volumes["single/1.dcm"] == volumes["single/2.dcm"]
    assert len(set(volumes.values())) == 4
    assert [row.volume_label for row in rows] == [
        "",
        "",
        "CNV",
        "CNV",
        "CNV",
        "DME",
        "DME",
        "DRUSEN",
    ]
    assert {row.device for row in rows} == {"Maker"}
    weak, bare = report.decisions
    assert (weak.code, bare.code) == ("labels-of-volumes", "unlabelled-bscans")
    assert weak.message.startswith("5 B-scans ")
    assert bare.message.startswith("1 B-scans ")


def test_frames_are_numbered_as_they_are_read(clinic: Path, report: ImportReport) -> None:
    backwards = [row for row in report.rows if row.path == "one/right.dcm"]
    for row, stored in zip(backwards, ramp(3)[::-1], strict=True):
        assert np.array_equal(read_picture(clinic, row.path, row.frame), stored)


def test_no_name_date_or_identifier_gets_out(
    clinic: Path, report: ImportReport, tmp_path: Path
) -> None:
    write_manifest(tmp_path / "manifest.csv", report.rows)
    text = (tmp_path / "manifest.csv").read_text() + str(report.facts())
    for secret in ("MRN", "4711", "Doe", "Jane", "1950", SERIES, "Phantom", str(clinic)):
        assert secret not in text


def test_a_table_may_name_series_or_people_and_a_secret_changes_all_keys(clinic: Path) -> None:
    put_text(clinic, "secret.txt", "a long secret of the clinic")
    labels(clinic, "Patient,Label,Eye", "MRN-4711,CNV,OD", "MRN-4711,NORMAL,OS", "MRN-12,DME,")
    options = {"salt": "secret.txt"}
    rows = taken("dicom", clinic, exclude=["two", "single/1.dcm"], options=options).rows
    said = {(row.path, row.label) for row in rows}
    assert ("one/right.dcm", "CNV") in said
    assert ("one/left.dcm", "NORMAL") in said
    assert rows[0].patient == f"site:{pseudonym('MRN-4711', 'a long secret of the clinic')}"
    labels(clinic, "volume,label,bscan", f"{SERIES},DME,1")
    rows = taken("dicom", clinic, exclude=["two", "one", "single/1.dcm #0"]).rows
    assert [(row.path, row.label) for row in rows] == [("single/2.dcm", "DME")]


def test_everything_that_does_not_fit_is_listed_by_line_and_file(clinic: Path) -> None:
    labels(
        clinic,
        "file,label,bscan,eye",
        "one/right.dcm,CNV,,OS",
        "one/left.dcm,CNV,7,",
        "one,DME,0,",
        "three/none.dcm,CNV,,",
        "two/nobody.dcm,CNV,,",
        "two/nobody.dcm,,,",
        "one/left.dcm,CNV,,middle",
    )
    error = refusal("dicom", clinic)
    assert error.code == "bad-data"
    assert error.details == (
        "labels.csv line 5: means no scan: there is no such file among the files",
        "labels.csv line 3: numbers a B-scan that is not in the volume",
        "labels.csv line 4: numbers a B-scan, but means several volumes",
        "labels.csv line 7: has no label",
        "labels.csv line 8: has an eye that is neither OD nor OS",
        "one/left.dcm: has no line in the table of labels",
        "one/right.dcm: is OD in the file and OS in the table",
        "single/1.dcm: has no line in the table of labels",
        "two/nobody.dcm: neither the file nor the table has a Patient ID",
    )
    labels(clinic, "file,label", "one,CNV", "one/left.dcm,DME")
    error = refusal("dicom", clinic, exclude=["two", "single"])
    assert error.details == (
        "one/left.dcm: labels.csv line 3 contradicts another line about its volume",
    )


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three volumes of one person, one of somebody else."""
    root = tmp_path_factory.mktemp("person")
    for step, name in enumerate(("a", "b", "c"), start=1):
        data = opt(ramp(2, step=step), eye="R" if name == "a" else "L", PatientID="MRN-4711")
        save(data, root / f"{name}.dcm")
    save(opt(ramp(2, step=9), eye="L", PatientID="MRN-12"), root / "d.dcm")
    return root


def test_a_person_is_one_patient_whether_the_table_or_the_file_says_so(person: Path) -> None:
    labels(person, "file,label,patient", "b.dcm,CNV,study-001", "a.dcm,CNV,", "d.dcm,DME,study-001")
    rows = taken("dicom", person, options={"unlabelled": "yes"}).rows
    assert len(rows) == 8
    assert {row.patient for row in rows} == {f"site:{pseudonym('study-001', '')}"}


def test_two_patients_of_the_table_for_one_person_stop_the_import(person: Path) -> None:
    lines = ("a.dcm,CNV,study-001", "b.dcm,CNV,study-002", "d.dcm,DME,study-003")
    labels(person, "file,label,patient", *lines)
    error = refusal("dicom", person, options={"unlabelled": "yes"})
    doubt = "has a Patient ID for which the table names several patients"
    assert error.code == "unknown-labels"
    assert error.details == tuple(f"{name}.dcm: {doubt}" for name in "abc")


def test_the_line_of_a_bscan_rules_and_the_others_carry_the_label_of_the_volume(
    person: Path,
) -> None:
    lines = ("a.dcm,CNV,,", "a.dcm,NORMAL,1,", "b.dcm,NORMAL,0,CNV", "b.dcm,CNV,1,CNV")
    labels(person, "file,label,bscan,volume_label", *lines, "c.dcm,DME,,late", "d.dcm,DME,,")
    report = taken("dicom", person)
    assert [(row.path, row.label, row.volume_label) for row in report.rows] == [
        ("a.dcm", "CNV", "CNV"),
        ("a.dcm", "NORMAL", "CNV"),
        ("b.dcm", "NORMAL", "CNV"),
        ("b.dcm", "CNV", "CNV"),
        ("c.dcm", "DME", "late"),
        ("c.dcm", "DME", "late"),
        ("d.dcm", "DME", "DME"),
        ("d.dcm", "DME", "DME"),
    ]
    (note,) = report.decisions
    assert (note.code, note.message.partition(" B-")[0]) == ("labels-of-volumes", "5")


def test_bscans_that_a_labelled_volume_leaves_bare_must_be_allowed(person: Path) -> None:
    lines = ("a.dcm,CNV,,", "b.dcm,CNV,,", "c.dcm,CNV,,", "d.dcm,NORMAL,0,CNV")
    labels(person, "file,label,bscan,volume_label", *lines)
    text = "d.dcm: 1 of 2 B-scans have no line in the table of labels"
    assert refusal("dicom", person).details == (text,)
    assert len(taken("dicom", person, exclude=["d.dcm #1"]).rows) == 7
    last = taken("dicom", person, options={"unlabelled": "yes"}).rows[-1]
    assert (last.label, last.volume_label) == ("", "CNV")  # the class of a volume labels no B-scan


def test_no_cell_of_the_table_gets_into_a_message(person: Path) -> None:
    labels(person, "file,label,bscan,eye", "a.dcm,CNV,Doe Jane 1950,", "b.dcm,CNV,,Doe Jane")
    error = refusal("dicom", person, options={"unlabelled": "yes"})
    assert error.details == (
        "labels.csv line 2: numbers a B-scan that is not in the volume",
        "labels.csv line 3: has an eye that is neither OD nor OS",
    )


def test_damaged_files_are_listed_and_other_objects_noted(tmp_path: Path) -> None:
    save(opt(ramp(1), eye="R"), tmp_path / "good.dcm")
    whole = save(opt(ramp(1, step=4), eye="R"), tmp_path / "broken.dcm")
    whole.write_bytes(whole.read_bytes()[:-500])
    (tmp_path / "fake.dcm").write_bytes(b"no DICOM")
    put_text(tmp_path, "notes.txt", "not read")
    labels(tmp_path, "file,label", "good.dcm,CNV", "broken.dcm,CNV")
    error = refusal("dicom", tmp_path)
    named = {line.partition(" ")[0].rstrip(":") for line in error.details}
    assert error.code in ("unreadable-files", "bad-data")
    assert {"broken.dcm", "fake.dcm"} <= named
    report = taken("dicom", tmp_path, exclude=["broken.dcm", "fake.dcm"])
    assert [row.path for row in report.rows] == ["good.dcm"]


def test_a_scan_around_the_nerve_is_left_out_unless_the_table_labels_it(tmp_path: Path) -> None:
    around = [[32.0 + 20 * np.sin(a), 32.0 + 20 * np.cos(a)] for a in np.linspace(0, 2 * np.pi, 32)]
    line = [float(value) for point in around for value in point]
    save(opt(ramp(1), eye="R", lines=[line]), tmp_path / "circle.dcm")
    save(opt(ramp(1, step=4), eye="R"), tmp_path / "line.dcm")
    labels(tmp_path, "file,label", "line.dcm,CNV")
    report = taken("dicom", tmp_path)
    assert [row.path for row in report.rows] == ["line.dcm"]
    assert [note.code for note in report.decisions] == ["no-macula-scans"]
    assert report.decisions[0].details == ("circle.dcm: circle",)


def test_a_folder_without_scans_or_a_table_without_columns_is_refused(tmp_path: Path) -> None:
    assert refusal("dicom", tmp_path).code == "wrong-layout"
    labels(tmp_path, "file,label", "a.dcm,CNV")
    assert refusal("dicom", tmp_path).code == "no-pictures"
    save(opt(ramp(1), eye="R"), tmp_path / "a.dcm")
    labels(tmp_path, "name,label", "a.dcm,CNV")
    assert refusal("dicom", tmp_path).code == "missing-column"
