"""A site's own folders and tables."""

from pathlib import Path

import pytest
from PIL import Image

from tests.training.data.datasets.trees import drawing, put, put_text, refusal, taken

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "bscans"


def test_folders_below_the_patient_tell_eye_and_volume(tmp_path: Path) -> None:
    put(tmp_path, "CNV/p1/OS/v1/10.png", "CNV/p1/OS/v1/9.png", "CNV/p1/OD/1.png", "NORMAL/p1/1.png")
    rows = taken("folder", tmp_path, options={"dataset": "eyes", "device": "Maker"}).rows
    said = [(row.path, row.eye, row.volume, row.bscan) for row in rows]
    assert said == [
        ("CNV/p1/OD/1.png", "OD", "eyes:p1/OD", 0),
        ("CNV/p1/OS/v1/10.png", "OS", "eyes:p1/OS/v1", 1),
        ("CNV/p1/OS/v1/9.png", "OS", "eyes:p1/OS/v1", 0),
        ("NORMAL/p1/1.png", "", "", -1),
    ]
    assert {row.patient for row in rows} == {"eyes:p1"}  # one person under two classes
    assert {row.device for row in rows} == {"Maker"}


def test_another_order_of_folders_is_an_option(tmp_path: Path) -> None:
    put(tmp_path, "train/x/p1/right/CNV/a.png", "test/y/p2/left/NORMAL/b.png")
    rows = taken("folder", tmp_path, options={"layout": "part/any/patient/eye/class"}).rows
    assert [(row.part, row.patient, row.eye, row.label) for row in rows] == [
        ("test", "site:p2", "OS", "NORMAL"),
        ("train", "site:p1", "OD", "CNV"),
    ]
    put(tmp_path, "later/x/p1/right/CNV/a.png", "train/x/p1/middle/CNV/c.png")
    error = refusal("folder", tmp_path, options={"layout": "part/any/patient/eye/class"})
    assert error.code == "unknown-labels"
    assert len(error.details) == 2


def test_a_volume_sorted_into_classes_keeps_the_order_of_its_bscans(tmp_path: Path) -> None:
    put(tmp_path, *(f"CNV/p1/OD/{i}.png" for i in (2, 4)))
    put(tmp_path, *(f"NORMAL/p1/OD/{i}.png" for i in (1, 3, 10)))
    report = taken("folder", tmp_path)
    assert {row.volume for row in report.rows} == {"site:p1/OD"}
    said = {row.path.partition("/p1/OD/")[2]: row.bscan for row in report.rows}
    assert said == {"1.png": 0, "2.png": 1, "3.png": 2, "4.png": 3, "10.png": 4}
    assert report.decisions == ()


def test_names_that_come_again_in_another_class_folder_give_no_order(tmp_path: Path) -> None:
    put(tmp_path, "CNV/p1/OD/1.png", "NORMAL/p1/OD/01.bmp", "NORMAL/p1/OD/2.png", "CNV/p2/OS/7.png")
    report = taken("folder", tmp_path)
    assert [(row.volume, row.bscan) for row in report.rows] == [
        ("site:p1/OD", -1),
        ("site:p2/OS", 0),
        ("site:p1/OD", -1),
        ("site:p1/OD", -1),
    ]
    (note,) = report.decisions
    assert note.code == "unknown-order"
    assert note.message.startswith("3 B-scans ")
    assert note.details == ("CNV/p1/OD/1.png", "NORMAL/p1/OD/01.bmp", "NORMAL/p1/OD/2.png")


def test_folders_of_part_and_any_keep_volumes_apart_but_make_none(tmp_path: Path) -> None:
    put(tmp_path, "train/CNV/2019/p1/OD/1.png", "train/CNV/2020/p1/OD/1.png")
    put(tmp_path, "test/CNV/2020/p1/OD/1.png", "test/CNV/2020/p1/1.png")
    rows = taken("folder", tmp_path, options={"layout": "part/class/any/patient"}).rows
    assert [(row.volume, row.bscan) for row in rows] == [
        ("", -1),
        ("site:p1/test/2020/OD", 0),
        ("site:p1/train/2019/OD", 0),
        ("site:p1/train/2020/OD", 0),
    ]


