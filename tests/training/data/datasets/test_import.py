"""What holds for every importer: one error that lists everything, exclusions, hashes, order."""

from pathlib import Path

import pytest

from tests.training.data.datasets.trees import drawing, put, put_text, refusal, taken
from training.data.datasets.survey import Candidate, Importer, Survey
from training.data.import_data import IMPORTERS, import_dataset, read_exclude_list
from training.data.manifest import read_manifest, write_manifest
from training.data.perceptual_hash import perceptual_hash
from training.data.read_picture import picture_sha256
from training.errors import TrainingError


class Listener:
    """Keeps the progress."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, str]] = []

    def progress(self, done: int, total: int, step: str) -> None:
        self.steps.append((done, total, step))

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"an import says nothing by {name}")


def site(root: Path) -> None:
    put(root, "CNV/p2/a.png", "CNV/p1/b.png", "NORMAL/p3/c.png", "NORMAL/p3/d.png")


def test_every_importer_of_the_command_line_is_there() -> None:
    names = "neh kermany duke octdl octid oct-c8 octmnist retouch folder csv dicom"
    assert set(IMPORTERS) == set(names.split())


def test_rows_are_sorted_and_carry_the_hashes_of_the_grey_values(tmp_path: Path) -> None:
    site(tmp_path)
    rows = taken("folder", tmp_path).rows
    names = ["CNV/p1/b.png", "CNV/p2/a.png", "NORMAL/p3/c.png", "NORMAL/p3/d.png"]
    assert [row.path for row in rows] == names
    assert rows[0].sha256 == picture_sha256(drawing("CNV/p1/b.png"))
    assert rows[0].phash == perceptual_hash(drawing("CNV/p1/b.png"))


def test_several_threads_give_the_same_manifest_and_a_progress_that_only_rises(
    tmp_path: Path,
) -> None:
    put(tmp_path, *(f"CNV/p{i}/{j}.png" for i in range(5) for j in range(3)))
    listener = Listener()
    many = import_dataset("folder", tmp_path, events=listener, threads=4)  # type: ignore[arg-type]
    assert many.rows == taken("folder", tmp_path).rows
    assert listener.steps == [(i, 15, "reading pictures") for i in range(1, 16)]


def test_a_manifest_of_an_import_is_read_back_whole(tmp_path: Path) -> None:
    site(tmp_path / "data")
    report = taken("folder", tmp_path / "data")
    write_manifest(tmp_path / "manifest.csv", report.rows)
    assert read_manifest(tmp_path / "manifest.csv").rows == report.rows
    assert str(tmp_path) not in (tmp_path / "manifest.csv").read_text()


def test_all_that_is_wrong_is_told_in_one_error(tmp_path: Path) -> None:
    site(tmp_path)
    put(tmp_path, "CNV/lost.png", "CNV/p2/OD/OS/e.png")
    (tmp_path / "CNV/p2/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 50)
    (tmp_path / "NORMAL/p3/empty.jpg").write_bytes(b"")
    error = refusal("folder", tmp_path)
    assert error.code == "bad-data"
    assert "2 that cannot be read, 1 whose label" in error.message
    assert "1 without a patient" in error.message
    named = " | ".join(error.details)
    for path in ("CNV/p2/broken.png", "NORMAL/p3/empty.jpg", "CNV/lost.png", "CNV/p2/OD/OS/e.png"):
        assert named.count(path) == 1
    assert len(error.details) == 4


@pytest.mark.parametrize(
    ("name", "code"),
    [("CNV/p2/broken.png", "unreadable-files"), ("CNV/lost.png", "missing-patients")],
)
def test_one_kind_of_fault_has_its_own_code(tmp_path: Path, name: str, code: str) -> None:
    site(tmp_path)
    (tmp_path / name).write_bytes(b"no picture")
    if code == "missing-patients":
        put(tmp_path, name)
    assert refusal("folder", tmp_path).code == code


def test_what_the_exclude_list_names_is_left_out_and_recorded(tmp_path: Path) -> None:
    site(tmp_path)
    (tmp_path / "CNV/p2/broken.png").write_bytes(b"no picture")
    put(tmp_path, "CNV/lost.png")
    exclude = ["./CNV/lost.png", "CNV\\p2\\broken.png", "NORMAL/p3/"]
    report = taken("folder", tmp_path, exclude=exclude)
    assert [row.path for row in report.rows] == ["CNV/p1/b.png", "CNV/p2/a.png"]
    left_out = ("CNV/lost.png", "CNV/p2/broken.png", "NORMAL/p3/c.png", "NORMAL/p3/d.png")
    assert report.excluded == left_out
    assert report.facts()["excluded"] == list(left_out)


def test_an_entry_of_the_exclude_list_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    site(tmp_path)
    error = refusal("folder", tmp_path, exclude=["CNV/p1/b.png", "CNV/p1/typo.png", "CNV/p"])
    assert error.code == "unmatched-exclusions"
    assert error.details == ("CNV/p", "CNV/p1/typo.png")


def test_an_exclude_list_has_comments_and_empty_lines(tmp_path: Path) -> None:
    put_text(tmp_path, "exclude.txt", "# blurred", "CNV/p1/b.png", "", " scan.dcm #3 ")
    assert read_exclude_list(tmp_path / "exclude.txt") == ["CNV/p1/b.png", "scan.dcm #3"]
    with pytest.raises(TrainingError, match=r"other\.txt cannot be read"):
        read_exclude_list(tmp_path / "other.txt")


def test_links_are_refused_and_may_be_left_out(tmp_path: Path) -> None:
    site(tmp_path / "data")
    put(tmp_path, "outside/secret.png")
    (tmp_path / "data/CNV/p1/link.png").symlink_to(tmp_path / "outside/secret.png")
    (tmp_path / "data/CNV/p9").symlink_to(tmp_path / "outside", target_is_directory=True)
    error = refusal("folder", tmp_path / "data")
    assert error.code == "unreadable-files"
    assert error.details == (
        "CNV/p1/link.png: links are not followed",
        "CNV/p9: links are not followed",
    )
    report = taken("folder", tmp_path / "data", exclude=["CNV/p1/link.png", "CNV/p9"])
    assert len(report.rows) == 4


def test_litter_of_operating_systems_is_no_data(tmp_path: Path) -> None:
    site(tmp_path)
    for name in (".DS_Store", "CNV/p1/._b.png", "__MACOSX/CNV/p1/b.png", "CNV/p1/Thumbs.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"litter")
    assert len(taken("folder", tmp_path).rows) == 4


def test_unknown_importers_options_and_folders_are_refused(tmp_path: Path) -> None:
    site(tmp_path)
    assert refusal("nhe", tmp_path).code == "unknown-importer"
    error = refusal("folder", tmp_path, options={"devise": "x"})
    assert error.code == "unknown-option"
    assert any(line.startswith("device: ") for line in error.details)
    assert refusal("folder", tmp_path / "missing").code == "wrong-layout"
    (tmp_path / "void").mkdir()
    assert refusal("folder", tmp_path / "void").code == "no-pictures"


def test_facts_count_what_was_imported(tmp_path: Path) -> None:
    site(tmp_path)
    facts = taken("folder", tmp_path).facts()
    assert facts == {
        "importer": "folder",
        "bscans": 4,
        "patients": 3,
        "volumes": 0,
        "labels": {"CNV": 2, "NORMAL": 2},
        "excluded": [],
        "notes": [],
    }


def test_a_fault_of_the_program_itself_is_not_swallowed_by_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site(tmp_path)

    def broken(root: Path, path: str, frame: int) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("training.data.import_data.read_picture", broken)
    with pytest.raises(RuntimeError, match="a fault"):
        import_dataset("folder", tmp_path, threads=2)


def test_an_importer_that_gives_an_absolute_path_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(survey: Survey) -> list[Candidate]:
        return [Candidate(str(survey.root / "a.png"), "x", "x:1")]

    monkeypatch.setitem(IMPORTERS, "folder", Importer("x", "x", read))
    with pytest.raises(ValueError, match="relative"):
        taken("folder", tmp_path)
