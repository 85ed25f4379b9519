"""Bad Topcon files: each a named refusal or a sound result, and nothing large is ever allocated."""

import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from openjpeg.utils import encode_array

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.topcon import parse
from kdoct_desktop.io.limits import Limits
from tests.io.devices.parsed_topcon import codes, deep, parsed, ramp, volume, voxels
from tests.io.devices.write_topcon import (
    Part,
    codestream,
    contour,
    extent,
    fda,
    fds,
    file,
    frames,
    fundus,
    instead,
    motion,
    photograph,
    plain_picture,
    scan,
    without,
)

MOST = 0xFFFF_FFFF


def patched(part: Part, at: int, *values: int, kind: str = "I") -> Part:
    """A part with other numbers at an offset of its data."""
    name, data = part
    new = struct.pack(f"<{len(values)}{kind}", *values)
    return name, data[:at] + new + data[at + len(new) :]


def refusal(folder: Path, parts: list[Part]) -> str:
    """Code of the refusal of a file, by its header or by its first B-scan."""
    with pytest.raises(IngestError) as caught:
        parsed(folder, parts).picture(0, colour=False)
    return caught.value.code


@pytest.mark.parametrize("kind", ["fda", "fds"])
def test_a_file_cut_anywhere_is_refused_or_soundly_read(tmp_path: Path, kind: str) -> None:
    fda_file = kind == "fda"
    whole = file(fda(ramp(9, 64, 96))) if fda_file else file(fds(deep(4)), kind=b"FDS")
    path, outcomes = tmp_path / "a.fda", set()
    for cut in [*range(16), *range(16, len(whole), 1024), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        try:
            result = parse(path, Limits())
        except IngestError as error:
            outcomes.add(error.code)
            continue
        (one,) = result.info.volumes
        assert "no-end-mark" in codes(one)
        np.testing.assert_array_equal(voxels(result)[0].shape, (one.depth, one.ascans))
        outcomes.add("read")
    assert outcomes <= {"truncated-file", "damaged-file", "no-bscans", "read"}
    assert "truncated-file" in outcomes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"FOCTFDA" + bytes(8), "no-bscans"),
        (b"FOCTFDA" + bytes(7), "truncated-file"),
        (b"FOCTFDA" + bytes(8) + b"\5@ABCD", "truncated-file"),
        (b"FOCTFDA" + bytes(8) + b"\5@ABCD" + struct.pack("<I", MOST), "truncated-file"),
        (b"FOCTFDA" + bytes(8) + b"\5ABCDE" + bytes(9), "damaged-file"),
        (b"FOCTFDA" + bytes(8) + b"\5@AB\xffD" + bytes(9), "damaged-file"),
        (b"FOCTFDA" + bytes(8) + b"\xff" * 400, "damaged-file"),
    ],
)
def test_a_list_of_parts_that_is_none_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "a.fda"
    path.write_bytes(data)
    with pytest.raises(IngestError) as caught:
        parse(path, Limits())
    assert caught.value.code == code


def test_more_parts_than_the_limit_are_refused_without_reading_on(tmp_path: Path) -> None:
    limits = replace(Limits(), elements=1000)
    parsed(tmp_path, [*[(b"@X", b"")] * 900, frames(ramp(2))], limits=limits)
    with pytest.raises(IngestError, match="more parts"):
        parsed(tmp_path, [*[(b"@X", b"")] * 1001, frames(ramp(2))], limits=limits)


@pytest.mark.parametrize(
    ("at", "values", "code"),
    [
        (9, (MOST,), "too-large"),
        (13, (MOST,), "too-large"),
        (9, (65_536, 65_536), "too-large"),
        (9, (16_384, 16_384), "too-large"),
        (17, (MOST,), "too-many-bscans"),
        (17, (8_192,), "damaged-file"),
        (17, (7,), "damaged-file"),
        (17, (0,), "no-bscans"),
        (9, (0,), "damaged-file"),
        (13, (0,), "damaged-file"),
        (9, (63,), "size-mismatch"),
        (13, (33,), "size-mismatch"),
        (25, (MOST,), "damaged-file"),
        (25, (0x7FFF_FFFF,), "damaged-file"),
    ],
)
def test_sizes_of_codestreams_are_held_against_the_limits(
    tmp_path: Path, at: int, values: tuple[int, ...], code: str
) -> None:
    tracemalloc.start()
    try:
        assert refusal(tmp_path, [patched(frames(ramp()), at, *values)]) == code
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("at", "values", "code"),
    [
        (1, (MOST,), "damaged-file"),
        (1, (65_536, 65_536), "damaged-file"),  # their product is 0 in 32 bits
        (9, (32,), "damaged-file"),
        (9, (0,), "damaged-file"),
        (9, (12,), "damaged-file"),
        (13, (7,), "damaged-file"),
        (13, (MOST,), "damaged-file"),
        (13, (0,), "damaged-file"),
        (18, (0,), "damaged-file"),
        (18, (MOST,), "damaged-file"),
    ],
)
def test_sizes_of_plain_values_must_agree(
    tmp_path: Path, at: int, values: tuple[int, ...], code: str
) -> None:
    assert refusal(tmp_path, [patched(scan(deep()), at, *values)]) == code