def test_pictures_of_unknown_patients_need_the_user_to_say_so(tmp_path: Path) -> None:
    put(tmp_path, "CNV/a.png", "NORMAL/b.png")
    assert refusal("folder", tmp_path).code == "missing-patients"
    report = taken("folder", tmp_path, options={"patients": "image"})
    assert [row.patient for row in report.rows] == ["site:CNV/a", "site:NORMAL/b"]
    assert [note.code for note in report.decisions] == ["unknown-patients"]


def test_a_class_folder_may_hold_unlabelled_pictures(tmp_path: Path) -> None:
    put(tmp_path, "CNV/p1/a.png", "later/p2/b.png")
    rows = taken("folder", tmp_path, options={"unlabelled": "later"}).rows
    assert [row.label for row in rows] == ["CNV", ""]


def test_each_page_of_a_tiff_is_a_bscan(tmp_path: Path) -> None:
    (tmp_path / "CNV/p1").mkdir(parents=True)
    pages = [Image.fromarray(drawing(str(i))) for i in range(3)]
    pages[0].save(tmp_path / "CNV/p1/v.tif", save_all=True, append_images=pages[1:])
    rows = taken("folder", tmp_path).rows
    assert [(row.frame, row.bscan, row.volume) for row in rows] == [
        (i, i, "site:p1/v") for i in range(3)
    ]
    assert len({row.sha256 for row in rows}) == 3


@pytest.mark.parametrize(
    "options",
    [{"layout": "patient"}, {"layout": "class/doctor"}, {"layout": "class/patient/patient"},
     {"layout": "class"}, {"patients": "image", "layout": "class/patient"}, {"patients": "none"}],
)  # fmt: skip
def test_a_layout_that_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, str]) -> None:
    put(tmp_path, "CNV/p1/a.png")
    assert refusal("folder", tmp_path, options=options).code == "bad-option"


def table(root: Path, *lines: str, head: str = "path,label,patient,eye,fundus") -> Path:
    put(root, "a/1.png", "a/2.png", "b/3.png", "fundus/1.png")
    put_text(root, "labels.csv", head, *lines)
    return root


def test_a_table_gives_labels_patients_eyes_and_fundus_photographs(tmp_path: Path) -> None:
    table(
        tmp_path, "a/1.png,CNV,p1,R,fundus/1.png", "b\\3.png,NORMAL,p2.0,,", "./a/2.png,CNV,7.0,,"
    )
    rows = taken("csv", tmp_path).rows
    assert [(row.path, row.label, row.patient, row.eye, row.fundus) for row in rows] == [
        ("a/1.png", "CNV", "site:p1", "OD", "fundus/1.png"),
        ("a/2.png", "CNV", "site:7", "", ""),
        ("b/3.png", "NORMAL", "site:p2.0", "", ""),
    ]


def test_columns_are_named_and_lines_are_chosen_by_options(tmp_path: Path) -> None:
    head = "file;diagnosis;group;set;visit;nr"
    table(tmp_path, "a/1.png;CNV;g1;x;v1;4", "a/2.png;DME;g2;y;v1;0", "b/3.png;N;g3;z;;", head=head)
    columns = "path=file label=diagnosis patient=group dataset=set volume=visit bscan=nr"
    options = dict(word.split("=") for word in columns.split())
    options |= {"set.device": "Maker", "where.set": "x|y"}
    rows = taken("csv", tmp_path, options=options).rows
    assert [(row.patient, row.volume, row.bscan, row.dataset, row.device) for row in rows] == [
        ("x:g1", "x:g1/v1", 4, "x", "Maker"),
        ("y:g2", "y:g2/v1", 0, "y", "Maker"),
    ]


