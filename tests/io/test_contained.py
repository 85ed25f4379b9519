"""Hangs, crashes, bombs and rubbish in the reading process cost one file and leave nothing."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import Cancelled, IngestError
from kdoct_desktop.io import contained
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import VolumeHeader, open_volumes
from tests.io.dicom_files import opt, ramp, save

QUICK = replace(Limits(), file_s=4.0, volume_s=8.0)

EVIL_CHILD = """
import json, os, sys, time
sys.path[:] = json.loads(sys.argv[1])
from pathlib import Path
from kdoct_desktop.io import child, dicom_header, dicom_pixels, wire

def evil(task):
    def run(work, arguments):
        name = Path(arguments["path"]).name
        if name.startswith("hang"):
            while True:
                time.sleep(1)
        if name.startswith("crash"):
            os.abort()
        if name.startswith("memory"):
            bytearray(1 << 33)
        if name.startswith("rubbish"):
            for descriptor in range(3, 20):
                try:
                    os.write(descriptor, b"\\x20\\x00\\x00\\x00 this is not JSON at all ..........")
                except OSError:
                    pass
            time.sleep(60)
        if name.startswith("stall"):
            for descriptor in range(3, 20):
                try:
                    os.write(descriptor, b"\\x20\\x00")
                except OSError:
                    pass
            time.sleep(60)
        if name.startswith("shape") and task.__name__ == "read_frames":
            yield {"index": arguments["indices"][0], "shape": [2, 2]}, memoryview(bytes(4))
            return
        if name.startswith("lie"):
            yield {"info": {"sha256": 5}}, None
            return
        if name.startswith("socket"):
            import socket
            socket.create_connection(("127.0.0.1", 9))
        if name.startswith("write"):
            Path(arguments["path"]).with_name("written").write_text("x")
        if name.startswith("spawn"):
            import subprocess
            subprocess.run(["true"])
        for answer in task(work, arguments):
            yield answer
            if name.startswith("slow") and task.__name__ == "read_frames":
                time.sleep(60)
    return run

dicom_header.read_header = evil(dicom_header.read_header)
dicom_pixels.read_frames = evil(dicom_pixels.read_frames)
child.main(json.loads(sys.argv[2]))
"""


@pytest.fixture
def evil_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading process that misbehaves by the file's name."""

    def command(settings: str) -> list[str]:
        import json

        return [sys.executable, "-c", EVIL_CHILD, json.dumps(sys.path), settings]

    monkeypatch.setattr(contained, "child_command", command)


