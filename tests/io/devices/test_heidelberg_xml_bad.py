"""HEYEX's XML export: what a broken or hostile one costs, and who is told nothing."""

import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices import heidelberg_xml_tree
from kdoct_desktop.io.readers import open_volumes
from tests.io.bad_inputs import BAD_INPUTS
from tests.io.devices.parsed_xml import only, parsed
from tests.io.devices.write_heyex_xml import Series, write_export
from tests.io.devices.write_vol import phantom


def refusal(path: Path) -> str:
    """How the file is refused as a whole."""
    with pytest.raises(IngestError) as refused:
        parsed(path)
    return refused.value.code


def layers(count: int = 48, height: float = 8.0) -> list[dict[str, list[float]]]:
    """One layer of each B-scan."""
    return [{"ILM": [height] * count} for _ in range(5)]


def test_an_export_cut_anywhere_is_refused_as_truncated(tmp_path: Path) -> None:
    whole = write_export(tmp_path / "a.xml", Series(layers=layers())).read_bytes()
    needed = len(whole.rstrip())
    assert refusal(write(tmp_path / "b.xml", b"")) == "truncated-file"
    for size in (*range(256, needed, 1024), needed - 1):
        assert refusal(write(tmp_path / "b.xml", whole[:size])) == "truncated-file", size
    middle_of_a_letter = whole.index("ü".encode()) + 1
    assert refusal(write(tmp_path / "b.xml", whole[:middle_of_a_letter])) == "truncated-file"


def write(path: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<HEDX></HEDX>", "damaged-file"),
        ("<HEDX><BODY></HEDX>", "damaged-file"),
        ("<OTHER><BODY/></OTHER>", "damaged-file"),
        ("<HEDX a='1' a='2'/>", "damaged-file"),
        ("<HEDX>&nothing;</HEDX>", "damaged-file"),
        ("<?xml version='1.0' encoding='klingon'?><HEDX/>", "damaged-file"),
        ("<!DOCTYPE HEDX [<!ENTITY a 'b'>]><HEDX>&a;</HEDX>", "unsafe-xml"),
        ("<!DOCTYPE HEDX SYSTEM 'file:///etc/passwd'><HEDX/>", "unsafe-xml"),
        ("<!DOCTYPE HEDX [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><HEDX>&a;</HEDX>", "unsafe-xml"),
        ("<HEDX>" + "<BODY>" * 40 + "</BODY>" * 40 + "</HEDX>", "nested-too-deeply"),
        ("<HEDX>" + "<BODY>" * 100_000, "nested-too-deeply"),
        ("<HEDX><BODY>" + "<a/>" * 200_000 + "</BODY></HEDX>", "too-many-elements"),
    ],
)
def test_xml_that_is_none_or_hostile_is_refused(tmp_path: Path, text: str, code: str) -> None:
    assert refusal(write(tmp_path / "a.xml", text.encode())) == code


def test_entities_are_refused_before_they_grow(tmp_path: Path) -> None:
    lines = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
    bomb = '<!DOCTYPE HEDX [<!ENTITY e0 "lol">' + "".join(lines) + "]>"
    path = write_export(tmp_path / "a.xml", before=bomb, patient="<LastName>&e9;</LastName>")
    assert refusal(path) == "unsafe-xml"


def test_a_file_larger_than_any_export_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heidelberg_xml_tree, "LARGEST", 1000)
    assert refusal(write_export(tmp_path / "a.xml")) == "too-large"


def test_an_export_without_bscans_is_refused_and_one_with_more_series_tells(
    tmp_path: Path,
) -> None:
    empty = Series(unlisted=range(5), prefix="E")
    opened = open_volumes(write_export(tmp_path / "a.xml", empty))
    assert [problem.code for problem in opened.problems] == ["no-bscans"]
    opened = open_volumes(write_export(tmp_path / "b.xml", empty, Series()))
    (volume,) = opened.studies[0].volumes
    assert "series-left-out" in {notice.code for notice in volume.notices}


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({"Width": 2**31 - 1}, "too-large"),
        ({"Height": 16_385}, "too-large"),
        ({"Width": 16_384, "Height": 16_385}, "too-large"),
        ({"Width": 4e9}, None),  # not believed: the picture tells
        ({"Width": -5}, None),
        ({"Width": "nan"}, None),
        ({"Width": 0}, None),
        ({"Width": 47}, None),  # told when the picture is decoded
    ],
)
def test_sizes_that_cannot_be(tmp_path: Path, context: dict[str, object], code: str | None) -> None:
    found = only(write_export(tmp_path / "a.xml", Series(context=context)))
    assert (found.refused.code if found.refused else None) == code
    if code is None and context["Width"] != 47:
        assert (found.depth, found.ascans) == (40, 48)