def test_everything_wrong_with_a_table_is_listed(tmp_path: Path) -> None:
    table(
        tmp_path,
        "a/1.png,,p1,OD,",
        "a/2.png,CNV,none,OD,",
        "b/3.png,CNV,p1,both,",
        "b/4.png,CNV,p1,,",
        "../outside.png,CNV,p1,,",
        f"{tmp_path}/a/1.png,CNV,p1,,",
        "fundus/1.png,CNV,p1,,fundus/2.png",
    )
    error = refusal("csv", tmp_path)
    assert error.code == "bad-data"
    text = "\n".join(error.details)
    assert "a/1.png: labels.csv line 2 has no label" in text
    assert "a/2.png: labels.csv line 3 names no patient" in text
    assert "b/3.png: labels.csv line 4 has an eye that is neither OD nor OS" in text
    assert "b/4.png: the file does not exist (labels.csv line 5)" in text
    assert "../outside.png: the path leads out of the data folder (labels.csv line 6)" in text
    assert "an absolute path: the path leads out of the data folder (labels.csv line 7)" in text
    assert "fundus/2.png: the file does not exist (labels.csv line 8)" in text
    assert len(error.details) == 7


def test_links_of_a_table_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "outside", "x.png")
    table(tmp_path / "data", "a/link.png,CNV,p1,,", "c/x.png,CNV,p1,,")
    (tmp_path / "data/a/link.png").symlink_to(tmp_path / "outside/x.png")
    (tmp_path / "data/c").symlink_to(tmp_path / "outside")
    error = refusal("csv", tmp_path / "data")
    assert [line.partition(":")[0] for line in error.details] == ["a/link.png", "c/x.png"]
    assert error.code == "unreadable-files"


def test_labels_can_be_limited_and_may_be_missing_when_the_user_says_so(tmp_path: Path) -> None:
    table(tmp_path, "a/1.png,CVN,p1,,", "a/2.png,,p2,,")
    assert len(refusal("csv", tmp_path, options={"labels": "CNV|NORMAL"}).details) == 2
    options = {"labels": "CNV|NORMAL", "unlabelled": "yes"}
    report = taken("csv", tmp_path, options=options, exclude=["a/1.png"])
    assert [row.label for row in report.rows] == [""]


def test_lines_about_one_bscan_must_agree(tmp_path: Path) -> None:
    table(tmp_path, "a/1.png,CNV,p1,,", "a/1.png,CNV,p1,,", "a/2.png,CNV,p1,,")
    report = taken("csv", tmp_path)
    assert len(report.rows) == 2
    assert [note.code for note in report.decisions] == ["double-lines"]
    table(tmp_path, "a/1.png,CNV,p1,,", "a/1.png,CNV,p2,,")
    assert refusal("csv", tmp_path).details == (
        "a/1.png: labels.csv line 3 contradicts labels.csv line 2",
    )


def test_a_file_of_several_bscans_needs_a_frame_column(tmp_path: Path) -> None:
    pages = [Image.fromarray(drawing(str(i))) for i in range(2)]
    tmp_path.mkdir(exist_ok=True)
    pages[0].save(tmp_path / "v.tif", save_all=True, append_images=pages[1:])
    table(tmp_path, "v.tif,CNV,p1,,")
    assert "holds 2 B-scans" in refusal("csv", tmp_path).details[0]
    table(tmp_path, "v.tif,CNV,p1,1", "v.tif,NORMAL,p1,0", head="path,label,patient,frame")
    rows = taken("csv", tmp_path).rows
    assert [(row.frame, row.label) for row in rows] == [(0, "NORMAL"), (1, "CNV")]
    report = taken("csv", tmp_path, exclude=["v.tif #1"])
    assert [row.frame for row in report.rows] == [0]


def test_identifiers_of_a_table_can_be_hidden_behind_hashes_with_a_secret(tmp_path: Path) -> None:
    table(tmp_path, "a/1.png,CNV,MRN4711,,", "a/2.png,CNV,MRN4711,,", "b/3.png,CNV,MRN1,,")
    put_text(tmp_path, "secret.txt", "a long secret of the clinic")
    plain = taken("csv", tmp_path, options={"pseudonyms": "yes"}).rows
    salted = taken("csv", tmp_path, options={"pseudonyms": "yes", "salt": "secret.txt"}).rows
    assert plain[0].patient == plain[1].patient != plain[2].patient
    assert {row.patient for row in plain}.isdisjoint(row.patient for row in salted)
    assert "4711" not in plain[0].patient
    put_text(tmp_path, "secret.txt", "short")
    options = {"pseudonyms": "yes", "salt": "secret.txt"}
    assert refusal("csv", tmp_path, options=options).code == "bad-option"