def test_plain_values_of_no_size_hold_no_bscan(tmp_path: Path) -> None:
    empty = patched(patched(scan(deep()[:0]), 13, 0), 18, 0)
    assert refusal(tmp_path, [empty]) == "no-bscans"
    flat = patched(patched(scan(deep()[:, :0]), 13, 5), 18, 0)
    assert refusal(tmp_path, [flat]) == "damaged-file"
    assert refusal(tmp_path, [motion(deep()[:0], name=b"@IMG_MOT_COMP")]) == "no-bscans"
    assert refusal(tmp_path, [(b"@IMG_JPEG", b""), (b"@IMG_SCAN_03", b"")]) == "no-bscans"
    assert refusal(tmp_path, [(b"@IMG_JPEG", b"\2\0\0")]) == "damaged-file"
    assert refusal(tmp_path, [(b"@IMG_SCAN_03", b"\2\0\0")]) == "damaged-file"


def test_codestreams_that_are_all_missing_are_no_scan(tmp_path: Path) -> None:
    assert refusal(tmp_path, [frames(ramp(3), missing=(0, 1, 2))]) == "no-bscans"


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"\xff\xd8\xff\xe0" + bytes(60), "unsupported-pixels"),
        (bytes(80), "unsupported-pixels"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60), "wrapped-jpeg-2000"),
        (codestream(ramp(1)[0])[:200], "damaged-frame"),
        (codestream(ramp(1, 40)[0]), "size-mismatch"),
        (codestream(photograph(32, 64)), "size-mismatch"),
        (b"\xff\x4f\xff\x51" + bytes(20), "damaged-frame"),
        (encode_array(deep(1)[0], photometric_interpretation=2), "unsupported-pixels"),
        (encode_array(ramp(1)[0].view("i1"), photometric_interpretation=2), "unsupported-pixels"),
    ],
)
def test_a_codestream_is_refused_before_a_codec_believes_it(
    tmp_path: Path, stream: bytes, code: str
) -> None:
    name, data = frames(ramp(1))
    assert refusal(tmp_path, [(name, data[:25] + struct.pack("<I", len(stream)) + stream)]) == code


def test_a_codestream_that_claims_to_be_huge_is_never_decoded(tmp_path: Path) -> None:
    stream = bytearray(codestream(ramp(1)[0]))
    stream[8:16] = struct.pack(">II", 60_000, 60_000)
    stream[24:32] = struct.pack(">II", 60_000, 60_000)  # one tile
    name, data = frames(ramp(1))
    bomb = (name, data[:25] + struct.pack("<I", len(stream)) + bytes(stream))
    assert refusal(tmp_path, [bomb]) == "size-mismatch"


@pytest.mark.parametrize(
    "picture",
    [
        patched(fundus(photograph()), 0, MOST),
        patched(fundus(photograph()), 0, 0),
        patched(fundus(photograph()), 0, 65_536, 65_536),
        patched(fundus(photograph()), 8, 32),
        patched(fundus(photograph()), 20, MOST),
        patched(plain_picture(b"@IMG_OBS", photograph()), 0, 16_384, 16_384),
        patched(plain_picture(b"@IMG_OBS", photograph()), 17, MOST),
        (b"@IMG_TRC_02", b"\1\2\3"),
    ],
)
def test_a_fundus_that_makes_no_sense_costs_the_fundus_alone(tmp_path: Path, picture: Part) -> None:
    one = volume(tmp_path, [*without(fda(ramp(2)), b"@IMG_FUNDUS"), picture])
    assert one.localizer is None
    assert one.lines == ()
    assert "localizer-unreadable" in codes(one)


def test_a_fundus_that_cannot_be_decoded_is_a_named_refusal(tmp_path: Path) -> None:
    name, data = fundus(photograph())
    result = parsed(tmp_path, instead(fda(ramp(2)), (name, data[:90] + bytes(len(data) - 90))))
    with pytest.raises(IngestError) as caught:
        result.picture(2, colour=True)
    assert caught.value.code == "damaged-frame"
    for number in (-1, 2, 3, 10**12):
        with pytest.raises(IngestError):
            result.picture(number, colour=False)


@pytest.mark.parametrize(
    ("at", "values"), [(22, (MOST,)), (26, (MOST,)), (30, (MOST,)), (22, (65_536, 65_536, 0))]
)
def test_a_layer_that_claims_another_size_is_left_out(
    tmp_path: Path, at: int, values: tuple[int, ...]
) -> None:
    layer = patched(contour(b"RETINA_1", np.full((6, 64), 9.0), depth=32), at, *values)
    one = volume(tmp_path, [frames(ramp()), layer])
    assert one.layers == ()
    assert "layers-left-out" in codes(one)


def test_a_file_without_layers_has_none_to_give(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no layers"):
        parsed(tmp_path, [frames(ramp(2))]).layers(0)


def test_heights_that_are_no_numbers_are_none(tmp_path: Path) -> None:
    rows = np.full((1, 64), 9.0)
    name, data = contour(b"CORNEA_1", rows, depth=32, double=True)
    wild = struct.pack("<5d", float("nan"), float("inf"), -float("inf"), 1e308, -4.0)
    result = parsed(tmp_path, [frames(ramp(1)), (name, data[:34] + wild + data[74:])])
    heights = result.layers(0)[0, 0]
    assert np.isnan(heights[:5]).all()
    assert (heights[5:] == 9.0).all()


def test_repeated_and_short_records_do_no_harm(tmp_path: Path) -> None:
    parts = [(b"@PARAM_SCAN_04", b"\1"), *fda(ramp()), extent(99.0, 99.0, 99.0), *fda(ramp(2))]
    one = volume(tmp_path, parts)
    assert one.axial_mm == pytest.approx(0.0035)
    assert one.planned == 6
