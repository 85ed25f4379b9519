"""The PDF says what the result says, to everybody, and nothing else."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import pypdf
import pytest

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.study import Patient, Problem, Study
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.report import pdf, table, wording
from kdoct_desktop.report.content import build_content
from tests import samples

STATES = samples.every_state()
FOOT = "Research use only. Not a medical device."


def rendered(study: StudyAnalysis, *, clinic: str = "Eye Centre") -> bytes:
    content = build_content(study, app_version="0.1.0", now=samples.NOW, clinic=clinic)
    return pdf.render(content, study)


def pages_of(data: bytes) -> list[str]:
    """Text of each page with single blanks."""
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    return [" ".join(page.extract_text().split()) for page in reader.pages]


@pytest.fixture(scope="module")
def pair() -> tuple[StudyAnalysis, bytes]:
    study = samples.study_analysis()
    return study, rendered(study)


def test_the_report_prints_the_values_of_the_json_document(
    pair: tuple[StudyAnalysis, bytes],
) -> None:
    study, data = pair
    first, second = pages_of(data)
    document = table.result_document([study], app_version="0.1.0")
    for volume in document["volumes"]:
        finding = volume["finding"]
        assert finding["sentence"] in first
        assert finding["sentence"] in second
        assert finding["urgency"] in first
        shown = dict(zip(samples.CLASSES, samples.DISPLAY, strict=True))
        for code, value in finding["probabilities"].items():
            limit = finding["thresholds"].get(code)
            tick = "–" if limit is None else wording.probability(limit)
            assert f"{shown[code]} {wording.probability(value)} {tick}" in first
        for code, limit in finding["thresholds"].items():
            assert f"{shown[code]} {wording.probability(limit)}" in second
        assert finding["rule"] in second
        assert volume["preprocessing"] in second
        assert volume["source"] in second
    model = document["model"]
    assert model["sha256"] in second
    assert model["sha256"][:12] in first
    for page in (first, second):
        assert f"{model['name']} {model['version']}" in page
        assert model["notice"] in page
    finding = document["volumes"][0]["finding"]
    low, high = finding["evidence_bscans"]
    strongest = finding["strongest_bscan"]
    assert f"B-scans {low + 1}–{high + 1}, strongest {strongest + 1}" in first
    value = document["volumes"][0]["bscans"][strongest]["probabilities"]["CNV"]
    assert f"B-scan {strongest + 1} of 25, CNV {wording.probability(value)}" in second


@pytest.mark.parametrize("name", list(STATES))
def test_every_state_prints_its_sentence_and_the_foot_on_every_page(name: str) -> None:
    study = STATES[name]
    data = rendered(study)
    pages = pages_of(data)
    for number, page in enumerate(pages, start=1):
        assert FOOT in page
        assert f"Page {number} of {len(pages)}" in page
        assert "Printed 2026-11-20 14:05 UTC+01:00" in page
        assert "KD-OCT Desktop 0.1.0" in page
    for item in study.volumes:
        if item.finding is not None:
            assert wording.finding_sentence(item.finding, samples.MODEL) in pages[0]
            for reason in item.finding.reasons:
                assert reason.message in pages[0]
        if item.not_analysed is not None:
            assert item.not_analysed.message in pages[0]
    assert "The file ends before its pixel data does." in " ".join(pages)
    assert "Name of the reader" in pages[0]
    assert "Signature" in pages[0]


def test_one_eye_names_the_missing_one_and_takes_two_pages() -> None:
    pages = pages_of(rendered(samples.study_analysis(samples.found("DRUSEN"))))
    assert len(pages) == 2
    assert "No scan of the left eye in this study." in pages[0]
    assert "OS left eye" not in pages[0]


def test_all_scans_of_a_study_are_printed() -> None:
    study = samples.study_analysis(
        samples.found("CNV", Laterality.OD, seed=1),
        samples.found("NORMAL", Laterality.OD, seed=2, bscans=9),
        samples.found("DME", Laterality.OS, seed=3, bscans=9),
        samples.found("DRUSEN", None, seed=4, bscans=9),
        samples.not_analysed(),
    )
    pages = pages_of(rendered(study))
    assert len(pages) == 5
    assert "2 more scans of this eye: see the detail pages." in pages[0]
    assert "Eye not stated" in pages[1]
    for source in ("scan1.dcm", "scan2.dcm", "scan3.dcm", "scan4.dcm", "circle.vol"):
        assert source in " ".join(pages[2:])


@pytest.mark.parametrize("name", list(samples.HOSTILE_TEXTS))
def test_hostile_text_in_every_field_is_only_text(name: str) -> None:
    text = samples.HOSTILE_TEXTS[name]
    base = STATES["found CNV"]
    item = base.volumes[0]
    scan = replace(
        item.volume, device=text, source=replace(item.volume.source, label=text), notices=()
    )
    study = replace(
        base,
        study=replace(base.study, patient=Patient(text, text, date(1948, 3, 9), text)),
        volumes=(replace(item, volume=scan),),
        problems=tuple(Problem(text, "x", text) for _ in range(40)),
    )
    data = rendered(study, clinic=text)
    pages = pages_of(data)
    assert len(pages) == 2
    assert all(FOOT in page for page in pages)
    assert "and 36 more, listed in result.json" in pages[1]
    assert_inert(data)


def test_markup_in_a_name_is_printed_literally() -> None:
    patient = Patient("<b>Bold</b> & <i>x</i>", "<img src='a'/>")
    page = pages_of(rendered(replace(STATES["found CNV"], study=_study(patient))))[0]
    assert "<b>Bold</b> & <i>x</i>" in page
    assert "<img src='a'/>" in page


@pytest.mark.parametrize(
    "name", ["ΠΑΠΑΔΟΠΟΥΛΟΣ Ελένη", "Щербакова Юлія", "Łukasz Żółć", "山田太郎", "김철수"]
)
def test_names_in_other_scripts_can_be_read_back(name: str) -> None:
    study = replace(STATES["found CNV"], study=_study(Patient(name)))
    assert name in pages_of(rendered(study))[0]


def _study(patient: Patient) -> Study:
    return replace(STATES["found CNV"].study, patient=patient)


ACTIVE = {"/JavaScript", "/JS", "/Launch", "/URI", "/EmbeddedFile", "/AcroForm", "/AA", "/A"}


def keys_of(node: object) -> set[str]:
    """All keys and names of an object of the file."""
    if isinstance(node, dict):
        return set(node) | {key for value in node.values() for key in keys_of(value)}
    if isinstance(node, list):
        return {key for value in node for key in keys_of(value)}
    return {str(node)} if isinstance(node, pypdf.generic.NameObject) else set()


def assert_inert(data: bytes) -> None:
    """No script, no link, no file, no form; every font embedded."""
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    assert len(reader.xref[0]) > 5
    for number in reader.xref[0]:
        assert not keys_of(reader.get_object(number)) & ACTIVE
    for page in reader.pages:
        assert "/Annots" not in page
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            assert "/FontFile2" in font.get_object()["/FontDescriptor"].get_object()


def test_the_pdf_is_inert_and_its_metadata_hold_no_patient(
    pair: tuple[StudyAnalysis, bytes],
) -> None:
    _study_analysis, data = pair
    assert_inert(data)
    reader = pypdf.PdfReader(io.BytesIO(data))
    assert reader.metadata is not None
    assert reader.metadata.title == "Research analysis"
    assert reader.metadata.subject == FOOT
    shown = repr(dict(reader.metadata))
    for secret in ("Olga", "PHANTOM", "00213", "1948"):
        assert secret not in shown
    assert reader.xmp_metadata is None


def test_pictures_have_the_resolution_of_print_and_the_file_stays_small(
    pair: tuple[StudyAnalysis, bytes],
) -> None:
    _study_analysis, data = pair
    assert len(data) < 3_000_000
    reader = pypdf.PdfReader(io.BytesIO(data))
    widths = [image.image.width for page in reader.pages for image in page.images if image.image]
    assert len(widths) > 8
    assert min(widths) >= 50 / 25.4 * 200


def test_the_same_content_gives_the_same_bytes(pair: tuple[StudyAnalysis, bytes]) -> None:
    study, data = pair
    assert rendered(study) == rendered(study)
    assert len(data) > 0


def test_the_file_is_put_in_place_whole(tmp_path: Path) -> None:
    study = STATES["nothing read"]
    content = build_content(study, app_version="1", now=samples.NOW)
    path = tmp_path / "report.pdf"
    path.write_bytes(b"old")
    pdf.write_pdf(content, study, path)
    assert path.read_bytes().startswith(b"%PDF")
    assert [each.name for each in tmp_path.iterdir()] == ["report.pdf"]


@pytest.mark.parametrize("broken", ["os.fsync", "kdoct_desktop.report.pdf.render"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    study = STATES["nothing read"]
    content = build_content(study, app_version="1", now=samples.NOW)
    path = tmp_path / "report.pdf"
    path.write_bytes(b"old")
    monkeypatch.setattr(broken, fail)
    with pytest.raises(OSError, match="No space"):
        pdf.write_pdf(content, study, path)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.pdf"]