def leftovers() -> tuple[int, int]:
    """Child processes of this one, and reading folders in the temporary folder."""
    folders = list(Path(tempfile.gettempdir()).glob("kdoct-read-*"))
    return len(psutil.Process().children(recursive=True)), len(folders)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """No test of this module may leave a process or a folder behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield None
    assert leftovers() == (0, 0)


@pytest.mark.usefixtures("evil_child")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("hang", "read-timeout"),
        ("stall", "read-timeout"),
        ("crash", "reader-crashed"),
        ("memory", "too-much-memory"),
        ("rubbish", "reader-garbage"),
        ("lie", "reader-garbage"),
        ("shape", "reader-garbage"),
        ("socket", "damaged-file"),
        ("write", "damaged-file"),
        ("spawn", "damaged-file"),
    ],
)
def test_a_misbehaving_file_is_lost_alone(tmp_path: Path, name: str, code: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for stem in ("a-before", name, "z-after"):
        save(opt(ramp(2)), folder / f"{stem}.dcm")
    opened = open_volumes(folder, limits=QUICK)
    assert [(p.source, p.code) for p in opened.problems] == [(f"{name}.dcm", code)]
    labels = [volume.source.label for volume in opened.studies[0].volumes]
    assert labels == ["a-before.dcm", "z-after.dcm"]
    assert sorted(path.stem for path in folder.iterdir()) == sorted(["a-before", name, "z-after"])


@pytest.mark.usefixtures("evil_child")
def test_the_time_limit_holds(tmp_path: Path) -> None:
    save(opt(ramp(2)), tmp_path / "hang.dcm")
    started = time.monotonic()
    open_volumes(tmp_path / "hang.dcm", limits=replace(Limits(), file_s=1.0))
    assert time.monotonic() - started < 6.0


@pytest.mark.usefixtures("evil_child")
def test_cancel_stops_a_hanging_read_at_once(tmp_path: Path) -> None:
    save(opt(ramp(2)), tmp_path / "hang.dcm")
    started = time.monotonic()

    def progress(done: int, total: int, step: str) -> None:
        if time.monotonic() - started > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_volumes(tmp_path / "hang.dcm", progress=progress)
    assert time.monotonic() - started < 5.0


def test_cancel_between_bscans_leaves_nothing(tmp_path: Path) -> None:
    save(opt(ramp(20)), tmp_path / "a.dcm")

    def progress(done: int, total: int, step: str) -> None:
        if step == "reading B-scans" and done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_volumes(tmp_path / "a.dcm", progress=progress)


def test_an_error_of_the_listener_leaves_nothing(tmp_path: Path) -> None:
    save(opt(ramp(20)), tmp_path / "a.dcm")

    def listener(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        raise RuntimeError("the window is gone")

    with pytest.raises(RuntimeError, match="window"):
        open_volumes(tmp_path / "a.dcm", on_bscan=listener)


def test_the_middle_bscan_comes_first_and_then_all_in_order(tmp_path: Path) -> None:
    volume = ramp(7)
    save(opt(volume), tmp_path / "a.dcm")
    seen: list[int] = []

    def listener(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        assert header.shape == volume.shape
        assert not pixels.flags.writeable
        np.testing.assert_array_equal(pixels, volume[index])
        seen.append(index)

    opened = open_volumes(tmp_path / "a.dcm", on_bscan=listener)
    assert seen == [3, 0, 1, 2, 4, 5, 6]
    assert not opened.studies[0].volumes[0].voxels.flags.writeable


@pytest.mark.skipif(sys.platform == "win32", reason="address space is capped on POSIX")
def test_the_memory_of_the_process_is_capped(tmp_path: Path) -> None:
    limits = replace(Limits(), child_bytes=300 * 2**20)
    save(opt(ramp(1)), tmp_path / "a.dcm")
    big = opt(np.zeros((1, 1, 1), np.uint8), Rows=16000, Columns=16000)
    big.PixelData = bytes(16000 * 16000)
    save(big, tmp_path / "big.dcm")
    opened = open_volumes(tmp_path, limits=limits)
    assert {(p.source, p.code) for p in opened.problems} == {("big.dcm", "too-much-memory")}
    assert len(opened.studies[0].volumes) == 1


def test_requests_after_a_kill_start_a_new_process(tmp_path: Path) -> None:
    path = save(opt(ramp(1)), tmp_path / "a.dcm")
    with Contained(Limits(), lambda: None) as process:
        arguments: dict[str, Any] = {"path": str(path), "limits": {}}
        first = process.ask("dicom-header", seconds=20, **arguments)
        process.kill()
        assert process.ask("dicom-header", seconds=20, **arguments) == first
        with pytest.raises(IngestError):
            process.ask("no-such-task", seconds=20)


def test_the_program_itself_loads_no_parser() -> None:
    code = (
        "import sys, kdoct_desktop.io.readers;"
        "print([m for m in ('pydicom', 'PIL', 'cv2', 'openjpeg', 'multiprocessing', 'zipfile')"
        " if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="death with the parent is for Linux")
def test_the_process_dies_with_the_program(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "from kdoct_desktop.io.contained import Contained\n"
        "from kdoct_desktop.io.limits import Limits\n"
        "process = Contained(Limits(), lambda: None)\n"
        "process.start()\n"
        "print(process._process.pid, flush=True)\n"
        "time.sleep(1)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, env=environment
    )
    child = int(ran.stdout)
    until = time.monotonic() + 5
    while psutil.pid_exists(child) and time.monotonic() < until:
        if psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    alive = psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE
    assert not alive


@pytest.mark.usefixtures("evil_child")
def test_a_volume_that_stops_half_way_is_refused_in_its_time(tmp_path: Path) -> None:
    save(opt(ramp(5)), tmp_path / "slow.dcm")
    limits = replace(Limits(), file_s=10.0, volume_s=1.0, bscan_s=0.0)
    started = time.monotonic()
    opened = open_volumes(tmp_path / "slow.dcm", limits=limits)
    assert [problem.code for problem in opened.problems] == ["read-timeout"]
    assert time.monotonic() - started < 8.0
