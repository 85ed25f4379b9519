"""Value tables of the .e2e reader: grey, numbers, patterns, lines, eyes, time, in this process."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.devices.heidelberg_e2e import GREY, parse
from kdoct_desktop.io.devices.heidelberg_vol_layout import grey_of
from kdoct_desktop.io.limits import Limits
from tests.io.devices import write_e2e
from tests.io.devices.write_e2e import Chunk, Scan, chunks_of, container, raster, star
from tests.sample_scans import localizer, retina

GREYS = retina(5, 32, 24)
SLO = localizer(64).pixels


def opened(path: Path, *scans: Scan, more: Sequence[Chunk] = ()) -> DeviceFile:
    return parse(write_e2e.write_e2e(path / "a.e2e", *scans, more=more), Limits())


def info(path: Path, scan: Scan, more: Sequence[Chunk] = ()) -> VolumeInfo:
    (volume,) = opened(path, scan, more=more).info.volumes
    return volume


def codes(volume: VolumeInfo) -> set[str]:
    return {notice.code for notice in volume.notices}


def test_every_stored_value_has_the_grey_that_vol_gives_the_same_value() -> None:
    exponent, mantissa = np.divmod(np.arange(65_536), 1024)
    value = (1.0 + mantissa / 1024.0) * 2.0 ** (exponent - 63.0)
    value[0] = 0.0
    expected = np.where(value > 1.99, 0.0, 255.0 * np.minimum(value, 1.0) ** 0.25)
    assert np.abs(GREY - expected).max() <= 0.5 + 1e-5
    np.testing.assert_array_equal(GREY[:64_513], grey_of(value[:64_513].astype(np.float32)))
    assert GREY[63 << 10] == 255  # 1.0 is white, not a mark
    assert GREY[65_535] == 0  # nothing was scanned here
    assert (np.diff(GREY[:64_513].astype(int)) >= 0).all()


def test_pixels_are_decoded_one_bscan_at_a_time(tmp_path: Path) -> None:
    file = opened(tmp_path, Scan(GREYS, localizer=SLO))
    (volume,) = file.info.volumes
    for place, number in enumerate(volume.pictures):
        np.testing.assert_array_equal(file.picture(number, colour=False), GREYS[4 - place])
    assert volume.localizer is not None
    np.testing.assert_array_equal(file.picture(volume.localizer.picture, colour=True), SLO)
    assert (volume.depth, volume.ascans) == (32, 24)


@pytest.mark.parametrize(
    ("changed", "numbers", "planned"),
    [
        ({}, (0, 1, 2, 3, 4), 5),
        ({"count_from": 1}, (0, 1, 2, 3, 4), 5),
        ({"first_slice": 2, "count_from": 1}, (0, 1, 2, 3, 4), 5),
        ({"missing": {0}}, (0, 1, 2, 3), 5),
        ({"missing": {0}, "count_from": 1}, (0, 1, 2, 3), 5),
        ({"missing": {4}, "count_from": 1}, (1, 2, 3, 4), 5),
        ({"missing": {1, 2}}, (0, 1, 4), 5),
        ({"planned": 7}, (2, 3, 4, 5, 6), 7),
        ({"planned": 3}, (0, 1, 2, 3, 4), 5),  # more are there than were planned
        ({"planned": 4_000_000_000}, (0, 1, 2, 3, 4), 5),
    ],
)
def test_gaps_are_kept_whatever_the_device_counts_from(
    tmp_path: Path, changed: dict[str, object], numbers: tuple[int, ...], planned: int
) -> None:
    missing = frozenset(changed.pop("missing", ()))  # type: ignore[call-overload]
    scan = replace(Scan(GREYS, missing=missing), **changed)  # type: ignore[arg-type]
    volume = info(tmp_path, scan)
    assert (volume.numbers, volume.planned) == (numbers, planned)
    assert volume.order_provenance == "derived"


def test_without_metadata_slices_tell_the_gaps(tmp_path: Path) -> None:
    volume = info(tmp_path, Scan(GREYS, meta=False, missing=frozenset({0, 2})))
    assert (volume.numbers, volume.planned) == ((1, 3, 4), 5)
    assert volume.order_provenance == "assumed"
    assert (volume.pattern, volume.pattern_provenance) == ("unknown", "unknown")
    assert {"order-assumed", "pattern-unknown"} <= codes(volume)
    alone = info(tmp_path, Scan(GREYS[:1], meta=False, first_slice=2))
    assert (alone.numbers, alone.planned, alone.order_provenance) == ((0,), 1, "device")


def test_a_single_survivor_of_a_volume_keeps_its_place_and_is_no_line_scan(tmp_path: Path) -> None:
    volume = info(tmp_path, Scan(GREYS, missing=frozenset({0, 1, 2, 4})))
    assert (volume.numbers, volume.planned, volume.pattern) == ((3,), 5, "unknown")


def test_bscans_that_the_directory_names_and_the_file_lacks_are_gaps(tmp_path: Path) -> None:
    chunks = chunks_of(Scan(GREYS, eye="", meta=False))
    chunks[2] = replace(chunks[2], start=4_000_000_000)
    chunks[3] = replace(chunks[3], header={"slice": 40})  # written over by something else
    chunks[4] = replace(chunks[4], payload=chunks[4].payload[:-1])  # cut
    path = tmp_path / "a.e2e"
    path.write_bytes(container(chunks))
    (volume,) = parse(path, Limits()).info.volumes
    assert (volume.numbers, volume.planned) == ((0, 1), 5)


def test_order_from_above_is_kept_and_order_from_below_is_turned(tmp_path: Path) -> None:
    below = info(tmp_path, Scan(GREYS, missing=frozenset({1})))
    assert below.numbers == (0, 1, 2, 4)
    above = info(tmp_path, Scan(GREYS, lines=raster(5, high=-5.0), missing=frozenset({1})))
    assert above.numbers == (0, 2, 3, 4)
    mixed = raster(5)[[2, 0, 1, 4, 3]]
    sorted_anew = opened(tmp_path, Scan(GREYS, lines=mixed))
    (volume,) = sorted_anew.info.volumes
    assert volume.order_provenance == "derived"
    for place, number in zip((3, 4, 0, 2, 1), volume.pictures, strict=True):
        np.testing.assert_array_equal(sorted_anew.picture(number, colour=False), GREYS[place])
    torn = info(tmp_path, Scan(GREYS, lines=mixed, missing=frozenset({0})))
    assert (torn.order_provenance, torn.numbers) == ("assumed", (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("scan", "pattern", "source"),
    [
        (Scan(GREYS), "raster", "derived"),
        (Scan(GREYS, lines=star(5)), "radial", "derived"),
        (Scan(GREYS[:1], lines=star(1)), "line", "derived"),
        (Scan(GREYS[:1], pattern=2), "circle", "device"),
        (Scan(GREYS, lines=np.zeros((5, 4)), pattern=5), "radial", "device"),
        (Scan(GREYS, lines=np.zeros((5, 4)), pattern=3), "raster", "device"),
        (Scan(GREYS, lines=np.full((5, 4), np.nan), pattern=4), "raster", "device"),
        (Scan(GREYS, lines=np.zeros((5, 4)), pattern=77), "unknown", "unknown"),
        (Scan(GREYS, meta=False, words={9006: ["OCT ART Volume"]}), "raster", "device"),
        (Scan(GREYS, meta=False, words={9006: ["OCT Star Scan"]}), "radial", "device"),
        (Scan(GREYS, words={9005: ["ONH"]}), "onh", "device"),
        (Scan(GREYS, words={9005: ["Anterior Segment"]}), "anterior", "device"),
        (Scan(GREYS, words={9008: ["OCT Angio", "OCTA"]}), "angiography", "device"),
        (Scan(GREYS, words={9006: ["OCT RNFL Circle"]}), "circle", "device"),
    ],
)
def test_patterns(tmp_path: Path, scan: Scan, pattern: str, source: str) -> None:
    volume = info(tmp_path, replace(scan, localizer=SLO))
    assert (volume.pattern, volume.pattern_provenance) == (pattern, source)
    assert ("pattern-unknown" in codes(volume)) == (pattern == "unknown")
    assert volume.bscan_mm is None
    if pattern in ("circle", "unknown"):
        assert volume.lines == ()


def test_lines_need_the_stated_field_of_this_very_localizer(tmp_path: Path) -> None:
    for degrees in (15, 20, 30, 55):
        volume = info(tmp_path, Scan(GREYS, localizer=SLO, degrees=degrees))
        y = (0.5 + 5.0 / degrees) * 64.0
        assert volume.lines[4] == pytest.approx(
            (y, (0.5 - 10 / degrees) * 64, y, (0.5 + 10 / degrees) * 64)
        )
    field = Chunk(write_e2e.FIELD, write_e2e.field_of(64, 64, 20), 1, 1, 1)
    size = Chunk(write_e2e.FIELD, write_e2e.field_of(64, 63, 30), 1, 1, 1)
    cases = [
        (Scan(GREYS, localizer=SLO, degrees=None), []),  # not stated
        (Scan(GREYS, localizer=SLO), [field]),  # stated twice
        (Scan(GREYS, localizer=SLO, degrees=None), [size]),  # of another picture
        (Scan(GREYS, localizer=SLO, degrees=0), []),
        (Scan(GREYS, localizer=SLO, degrees=0x41F0_0000), []),  # a float, were the layout another
    ]
    for scan, more in cases:
        volume = info(tmp_path, scan, more)
        assert volume.lines == ()
        assert "scan-lines-unknown" in codes(volume)
        assert volume.order_provenance == "derived"  # which is above does not depend on the field


def test_lines_have_the_scale_of_the_width_on_both_axes(tmp_path: Path) -> None:
    wide = np.zeros((384, 768), np.uint8)
    volume = info(tmp_path, Scan(GREYS, localizer=wide, degrees=30))
    assert volume.lines[0] == pytest.approx((192 - 128, 128, 192 - 128, 640))
    assert volume.lines[4] == pytest.approx((192 + 128, 128, 192 + 128, 640))


@pytest.mark.parametrize(
    ("letters", "eye"),
    [
        ("R", "OD"), ("L", "OS"), ("", None), ("B", None), ("\0", None), ("r", None), ("?", None),
        ("RR", "OD"), ("?L", "OS"),
    ],
)  # fmt: skip
def test_eyes(tmp_path: Path, letters: str, eye: str | None) -> None:
    scan = Scan(GREYS, eye=letters[:1], preamble=letters[1:])
    volume = info(tmp_path, scan)
    assert volume.refused is None
    assert volume.laterality == eye
    assert volume.laterality_provenance == ("device" if eye else "unknown")


@pytest.mark.parametrize("kind", [write_e2e.EYE, write_e2e.PREAMBLE, write_e2e.FIELD])
def test_two_statements_that_contradict_refuse_their_volume_alone(
    tmp_path: Path, kind: int
) -> None:
    payload = {
        write_e2e.EYE: bytes(14) + b"L" + bytes(12),
        write_e2e.PREAMBLE: bytes(4) + b"L\0" + bytes(90),
        write_e2e.FIELD: write_e2e.field_of(64, 64, 30, "L"),
    }[kind]
    # the older of two with the same numbers counts, too: either may be the mistake
    for part in (0, 65535):
        against = Chunk(kind, payload, 1, 1, 1, part=part)
        file = opened(tmp_path, Scan(GREYS), Scan(GREYS, series=2, eye="L"), more=[against])
        refused = [volume.refused.code if volume.refused else None for volume in file.info.volumes]
        assert refused == ["laterality-conflict", None]
        assert [volume.laterality for volume in file.info.volumes] == [None, "OS"]


def test_what_was_written_over_does_not_count(tmp_path: Path) -> None:
    old = Scan(retina(5, 32, 24, seed=9), axial_mm=0.005, contours={0: np.ones((5, 24), "f4")})
    new = Scan(GREYS, contours={0: np.full((5, 24), 7, "f4")})
    chunks = [*chunks_of(old), *chunks_of(new)]
    path = tmp_path / "a.e2e"
    for entries in (512, 7):  # in one directory and in many
        path.write_bytes(container(chunks, in_directory=entries))
        file = parse(path, Limits())
        (volume,) = file.info.volumes
        assert volume.axial_mm == pytest.approx(0.00387)
        np.testing.assert_array_equal(file.picture(volume.pictures[0], colour=False), GREYS[4])
        assert (file.layers(0) == 7).all()


def test_scale_is_believed_within_sane_bounds_and_only_if_all_agree(tmp_path: Path) -> None:
    for value in (0.0, -0.004, 0.5, float("nan"), float("inf")):
        volume = info(tmp_path, Scan(GREYS, axial_mm=value))
        assert (volume.axial_mm, volume.spacing_provenance) == (None, "unknown")
    chunks = chunks_of(Scan(GREYS))
    other = [c for c in chunks_of(Scan(GREYS, axial_mm=0.005)) if c.kind == write_e2e.BSCAN]
    path = tmp_path / "a.e2e"
    path.write_bytes(container([*chunks, other[3]]))
    assert parse(path, Limits()).info.volumes[0].axial_mm is None


def test_time_is_of_the_first_bscan_and_said_to_be_utc(tmp_path: Path) -> None:
    volume = info(tmp_path, Scan(GREYS))
    assert (volume.acquired, volume.acquired_provenance) == ("2026-03-04T09:41:30", "assumed")
    assert "time-zone-unknown" in codes(volume)
    unix_epoch, since = 116_444_736_000_000_000, 1_555_555_200
    when = (unix_epoch + since * 10_000_000).to_bytes(8, "little")
    exam = Chunk(write_e2e.EXAM, bytes(16) + when, 1, 1, 1)
    volume = info(tmp_path, Scan(GREYS, meta=False), [exam])
    assert volume.acquired == "2019-04-18T02:40:00"
    volume = info(tmp_path, Scan(GREYS, taken=datetime(1700, 1, 1)))
    assert (volume.acquired, volume.acquired_provenance) == (None, "unknown")
    assert "time-zone-unknown" not in codes(volume)


def test_layers_of_another_width_or_without_heights_are_none(tmp_path: Path) -> None:
    heights = np.linspace(0.0, 31.0, 5 * 24, dtype=np.float32).reshape(5, 24)
    heights[2] = write_e2e.NO_HEIGHT
    heights[3, 4] = np.nan
    wide = np.ones((5, 25), np.float32)
    file = opened(tmp_path, Scan(GREYS, contours={1: heights, 20: heights, 5: wide, 64: heights}))
    (volume,) = file.info.volumes
    assert volume.layers == ("BM", "boundary 21")
    rows = file.layers(0)
    expected = heights.copy()
    expected[2] = np.nan
    expected[0, 0] = np.nan  # 0 stands for none
    np.testing.assert_array_equal(rows, [expected[::-1]] * 2)


def test_bscans_of_two_sizes_are_no_volume(tmp_path: Path) -> None:
    odd = write_e2e.picture(write_e2e.stored(GREYS[0, :, :20]))
    more = Chunk(write_e2e.IMAGE, odd, 1, 1, 1, slice=10, part=1)
    volume = info(tmp_path, Scan(GREYS, meta=False), [more])
    assert volume.refused is not None
    assert volume.refused.code == "size-mismatch"


def test_localizers_of_single_bscans(tmp_path: Path) -> None:
    own = Chunk(write_e2e.IMAGE, write_e2e.picture(SLO), 1, 1, 1, slice=0, part=0)
    volume = info(tmp_path, Scan(GREYS[:1]), [own])
    assert volume.localizer is not None
    volume = info(tmp_path, Scan(GREYS), [own, replace(own, slice=2)])
    assert volume.localizer is None
    assert "several-localizers" in codes(volume)


def test_unknown_parts_and_pictures_are_told(tmp_path: Path) -> None:
    unread = Chunk(write_e2e.IMAGE, write_e2e.picture(SLO), 1, 1, 1, part=3)
    file = opened(tmp_path, Scan(GREYS), more=[unread, Chunk(123_456, b"?", 1, 1, 1)])
    assert [notice.code for notice in file.info.notices] == ["parts-unread"]
    assert "pictures-unread" in codes(file.info.volumes[0])
    plain = opened(tmp_path, Scan(GREYS), more=[Chunk(39, bytes(497), 1, 1, 1, slice=0)])
    assert plain.info.notices == ()
