"""Bad input is refused by name, in a plain sentence, and costs nothing but itself."""

import os
import warnings
import zipfile
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.io.limits import free_memory
from kdoct_desktop.io.readers import OpenedInput, open_volumes
from tests.io.bad_archives import BAD_ARCHIVES, UNSAFE_NAMES
from tests.io.bad_inputs import BAD_INPUTS, good
from tests.io.dicom_files import opt, ramp, save


def is_plain(message: str) -> bool:
    """One or two short sentences without codes, paths or exclamation marks."""
    return (
        message.endswith(".")
        and 15 < len(message) < 200
        and not any(word in message for word in ("!", "Error", "Traceback", "\\", "/", "None"))
    )


def test_every_bad_file_is_named_and_the_good_file_beside_it_is_read(tmp_path: Path) -> None:
    for name, (write, _) in BAD_INPUTS.items():
        write(tmp_path / name)
    good(tmp_path / "good.dcm")
    opened = open_volumes(tmp_path)
    found = {problem.source: problem.code for problem in opened.problems}
    assert found == {name: code for name, (_, code) in BAD_INPUTS.items()}
    assert [p.message for p in opened.problems if not is_plain(p.message)] == []
    (study,) = opened.studies
    assert [volume.source.label for volume in study.volumes] == ["good.dcm"]


@pytest.mark.parametrize("name", ["empty.dcm", "truncated-half.dcm", "photo.png", "a.vol"])
def test_a_bad_file_alone_gives_no_study(tmp_path: Path, name: str) -> None:
    write, code = BAD_INPUTS[name]
    write(tmp_path / name)
    opened = open_volumes(tmp_path / name)
    assert opened.studies == ()
    assert [problem.code for problem in opened.problems] == [code]


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_bad_archives_are_refused_whole(tmp_path: Path, name: str) -> None:
    write, code = BAD_ARCHIVES[name]
    write(tmp_path / "in.zip")
    opened = open_volumes(tmp_path / "in.zip")
    assert [problem.code for problem in opened.problems] == [code]
    assert is_plain(opened.problems[0].message)
    assert opened.studies == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.zip"]


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_archive_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with zipfile.ZipFile(inside / "in.zip", "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"data")
    opened = open_volumes(inside / "in.zip")
    assert [problem.code for problem in opened.problems] == ["unsafe-archive"]
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "in.zip"]


def test_a_sound_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    good(tmp_path / "good.dcm")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(tmp_path / "good.dcm", "study/right eye/good.dcm")
        archive.writestr("__MACOSX/._good.dcm", b"x")
        archive.writestr("study/notes.doc", b"x")
    opened = open_volumes(tmp_path / "in.zip")
    assert [p.code for p in opened.problems] == ["not-recognised"]
    assert opened.studies[0].volumes[0].voxels.shape == (4, 40, 48)


def directory(folder: Path, *references: list[str]) -> OpenedInput:
    """What opening a DICOMDIR with these references gives."""
    data = Dataset()
    data.FileSetID = "TEST"
    data.DirectoryRecordSequence = []
    for reference in references:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of characters that are not allowed there
            record.ReferencedFileID = reference
        data.DirectoryRecordSequence.append(record)
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    data.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return open_volumes(folder / "DICOMDIR")


def test_a_dicomdir_leads_to_its_files_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "disc"
    (folder / "SUB").mkdir(parents=True)
    good(folder / "SUB" / "ONE")
    good(tmp_path / "OUTSIDE")
    (folder / "LINK").symlink_to(tmp_path / "OUTSIDE")
    opened = directory(
        folder,
        ["SUB", "ONE"],
        ["sub", "one"],
        ["..", "OUTSIDE"],
        ["LINK"],
        ["SUB", "MISSING"],
        [str(tmp_path / "OUTSIDE")],
        ["..\\OUTSIDE"],
        ["C:OUTSIDE"],
    )
    (study,) = opened.studies
    assert [volume.source.label for volume in study.volumes] == ["ONE"]
    codes = [problem.code for problem in opened.problems]
    assert sorted(codes) == ["missing-file", *["unsafe-path"] * 5]


