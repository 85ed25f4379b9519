"""MetaImage volumes, as RETOUCH is handed out and as ITK packs them."""

import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.volume import Provenance, ScanPattern
from kdoct_desktop.io.devices.claims import is_metaimage_file
from kdoct_desktop.io.devices.metaimage import parse
from kdoct_desktop.io.head import Head, head_of
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.plain_files import cut_everywhere, only, refusal, told, voxels
from tests.io.devices.write_metaimage import write_metaimage
from tests.sample_scans import retina

GREY = retina(5, 96, 40)
DEEP = GREY.astype(np.uint16) * 250 + 33


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("big_endian", [False, True])
def test_every_way_of_storing_gives_the_same_voxels(
    tmp_path: Path, local: bool, packed: bool, big_endian: bool
) -> None:
    how: dict[str, Any] = {"local": local, "packed": packed, "big_endian": big_endian}
    file = parse(write_metaimage(tmp_path / "oct.mha", GREY, **how), Limits())
    np.testing.assert_array_equal(voxels(file), GREY)
    file = parse(write_metaimage(tmp_path / "oct.mha", DEEP, **how), Limits())
    expected = np.floor(DEEP / 65535 * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(voxels(file), expected)
    assert file.info.beside == (() if local else ("oct.zraw" if packed else "oct.raw",))


def test_the_header_tells_scale_and_nothing_about_the_eye(tmp_path: Path) -> None:
    volume = only(parse(write_metaimage(tmp_path / "oct.mhd", DEEP), Limits()))
    assert (len(volume.pictures), volume.depth, volume.ascans) == (5, 96, 40)
    assert (volume.bscan_mm, volume.axial_mm, volume.ascan_mm) == (0.12, 0.0039, 0.0117)
    assert volume.spacing_provenance == "device"
    assert (volume.laterality, volume.pattern, volume.acquired) == (None, "unknown", None)
    assert told(volume) == ["order-assumed", "pattern-unknown"]
    assert volume.narrow_check


def test_a_single_b_scan_is_a_line(tmp_path: Path) -> None:
    volume = only(parse(write_metaimage(tmp_path / "oct.mhd", GREY[:1]), Limits()))
    assert (volume.pattern, volume.bscan_mm) == ("line", None)
    assert told(volume) == []


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        (None, (None, None, None)),
        ("1 1 1", (1.0, None, None)),
        ("0 0 0", (None, None, None)),
        ("-0.01 0.004 0.1", (0.1, 0.004, None)),
        ("nan inf 0.1", (0.1, None, None)),
        ("0.01 0.004", (None, None, None)),
        ("a b c", (None, None, None)),
    ],
)
def test_a_scale_that_cannot_be_true_is_not_believed(
    tmp_path: Path, spacing: str | None, expected: tuple[float | None, ...]
) -> None:
    path = write_metaimage(tmp_path / "oct.mhd", GREY, changes={"ElementSpacing": spacing})
    volume = only(parse(path, Limits()))
    assert (volume.bscan_mm, volume.axial_mm, volume.ascan_mm) == expected
    known = any(value is not None for value in expected)
    assert volume.spacing_provenance == ("device" if known else "unknown")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"NDims": "2"}, "damaged-file"),
        ({"DimSize": "40 96"}, "damaged-file"),
        ({"DimSize": "40 96 0"}, "damaged-file"),
        ({"DimSize": "40 96 -5"}, "damaged-file"),
        ({"DimSize": "40 96 6"}, "damaged-file"),
        ({"DimSize": "40 96 4"}, "damaged-file"),
        ({"DimSize": "99999 99999 9"}, "too-large"),
        ({"DimSize": "16384 16384 16"}, "damaged-file"),
        ({"DimSize": "16384 16384 17"}, "too-large"),
        ({"DimSize": "40 96 999999"}, "too-many-bscans"),
        ({"DimSize": "4294967296 1 1"}, "damaged-file"),
        ({"ElementType": "MET_FLOAT"}, "damaged-file"),
        ({"ElementNumberOfChannels": "3"}, "damaged-file"),
        ({"BinaryData": "False"}, "damaged-file"),
        ({"BinaryDataByteOrderMSB": "maybe"}, "damaged-file"),
        ({"HeaderSize": "-1"}, "damaged-file"),
        ({"CompressedData": "True"}, "damaged-file"),
        ({"ElementDataFile": "none.raw"}, "damaged-file"),
        ({"ElementDataFile": "../oct.raw"}, "damaged-file"),
        ({"ElementDataFile": "/etc/passwd"}, "damaged-file"),
        ({"ElementDataFile": "C:\\oct.raw"}, "damaged-file"),
        ({"ElementDataFile": ".."}, "damaged-file"),
        ({"ElementDataFile": "LIST"}, "damaged-file"),
        ({"ElementDataFile": "oct%03d.raw 1 5 1"}, "damaged-file"),
        ({"ElementDataFile": "LOCAL"}, "damaged-file"),
        ({"ElementDataFile": ""}, "damaged-file"),
        ({"nonsense in a line": "1"}, "damaged-file"),
    ],
)
def test_a_header_that_is_not_what_it_says_is_refused(
    tmp_path: Path, changes: dict[str, str | None], code: str
) -> None:
    assert refusal(parse, write_metaimage(tmp_path / "oct.mhd", GREY, changes=changes)) == code


