"""Which files and frames are one volume, in which order, and on which picture they lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from kdoct_desktop.domain.volume import LocalizerKind, OctVolume, Provenance, ScanPattern
from kdoct_desktop.io.readers import OpenedInput, open_volumes
from tests.io.dicom_files import opt, photograph, ramp, raster_lines, save, secondary_capture


def only_volume(opened: OpenedInput) -> OctVolume:
    """The one volume of an input without problems."""
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    return volume


def codes(volume: OctVolume) -> set[str]:
    """Codes of a volume's notices."""
    return {notice.code for notice in volume.notices}


def write_series(folder: Path, order: Sequence[int], **how: Sequence[Any]) -> None:
    """Single-frame objects whose file names disagree with the order of their positions."""
    volume = ramp(len(order))
    for name, i in enumerate(order):
        tags = {keyword: values[i] for keyword, values in how.items()}
        lines = [tags.pop("line")] if "line" in tags else None
        data = opt(
            volume[i : i + 1],
            positions=[tags.pop("position", None)],
            lines=lines,
            SeriesInstanceUID="1.2.9",
            **tags,
        )
        save(data, folder / f"{name:03d}.dcm")


@pytest.mark.parametrize(
    ("how", "provenance"),
    [
        ({"position": [1, 2, 3, 4, 5]}, Provenance.DEVICE),
        ({"ImagePositionPatient": [[0, 0.12 * i, 7] for i in range(5)]}, Provenance.DERIVED),
        ({"line": raster_lines(5)}, Provenance.DERIVED),
        ({"InstanceNumber": [1, 2, 3, 4, 5]}, Provenance.ASSUMED),
    ],
    ids=["stack", "plane", "lines", "numbers"],
)
def test_single_frames_are_put_in_order(
    tmp_path: Path, how: dict[str, Sequence[Any]], provenance: Provenance
) -> None:
    write_series(tmp_path, [3, 0, 4, 1, 2], **how)
    volume = only_volume(open_volumes(tmp_path))
    np.testing.assert_array_equal(volume.voxels, ramp(5))
    assert volume.order_provenance is provenance
    assert ("order-assumed" in codes(volume)) == (provenance is Provenance.ASSUMED)
    assert volume.source.label == tmp_path.name


def test_frames_of_one_file_are_ordered_by_their_position(tmp_path: Path) -> None:
    data = opt(ramp(5)[[2, 0, 1, 4, 3]], positions=[3, 1, 2, 5, 4])
    volume = only_volume(open_volumes(save(data, tmp_path / "a.dcm")))
    np.testing.assert_array_equal(volume.voxels, ramp(5))


def test_a_gap_in_the_numbering_is_announced(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2], position=[1, 2, 4])
    volume = only_volume(open_volumes(tmp_path))
    assert "missing-bscans" in codes(volume)
    assert (volume.numbers, volume.planned) == ((0, 1, 3), 4)


def test_a_concatenation_is_one_volume_and_must_be_complete(tmp_path: Path) -> None:
    whole = ramp(6)
    for part in (2, 1):
        data = opt(whole[3 * part - 3 : 3 * part], positions=range(3 * part - 2, 3 * part + 1))
        data.ConcatenationUID = "1.2.77"
        data.InConcatenationNumber, data.InConcatenationTotalNumber = part, 2
        data.SeriesInstanceUID = "1.2.9"
        save(data, tmp_path / f"{3 - part}.dcm")
    np.testing.assert_array_equal(only_volume(open_volumes(tmp_path)).voxels, whole)
    (tmp_path / "1.dcm").unlink()
    opened = open_volumes(tmp_path)
    assert [p.code for p in opened.problems] == ["incomplete-volume"]
    assert opened.studies == ()


def test_every_volume_of_an_input_is_read_and_the_right_eye_comes_first(tmp_path: Path) -> None:
    for name, eye, study in (("a", "L", "1.1"), ("b", "R", "1.1"), ("c", "R", "1.2")):
        save(opt(ramp(3), eye=eye, StudyInstanceUID=study), tmp_path / f"{name}.dcm")
    opened = open_volumes(tmp_path)
    assert [[v.source.label for v in study.volumes] for study in opened.studies] == [
        ["b.dcm", "a.dcm"],
        ["c.dcm"],
    ]
    keys = [volume.source.key for study in opened.studies for volume in study.volumes]
    assert len(set(keys)) == 3