def test_a_folder_with_a_dicomdir_reads_each_file_once(tmp_path: Path) -> None:
    good(tmp_path / "ONE")
    good(tmp_path / "TWO")
    directory(tmp_path, ["ONE"])
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    assert [v.source.label for v in opened.studies[0].volumes] == ["ONE", "TWO"]


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good(tmp_path / "outside.dcm")
    good(folder / "good.dcm")
    (folder / "link.dcm").symlink_to(tmp_path / "outside.dcm")
    (folder / "around").symlink_to(tmp_path)
    opened = open_volumes(folder)
    assert {p.code for p in opened.problems} == {"link-not-followed"}
    assert len(opened.studies[0].volumes) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")
    good(tmp_path / "good.dcm")
    assert len(open_volumes(tmp_path).studies[0].volumes) == 1
    with pytest.raises(IngestError) as raised:
        open_volumes(tmp_path / "pipe.dcm")  # would wait for a writer without end
    assert raised.value.code == "unreadable"


def test_markup_in_a_patient_name_stays_plain_text(tmp_path: Path) -> None:
    name = '<img src="file:///x"><b>Bold^Name'
    (study,) = open_volumes(save(opt(ramp(1), PatientName=name), tmp_path / "a.dcm")).studies
    assert study.patient.name == '<img src="file:///x"><b>Bold, Name'
    assert "Bold" not in repr(study.patient)


def test_a_damaged_bscan_is_named_and_its_volume_refused(tmp_path: Path) -> None:
    import pydicom
    from pydicom.encaps import encapsulate, generate_frames
    from pydicom.uid import JPEGLSLossless

    path = save(opt(ramp(5)), tmp_path / "a.dcm", JPEGLSLossless)
    data = pydicom.dcmread(path)
    frames = list(generate_frames(data.PixelData, number_of_frames=5))
    frames[3] = frames[3][:40] + bytes(100)
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    opened = open_volumes(path)
    assert opened.studies == ()
    (problem,) = opened.problems
    assert problem.code == "damaged-frame"
    assert problem.message.startswith("B-scan 4 of 5: ")


def test_one_damaged_file_refuses_its_series_by_name_and_nothing_else(tmp_path: Path) -> None:
    for i in range(4):
        data = opt(ramp(4)[i : i + 1], positions=[i + 1], SeriesInstanceUID="1.2.9")
        save(data, tmp_path / f"s{i}.dcm")
    broken = tmp_path / "s2.dcm"
    from pydicom.uid import RLELossless

    data = opt(ramp(4)[2:3], positions=[3], SeriesInstanceUID="1.2.9")
    save(data, broken, RLELossless)
    raw = bytearray(broken.read_bytes())
    raw[raw.index(b"\xe0\x7f\x10\x00OB") + 12 + 16 :][:4] = b"\xff\xff\xff\xff"
    at = raw.index(b"\xe0\x7f\x10\x00OB") + 12 + 8 + 4 + 8
    raw[at : at + 4] = b"\x77\x00\x00\x00"
    broken.write_bytes(raw)
    good(tmp_path / "z.dcm")
    opened = open_volumes(tmp_path)
    assert [v.source.label for v in opened.studies[0].volumes] == ["z.dcm"]
    (problem,) = opened.problems
    assert (problem.source, problem.code) == ("s2.dcm", "damaged-frame")
    assert problem.message.endswith("Its volume of 4 B-scans is not read.")


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError) as caught:
        open_volumes(tmp_path / "nothing")
    assert caught.value.code == "missing-path"
    assert str(tmp_path) not in str(caught.value)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert open_volumes(tmp_path).problems == (
        Problem(tmp_path.name, "empty-input", "There is no file in it."),
    )


def test_notes_beside_scans_are_no_problem_but_opened_alone_they_are(tmp_path: Path) -> None:
    good(tmp_path / "good.dcm")
    (tmp_path / "notes.txt").write_text("seen on Monday")
    assert open_volumes(tmp_path).problems == ()
    (problem,) = open_volumes(tmp_path / "notes.txt").problems
    assert (problem.source, problem.code) == ("notes.txt", "not-recognised")


def test_many_foreign_files_are_one_problem(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / f"{i}.dll").write_bytes(b"MZ")
    (problem,) = open_volumes(tmp_path).problems
    assert problem.code == "not-recognised"
    assert problem.message == "30 files are in no format that is read."


def test_a_volume_larger_than_the_free_memory_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good(tmp_path / "good.dcm")
    monkeypatch.setattr("kdoct_desktop.io.plan.free_memory", lambda: 1000)
    opened = open_volumes(tmp_path)
    assert [problem.code for problem in opened.problems] == ["too-much-memory"]
    assert opened.studies == ()


def test_the_free_memory_is_known_here() -> None:
    free = free_memory()
    assert free is None or 2**20 < free < 2**50
