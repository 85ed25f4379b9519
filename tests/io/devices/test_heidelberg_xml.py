"""HEYEX's XML export: whole volumes, from pictures by plain names in the same folder only."""

import re
import shutil
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.volume import Laterality, LocalizerKind, Provenance, ScanPattern
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.parsed_xml import only, parsed
from tests.io.devices.write_heyex_xml import Series, write_export
from tests.io.devices.write_vol import MM, STEP_MM, phantom, raster, star
from tests.sample_scans import localizer, retina

SAMPLES = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "formats"
real = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the development data is not there")


def layers(bscan: int) -> dict[str, list[float]]:
    """Two layers of a B-scan; the first A-scan has none."""
    return {"ILM": [np.nan] + [8.0 + bscan] * 47, "BM": [np.nan] + [22.5 + bscan] * 47}


def test_the_folder_of_an_export_gives_its_volume_and_no_stack_of_its_pictures(
    tmp_path: Path,
) -> None:
    write_export(tmp_path / "export.xml", Series(layers=[layers(b) for b in range(5)]))
    opened = open_volumes(tmp_path)
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, phantom()[::-1])
    assert (volume.laterality, volume.laterality_provenance) == (Laterality.OD, Provenance.DEVICE)
    assert volume.scan_pattern is ScanPattern.RASTER
    assert volume.order_provenance is Provenance.DERIVED
    spacing = volume.spacing
    assert (spacing.axial_mm, spacing.ascan_mm) == (0.00387, 0.0113)
    assert spacing.bscan_mm == pytest.approx(STEP_MM)
    assert volume.localizer is not None
    np.testing.assert_array_equal(volume.localizer.pixels, localizer(64).pixels)
    assert (volume.localizer.kind, volume.localizer.pixel_mm) == (LocalizerKind.SLO, (MM, MM))
    assert volume.scan_lines is not None
    rows = 20.0 + STEP_MM / MM * np.arange(5)
    expected = np.stack([rows, rows * 0 + 8, rows, rows * 0 + 56], axis=1)
    np.testing.assert_allclose(volume.scan_lines.reshape(5, 4), expected, atol=0.01)
    assert volume.layers is not None
    assert volume.layers.names == ("ILM", "BM")
    assert np.isnan(volume.layers.rows[:, :, 0]).all()
    np.testing.assert_array_equal(volume.layers.rows[0, :, 1], [12, 11, 10, 9, 8])
    assert volume.acquired == datetime(2024, 5, 17, 11, 15, 40)
    assert volume.acquired_provenance is Provenance.DERIVED
    assert volume.device == "Heidelberg Engineering Spectralis"
    assert volume.software == "Spectralis Viewing Module 6.9.53.0"
    assert study.patient.name == "Müller^Ada Eva"
    assert (study.patient.identifier, study.patient.sex) == ("ID-77", "F")
    assert str(study.patient.birth_date) == "1948-03-09"


def test_pictures_that_the_export_does_not_name_are_read_as_pictures(tmp_path: Path) -> None:
    write_export(tmp_path / "export.xml")
    shutil.copy(tmp_path / "B1.tif", tmp_path / "other.tif")
    (tmp_path / "deeper").mkdir()
    shutil.copy(tmp_path / "B1.tif", tmp_path / "deeper" / "B1.tif")
    opened = open_volumes(tmp_path)
    found = sorted((v.source.label, v.bscan_count) for s in opened.studies for v in s.volumes)
    assert found == [("B1.tif", 1), ("export.xml", 5), ("other.tif", 1)]


def test_an_archive_with_an_export_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_export(folder / "export.xml")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    (study,) = open_volumes(tmp_path / "in.zip").studies
    assert [volume.source.format for volume in study.volumes] == ["Heidelberg XML"]


def test_several_series_of_both_eyes_stay_apart(tmp_path: Path) -> None:
    other = phantom()[:3, ::-1].copy()
    write_export(
        tmp_path / "export.xml",
        Series(layers=[layers(b) for b in range(5)]),
        Series(other, eye="L", prefix="C", slo=None, context={"ScaleX": 0.0057}),
        Series(phantom()[:1], kind="Section", eye=None, prefix="D", context={"ScaleY": 9.0}),
    )
    opened = open_volumes(tmp_path / "export.xml")
    assert opened.problems == ()
    (study,) = opened.studies
    right, left, line = study.volumes
    assert [v.laterality for v in study.volumes] == [Laterality.OD, Laterality.OS, None]
    assert [v.source.key for v in study.volumes] == ["series 1", "series 2", "series 3"]
    np.testing.assert_array_equal(left.voxels, other[::-1])
    assert (right.spacing.ascan_mm, left.spacing.ascan_mm) == (0.0113, 0.0057)
    assert (left.localizer, left.scan_lines, left.layers) == (None, None, None)
    assert line.scan_pattern is ScanPattern.LINE
    assert (line.spacing.axial_mm, line.spacing.ascan_mm) == (None, 0.0113)