def test_the_file_of_the_secret_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path, "a/1.png,CNV,MRN4711,,", "a/2.png,CNV,MRN4711,,", "b/3.png,CNV,MRN1,,")
    put_text(tmp_path, "secret.txt", "a long secret of the clinic")
    read: list[str] = []
    plain = Path.read_text

    def spied(path: Path, *words: str, **more: str) -> str:
        read.append(path.name)
        return plain(path, *words, **more)

    monkeypatch.setattr(Path, "read_text", spied)
    taken("csv", tmp_path, options={"pseudonyms": "yes", "salt": "secret.txt"})
    assert read.count("secret.txt") == 1


def test_no_cell_of_a_table_but_a_path_in_the_folder_gets_into_a_message(tmp_path: Path) -> None:
    head = "path,label,patient,part,bscan"
    lines = ("a/1.png,CNV,7,Doe Jane,", "a/2.png,Doe Jane,7,,", "b/3.png,CNV,7,,Doe Jane")
    table(tmp_path, *lines, "C:\\Doe Jane\\x.png,CNV,7,,", "/Doe Jane/x.png,CNV,7,,x", head=head)
    error = refusal("csv", tmp_path, options={"labels": "CNV|NORMAL"})
    assert error.details == (
        "an absolute path: the path leads out of the data folder (labels.csv line 5)",
        "a/1.png: labels.csv line 2 has a part that is none of train, val and test",
        "a/2.png: labels.csv line 3 has an unknown label",
        "an absolute path: labels.csv line 6 gives a frame or position that is no whole number",
        "b/3.png: labels.csv line 4 gives a frame or position that is no whole number",
    )
    table(tmp_path, "a/2.png,CNV,7", head="a/1.png,CNV,Doe Jane")  # its first line is a patient's
    error = refusal("csv", tmp_path)
    assert error.code == "missing-column"
    assert "Doe" not in " ".join((error.message, *error.details))


def test_tables_that_cannot_be_followed_are_refused(tmp_path: Path) -> None:
    table(tmp_path, head="path,label")
    assert refusal("csv", tmp_path).code == "missing-column"
    assert refusal("csv", tmp_path, options={"patient": "group"}).code == "missing-column"
    assert refusal("csv", tmp_path, options={"table": "../x.csv"}).code == "wrong-layout"
    assert refusal("csv", tmp_path, options={"set.name": "x"}).code == "bad-option"
    put_text(tmp_path, "labels.csv", "path,label,patient", "a,b,c,d")
    assert refusal("csv", tmp_path).code == "bad-table"
    put_text(tmp_path, "labels.csv", "path,label,label", "a,b,c")
    assert refusal("csv", tmp_path).code == "bad-table"
    (tmp_path / "labels.csv").write_bytes(b"path,label\xff\xfe")
    assert refusal("csv", tmp_path).code == "bad-table"
    put_text(tmp_path, "labels.csv", "path,label,patient")
    assert refusal("csv", tmp_path).code == "no-pictures"
    put_text(tmp_path, "other.csv", "path,label,patient")
    assert refusal("csv", tmp_path).details == ("labels.csv", "other.csv")


def test_a_damaged_fundus_photograph_is_told_once(tmp_path: Path) -> None:
    table(tmp_path, "a/1.png,CNV,p1,,fundus/1.png", "a/2.png,CNV,p1,,fundus/1.png")
    (tmp_path / "fundus/1.png").write_bytes(b"no picture")
    error = refusal("csv", tmp_path)
    assert error.code == "unreadable-files"
    assert len(error.details) == 1


@pytest.mark.skipif(not (DATA / "manifest.csv").is_file(), reason="development data not there")
def test_the_table_of_the_development_data_is_read_through_options() -> None:
    options = {"table": "manifest.csv", "patient": "group", "where.dataset": "kermany"}
    report = taken("csv", DATA, options=options)
    assert report.facts()["labels"] == {"CNV": 8, "DME": 8, "DRUSEN": 7, "NORMAL": 6}
    assert report.facts()["patients"] == 18
