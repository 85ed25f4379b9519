"""Many packed files: no more is open and unpacked than one of them at a time."""

import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices import metaimage, nifti
from kdoct_desktop.io.devices.inflated import Inflated
from kdoct_desktop.io.limits import Limits
from tests.io.devices.plain_files import only, voxels
from tests.io.devices.write_metaimage import write_metaimage
from tests.io.devices.write_nifti import Nifti
from tests.sample_scans import retina

GREY = retina(3, 64, 32)
DESCRIPTORS = Path("/proc/self/fd")


def descriptors() -> int:
    """How many the process has open, the one for looking among them."""
    return len(list(DESCRIPTORS.iterdir()))


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of the process, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="the system does not list descriptors")
def test_many_packed_files_do_not_use_up_the_descriptors(tmp_path: Path, unpacked: Path) -> None:
    pytest.importorskip("nibabel")
    Nifti(GREY).write(tmp_path / "oct.nii.gz")
    write_metaimage(tmp_path / "oct.mhd", GREY, packed=True)
    before = descriptors()
    files = [nifti.parse(tmp_path / "oct.nii.gz", Limits()) for _ in range(20)]
    more = [metaimage.parse(tmp_path / "oct.mhd", Limits()) for _ in range(20)]
    assert descriptors() <= before, "a header opens nothing for long"
    for file in (*files, *more):
        np.testing.assert_array_equal(voxels(file), GREY)
        assert descriptors() <= before + 2
        assert len(list(unpacked.iterdir())) == 1
    assert only(files[0]).planned == 3


def test_a_file_that_was_closed_for_another_is_read_again(tmp_path: Path, unpacked: Path) -> None:
    other = GREY[::-1].copy()
    paths = [
        write_metaimage(tmp_path / "a.mhd", GREY, packed=True),
        write_metaimage(tmp_path / "b.mhd", other, packed=True),
    ]
    files = [metaimage.parse(path, Limits()) for path in paths]
    for number in (2, 0, 1):
        for file, stored in zip(files, (GREY, other), strict=True):
            np.testing.assert_array_equal(file.picture(number, colour=False), stored[number])
            assert len(list(unpacked.iterdir())) == 1
    del file, files
    assert list(unpacked.iterdir()) == []


def test_a_file_that_is_gone_leaves_nothing_open(tmp_path: Path, unpacked: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(zlib.compress(bytes(100)))
    first, second = (Inflated(packed, start=0, size=100) for _ in range(2))
    assert first.read(50, 50) == bytes(50)
    packed.unlink()
    with pytest.raises(OSError, match="packed"):
        second.read(0, 1)
    assert list(unpacked.iterdir()) == []
    with pytest.raises(IngestError):
        first.read(0, 101)
