"""NEH: the table rules, patients begin again in every class, B-scans and volumes have labels."""

from pathlib import Path

from tests.training.data.datasets.trees import put, put_text, refusal, taken

INNER = "NEH_UT_2021RetinalOCTDataset"
HEAD = "Patient ID,Class,Eye,Label,Directory,Image Name"
FILES = {
    "NORMAL/12/OD/001_normal.tif": "12,NORMAL,OD,normal,{},001_normal",
    "CNV/12/OS/001_cnv.jpg": "12,CNV,OS,CNV,{},001_cnv",
    "CNV/12/OS/002_Normal.jpg": "12,CNV,OS,Normal,{},002_normal",
    "CNV/12/OS/010_drusen.jpg": "12,CNV,OS,drusen,{},010_drusen",
    "DRUSEN/7/003_drusen.jpg": "7,DRUSEN,,drusen,{},003_drusen",
}


def tree(root: Path, *more: str, leave: str = "") -> Path:
    put(root, *(f"{INNER}/{INNER}/{name}" for name in FILES))
    lines = [line.format(name) for name, line in FILES.items() if name != leave]
    put_text(root, f"{INNER}/data_information.csv", HEAD, *lines, *more)
    return root


def test_patients_are_class_and_number_and_both_labels_are_kept(tmp_path: Path) -> None:
    rows = {row.path.rpartition(f"{INNER}/")[2]: row for row in taken("neh", tree(tmp_path)).rows}
    assert set(rows) == set(FILES)
    assert rows["NORMAL/12/OD/001_normal.tif"].patient == "neh:NORMAL_12"
    row = rows["CNV/12/OS/002_Normal.jpg"]
    assert (row.patient, row.volume, row.eye) == ("neh:CNV_12", "neh:CNV_12/OS", "OS")
    assert (row.label, row.volume_label) == ("NORMAL", "CNV")
    assert (row.dataset, row.device, row.part) == ("neh", "Heidelberg Spectralis", "")
    assert rows["CNV/12/OS/010_drusen.jpg"].bscan == 2
    assert rows["DRUSEN/7/003_drusen.jpg"].eye == ""
    assert rows["DRUSEN/7/003_drusen.jpg"].volume == "neh:DRUSEN_7/eye-unknown"


def test_worst_case_rows_are_those_whose_label_is_the_class_of_the_volume(tmp_path: Path) -> None:
    rows = taken("neh", tree(tmp_path)).rows
    assert sum(row.label == row.volume_label for row in rows) == 3


def test_the_case_of_directories_and_the_suffix_of_the_table_do_not_matter(tmp_path: Path) -> None:
    tree(tmp_path, leave="CNV/12/OS/001_cnv.jpg")
    table = tmp_path / INNER / "data_information.csv"
    with table.open("a") as file:
        file.write(f"12,CNV,OS,cnv,\\{INNER}\\Cnv\\12\\os\\001_CNV.tif,x\n")
    assert len(taken("neh", tmp_path).rows) == 5


def test_a_directory_may_be_a_folder_with_the_name_in_another_column(tmp_path: Path) -> None:
    put(tmp_path, "CNV/1/OD/001_cnv.jpg")
    put_text(tmp_path, "data_information.csv", HEAD, "1.0,CNV,OD,cnv,CNV/1/OD,001_cnv.jpg")
    (row,) = taken("neh", tmp_path).rows
    assert (row.path, row.patient) == ("CNV/1/OD/001_cnv.jpg", "neh:CNV_1")


def test_lines_that_say_the_same_again_are_dropped_and_noted(tmp_path: Path) -> None:
    again = "12,CNV,OS,cnv,CNV/12/OS/001_cnv.jpg,001_cnv"
    report = taken("neh", tree(tmp_path, again))
    assert len(report.rows) == 5
    (note,) = report.decisions
    assert note.code == "double-lines"
    assert note.details == ("data_information.csv line 7: again CNV/12/OS/001_cnv.jpg",)