def test_a_picture_of_another_size_refuses_its_volume(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml", Series(context={"Width": 47}))
    opened = open_volumes(path)
    assert [problem.code for problem in opened.problems] == ["size-mismatch"]
    voxels = phantom()
    mixed = Series(voxels, context={})
    path = write_export(tmp_path / "b.xml", mixed)
    text = path.read_text(encoding="utf-8").replace("<Width>48<", "<Width>49<", 1)
    path.write_text(text, encoding="utf-8")
    refused = only(path).refused
    assert refused is not None
    assert refused.code == "size-mismatch"


def test_two_bscans_never_share_a_picture(tmp_path: Path) -> None:
    refused = only(write_export(tmp_path / "a.xml", Series(location="B1.tif"))).refused
    assert refused is not None
    assert refused.code == "shared-pictures"
    path = write_export(tmp_path / "b.xml", Series(), Series(), Series(prefix="C"))
    codes = [v.refused.code if v.refused else None for v in parsed(path).info.volumes]
    assert codes == ["shared-pictures", "shared-pictures", None]


def test_pictures_that_are_bombs_or_damaged_refuse_the_volume_by_name(tmp_path: Path) -> None:
    for bad, code in (
        ("png-bomb.png", "too-large"),
        ("short.png", "size-mismatch"),
        ("icon.png", "not-an-oct-picture"),
        ("photo.png", "not-an-oct-picture"),
        ("half.jpg", "damaged-picture"),
        ("float.tif", "unsupported-depth"),
    ):
        path = write_export(tmp_path / "a.xml", Series(suffix="png"))
        BAD_INPUTS[bad][0](tmp_path / "B3.png")
        file = parsed(path)
        with pytest.raises(IngestError) as refused:
            file.picture(file.info.volumes[0].pictures[2], colour=False)
        assert refused.value.code in (code, "damaged-picture"), bad


def test_a_damaged_localizer_costs_the_localizer_alone(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml")
    (tmp_path / "B-NIR1.tif").write_bytes((tmp_path / "B-NIR1.tif").read_bytes()[:600])
    for _ in range(2):
        found = only(path)
        assert (found.localizer, found.lines, found.refused) == (None, (), None)
        assert "localizer-unreadable" in {notice.code for notice in found.notices}
        assert found.order_provenance == "derived"
        (tmp_path / "B-NIR1.tif").unlink(missing_ok=True)


def test_numbers_that_cannot_be_make_no_gaps(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml", Series(kind="Star"))
    text = path.read_text(encoding="utf-8")
    for old, new, planned in (
        ("<ImageNumber>5<", "<ImageNumber>2000000000<", 5),
        ("<ImageNumber>5<", "<ImageNumber>2<", 5),
        ("<ImageNumber>5<", "<ImageNumber>x<", 5),
        ("<NumImages>6<", "<NumImages>2000000000<", 8192),
        ("<NumImages>6<", "<NumImages>-1<", 5),
        ("<NumImages>6<", "<NumImages>9<", 8),
    ):
        path.write_text(text.replace(old, new), encoding="utf-8")
        assert (only(path).numbers, only(path).planned) == ((0, 1, 2, 3, 4), planned), new


@pytest.mark.parametrize(
    "heights", [layers(47), layers(49), layers(0), layers(48, 1e20), layers(4800)]
)
def test_layers_that_do_not_fit_are_told_and_cost_nothing_else(
    tmp_path: Path, heights: list[dict[str, list[float]]]
) -> None:
    opened = open_volumes(write_export(tmp_path / "a.xml", Series(layers=heights)))
    (volume,) = opened.studies[0].volumes
    if volume.layers is None:
        assert "layers-unreadable" in {n.code for n in volume.notices} or not heights[0]["ILM"]
    else:
        assert np.isnan(volume.layers.rows).all()


def test_more_layers_than_there_are_are_not_read(tmp_path: Path) -> None:
    many = [{f"layer {n}": [1.0] * 48 for n in range(65)} for _ in range(5)]
    found = only(write_export(tmp_path / "a.xml", Series(layers=many)))
    assert found.layers == ()
    assert "layers-unreadable" in {notice.code for notice in found.notices}


def test_who_was_scanned_is_told_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        path = write_export(tmp_path / "a.xml", Series(image_eyes=["L", *"RRRRR"]))
        told: list[object] = [{**asdict(only(path)), "patient": None}]
        told += [asdict(problem) for problem in open_volumes(path).problems]
        whole = path.read_bytes()
        path.write_bytes(whole[:800])
        told += [asdict(problem) for problem in open_volumes(path).problems]
    for secret in ("ID-77", "1948", "Ada", "ller"):
        assert secret not in str(told)
        assert secret not in caplog.text


def test_mutated_exports_are_read_or_refused_by_name(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    whole = write_export(tmp_path / "a.xml", Series(layers=layers())).read_bytes()
    names = {"read", "damaged-file", "truncated-file", "no-bscans", "unsafe-xml"}
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(int(random.integers(1, 5))):
            at = int(random.integers(0, len(data) - 40))
            what = random.integers(0, 4)
            if what == 0:
                data[at] = int(random.integers(0, 256))
            elif what == 1:
                del data[at : at + int(random.integers(1, 40))]
            elif what == 2:
                data[at:at] = data[at // 2 : at // 2 + 30]
            else:
                digit = data.find(b">", at) + 1
                data[digit : digit + 1] = random.choice([b"9e99", b"-1", b"inf", b"99999999"])
        assert outcome(write(tmp_path / "b.xml", bytes(data))) in names


def outcome(path: Path) -> str:
    """Whether the export can be read as far as it is not refused, or how it is refused."""
    try:
        file = parsed(path)
        for place, volume in enumerate(file.info.volumes):
            if volume.refused is None:
                file.layers(place)
                assert volume.numbers[-1] < volume.planned
    except IngestError as error:
        return error.code
    return "read"


def test_the_pictures_of_a_refused_export_are_not_opened_as_a_scan(tmp_path: Path) -> None:
    write_export(tmp_path / "a.xml", Series(eye="R", image_eyes=["L"] * 6))
    opened = open_volumes(tmp_path)

    assert [problem.code for problem in opened.problems] == ["laterality-conflict"]
    assert opened.studies == ()
