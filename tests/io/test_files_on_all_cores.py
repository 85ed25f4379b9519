"""Files that several reading processes decode together give what one gives."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from kdoct_desktop.io import crew, dealing
from kdoct_desktop.io.crew import Crew
from kdoct_desktop.io.readers import VolumeHeader, open_volumes, start_reading
from tests.io.dicom_files import opt, ramp, save, save_encoded
from tests.io.reading_processes import leftovers, no_leftovers


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test of this module may leave a process or a folder behind."""
    with no_leftovers(tmp_path, monkeypatch):
        yield


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers start for any work, on three cores."""
    monkeypatch.setattr(dealing, "_MEASURED", 1)
    monkeypatch.setattr(dealing, "_START_S", 1e-9)
    monkeypatch.setattr(dealing, "_USE_S", 1e-9)
    monkeypatch.setattr(dealing, "_SHARE_S", 1e-9)
    monkeypatch.setattr(crew, "usable_cores", lambda: 3)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=["JPEG-LS", "JPEG 2000"])
def test_compressed_dicom_is_the_same_from_one_process_and_from_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (40, 96, 200), dtype=np.uint8)
    path = save(opt(noise), tmp_path / "a.dcm", syntax)
    ready, order = start_reading(helpers=2), list[int]()

    def listener(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        order.append(index)
        np.testing.assert_array_equal(pixels, noise[index])
        if len(order) == 6:
            time.sleep(1.0)  # the helpers get ready meanwhile

    shared = open_volumes(path, ready=ready, on_bscan=listener)
    monkeypatch.setattr(crew, "usable_cores", lambda: 1)
    alone = open_volumes(path)
    (one,), (other,) = shared.studies[0].volumes, alone.studies[0].volumes
    np.testing.assert_array_equal(one.voxels, noise)
    np.testing.assert_array_equal(other.voxels, noise)
    assert order == [20, *range(20), *range(21, 40)]
    assert (shared.helpers, alone.helpers) == (2, 0)


@pytest.mark.usefixtures("eager")
def test_a_damaged_frame_is_named_whoever_decodes_it(tmp_path: Path) -> None:
    from pydicom import dcmread
    from pydicom.encaps import generate_frames

    whole = save(opt(ramp(30)), tmp_path / "whole.dcm", JPEGLSLossless)
    streams = list(generate_frames(dcmread(whole).PixelData, number_of_frames=30))
    streams[22] = streams[22][: len(streams[22]) // 2]
    save_encoded(opt(ramp(30)), tmp_path / "a.dcm", JPEGLSLossless, streams)
    opened = open_volumes(tmp_path / "a.dcm")
    assert opened.studies == ()
    assert [problem.code for problem in opened.problems] == ["damaged-frame"]
    assert opened.problems[0].message.startswith("B-scan 23 of 30:")


@pytest.mark.usefixtures("eager")
def test_pixels_that_are_only_copied_are_never_dealt_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Crew, "call", lambda crew, count: pytest.fail("a helper was called"))
    volume = ramp(12)
    pages = [Image.fromarray(page) for page in volume]
    folder = tmp_path / "in"
    folder.mkdir()
    save(opt(volume), folder / "native.dcm", ExplicitVRLittleEndian)
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    for number, page in enumerate(pages):
        page.save(folder / f"page{number}.bmp")
    opened = open_volumes(folder)
    assert opened.helpers == 0
    read = [scan.voxels for study in opened.studies for scan in study.volumes]
    assert len(read) == 3
    for voxels in read:
        np.testing.assert_array_equal(voxels, volume)


def test_processes_that_were_started_ahead_end_with_what_they_were_started_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "usable_cores", lambda: 16)
    with start_reading(helpers=7):
        assert leftovers() == (4, 4)  # those that wait cost memory
    assert leftovers() == (0, 0)
