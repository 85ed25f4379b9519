"""Every word and number of a report."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from kdoct_desktop.domain.finding import FindingState, Urgency
from kdoct_desktop.domain.prediction import ProviderReport
from kdoct_desktop.domain.study import Patient
from kdoct_desktop.domain.volume import Laterality, Provenance, Spacing
from kdoct_desktop.report import wording
from kdoct_desktop.report.content import ReportContent, build_content
from tests import samples

STATES = samples.every_state()


def content_of(name: str) -> ReportContent:
    return build_content(STATES[name], app_version="0.1.0", now=samples.NOW)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.93, ".93"), (0.004, ".00"), (0.0, ".00"), (0.999, "1.00"), (1.0, "1.00"), (0.555, ".56")],
)
def test_probabilities_have_two_digits_and_no_leading_zero(value: float, text: str) -> None:
    assert wording.probability(value) == text


def test_a_disease_is_reported_with_its_bscans_counted_from_one() -> None:
    finding = samples.found("CNV").finding
    assert finding is not None
    wide = replace(finding, evidence_range=(20, 32), strongest_bscan=26)
    sentence = "CNV suspected: evidence in B-scans 21–33, strongest 27."
    assert wording.finding_sentence(wide, samples.MODEL) == sentence
    alone = replace(finding, evidence_range=(26, 26), strongest_bscan=26)
    sentence = "CNV suspected: evidence in B-scan 27 only."
    assert wording.finding_sentence(alone, samples.MODEL) == sentence


def test_display_names_are_used_and_not_codes() -> None:
    assert content_of("found DRUSEN").volumes[0].sentence.startswith("Drusen suspected: ")
    assert content_of("found NORMAL").volumes[0].sentence == (
        "Nothing suspected: Drusen, CNV and DME are below their thresholds."
    )


@pytest.mark.parametrize("state", [each for each in FindingState if each != FindingState.FOUND])
def test_every_state_without_a_finding_says_so(state: FindingState) -> None:
    finding = samples.found("CNV").finding
    assert finding is not None
    bare = replace(finding, state=state, class_code=None, evidence_range=None)
    assert wording.finding_sentence(bare, samples.MODEL).startswith("No finding possible: ")


@pytest.mark.parametrize("name", list(STATES))
def test_no_state_uses_words_that_claim_too_much(name: str) -> None:
    text = repr(content_of(name)).lower()
    for word in ("diagnos", "confiden", "!", "please", "successfully", "sure", "detects"):
        assert word not in text.replace("hotspot", "")


@pytest.mark.parametrize("name", list(STATES))
def test_every_state_has_a_sentence_and_a_place_in_the_order(name: str) -> None:
    content = content_of(name)
    assert all(volume.sentence.endswith(".") for volume in content.volumes)
    assert all(volume.key_bscans for volume in content.volumes)


def test_a_scan_that_was_not_analysed_says_why_and_has_no_urgency() -> None:
    volume = content_of("not analysed").volumes[0]
    assert volume.sentence.startswith("Not analysed: this is a circle scan")
    assert volume.urgency is None
    assert volume.classes == ()


def test_doubts_are_said() -> None:
    isolated = content_of("isolated").volumes[0]
    assert isolated.reasons[0] == "Needs human read."
    assert any("Isolated B-scan" in reason for reason in isolated.reasons)
    assert content_of("ungradable").volumes[0].urgency is Urgency.NEEDS_HUMAN_READ
    assert content_of("notice").volumes[0].notices == ("The geometry is not calibrated.",)


def test_where_nothing_stands_out_the_middle_is_shown_and_not_called_strongest() -> None:
    normal = content_of("found NORMAL").volumes[0]
    assert normal.key_bscans == (4, 2, 6)
    assert not normal.stands_out
    diseased = content_of("found CNV").volumes[0]
    assert diseased.key_bscans[0] == 4
    assert diseased.stands_out


def test_thresholds_and_probabilities_stand_beside_each_other() -> None:
    rows = {row.code: row for row in content_of("found CNV").volumes[0].classes}
    assert [row.threshold for row in rows.values()] == ["", ".45", ".50", ".55"]
    assert rows["CNV"].leading
    assert not rows["DME"].leading


def test_od_comes_before_os_before_unknown_and_urgent_before_routine() -> None:
    study = samples.study_analysis(
        samples.found("CNV", None, seed=4),
        samples.found("DRUSEN", Laterality.OS, seed=2),
        samples.not_analysed(Laterality.OD),
        samples.found("NORMAL", Laterality.OD, seed=3),
        samples.found("CNV", Laterality.OD, seed=1),
    )
    content = build_content(study, app_version="1", now=samples.NOW)
    assert [volume.position for volume in content.volumes] == [4, 3, 2, 1, 0]
    assert content.volumes[-1].eye == "Eye not stated"


@pytest.mark.parametrize(
    ("eyes", "sentence"),
    [
        ((Laterality.OD,), "No scan of the left eye in this study."),
        ((Laterality.OS,), "No scan of the right eye in this study."),
        ((Laterality.OD, Laterality.OS), ""),
        ((Laterality.OD, None), ""),
        ((None,), ""),
    ],
)
def test_a_missing_eye_is_named_only_where_that_is_certain(
    eyes: tuple[Laterality | None, ...], sentence: str
) -> None:
    study = samples.study_analysis(*(samples.found("NORMAL", eye, bscans=5) for eye in eyes))
    assert build_content(study, app_version="1", now=samples.NOW).missing_eye == sentence


def test_every_value_shows_where_it_came_from() -> None:
    badges = {
        badge.label: badge for badge in content_of("no scale, no localizer").volumes[0].badges
    }
    assert badges["Eye"].value == "OS"
    assert badges["Eye"].provenance is Provenance.USER
    assert badges["Scale"].value == "not stated"
    assert badges["Scale"].provenance is Provenance.UNKNOWN


def test_millimetres_have_one_digit_and_micrometres_none_where_they_are_large() -> None:
    spacing = Spacing(0.1204, 0.0039, 0.0117)
    assert wording.scale_text(spacing) == "120 µm between B-scans, 3.9 µm in depth, 11.7 µm along"
    assert wording.millimetres(5.84) == "5.8 mm"


def test_times_carry_their_zone() -> None:
    assert wording.time_with_zone(samples.NOW) == "2026-11-20 14:05 UTC+01:00"
    west = datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    assert wording.time_with_zone(west) == "2026-01-02 03:04 UTC-03:30"
    with pytest.raises(ValueError, match="zone"):
        build_content(STATES["found CNV"], app_version="1", now=datetime(2026, 1, 2))


def test_a_provider_that_was_not_asked_for_is_said_with_the_reason() -> None:
    note = "The graphics card gave different results from the reference; analysis runs on the CPU."
    text = wording.provider_text(ProviderReport("cuda", "cpu", 40.0, 1e-6, note))
    assert text == f"processor (CPU) (asked for cuda), canary 40 ms, parity 1e-06. {note}"
    assert "asked" not in wording.provider_text(samples.PROVIDER)


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ("DOE^Jane^M^Dr^PhD", "DOE, Jane M Dr PhD"),
        ("DOE", "DOE"),
        ("YAMADA^Tarou=山田^太郎=やまだ^たろう", "YAMADA, Tarou (山田, 太郎) (やまだ, たろう)"),
        ("^^", "not stated"),
        (None, "not stated"),
        ("<b>x</b>", "<b>x</b>"),
    ],
)
def test_dicom_names_are_printed_as_people_write_them(stored: str | None, printed: str) -> None:
    assert wording.person_name(stored) == printed


@pytest.mark.parametrize("text", list(samples.HOSTILE_TEXTS.values()), ids=samples.HOSTILE_TEXTS)
def test_text_from_a_file_becomes_one_harmless_line(text: str) -> None:
    line = wording.plain(text)
    assert 0 < len(line) <= 512
    assert line.isprintable()
    line.encode("utf-8")
    for hidden in "\u202e\u202c\u200b\u200d\ufeff\x00\x1b\n":
        assert hidden not in line


def test_the_number_of_refused_inputs_is_among_the_limits() -> None:
    assert content_of("found CNV").limits[-1] == "1 input could not be read."
    assert content_of("nothing read").model == "No model was used."


def test_an_unknown_patient_is_not_stated() -> None:
    study = samples.study_analysis(patient=Patient(birth_date=date(1950, 1, 2)))
    content = build_content(study, app_version="1", now=samples.NOW)
    assert content.patient == "not stated"
    assert dict(content.identity)["Born"] == "1950-01-02"
