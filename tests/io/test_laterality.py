"""The eye is never guessed: every pair of sources, every value."""

from itertools import product
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.volume import Laterality, Provenance
from kdoct_desktop.io.dicom_fields import FileInfo, FrameInfo, PersonInfo
from kdoct_desktop.io.dicom_identity import eye_of
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, photograph, ramp, raster_lines, save

OD, OS = Laterality.OD, Laterality.OS
VALUES = ("R", "L", "B", None, "X")


def info(image: str | None, series: str | None, frames: tuple[str | None, ...]) -> FileInfo:
    """A header that says nothing but the eye."""
    return FileInfo(
        sha256="0" * 64,
        sop_class="",
        sop_class_name="",
        instance="",
        study="",
        series="",
        frame_of_reference="",
        concatenation=None,
        part=None,
        parts=None,
        number=None,
        person=PersonInfo(),
        study_date=None,
        acquired=None,
        device=None,
        rows=1,
        columns=1,
        frames=len(frames),
        samples=1,
        bits=8,
        photometric="MONOCHROME2",
        eyes=tuple(eye for eye in (image, series) if eye is not None),
        pattern=None,
        pattern_source=None,
        burned_in=False,
        frame_info=tuple(FrameInfo(eye=eye) for eye in frames),
    )


def test_sources_that_disagree_are_refused_and_nothing_is_made_up() -> None:
    for image, series, frame, localizer in product(VALUES, VALUES, VALUES, VALUES):
        check_sources(image, series, frame, localizer)


def check_sources(
    image: str | None, series: str | None, frame: str | None, localizer: str | None
) -> None:
    """Image, series, frame and localizer say this: is the answer right?"""
    stated = {value for value in (image, series, frame, localizer) if value in ("R", "L", "B")}
    files, picture = [info(image, series, (None, frame))], info(localizer, None, ())
    if len(stated) > 1:
        with pytest.raises(IngestError) as caught:
            eye_of(files, picture)
        assert caught.value.code == "laterality-conflict"
        return
    eye, provenance, notices = eye_of(files, picture)
    expected = {"R": OD, "L": OS}.get(stated.pop() if stated else "")
    assert eye is expected
    own = {image, series, frame} & {"R", "L"}
    if expected is None:
        assert provenance is Provenance.UNKNOWN
        assert [notice.code for notice in notices] == ["eye-unknown"]
    else:
        assert provenance is (Provenance.DEVICE if own else Provenance.DERIVED)


def test_frames_of_two_eyes_are_refused() -> None:
    with pytest.raises(IngestError):
        eye_of([info(None, None, ("R", "R", "L"))], None)


def frame_eye(data: Dataset, eye: str) -> Dataset:
    """Sets the shared frame laterality."""
    anatomy = Dataset()
    anatomy.FrameLaterality = eye
    data.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [anatomy]
    return data


@pytest.mark.parametrize(
    ("image", "frame", "series", "expected"),
    [
        ("R", "R", None, OD),
        (None, "L", None, OS),
        (None, None, "L", OS),
        (None, None, None, None),
        ("B", None, None, None),
    ],
)
def test_the_eye_is_read_from_the_file(
    tmp_path: Path,
    image: str | None,
    frame: str | None,
    series: str | None,
    expected: Laterality | None,
) -> None:
    data = opt(ramp(2), eye=image)
    if frame is not None:
        frame_eye(data, frame)
    if series is not None:
        data.Laterality = series
    (study,) = open_volumes(save(data, tmp_path / "left OS R_L.dcm")).studies
    assert study.volumes[0].laterality is expected


def test_a_conflict_in_a_file_refuses_that_volume_alone(tmp_path: Path) -> None:
    save(frame_eye(opt(ramp(2), eye="R"), "L"), tmp_path / "conflict.dcm")
    save(opt(ramp(2), eye="L"), tmp_path / "good.dcm")
    opened = open_volumes(tmp_path)
    assert [(p.source, p.code) for p in opened.problems] == [
        ("conflict.dcm", "laterality-conflict")
    ]
    assert [v.laterality for v in opened.studies[0].volumes] == [OS]


def test_a_localizer_of_the_other_eye_is_a_conflict(tmp_path: Path) -> None:
    picture = photograph(ramp(1, depth=64, ascans=64)[0], eye="L")
    save(picture, tmp_path / "p.dcm")
    lines = raster_lines(3)
    save(opt(ramp(3), lines=lines, localizer=picture.SOPInstanceUID), tmp_path / "v.dcm")
    assert [p.code for p in open_volumes(tmp_path).problems] == ["laterality-conflict"]


def test_files_of_one_series_that_disagree_are_a_conflict(tmp_path: Path) -> None:
    for i, eye in enumerate(("R", "R", "L")):
        data = opt(ramp(3)[i : i + 1], eye=eye, positions=[i + 1], SeriesInstanceUID="1.9")
        save(data, tmp_path / f"{i}.dcm")
    opened = open_volumes(tmp_path)
    assert [p.code for p in opened.problems] == ["laterality-conflict"]
    assert opened.studies == ()


def test_the_user_may_state_an_unknown_eye_but_not_contradict(tmp_path: Path) -> None:
    save(opt(ramp(2), eye=None), tmp_path / "unknown.dcm")
    save(opt(ramp(2), eye="L"), tmp_path / "left.dcm")
    opened = open_volumes(tmp_path, eye=OD)
    (volume,) = opened.studies[0].volumes
    assert (volume.laterality, volume.laterality_provenance) == (OD, Provenance.USER)
    assert "eye-unknown" not in {notice.code for notice in volume.notices}
    assert [(p.source, p.code) for p in opened.problems] == [("left.dcm", "laterality-conflict")]
    assert open_volumes(tmp_path / "left.dcm", eye=OS).studies[0].volumes[0].laterality is OS