def test_a_series_that_contradicts_itself_does_not_stop_the_others(tmp_path: Path) -> None:
    conflict = Series(prefix="C", image_eyes=["L", *"RRRRR"])
    write_export(tmp_path / "export.xml", conflict, Series())
    opened = open_volumes(tmp_path / "export.xml")
    assert [problem.code for problem in opened.problems] == ["laterality-conflict"]
    assert [v.source.key for v in opened.studies[0].volumes] == ["series 2"]


def test_a_missing_picture_is_a_gap(tmp_path: Path) -> None:
    write_export(tmp_path / "a.xml", Series(lost=[1], layers=[layers(b) for b in range(5)]))
    (study,) = open_volumes(tmp_path).studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, phantom()[[4, 3, 2, 0]])
    assert (volume.numbers, volume.planned) == ((0, 1, 2, 4), 5)
    (notice,) = (notice for notice in volume.notices if notice.code == "missing-bscans")
    assert notice.message == "The file lacks 1 of 5 B-scans: 4."
    assert volume.spacing.bscan_mm == pytest.approx(STEP_MM)
    assert volume.scan_lines is not None
    rows = volume.scan_lines[:, 0, 0]
    np.testing.assert_allclose(np.diff(rows), np.array([1, 1, 2]) * STEP_MM / MM, atol=0.02)
    assert volume.layers is not None
    np.testing.assert_array_equal(volume.layers.rows[0, :, 1], [12, 11, 10, 8])


@pytest.mark.parametrize(
    ("series", "numbers", "planned"),
    [
        (Series(unlisted=[2]), (0, 1, 3, 4), 5),
        (Series(unlisted=[0]), (0, 1, 2, 3), 5),
        (Series(kind="Star", positions=star(5), unlisted=[2]), (0, 1, 3, 4), 5),
        (Series(kind="Star", positions=star(5), unlisted=[4], lost=[1]), (0, 2, 3), 5),
    ],
)
def test_a_bscan_that_the_xml_leaves_out_is_a_gap(
    tmp_path: Path, series: Series, numbers: tuple[int, ...], planned: int
) -> None:
    found = only(write_export(tmp_path / "a.xml", series))
    assert (found.numbers, found.planned) == (numbers, planned)


@pytest.mark.parametrize(
    ("bscans", "unlisted", "numbers", "lacks"),
    [
        (5, (2, 3), (0, 3, 4), "2 of 5 B-scans: 2, 3."),
        (6, (1, 4), (0, 2, 3, 5), "2 of 6 B-scans: 2, 5."),
        (7, (1, 3, 5), (0, 2, 4, 6), "3 of 7 B-scans: 2, 4, 6."),
        (9, (2, 4, 5, 6, 7), (0, 5, 7, 8), "5 of 9 B-scans: 2, 3, 4, 5, 7."),
    ],
)
def test_gaps_stay_where_as_many_steps_span_one(
    tmp_path: Path, bscans: int, unlisted: tuple[int, ...], numbers: tuple[int, ...], lacks: str
) -> None:
    series = Series(retina(bscans, 40, 48), unlisted=unlisted)
    (study,) = open_volumes(write_export(tmp_path / "a.xml", series)).studies
    (volume,) = study.volumes
    assert (volume.numbers, volume.planned) == (numbers, bscans)
    assert volume.spacing.bscan_mm == pytest.approx(STEP_MM)
    (notice,) = (notice for notice in volume.notices if notice.code == "missing-bscans")
    assert notice.message == f"The file lacks {lacks}"


def test_without_image_numbers_the_smallest_step_is_that_between_neighbours(
    tmp_path: Path,
) -> None:
    for bscans, unlisted, numbers in (
        (5, (2, 3), (0, 3, 4)),
        (6, (1, 4), (0, 2, 3, 5)),
        (8, (1, 3, 5), (0, 1, 3, 5, 7)),
    ):
        path = write_export(tmp_path / "a.xml", Series(retina(bscans, 40, 48), unlisted=unlisted))
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub("<ImageNumber>.*?</ImageNumber>", "", text), encoding="utf-8")
        found = only(path)
        assert (found.numbers, found.planned) == (numbers, bscans)
        assert found.bscan_mm == pytest.approx(STEP_MM)


def test_image_numbers_that_positions_contradict_close_no_gap(tmp_path: Path) -> None:
    there = raster(5)[[0, 1, 3, 4]]
    numbered_anew = write_export(tmp_path / "a.xml", Series(phantom()[:4], positions=there))
    assert only(numbered_anew).numbers == (0, 1, 3, 4)
    uneven = raster(6)
    uneven[2, [0, 2]] += 0.05
    series = Series(retina(6, 40, 48), positions=uneven, unlisted=[1])
    assert only(write_export(tmp_path / "b.xml", series)).numbers == (0, 1, 2, 3, 5)


