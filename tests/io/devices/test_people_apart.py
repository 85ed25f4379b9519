"""Volumes of different people or visits never become one study, whatever a file calls them."""

from pathlib import Path
from typing import Any

import pytest

from kdoct_desktop.domain.study import Study
from kdoct_desktop.io.readers import OpenedInput, open_volumes
from kdoct_desktop.ui.desk_work import read
from tests.io.devices.write_e2e import Scan, patient_of, raster, write_e2e
from tests.io.devices.write_heyex_xml import Series, write_export
from tests.io.devices.write_vol import write_vol
from tests.io.dicom_files import opt, ramp, save
from tests.sample_scans import retina


def two_people(path: Path) -> Path:
    """One file with the right eye of one person and the left eye of another."""
    scans = [
        Scan(retina(3, 40, 48, seed=number), raster(3), patient=number, series=number, eye=eye)
        for number, eye in ((1, "R"), (2, "L"))
    ]
    people = [patient_of(1, "Alpha", "Anna", "11"), patient_of(2, "Beta", "Berta", "22")]
    return write_e2e(path, *scans, more=people)


def named(study: Study) -> tuple[str | None, list[str]]:
    return study.patient.identifier, [str(volume.laterality) for volume in study.volumes]


class Opens:
    """The one service that reading needs."""

    def open(self, path: Path, *, on_bscan: Any, **_: Any) -> OpenedInput:
        return open_volumes(path, on_bscan=on_bscan)


class Reports:
    """Takes what is reported."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def __call__(self, done: int, total: int, step: str) -> None: ...

    def deliver(self, item: Any) -> None:
        self.keys.add(item.key)


def test_two_people_of_one_file_are_two_studies_with_their_own_identifiers(
    tmp_path: Path,
) -> None:
    studies = open_volumes(two_people(tmp_path / "a.e2e")).studies

    assert sorted(named(study) for study in studies) == [("11", ["OD"]), ("22", ["OS"])]
    assert len({study.uid for study in studies}) == 2


def test_the_window_keeps_two_people_of_one_file_apart(tmp_path: Path) -> None:
    path = two_people(tmp_path / "a.e2e")
    made: Any = read(Opens(), [path], Reports())  # type: ignore[arg-type]
    studies, problems = made

    assert problems == []
    assert sorted(named(study) for study in studies) == [("11", ["OD"]), ("22", ["OS"])]


def test_a_study_has_the_same_identifier_alone_and_in_a_folder(tmp_path: Path) -> None:
    anonymous: dict[int, tuple[str, object]] = {140: ("21s", b"ANON"), 164: ("d", 0.0)}
    for name, eye in (("a.vol", b"OD"), ("b.vol", b"OS")):
        write_vol(tmp_path / name, header={**anonymous, 84: ("4s", eye)})
    (alone,) = open_volumes(tmp_path / "b.vol").studies

    assert alone.uid in {study.uid for study in open_volumes(tmp_path).studies}


@pytest.mark.parametrize("word", [b"ANON", b"0000", b"Unknown", b"xxx"])
def test_a_placeholder_is_nobody_even_with_a_birth_date(word: bytes, tmp_path: Path) -> None:
    born = {140: ("21s", word), 164: ("d", 17_000.0)}
    for name, eye in (("a.vol", b"OD"), ("b.vol", b"OS")):
        write_vol(tmp_path / name, header={**born, 84: ("4s", eye)})

    assert len(open_volumes(tmp_path).studies) == 2


def test_the_visits_of_one_person_in_one_export_stay_apart(tmp_path: Path) -> None:
    people = [Scan(retina(3, 40, 48), raster(3), study=number, series=number) for number in (1, 2)]
    path = write_e2e(tmp_path / "a.e2e", *people, more=[patient_of(1, "Alpha", "Anna", "11")])

    assert len(open_volumes(path).studies) == 2


def test_both_eyes_of_one_export_are_one_study(tmp_path: Path) -> None:
    write_export(tmp_path / "a.xml", Series(eye="R"), Series(eye="L", prefix="L"))
    (study,) = open_volumes(tmp_path / "a.xml").studies

    assert [str(volume.laterality) for volume in study.volumes] == ["OD", "OS"]


def test_two_inputs_of_one_study_that_name_different_people_are_not_merged(tmp_path: Path) -> None:
    paths = []
    for number, eye in (("1", "R"), ("2", "L")):
        data = opt(ramp(3), eye=eye, StudyInstanceUID="1.2.77", PatientID=number)
        paths.append(save(data, tmp_path / f"{number}.dcm"))
    made: Any = read(Opens(), paths, Reports())  # type: ignore[arg-type]
    studies, problems = made

    assert [named(study) for study in studies] == [("1", ["OD"])]
    assert [(one.source, one.code) for one in problems] == [("2.dcm", "patient-conflict")]


def test_scans_of_two_inputs_are_told_apart_while_they_are_read(tmp_path: Path) -> None:
    paths = [two_people(tmp_path / name) for name in ("a.e2e", "b.e2e")]
    reports = Reports()
    made: Any = read(Opens(), paths, reports)  # type: ignore[arg-type]
    keys = [volume.source.key for study in made[0] for volume in study.volumes]

    assert len(reports.keys) == 4
    assert set(keys) <= reports.keys
    assert len(set(keys)) == len(keys)