def test_a_header_goes_on_after_its_end_or_without_end(tmp_path: Path) -> None:
    path = tmp_path / "oct.mhd"
    write_metaimage(path, GREY, after=b"NDims = 3\n")
    assert refusal(parse, path) == "damaged-file"
    write_metaimage(path, GREY, after=b"\n" * 100_000)
    assert refusal(parse, path) == "damaged-file"
    path.write_bytes(b"NDims = 3\n" * 2)
    assert refusal(parse, path) == "damaged-file"
    path.write_bytes(b"".join(b"K%d = 1\n" % i for i in range(50_000)))
    assert refusal(parse, path) == "damaged-file"
    path.write_bytes(b"NDims = " + b"3" * 200_000)
    assert refusal(parse, path) == "damaged-file"


@pytest.mark.parametrize("value", ["x" + " " * 60_000 + "y", "x " * 30_000 + "y", "=" * 60_000])
def test_long_lines_take_no_time(tmp_path: Path, value: str) -> None:
    path = write_metaimage(tmp_path / "oct.mhd", GREY, changes={"Comment": value})
    before = time.process_time()
    np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)
    assert time.process_time() - before < 1.0


def test_a_cut_file_is_never_read(tmp_path: Path) -> None:
    path = write_metaimage(tmp_path / "oct.mha", DEEP, local=True)
    size = path.stat().st_size
    assert cut_everywhere(parse, path, range(0, size, 1024)) == {"damaged-file"}
    path = write_metaimage(tmp_path / "oct.mha", DEEP, local=True, packed=True)
    size = path.stat().st_size
    codes = cut_everywhere(parse, path, [*range(0, 500, 7), *range(1024, size, 1024)])
    assert codes == {"damaged-file", "truncated-file"}


def test_packed_voxels_that_are_damaged_or_too_many_are_refused(tmp_path: Path) -> None:
    path = write_metaimage(tmp_path / "oct.mhd", GREY, packed=True)
    raw = tmp_path / "oct.zraw"
    data = raw.read_bytes()
    raw.write_bytes(data[:40] + b"\xff" * 40 + data[80:])
    assert refusal(parse, path) in ("damaged-file", "truncated-file")
    raw.write_bytes(b"rubbish")
    assert refusal(parse, path) == "damaged-file"
    raw.write_bytes(zlib.compress(b""))
    assert refusal(parse, path) == "truncated-file"
    raw.write_bytes(data)
    assert refusal(parse, path, Limits(inflate_bytes=GREY.size - 1)) == "too-large"


def test_a_bomb_is_unpacked_no_further_than_the_scan_goes(tmp_path: Path) -> None:
    path = write_metaimage(tmp_path / "oct.mhd", np.zeros_like(GREY), packed=True)
    engine = zlib.compressobj(9)
    bomb = b"".join(engine.compress(bytes(1 << 20)) for _ in range(64)) + engine.flush()
    (tmp_path / "oct.zraw").write_bytes(bomb)
    file = parse(path, Limits())
    assert not file.picture(3, colour=False).any()
    with pytest.raises(IngestError, match="more than its header states"):
        file.picture(4, colour=False)
    assert file._unpacked is not None
    assert file._unpacked.have == GREY.size


def test_first_b_scans_come_before_the_last_are_unpacked(tmp_path: Path) -> None:
    random = np.random.default_rng(0).integers(0, 255, (64, 256, 256), np.uint8)
    file = parse(write_metaimage(tmp_path / "oct.mhd", random, packed=True), Limits())
    np.testing.assert_array_equal(file.picture(1, colour=False), random[1])
    assert file._unpacked is not None
    assert file._unpacked.have <= 2 * 256 * 256
    np.testing.assert_array_equal(file.picture(32, colour=False), random[32])
    np.testing.assert_array_equal(file.picture(0, colour=False), random[0])


@pytest.mark.parametrize(
    ("data", "name", "claimed"),
    [
        (b"ObjectType = Image\nNDims = 3\n", "a.bin", True),
        (b"ObjectType = Image\n", "a.mhd", True),
        (b"Comment = made by hand\n", "notes.txt", False),
        (b"NDims: 3\n", "a.mhd", False),
    ],
)
def test_first_bytes_tell_a_header(data: bytes, name: str, claimed: bool) -> None:
    assert is_metaimage_file(Head(data, name, len(data))) == claimed


def test_a_folder_of_retouch_gives_its_scan_and_says_what_the_drawing_is(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "RETOUCH-TrainingSet-Spectralis" / "TRAIN025"
    folder.mkdir(parents=True)
    path = write_metaimage(folder / "oct.mhd", DEEP)
    assert is_metaimage_file(head_of(path))
    write_metaimage(folder / "reference.mhd", (GREY > 100).astype(np.uint8))
    write_metaimage(tmp_path / "packed.mha", GREY, local=True, packed=True)
    opened = open_volumes(tmp_path)
    told_of = {problem.source: problem.code for problem in opened.problems}
    assert told_of.pop("reference.mhd") == "not-an-oct-volume"
    assert told_of == {"reference.raw": "not-recognised"}
    volumes = {v.source.label: v for study in opened.studies for v in study.volumes}
    expected = np.floor(DEEP / 65535 * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(volumes["oct.mhd"].voxels, expected)
    np.testing.assert_array_equal(volumes["packed.mha"].voxels, GREY)
    for volume in volumes.values():
        assert volume.laterality is None
        assert volume.scan_pattern is ScanPattern.UNKNOWN
        assert volume.spacing.provenance is Provenance.DEVICE
        codes = [notice.code for notice in volume.notices]
        assert codes[0] == "experimental-format"
        assert codes.count("eye-unknown") == 1
