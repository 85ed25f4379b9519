"""Kermany, Duke, OCTDL, OCTID and OCT-C8 on small trees of their layouts."""

from pathlib import Path

import cv2
import pytest

from tests.training.data.datasets.trees import drawing, put, put_text, refusal, taken

V2 = "OCT2017 "


def kermany_v2(root: Path) -> Path:
    put(
        root,
        f"{V2}/train/CNV/CNV-1016042-1.jpeg",
        f"{V2}/train/NORMAL/NORMAL-1016042-2.jpeg",
        f"{V2}/test/DME/DME-30521-1.jpeg",
        f"{V2}/val/DRUSEN/DRUSEN-9800172-2.jpeg",
    )
    return root


def test_kermany_2_has_a_folder_with_a_space_and_patients_over_classes(tmp_path: Path) -> None:
    rows = taken("kermany", kermany_v2(tmp_path)).rows
    assert [(row.patient, row.label, row.part) for row in rows] == [
        ("kermany:30521", "DME", "test"),
        ("kermany:1016042", "CNV", "train"),
        ("kermany:1016042", "NORMAL", "train"),
        ("kermany:9800172", "DRUSEN", "val"),
    ]
    assert rows[0].path == "OCT2017 /test/DME/DME-30521-1.jpeg"
    assert {(row.volume, row.bscan, row.eye) for row in rows} == {("", -1, "")}


def test_kermany_3_lies_in_celldata_beside_other_pictures(tmp_path: Path) -> None:
    put(tmp_path, "CellData/OCT/train/CNV/CNV-1-1.jpeg", "CellData/OCT/test/CNV/CNV-1-2.jpeg")
    put(tmp_path, "CellData/chest_xray/train/NORMAL2/x.jpeg")
    report = taken("kermany", tmp_path)
    assert [row.part for row in report.rows] == ["test", "train"]
    assert {row.patient for row in report.rows} == {"kermany:1"}
    (note,) = report.decisions
    assert note.details == ("CellData/chest_xray/train/NORMAL2/x.jpeg",)


def test_kermany_names_that_do_not_fit_are_all_listed(tmp_path: Path) -> None:
    kermany_v2(tmp_path)
    bad = ["train/CNV/DME-5-1.jpeg", "train/CNV/CNV-5.jpeg", "train/AMD/AMD-5-1.jpeg"]
    put(tmp_path, *(f"{V2}/{name}" for name in bad))
    error = refusal("kermany", tmp_path)
    assert error.code == "unknown-labels"
    assert sorted(line.partition(":")[0] for line in error.details) == sorted(
        f"{V2}/{name}" for name in bad
    )
    exclude = [f"{V2}/{name}" for name in bad]
    assert len(taken("kermany", tmp_path, exclude=exclude).rows) == 4


def test_two_copies_of_kermany_must_be_told_apart_by_the_user(tmp_path: Path) -> None:
    kermany_v2(tmp_path)
    kermany_v2(tmp_path / "oct2017")
    error = refusal("kermany", tmp_path)
    assert error.code == "wrong-layout"
    assert error.details == ("OCT2017 ", "oct2017/OCT2017 ")
    assert len(taken("kermany", tmp_path / "oct2017").rows) == 4


def test_duke_has_a_patient_a_folder_and_other_copies_of_its_pictures(tmp_path: Path) -> None:
    base = "2014_BOE_Srinivasan/Publication_Dataset"
    put(tmp_path, *(f"{base}/AMD1/TIFFs/8bitTIFFs/{i}.tif" for i in (1, 2, 10)))
    put(tmp_path, f"{base}/NORMAL15/TIFFs/8bitTIFFs/001.tif", f"{base}/AMD1/TIFFs/more/1.tif")
    report = taken("duke", tmp_path)
    rows = {row.path: row for row in report.rows}
    assert len(rows) == 4
    row = rows[f"{base}/AMD1/TIFFs/8bitTIFFs/10.tif"]
    assert (row.patient, row.volume, row.bscan) == ("duke:AMD1", "duke:AMD1", 2)
    assert (row.label, row.volume_label) == ("AMD", "AMD")
    assert rows[f"{base}/NORMAL15/TIFFs/8bitTIFFs/001.tif"].patient == "duke:NORMAL15"
    assert [note.code for note in report.decisions] == ["other-copies", "labels-of-volumes"]
    put(tmp_path, f"{base}/stray.tif")
    assert refusal("duke", tmp_path).code == "unknown-labels"


OCTDL_HEAD = (
    "file_name,disease,subcategory,condition,patient_id,eye,sex,year,image_width,image_hight"
)


def octdl(root: Path, *more: str) -> Path:
    put(root, "OCTDL/AMD/amd_1047099_1.jpg", "OCTDL/DME/dme_1047099_2.jpg")
    done, png = cv2.imencode(".png", drawing("png inside"))
    assert done
    (root / "OCTDL/NO").mkdir()
    (root / "OCTDL/NO/no_12_1.jpg").write_bytes(png.tobytes())
    lines = [
        "amd_1047099_1,AMD,early,drusen,1047099,OD,female,1948,300,200",
        "dme_1047099_2,DME,,,1047099,OS,female,1948,300,200",
        "no_12_1,NO,,,12,,male,nan,300,200",
    ]
    put_text(root, "OCTDL_labels.csv", OCTDL_HEAD, *lines, *more)
    return root