def test_numbers_of_localizers_between_bscans_are_no_gaps(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml")
    text = path.read_text(encoding="utf-8")
    localizer_at = text.index("<Image><ID>0<")
    image = text[localizer_at : text.index("<Image><ID>1<")]
    for number in range(5, 0, -1):
        text = text.replace(f"<ImageNumber>{number}<", f"<ImageNumber>{2 * number}<")
    between = "".join(
        image.replace("<ImageNumber>0<", f"<ImageNumber>{n}<") for n in (1, 3, 5, 7, 9)
    )
    text = text[:localizer_at] + between + text[localizer_at:]
    path.write_text(text.replace("<NumImages>6<", "<NumImages>11<"), encoding="utf-8")
    found = only(path)
    assert (found.numbers, found.planned) == ((0, 1, 2, 3, 4), 5)
    assert found.bscan_mm == pytest.approx(STEP_MM)


@pytest.mark.parametrize("step_mm", [0.0113, 0.0314, 0.0605])
def test_one_gap_of_a_large_raster_is_found_in_rounded_coordinates(
    tmp_path: Path, step_mm: float
) -> None:
    positions = np.round(raster(97, step_mm=step_mm), 3)
    series = Series(retina(97, 4, 8), positions=positions, unlisted=[40])
    path = write_export(tmp_path / "a.xml", series)
    expected = tuple(number for number in range(97) if number != 56)
    assert only(path).numbers == expected
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("<ImageNumber>.*?</ImageNumber>", "", text), encoding="utf-8")
    assert only(path).numbers == expected


def test_without_any_picture_a_scan_is_refused(tmp_path: Path) -> None:
    write_export(tmp_path / "a.xml", Series(lost=range(5)))
    opened = open_volumes(tmp_path / "a.xml")
    assert [problem.code for problem in opened.problems] == ["missing-pictures"]
    assert opened.studies == ()


def test_order_follows_positions(tmp_path: Path) -> None:
    shuffled = [3, 0, 4, 1, 2]
    series = Series(phantom()[shuffled], positions=raster(5)[shuffled])
    (study,) = open_volumes(write_export(tmp_path / "a.xml", series)).studies
    np.testing.assert_array_equal(study.volumes[0].voxels, phantom()[::-1])


def test_jpeg_and_colour_stored_grey_are_read_and_a_colour_localizer_stays_so(
    tmp_path: Path,
) -> None:
    grey = np.repeat(phantom()[..., None], 3, axis=-1)
    colour = np.stack([localizer(64).pixels, localizer(64).pixels // 2, localizer(64).pixels // 3])
    series = Series(slo=np.moveaxis(colour, 0, -1).copy(), suffix="png")
    series.voxels = grey
    (study,) = open_volumes(write_export(tmp_path / "a.xml", series)).studies
    (volume,) = study.volumes
    np.testing.assert_array_equal(volume.voxels, phantom()[::-1])
    assert volume.localizer is not None
    assert volume.localizer.pixels.shape == (64, 64, 3)
    assert volume.scan_lines is not None


def test_links_and_other_folders_are_never_opened(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    write_export(folder / "a.xml")
    for name in ("B1.tif", "B2.tif"):
        (folder / name).rename(outside / name)
    (folder / "B1.tif").symlink_to(outside / "B1.tif")
    assert only(folder / "a.xml").numbers == (0, 1, 2)
    for location in (f"{outside}/B1.tif:x", "a.xml", ".", "..", "", "in/..", "x" * 300, "in"):
        write_export(folder / "a.xml", Series(location=location))
        info = parsed(folder / "a.xml").info
        assert (info.beside, info.volumes[0].pictures) == ((), ()), location


@real
def test_the_sample_of_eyepy() -> None:
    opened = open_volumes(SAMPLES / "heidelberg_xml")
    assert opened.problems == ()
    (export,) = (
        v for s in opened.studies for v in s.volumes if v.source.format == "Heidelberg XML"
    )
    assert export.voxels.shape == (10, 40, 50)
    assert export.laterality is Laterality.OD
    assert export.scan_pattern is ScanPattern.RASTER
    assert export.spacing.bscan_mm == pytest.approx(0.283 / 9)
    assert export.layers is not None
    names = ("ILM", "BM", "RNFL", "GCL", "IPL", "INL", "OPL", "ELM", "PR1", "PR2", "RPE")
    assert export.layers.names == names
    np.testing.assert_allclose(
        export.layers.rows[:, 0, 25],
        [9.6, 30.2, 10.5, 12.4, 13.3, 14.8, 17.1, 22.2, 26.5, 25.3, 28.0],
        rtol=1e-6,
    )
    others = [v.source.label for s in opened.studies for v in s.volumes if v is not export]
    assert others == ["B11.tif"]  # the XML does not name it


@real
def test_layer_surfaces_are_told_what_they_are() -> None:
    opened = open_volumes(SAMPLES / "heidelberg_seg_xml")
    (problem,) = opened.problems
    assert problem.code == "layer-surfaces"
    assert "open the scan itself" in problem.message
    assert opened.studies == ()
