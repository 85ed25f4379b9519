"""What makes reading quick or tells early: wide pipes, hashes made meanwhile, the scale."""

import hashlib
import sys
from pathlib import Path

import pytest

from kdoct_desktop.domain.errors import Cancelled
from kdoct_desktop.domain.volume import Spacing
from kdoct_desktop.io import hashing
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, save


def test_the_first_bscan_comes_with_the_scale_of_its_volume(tmp_path: Path) -> None:
    save(opt(ramp(3), spacing=(0.004, 0.011)), tmp_path / "a.dcm")
    told: list[Spacing] = []
    opened = open_volumes(
        tmp_path / "a.dcm", on_bscan=lambda header, index, pixels: told.append(header.spacing)
    )
    assert (told[0].axial_mm, told[0].ascan_mm) == (0.004, 0.011)
    assert told[0] == opened.studies[0].volumes[0].spacing


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a pipe be widened")
def test_whole_bscans_fit_into_the_pipe_from_the_reading_process() -> None:
    import fcntl

    with Contained(Limits(), lambda: None) as reading:
        reading.start()
        process = reading._process
        assert process is not None
        assert process.stdout is not None
        size = fcntl.fcntl(process.stdout.fileno(), fcntl.F_GETPIPE_SZ)
        assert size >= 4 * 496 * 512


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    save(opt(ramp(3)), tmp_path / "a.dcm")
    told = open_volumes(tmp_path / "a.dcm").studies[0].volumes[0].source.sha256
    assert told == hashlib.sha256((tmp_path / "a.dcm").read_bytes()).hexdigest()


def test_hashing_a_file_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "STEP_BYTES", 64)
    save(opt(ramp(3)), tmp_path / "a.dcm")
    ticks: list[str] = []

    def progress(done: int, total: int, step: str) -> None:
        ticks.append(step)
        if len(ticks) > 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_volumes(tmp_path / "a.dcm", progress=progress)
    assert len(ticks) == 21