def test_volumes_of_one_series_have_different_keys(tmp_path: Path) -> None:
    for name in "ab":
        save(opt(ramp(3), SeriesInstanceUID="1.9"), tmp_path / f"{name}.dcm")
    keys = [volume.source.key for volume in open_volumes(tmp_path).studies[0].volumes]
    assert keys == ["1.9", "1.9 #2"]


def test_a_copy_of_a_file_is_read_once_and_a_forged_twin_refused(tmp_path: Path) -> None:
    data = opt(ramp(3), SOPInstanceUID="1.2.5")
    save(data, tmp_path / "a.dcm")
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
    assert only_volume(open_volumes(tmp_path)).source.label == "a.dcm"
    save(opt(ramp(4), SOPInstanceUID="1.2.5"), tmp_path / "c.dcm")
    opened = open_volumes(tmp_path)
    assert [(p.source, p.code) for p in opened.problems] == [("c.dcm", "duplicate-instance")]


def test_two_patients_are_never_mixed(tmp_path: Path) -> None:
    save(opt(ramp(3), PatientID="A"), tmp_path / "a.dcm")
    save(opt(ramp(3), PatientID="B"), tmp_path / "b.dcm")
    opened = open_volumes(tmp_path)
    assert [v.source.label for v in opened.studies[0].volumes] == ["a.dcm"]
    assert [(p.source, p.code) for p in opened.problems] == [("b.dcm", "patient-conflict")]
    series = tmp_path / "series"
    series.mkdir()
    write_series(series, [0, 1], position=[1, 2], PatientID=["A", "B"])
    assert [p.code for p in open_volumes(series).problems] == ["patient-conflict"]


def linked(folder: Path, picture: Dataset, **tags: object) -> OctVolume:
    """A raster whose frames refer to `picture`, both written and read."""
    save(picture, folder / "localizer.dcm")
    lines = raster_lines(5, step=10.0)
    data = opt(ramp(5), lines=lines, localizer=picture.SOPInstanceUID)
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    save(data, folder / "volume.dcm")
    return only_volume(open_volumes(folder))


def test_the_localizer_and_the_scan_lines_fit_together(tmp_path: Path) -> None:
    picture = ramp(1, depth=64, ascans=64)[0]
    volume = linked(tmp_path, photograph(picture))
    assert volume.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, picture)
    assert volume.localizer.kind is LocalizerKind.SLO
    assert volume.localizer.pixel_mm == (0.0125, 0.0125)
    assert volume.scan_lines is not None
    np.testing.assert_array_equal(volume.scan_lines[0], [[4.0, 0.0], [4.0, 63.0]])
    np.testing.assert_array_equal(volume.scan_lines[4], [[44.0, 0.0], [44.0, 63.0]])
    assert volume.spacing.bscan_mm == pytest.approx(10 * 0.0125)
    assert "bscan-distance-derived" in codes(volume)
    assert volume.scan_pattern is ScanPattern.RASTER


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "jpeg"])
def test_a_colour_localizer_comes_as_rgb(tmp_path: Path, photometric: str) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32] = (220, 120, 40)
    picture[32:] = (30, 60, 200)
    data = photograph(picture)
    if photometric == "YBR_FULL":
        from pydicom.pixels.processing import convert_color_space

        data.PixelData = convert_color_space(picture, "RGB", "YBR_FULL").tobytes()
        data.PhotometricInterpretation = "YBR_FULL"
    if photometric == "jpeg":
        data.PhotometricInterpretation = "YBR_FULL_422"
        save(data, tmp_path / "localizer.dcm", JPEGBaseline8Bit)
        lines = raster_lines(5)
        save(opt(ramp(5), lines=lines, localizer=data.SOPInstanceUID), tmp_path / "v.dcm")
        volume = only_volume(open_volumes(tmp_path))
    else:
        volume = linked(tmp_path, data)
    assert volume.localizer is not None
    assert volume.localizer.kind is LocalizerKind.FUNDUS
    difference = volume.localizer.pixels.astype(int) - picture
    assert np.abs(difference[4:28]).max() <= 6
    assert np.abs(difference[36:60]).max() <= 6


