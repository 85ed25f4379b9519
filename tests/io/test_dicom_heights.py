"""Height maps of other writers: which rows are whose, and what is no height map."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace
from kdoct_desktop.io.dicom import plans_of
from kdoct_desktop.io.dicom_fields import FileInfo
from kdoct_desktop.io.dicom_header import read_header
from kdoct_desktop.io.dicom_heights import read_layers
from kdoct_desktop.io.dicom_localizer import DicomFile
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile, VolumePlan
from kdoct_desktop.io.records import from_json
from kdoct_desktop.io.wire import PREFIX, decode, encode
from tests.io.written_scans import NAMES, layers, scan, write

LIMITS = asdict(Limits())


def header(path: Path) -> DicomFile:
    """A file with its header, as it crosses to the program's side."""
    arguments = {"path": str(path), "limits": LIMITS}
    ((message, _),) = read_header(Workspace(path.parent), arguments)
    info = from_json(FileInfo, decode(encode(message)[PREFIX.size :])["info"])
    return DicomFile(InputFile(path, path.name, "folder"), info)


def heights(path: Path, bscans: list[int]) -> NDArray[np.float32]:
    """Rows of a map for some B-scans."""
    arguments = {"path": str(path), "limits": LIMITS, "bscans": bscans}
    ((message, payload),) = read_layers(Workspace(path.parent), arguments)
    return np.frombuffer(payload, "<f4").reshape(message["shape"])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A tomography and its height map."""
    found = write(scan(layers=layers(), localizer=None, scan_lines=None), tmp_path)
    tomography, height_map = (tmp_path / file.name for file in found)
    return tomography, height_map


def changed(path: Path, change: Callable[[FileDataset], object]) -> Path:
    """The file with a change."""
    data = dcmread(path)
    change(data)
    data.save_as(path)
    return path


def plan(*paths: Path) -> tuple[VolumePlan, list[str]]:
    """The only volume of some files, and codes of what was refused."""
    plans, problems = plans_of([header(path) for path in paths])
    (one,) = plans
    return one, [problem.code for problem in problems]


def source_of(data: Dataset) -> Dataset:
    """The reference to the tomography."""
    shared = data.SharedFunctionalGroupsSequence[0]
    source: Dataset = shared.DerivationImageSequence[0].SourceImageSequence[0]
    return source


def test_rows_follow_the_frames_that_the_map_names(files: tuple[Path, Path]) -> None:
    def shuffle(data: Dataset) -> None:
        source_of(data).ReferencedFrameNumber = [2, 1, 5, 4, 3]

    tomography, height_map = files
    changed(height_map, shuffle)
    one, refused = plan(tomography, height_map)
    assert refused == []
    assert one.layers is not None
    assert one.layers.names == NAMES
    expected = layers().rows[:, [1, 0, 4, 3, 2]]
    np.testing.assert_array_equal(heights(height_map, [0, 1, 2, 3, 4]), expected)
    np.testing.assert_array_equal(heights(height_map, [4, 0]), expected[:, [4, 0]])


def test_a_range_of_padding_is_no_height(files: tuple[Path, Path]) -> None:
    def widen(data: FileDataset) -> None:
        data.FloatPixelPaddingRangeLimit = 30.0

    _, height_map = files
    changed(height_map, widen)
    rows = heights(height_map, [0, 1, 2, 3, 4])
    expected = np.where(layers().rows <= 30.0, np.nan, layers().rows)
    np.testing.assert_array_equal(rows, expected)


def test_layers_without_their_scan_are_named(files: tuple[Path, Path]) -> None:
    plans, problems = plans_of([header(files[1])])
    assert plans == []
    assert [problem.code for problem in problems] == ["layers-alone"]


def test_of_several_sets_of_layers_none_is_taken(files: tuple[Path, Path]) -> None:
    tomography, height_map = files
    other = height_map.with_name("other.dcm")
    other.write_bytes(height_map.read_bytes())
    changed(other, lambda data: setattr(data, "SOPInstanceUID", "1.2.3"))
    one, refused = plan(tomography, height_map, other)
    assert (one.layers, refused) == (None, [])
    assert "several-layers" in {notice.code for notice in one.notices}


def test_layers_of_another_size_are_not_taken(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = write(scan(bscans=3, layers=layers(3)), tmp_path / "small")
    small = tmp_path / "small" / found[-1].name
    instance = dcmread(files[0]).SOPInstanceUID
    changed(small, lambda data: setattr(source_of(data), "ReferencedSOPInstanceUID", instance))
    one, refused = plan(files[0], small)
    assert (one.layers, refused) == (None, [])
    assert "layers-unreadable" in {notice.code for notice in one.notices}


def no_source(data: FileDataset) -> None:
    del data.SharedFunctionalGroupsSequence[0].DerivationImageSequence


def two_sources(data: FileDataset) -> None:
    group = data.PerFrameFunctionalGroupsSequence[0]
    group.DerivationImageSequence = [Dataset()]
    other = Dataset()
    other.ReferencedSOPInstanceUID = "1.2.3"
    group.DerivationImageSequence[0].SourceImageSequence = [other]


def integers(data: FileDataset) -> None:
    data.PixelData, data.BitsAllocated = bytes(2 * 3 * 5 * 64), 16
    data["PixelData"].VR = "OW"
    del data.FloatPixelData


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (no_source, "layers-unreadable"),
        (two_sources, "layers-unreadable"),
        (integers, "layers-unreadable"),
        (lambda data: setattr(data, "NumberOfFrames", 65), "layers-unreadable"),
        (lambda data: setattr(data, "NumberOfFrames", 2), "layers-unreadable"),
        (lambda data: setattr(data, "Rows", 0), "layers-unreadable"),
        (lambda data: setattr(data, "Rows", 65535), "too-large"),
        (lambda data: setattr(data, "Columns", 65535), "too-large"),
        (lambda data: setattr(data, "Rows", 6), "truncated-file"),
        (lambda data: delattr(data, "SegmentSequence"), "layers-unreadable"),
        (
            lambda data: setattr(source_of(data), "ReferencedFrameNumber", [1, 1, 2, 3, 4]),
            "layers-unreadable",
        ),
    ],
)
def test_what_is_no_height_map_is_refused_by_name(
    files: tuple[Path, Path], change: Callable[[FileDataset], Any], code: str
) -> None:
    with pytest.raises(IngestError) as refused:
        header(changed(files[1], change))
    assert refused.value.code == code


def test_a_row_that_the_map_does_not_have_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(IngestError):
        heights(files[1], [0, 1, 2, 3, 5])


def test_every_cut_of_a_height_map_is_refused_by_name_or_read_whole(
    files: tuple[Path, Path],
) -> None:
    _, height_map = files
    whole = height_map.read_bytes()
    cut = height_map.with_name("cut.dcm")
    for size in range(200, len(whole), 256):
        cut.write_bytes(whole[:size])
        with pytest.raises(IngestError):
            header(cut)


def test_a_tomography_of_floating_point_values_is_still_refused(tmp_path: Path) -> None:
    (file,) = write(scan(localizer=None, scan_lines=None), tmp_path)

    def floating(data: FileDataset) -> None:
        del data.PixelData
        data.FloatPixelData = np.zeros((5, 60, 64), "<f4").tobytes()

    with pytest.raises(IngestError) as refused:
        header(changed(tmp_path / file.name, floating))
    assert refused.value.code == "unsupported-depth"
