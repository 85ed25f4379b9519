"""Files are whole or not there, also when a process is killed or the disk is full."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kdoct_desktop.domain.whole_file import SUFFIX, whole_file, write_whole

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.json"
    write_whole(target, b"one")
    write_whole(target, b"two")
    assert target.read_bytes() == b"two"
    assert list(target.parent.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = tmp_path / "a.json"
    write_whole(target, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_target_that_is_a_folder_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.json" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"a\.json"):
        write_whole(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_an_error_within_the_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_whole(target, b"old")

    def fail() -> None:
        with whole_file(target) as stream:
            stream.write(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_what_is_private_is_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_whole(tmp_path / "report.pdf", b"x", private=True)
        write_whole(tmp_path / "figure.png", b"x")
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"report.pdf": 0o600, "figure.png": 0o644}


def test_two_that_write_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    with whole_file(target) as one:
        one.write(b"1" * 1000)
        with whole_file(target) as two:
            two.write(b"2" * 500)
        assert target.read_bytes() == b"2" * 500
    assert target.read_bytes() == b"1" * 1000
    assert list(tmp_path.iterdir()) == [target]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_whole(target, b"old")
    code = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from kdoct_desktop.domain.whole_file import whole_file
        with whole_file(Path(sys.argv[1])) as stream:
            stream.write(b"new" * 100_000)
            os.kill(os.getpid(), signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    if os.name == "posix":
        assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    rest = [path for path in tmp_path.iterdir() if path != target]
    assert all(path.name.startswith(".") and path.suffix == SUFFIX for path in rest)