def test_lines_that_contradict_each_other_stop_unless_the_file_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "12,CNV,OS,drusen,CNV/12/OS/001_cnv.jpg,001_cnv")
    error = refusal("neh", tmp_path)
    assert error.code == "unknown-labels"
    path = f"{INNER}/{INNER}/CNV/12/OS/001_cnv.jpg"
    assert error.details == (
        f"{path}: data_information.csv line 7 contradicts data_information.csv line 3",
    )
    assert len(taken("neh", tmp_path, exclude=[path]).rows) == 4


def test_the_table_rules_over_names_and_the_difference_is_noted(tmp_path: Path) -> None:
    tree(tmp_path, "12,CNV,OS,drusen,CNV/12/OS/001_cnv.jpg,x", leave="CNV/12/OS/001_cnv.jpg")
    report = taken("neh", tmp_path)
    row = next(row for row in report.rows if row.path.endswith("001_cnv.jpg"))
    assert row.label == "DRUSEN"
    (note,) = report.decisions
    assert note.code == "names-disagree"
    assert "label CNV in the name, DRUSEN in data_information.csv line 6" in note.details[0]


def test_a_volume_in_two_class_folders_is_ranked_without_them(tmp_path: Path) -> None:
    names = ("CNV/12/OS/002_cnv.jpg", "DRUSEN/12/OS/001_cnv.jpg")
    put(tmp_path, *names)
    lines = [f"12,CNV,OS,cnv,{name},x" for name in names]
    put_text(tmp_path, "data_information.csv", HEAD, *lines)
    rows = taken("neh", tmp_path).rows
    said = [(row.path, row.volume, row.bscan) for row in rows]
    assert said == [(names[0], "neh:CNV_12/OS", 1), (names[1], "neh:CNV_12/OS", 0)]


def test_labels_patients_files_and_lines_that_are_missing_are_listed(tmp_path: Path) -> None:
    tree(tmp_path, "9,CNV,OD,cnv,CNV/9/OD/001_cnv.jpg,x", leave="CNV/12/OS/001_cnv.jpg")
    put(tmp_path, f"{INNER}/{INNER}/CNV/3/OD/001_cnv.jpg", f"{INNER}/{INNER}/CNV/4/OD/1_amd.jpg")
    table = tmp_path / INNER / "data_information.csv"
    with table.open("a") as file:
        file.write(",CNV,OD,cnv,CNV/3/OD/001_cnv.jpg,x\n4,CNV,OD,amd,CNV/4/OD/1_amd.jpg,x\n")
    error = refusal("neh", tmp_path)
    assert error.code == "bad-data"
    base = f"{INNER}/{INNER}/CNV"
    assert error.details == (
        f"{base}/9/OD/001_cnv.jpg: named in data_information.csv line 6, but there is no such file",
        f"{base}/12/OS/001_cnv.jpg: has no line of its own in data_information.csv",
        f"{base}/4/OD/1_amd.jpg: data_information.csv line 8 gives the label AMD",
        f"{base}/3/OD/001_cnv.jpg: data_information.csv line 7 names no patient",
    )
    exclude = [f"{base}/{end}" for end in ("9/OD/001_cnv.jpg", "3", "4", "12/OS/001_cnv.jpg")]
    assert len(taken("neh", tmp_path, exclude=exclude).rows) == 4


def test_other_folders_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "CNV/12/OS/001_cnv.jpg")
    assert refusal("neh", tmp_path).code == "wrong-layout"  # no table
    put_text(tmp_path, "data_information.csv", "Patient ID,Class,Label", "12,CNV,cnv")
    assert refusal("neh", tmp_path).code == "missing-column"
    put_text(tmp_path, "data_information.csv", HEAD)
    put(tmp_path, "copy/CNV/12/OS/001_cnv.jpg")
    error = refusal("neh", tmp_path)
    assert error.code == "wrong-layout"
    assert error.details == (".", "copy")
