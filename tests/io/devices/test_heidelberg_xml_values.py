"""HEYEX's XML export: patterns, eyes, times and letters, value by value."""

from pathlib import Path

import pytest

from tests.io.devices.parsed_xml import codes, only, parsed
from tests.io.devices.write_heyex_xml import Series, write_export


@pytest.mark.parametrize(
    ("kind", "pattern", "provenance", "lines"),
    [
        ("Volume", "raster", "device", 5),
        ("Star", "radial", "device", 5),
        ("Circle", "circle", "device", 0),
        ("Line", "line", "device", 5),
        ("Section", "line", "device", 5),
        ("Mosaic", "unknown", "unknown", 0),
        (None, "raster", "derived", 5),
    ],
)
def test_types_of_series(
    tmp_path: Path, kind: str | None, pattern: str, provenance: str, lines: int
) -> None:
    found = only(write_export(tmp_path / "a.xml", Series(kind=kind)))
    assert (found.pattern, found.pattern_provenance, len(found.lines)) == (
        pattern,
        provenance,
        lines,
    )


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        ("<ExaminedStructure>Retina</ExaminedStructure><Modality>OCT</Modality>", "raster"),
        ("<ModalityProcedure>IR_OCT</ModalityProcedure>", "raster"),
        ("<ModalityProcedure>IR_OCTA</ModalityProcedure>", "angiography"),
        ("<ExaminedStructure>Anterior Segment</ExaminedStructure>", "anterior"),
        ("<ExaminedStructure>ONH</ExaminedStructure>", "onh"),
    ],
)
def test_scans_of_other_tissue_are_not_taken_for_macular_ones(
    tmp_path: Path, extra: str, pattern: str
) -> None:
    found = only(write_export(tmp_path / "a.xml", Series(extra=extra)))
    assert (found.pattern, found.order_provenance) == (pattern, "derived")
    assert ("pattern-stated" in codes(found)) == (pattern != "raster")


@pytest.mark.parametrize(
    ("eye", "image_eyes", "expected", "provenance", "refused"),
    [
        ("R", (), "OD", "device", None),
        ("L", (), "OS", "device", None),
        ("X", (), None, "unknown", None),
        ("B", (), None, "unknown", None),
        (None, (), None, "unknown", None),
        (None, ("L", "X", "X", "X", "X", "X"), "OS", "derived", None),
        ("R", ("R", "R", "R", "L", "R", "R"), None, "unknown", "laterality-conflict"),
        ("R", ("L", "R", "R", "R", "R", "R"), None, "unknown", "laterality-conflict"),
        ("B", ("R", "R", "R", "R", "R", "R"), None, "unknown", "laterality-conflict"),
    ],
)
def test_eyes(
    tmp_path: Path,
    eye: str | None,
    image_eyes: tuple[str, ...],
    expected: str | None,
    provenance: str,
    refused: str | None,
) -> None:
    found = only(write_export(tmp_path / "a.xml", Series(eye=eye, image_eyes=image_eyes)))
    assert (found.laterality, found.laterality_provenance) == (expected, provenance)
    assert (found.refused.code if found.refused is not None else None) == refused


def test_names_are_found_whatever_their_case_and_wherever_they_lay(tmp_path: Path) -> None:
    for location in ("{}", "C:\\Temp\\{}", "file:///exports/{}", "..\\..\\{}", "file:///x/../{}"):
        write_export(tmp_path / "a.xml", Series(location=location))
        assert len(only(tmp_path / "a.xml").pictures) == 5
    (tmp_path / "B1.tif").rename(tmp_path / "b1.TIF")
    assert len(only(tmp_path / "a.xml").pictures) == 5
    assert "b1.TIF" in parsed(tmp_path / "a.xml").info.beside


@pytest.mark.parametrize(
    ("day", "clock", "expected", "provenance"),
    [
        ((2024, 5, 17), None, "2024-05-17T11:15:40", "derived"),
        ((2024, 5, 17), "", "2024-05-17T00:00:00", "device"),
        ((2024, 5, 17), "<Hour>25</Hour>", "2024-05-17T00:00:00", "device"),
        ((2024, 13, 40), None, None, "unknown"),
        (None, None, None, "unknown"),
    ],
)
def test_time_is_the_day_of_the_study_with_the_clock_of_the_first_bscan(
    tmp_path: Path,
    day: tuple[int, int, int] | None,
    clock: str | None,
    expected: str | None,
    provenance: str,
) -> None:
    series = Series() if clock is None else Series(clock=clock)
    found = only(write_export(tmp_path / "a.xml", series, study_day=day))
    assert (found.acquired, found.acquired_provenance) == (expected, provenance)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252"])
def test_letters_of_names_survive(tmp_path: Path, encoding: str) -> None:
    found = only(write_export(tmp_path / "a.xml", encoding=encoding))
    assert found.patient.name == "Müller^Ada Eva"
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>'
    found = only(write_export(tmp_path / "b.xml", before=head, encoding="latin-1"))
    assert found.patient.name == "Müller^Ada Eva"


def test_namespaces_make_no_difference(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml")
    plain = only(path)
    text = path.read_text(encoding="utf-8").replace("<HEDX>", '<HEDX xmlns="http://h.example/v1">')
    path.write_text(text, encoding="utf-8")
    assert only(path) == plain