def test_octdl_takes_patients_over_all_diseases_from_its_table(tmp_path: Path) -> None:
    rows = taken("octdl", octdl(tmp_path)).rows
    assert [(row.patient, row.eye, row.label) for row in rows] == [
        ("octdl:1047099", "OD", "AMD"),
        ("octdl:1047099", "OS", "DME"),
        ("octdl:12", "", "NO"),
    ]
    assert rows[0].device == "Optovue RTVue XR"


def test_octdl_lists_files_without_line_lines_without_file_and_missing_patients(
    tmp_path: Path,
) -> None:
    octdl(tmp_path, "amd_9_9,AMD,,,9,OD,,,1,1", "vid_3_1,VID,,,,OD,,,1,1", "rvo_4_1,XX,,,4,,,,1,1")
    put(tmp_path, "OCTDL/ERM/erm_5_1.jpg", "OCTDL/VID/vid_3_1.jpg", "OCTDL/RVO/rvo_4_1.jpg")
    error = refusal("octdl", tmp_path)
    assert error.code == "bad-data"
    assert error.details == (
        "OCTDL/AMD/amd_9_9.jpg: named in OCTDL_labels.csv line 5, but there is no such file",
        "OCTDL/ERM/erm_5_1.jpg: has no line of its own in OCTDL_labels.csv",
        "OCTDL/RVO/rvo_4_1.jpg: OCTDL_labels.csv line 7 gives the disease XX",
        "OCTDL/VID/vid_3_1.jpg: OCTDL_labels.csv line 6 names no patient",
    )
    exclude = ["OCTDL/AMD/amd_9_9.jpg", "OCTDL/ERM", "OCTDL/RVO", "OCTDL/VID"]
    assert len(taken("octdl", tmp_path, exclude=exclude).rows) == 3


def test_octdl_lines_that_contradict_each_other_stop(tmp_path: Path) -> None:
    octdl(tmp_path, "amd_1047099_1,DME,,,1047099,OD,female,1948,300,200")
    error = refusal("octdl", tmp_path)
    assert error.details == (
        "OCTDL/AMD/amd_1047099_1.jpg: OCTDL_labels.csv line 5 contradicts OCTDL_labels.csv line 2",
    )


def test_octid_and_oct_c8_have_a_patient_a_picture_and_say_so(tmp_path: Path) -> None:
    put(tmp_path / "octid", "Normal/NORMAL1.jpeg", "AMRD/AMRD1.jpeg", "Macular Hole/MH1.jpeg")
    report = taken("octid", tmp_path / "octid")
    assert [(row.label, row.patient) for row in report.rows] == [
        ("AMD", "octid:AMRD/AMRD1"),
        ("MH", "octid:Macular Hole/MH1"),
        ("NORMAL", "octid:Normal/NORMAL1"),
    ]
    assert [note.code for note in report.decisions] == ["unknown-patients"]
    base = "RetinalOCT_Dataset"
    put(tmp_path / "c8", f"{base}/train/MH/mh_train_1.jpg", f"{base}/val/DRUSEN/drusen_val_1.jpg")
    report = taken("oct-c8", tmp_path / "c8")
    assert [(row.label, row.part, row.patient) for row in report.rows] == [
        ("MH", "train", "oct-c8:train/MH/mh_train_1"),
        ("DRUSEN", "val", "oct-c8:val/DRUSEN/drusen_val_1"),
    ]
    assert [note.code for note in report.decisions] == ["unknown-patients", "mixed-sources"]


@pytest.mark.parametrize("importer", ["kermany", "duke", "octid", "oct-c8"])
def test_a_folder_of_another_layout_is_refused_with_the_layout_that_is_meant(
    tmp_path: Path, importer: str
) -> None:
    put(tmp_path, "pictures/1.png")
    error = refusal(importer, tmp_path)
    assert error.code == "wrong-layout"
    assert "{" in error.message


@pytest.mark.parametrize(
    ("importer", "good", "bad"),
    [
        ("duke", "AMD1/TIFFs/8bitTIFFs/1.tif", "AMD1/TIFFs/8bitTIFFs/2.tif"),
        ("octid", "NORMAL/NORMAL1.jpeg", "NORMAL/NORMAL2.jpeg"),
        ("oct-c8", "train/CNV/1.jpg", "test/CNV/2.jpg"),
        ("kermany", "train/CNV/CNV-1-1.jpeg", "test/CNV/CNV-2-1.jpeg"),
    ],
)
def test_a_damaged_picture_stops_every_import(
    tmp_path: Path, importer: str, good: str, bad: str
) -> None:
    put(tmp_path, good, bad)
    whole = (tmp_path / bad).read_bytes()
    (tmp_path / bad).write_bytes(whole[: len(whole) // 3])
    error = refusal(importer, tmp_path)
    assert error.code == "unreadable-files"
    assert len(error.details) == 1
    assert error.details[0].startswith(bad)
    report = taken(importer, tmp_path, exclude=[bad])
    assert [row.path for row in report.rows] == [good]
    assert report.excluded == (bad,)
