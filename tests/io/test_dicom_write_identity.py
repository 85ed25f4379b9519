"""Objects are told apart and name nobody: identifiers, names of files, hostile texts."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread

from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import Laterality, OctVolume
from kdoct_desktop.io.readers import open_volumes
from kdoct_desktop.io.writing.subject import WriteError, subject_of
from kdoct_desktop.io.writing.values import person, text
from kdoct_desktop.io.writing.volume import write_volume
from tests.io.written_scans import RULES, layers, scan, study, write, written

UIDS = ("SOPInstanceUID", "SeriesInstanceUID")


def test_converting_twice_gives_the_same_bytes_whatever_the_hour(tmp_path: Path) -> None:
    one = scan(layers=layers())
    names = write(one, tmp_path / "a")
    time.sleep(1.1)
    assert write(one, tmp_path / "b") == names
    for file in names:
        first, second = (tmp_path / folder / file.name for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, source=replace(one.source, key="other")),
        lambda one: replace(one, source=replace(one.source, sha256="f" * 64)),
        lambda one: replace(one, laterality=Laterality.OS),
    ],
)
def test_objects_that_differ_have_other_identifiers(
    tmp_path: Path, change: Callable[[OctVolume], OctVolume]
) -> None:
    one = scan(layers=layers())
    uids = [
        {data[key].value for data in written(volume, tmp_path / name).values() for key in UIDS}
        for name, volume in (("a", one), ("b", change(one)))
    ]
    assert not uids[0] & uids[1]
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids[0] | uids[1])


def test_an_anonymous_object_holds_nobody_and_no_identifier_of_the_source(tmp_path: Path) -> None:
    one = scan(layers=layers())
    one = replace(one, source=replace(one.source, key="1.2.840.99.series"))
    visit = study(one, uid="1.2.840.99.study")
    files = write(one, tmp_path, replace(RULES, anonymous=True), visit=visit)
    for file in files:
        content = (tmp_path / file.name).read_bytes()
        for secret in ("Erika", "denscheidt", "P-0042", "19480309", "840.99", "ller 17"):
            assert secret.encode() not in content
        data = dcmread(tmp_path / file.name)
        assert (data.PatientName, data.PatientID, data.PatientIdentityRemoved) == ("", "", "YES")


def test_names_of_files_tell_the_eye_and_nothing_of_the_patient(tmp_path: Path) -> None:
    names = [file.name for file in write(scan(layers=layers()), tmp_path)]
    assert {name[:3] for name in names} == {"OD-"}
    assert [name[11:] for name in names] == ["-localizer.dcm", "-tomography.dcm", "-layers.dcm"]
    assert not any(word in name for name in names for word in ("ller", "0042", "1948"))


def test_nothing_is_replaced_unless_forced_and_nothing_is_left_behind(tmp_path: Path) -> None:
    one = scan()
    first = write(one, tmp_path)
    (tmp_path / first[0].name).write_bytes(b"somebody's")
    with pytest.raises(WriteError) as refused:
        write(one, tmp_path)
    assert refused.value.code == "exists"
    assert (tmp_path / first[0].name).read_bytes() == b"somebody's"
    write_volume(subject_of(study(one), 1, RULES), tmp_path, replace=True)
    assert dcmread(tmp_path / first[0].name).Modality == "OP"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(file.name for file in first)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Doe, Jane Mary", "Doe^Jane Mary"),
        ("Doe^Jane^Mary^Dr^MD", "Doe^Jane^Mary^Dr^MD"),
        ("Doe^Jane^^^^too^many", "Doe^Jane"),
        ("山田^太郎=やまだ^たろう", "山田^太郎 やまだ^たろう"),
        (" ^ = ", ""),
        ("Only", "Only^"),
        (None, ""),
        ("A\x00B\x07C\x1b[31mD\r\nE\tF", "A B C [31mD E F^"),
        ("back\\slash", "back/slash^"),
        ("x\ud800y", "x y^"),
        ("W" * 4000, "W" * 63 + "^"),
    ],
)
def test_names_become_person_names_whatever_they_hold(name: str | None, expected: str) -> None:
    assert person(name) == expected


def test_hostile_texts_are_written_and_read(tmp_path: Path) -> None:
    patient = Patient(
        "<b>^\\..\\=" + "é" * 300, "\\" * 100 + "\n" + "7" * 90, date(1, 1, 1), "weiblich"
    )
    one = scan(device="D" * 5000 + "\x00", notices=())
    write(one, tmp_path, visit=study(one, patient=patient))
    back = open_volumes(tmp_path).studies[0]
    assert back.patient.birth_date == date(1, 1, 1)
    assert back.patient.sex is None
    assert back.patient.identifier == "/" * 64
    assert back.volumes[0].device == "D" * 64
    assert text("a  b\u202e") == "a b"
