"""The log holds what helps to find a fault, and nothing about a patient."""

import faulthandler
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdoct_desktop.app.log import (
    CRASH_FILE,
    LOG_FILE,
    describe,
    give_streams,
    hashed,
    redact,
    start_logging,
    stop_logging,
)
from kdoct_desktop.domain.errors import IngestError

NAME = "Kanarienvogel"
ROOT = Path(__file__).resolve().parents[2]

log = logging.getLogger("kdoct_desktop.tests")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    assert start_logging(tmp_path / "logs")
    yield tmp_path / "logs"
    stop_logging()
    faulthandler.enable()


def written(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


def test_what_the_program_says_is_written_with_place_and_level(folder: Path) -> None:
    log.info("read %d B-scans in %.1f s", 49, 1.25)
    assert "INFO" in written(folder)
    assert "kdoct_desktop.tests: read 49 B-scans in 1.2 s" in written(folder)


def test_what_libraries_say_is_not_written_since_it_may_quote_a_file(folder: Path) -> None:
    logging.getLogger("pydicom").error("Invalid value for VR PN: %r", NAME)
    assert NAME not in written(folder)


@pytest.mark.parametrize(
    "path",
    [
        f"/data/{NAME} Anna/scan.dcm",
        f"C:\\Users\\{NAME} Anna\\scan.dcm",
        f"\\\\server\\share\\{NAME}\\scan.dcm",
        f"'exports/{NAME} Anna.vol'",
        f'"D:/{NAME}.e2e"',
    ],
)
def test_no_path_reaches_the_log(path: str, folder: Path) -> None:
    log.warning("refused %s", path)
    log.warning(f"refused {path} after 3/49 B-scans")
    log.warning("refused %s", Path(path.strip("'\"")))
    assert NAME not in written(folder)
    assert "Anna" not in written(folder)
    assert written(folder).count("<path ") == 3


def test_a_path_keeps_one_short_name_through_a_run_and_its_suffix() -> None:
    one, other = hashed(Path("/a/1.dcm")), hashed(Path("/a/2.dcm"))
    assert one == hashed("/a/1.dcm") != other
    assert one.endswith(".dcm>")
    assert "Mueller" not in hashed(f"/a/scan.Mueller {NAME}")


def test_text_without_a_path_is_left_as_it_is() -> None:
    text = "B-scan 3/49, and/or 12 µm; 1/2 done"
    assert redact(text) == text


def test_of_a_foreign_exception_only_its_kind_and_places_are_kept(folder: Path) -> None:
    try:
        try:
            int(NAME)
        except ValueError as error:
            raise IngestError("truncated-file", "The file ends too early.") from error
    except IngestError:
        log.exception("could not open %s", Path(f"/data/{NAME}.dcm"))
    text = written(folder)
    assert NAME not in text
    assert "ValueError\nwhich led to:" in text
    assert "test_log.py:" in text
    assert "IngestError truncated-file: The file ends too early." in text


def test_an_operating_system_error_keeps_its_reason_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        (tmp_path / NAME).open()
    assert describe(missing.value).endswith("FileNotFoundError 2: No such file or directory")
    assert NAME not in describe(missing.value)


def test_the_log_rotates_and_keeps_five_files(folder: Path) -> None:
    for _ in range(6_500):
        log.info("%s", "x" * 1000)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [CRASH_FILE, LOG_FILE, *(f"{LOG_FILE}.{number}" for number in range(1, 5))]
    assert all(path.stat().st_size <= 1 << 20 for path in folder.iterdir())


def test_a_folder_that_cannot_be_written_leaves_the_program_without_a_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not start_logging(tmp_path / "file" / "logs")


def test_an_exception_in_a_thread_is_noted(folder: Path) -> None:
    def fail() -> None:
        raise RuntimeError(NAME)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "unhandled exception in a thread" in written(folder)
    assert "RuntimeError" in written(folder)
    assert NAME not in written(folder)


@pytest.mark.parametrize(
    ("fault", "in_log", "on_screen"),
    [
        (f"raise ValueError('{NAME}')", "ValueError", "Internal error (ValueError)."),
        (
            "from kdoct_desktop.domain.errors import ModelError\n"
            "raise ModelError('no-model', 'No model is installed.')",
            "ModelError no-model",
            "No model is installed.",
        ),
        ("import faulthandler\nfaulthandler._sigsegv()", "Fatal Python error", ""),
    ],
)
def test_a_fault_that_ends_the_program_is_in_the_log_and_one_sentence_on_screen(
    fault: str, in_log: str, on_screen: str, tmp_path: Path
) -> None:
    code = (
        "from pathlib import Path\nfrom kdoct_desktop.app.log import start_logging\n"
        f"start_logging(Path({str(tmp_path)!r}))\n{fault}\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert in_log in written(tmp_path)
    assert on_screen in answer.stderr
    assert "Traceback" not in answer.stderr
    assert NAME not in answer.stderr + written(tmp_path)


def test_a_windowed_program_without_streams_can_still_write_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    give_streams()
    for stream in (sys.stdout, sys.stderr):
        assert stream is not None
        stream.write("swallowed")
        stream.close()