def test_a_sixteen_bit_localizer_is_scaled(tmp_path: Path) -> None:
    picture = ramp(1, depth=64, ascans=64)[0].astype(np.uint16) * 257
    volume = linked(tmp_path, photograph(picture))
    assert volume.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, picture // 257)


def test_a_localizer_without_reference_is_matched_by_study_and_eye(tmp_path: Path) -> None:
    save(photograph(ramp(1)[0]), tmp_path / "right.dcm")
    save(photograph(ramp(1)[0], eye="L"), tmp_path / "left.dcm")
    save(opt(ramp(3)), tmp_path / "v.dcm")
    opened = open_volumes(tmp_path)
    volume = opened.studies[0].volumes[0]
    assert volume.localizer is not None
    assert "localizer-derived" in codes(volume)
    assert [(p.source, p.code) for p in opened.problems] == [("left.dcm", "not-an-oct-volume")]


def test_a_missing_or_damaged_localizer_does_not_cost_the_volume(tmp_path: Path) -> None:
    data = opt(ramp(5), lines=raster_lines(5), localizer="1.2.404")
    missing = only_volume(open_volumes(save(data, tmp_path / "v.dcm")))
    assert missing.localizer is None
    assert "localizer-missing" in codes(missing)
    picture = photograph(ramp(1)[0], SOPInstanceUID="1.2.404")
    from pydicom.uid import JPEGLSLossless

    path = save(picture, tmp_path / "p.dcm", JPEGLSLossless)
    raw = bytearray(path.read_bytes())
    raw[-60:-8] = bytes(52)
    path.write_bytes(raw)
    damaged = only_volume(open_volumes(tmp_path))
    assert damaged.bscan_count == 5


def test_scan_lines_far_outside_the_localizer_are_dropped(tmp_path: Path) -> None:
    picture = photograph(ramp(1, depth=64, ascans=64)[0])
    save(picture, tmp_path / "p.dcm")
    lines = raster_lines(3, first=500.0)
    save(opt(ramp(3), lines=lines, localizer=picture.SOPInstanceUID), tmp_path / "v.dcm")
    volume = only_volume(open_volumes(tmp_path))
    assert volume.scan_lines is None
    assert "scan-lines-outside" in codes(volume)


def test_secondary_capture_is_read_with_a_warning(tmp_path: Path) -> None:
    grey = secondary_capture(ramp(3))
    volume = only_volume(open_volumes(save(grey, tmp_path / "a.dcm")))
    np.testing.assert_array_equal(volume.voxels, ramp(3))
    assert {"secondary-capture", "not-calibrated", "eye-unknown"} <= codes(volume)
    as_colour = secondary_capture(np.repeat(ramp(2)[..., np.newaxis], 3, axis=-1))
    volume = only_volume(open_volumes(save(as_colour, tmp_path / "b.dcm")))
    np.testing.assert_array_equal(volume.voxels, ramp(2))


def test_dates_device_and_patient_are_kept(tmp_path: Path) -> None:
    data = opt(
        ramp(1),
        AcquisitionDateTime="20250102101500.5",
        ManufacturerModelName="Model",
        PatientBirthDate="19501231",
        PatientSex="F",
    )
    (study,) = open_volumes(save(data, tmp_path / "a.dcm")).studies
    assert (study.uid, str(study.performed)) == ("1.2.3.4", "2025-01-02")
    assert study.patient.name == "Phantom, Test"
    assert (study.patient.identifier, study.patient.sex) == ("P1", "F")
    assert str(study.patient.birth_date) == "1950-12-31"
    assert str(study.volumes[0].acquired) == "2025-01-02 10:15:00"
    assert study.volumes[0].device == "Maker Model"
