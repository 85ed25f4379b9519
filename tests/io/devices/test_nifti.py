"""NIfTI volumes: nibabel says what the header means, the bytes are fetched with bounds."""

import gzip
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.volume import Provenance, ScanPattern
from kdoct_desktop.io.devices.claims import is_nifti
from kdoct_desktop.io.devices.nifti import parse
from kdoct_desktop.io.head import Head, head_of
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.plain_files import cut_everywhere, only, refusal, sentences, told, voxels
from tests.io.devices.write_nifti import Nifti, grey16
from tests.sample_scans import retina

GREY = retina(5, 96, 40)
NAMES = ["oct.nii", "oct.nii.gz"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_way_of_storing_gives_the_same_voxels(
    tmp_path: Path, name: str, version: int, order: str
) -> None:
    for stored in (GREY, grey16(GREY)):
        path = Nifti(stored, version=version, order=order).write(tmp_path / name)
        assert is_nifti(head_of(path))
        np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)


@pytest.mark.parametrize("name", NAMES)
def test_files_that_nibabel_writes_are_read(tmp_path: Path, name: str) -> None:
    for stored in (GREY, grey16(GREY)):
        picture = nibabel.Nifti1Image(stored.T, np.diag([-0.0117, -0.0039, 0.12, 1.0]))  # type: ignore[no-untyped-call]
        picture.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
        nibabel.save(picture, tmp_path / name)
        file = parse(tmp_path / name, Limits())
        np.testing.assert_array_equal(voxels(file), GREY)
        assert only(file).axial_mm == pytest.approx(0.0039)


def test_the_header_tells_scale_and_nothing_about_the_eye(tmp_path: Path) -> None:
    volume = only(parse(Nifti(grey16(GREY)).write(tmp_path / "oct.nii"), Limits()))
    assert (len(volume.pictures), volume.depth, volume.ascans) == (5, 96, 40)
    assert volume.bscan_mm == pytest.approx(0.12)
    assert volume.axial_mm == pytest.approx(0.0039)
    assert volume.ascan_mm == pytest.approx(0.0117)
    assert volume.spacing_provenance == "device"
    assert (volume.laterality, volume.pattern, volume.acquired) == (None, "unknown", None)
    assert told(volume) == ["order-assumed", "pattern-unknown"]
    assert volume.narrow_check
    assert "Jane" not in sentences(volume)


@pytest.mark.parametrize(
    ("unit", "factor"), [(1, 1000.0), (2, 1.0), (2 | 8, 1.0), (3, 0.001), (0, None)]
)
def test_units_of_the_scale(tmp_path: Path, unit: int, factor: float | None) -> None:
    scale = 1.0 / (factor or 1.0)
    sizes = (1.0, 0.0117 * scale, 0.0039 * scale, 0.12 * scale, 1.0, 1.0, 1.0, 1.0)
    path = Nifti(GREY, {"xyzt_units": unit, "pixdim": sizes}).write(tmp_path / "oct.nii")
    volume = only(parse(path, Limits()))
    assert volume.axial_mm == (pytest.approx(0.0039) if factor is not None else None)
    assert volume.spacing_provenance == ("device" if factor is not None else "unknown")


def test_a_scale_that_cannot_be_true_is_not_believed(tmp_path: Path) -> None:
    for odd in (0.0, float("nan"), float("inf"), 3.0, -0.01):
        sizes = (1.0, odd, 0.0039, 0.12, 1.0, 1.0, 1.0, 1.0)
        path = Nifti(GREY, {"pixdim": sizes}).write(tmp_path / "oct.nii")
        volume = only(parse(path, Limits()))
        assert volume.ascan_mm is None or odd == -0.01, "signs of sizes have no meaning"
        assert volume.axial_mm == pytest.approx(0.0039)


def test_axes_in_another_order_are_refused_where_the_scale_shows_them(tmp_path: Path) -> None:
    for sizes in ((0.0039, 0.0117, 0.12), (0.0117, 0.12, 0.0039)):
        path = Nifti(GREY, {"pixdim": (1.0, *sizes, 1.0, 1.0, 1.0, 1.0)}).write(
            tmp_path / "oct.nii"
        )
        assert refusal(parse, path) == "wrong-axes"


def test_a_stated_display_range_is_black_to_white(tmp_path: Path) -> None:
    real = GREY.astype(np.float32) / 255.0
    cases: list[tuple[Any, dict[str, Any]]] = [
        (real, {"cal_max": 1.0}),
        (real.astype(np.float64) * 40 - 20, {"cal_min": -20.0, "cal_max": 20.0}),
        (GREY.astype(np.int16) - 100, {"cal_min": -100.0, "cal_max": 155.0}),
        (GREY.astype(np.int32), {"cal_max": 510.0, "scl_slope": 2.0}),
        (GREY.astype(np.uint16), {"cal_min": 3.0, "cal_max": 258.0, "scl_slope": 1.0,
                                  "scl_inter": 3.0}),
    ]  # fmt: skip
    for stored, fields in cases:
        path = Nifti(stored, fields).write(tmp_path / "oct.nii")
        found = voxels(parse(path, Limits())).astype(int)
        assert np.abs(found - GREY).max() == 0, fields
    odd = real.copy()
    odd[0, 0, :4] = [np.nan, np.inf, -np.inf, 1e38]
    path = Nifti(odd, {"cal_max": 1.0}).write(tmp_path / "oct.nii")
    assert voxels(parse(path, Limits()))[0, 0, :4].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.float32, np.float64])
def test_values_of_which_black_and_white_are_not_known_are_refused(
    tmp_path: Path, kind: type[Any]
) -> None:
    path = Nifti(GREY.astype(kind)).write(tmp_path / "oct.nii")
    assert refusal(parse, path) == "unsupported-depth"


def test_an_inverting_scale_is_not_ignored(tmp_path: Path) -> None:
    path = Nifti(GREY, {"scl_slope": -1.0}).write(tmp_path / "oct.nii")
    assert refusal(parse, path) == "unsupported-depth"
    for slope in (0.0, 1.0, float("nan"), 0.5):
        path = Nifti(GREY, {"scl_slope": slope}).write(tmp_path / "oct.nii")
        np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)


def dims(*lengths: int) -> dict[str, Any]:
    return {"dim": (len(lengths), *lengths, *[1] * (7 - len(lengths)))}


def test_two_axes_are_a_single_b_scan_and_lengths_of_one_do_not_count(tmp_path: Path) -> None:
    path = Nifti(GREY[:1], dims(40, 96)).write(tmp_path / "oct.nii")
    file = parse(path, Limits())
    assert (only(file).pattern, told(only(file))) == ("line", [])
    np.testing.assert_array_equal(voxels(file), GREY[:1])
    path = Nifti(GREY, dims(40, 96, 5, 1, 1)).write(tmp_path / "oct.nii")
    np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (dims(40, 96, 5, 2), "not-bscans"),
        (dims(40), "not-bscans"),
        ({"dim": (0, 40, 96, 5, 1, 1, 1, 1)}, "not-bscans"),
        ({"dim": (9, 40, 96, 5, 1, 1, 1, 1)}, "damaged-file"),
        ({"dim": (-1, 40, 96, 5, 1, 1, 1, 1)}, "damaged-file"),
        (dims(40, 96, 0), "no-bscans"),
        (dims(40, -96, 5), "no-bscans"),
        (dims(40, 96, 6), "truncated-file"),
        (dims(40, 96, 32767), "too-many-bscans"),
        (dims(32767, 32767, 32767), "too-many-bscans"),
        (dims(32767, 32767, 1), "too-large"),
        ({"datatype": 0}, "unsupported-depth"),
        ({"datatype": 999}, "damaged-file"),
        ({"datatype": 128}, "unsupported-depth"),
        ({"datatype": 32}, "unsupported-depth"),
        ({"vox_offset": 0.0}, "damaged-file"),
        ({"vox_offset": -1.0}, "damaged-file"),
        ({"vox_offset": 1e30}, "damaged-file"),
        ({"vox_offset": float("nan")}, "damaged-file"),
        ({"vox_offset": 352.5}, "damaged-file"),
        ({"vox_offset": 400.0}, "truncated-file"),
        ({"magic": b"ni1\0"}, "unsupported-nifti"),
        ({"sizeof_hdr": 0}, None),
    ],
)
def test_a_header_that_is_not_what_it_says_is_refused(
    tmp_path: Path, name: str, fields: dict[str, Any], code: str | None
) -> None:
    path = Nifti(GREY, fields).write(tmp_path / name)
    if code is None:
        np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)
    else:
        assert refusal(parse, path) == code


def test_sizes_that_multiply_past_the_machine_are_refused(tmp_path: Path) -> None:
    for lengths in ((2**62, 2**62, 1), (2**32, 2**32, 5), (2**63 - 1, 1, 1)):
        path = Nifti(GREY, dims(*lengths), version=2).write(tmp_path / "oct.nii")
        assert refusal(parse, path) == "too-large"


def test_extensions_are_skipped_without_being_followed(tmp_path: Path) -> None:
    hostile = b"\1\0\0\0" + b"\xff\xff\xff\x7f" + b"\6\0\0\0" + bytes(500)
    for name in NAMES:
        path = Nifti(GREY, extension=hostile).write(tmp_path / name)
        np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)


def test_a_cut_file_is_never_read(tmp_path: Path) -> None:
    path = Nifti(GREY).write(tmp_path / "oct.nii")
    sizes = [*range(0, 700, 7), *range(1024, path.stat().st_size, 1024)]
    assert cut_everywhere(parse, path, sizes) <= {"truncated-file", "unsupported-nifti"}
    path = Nifti(GREY).write(tmp_path / "oct.nii.gz")
    sizes = [*range(0, 500, 5), *range(1024, path.stat().st_size, 1024)]
    codes = cut_everywhere(parse, path, sizes)
    assert codes <= {"truncated-file", "unsupported-nifti", "damaged-file"}


def test_packed_files_may_have_several_members(tmp_path: Path) -> None:
    path = Nifti(GREY, members=7).write(tmp_path / "oct.nii.gz")
    np.testing.assert_array_equal(voxels(parse(path, Limits())), GREY)


def test_a_bomb_is_unpacked_no_further_than_the_scan_goes(tmp_path: Path) -> None:
    path = tmp_path / "oct.nii.gz"
    path.write_bytes(gzip.compress(Nifti(GREY).data() + bytes(64 << 20), 9))
    file = parse(path, Limits())
    np.testing.assert_array_equal(file.picture(3, colour=False), GREY[3])
    with pytest.raises(IngestError, match="more than its header states"):
        file.picture(4, colour=False)
    assert file._unpacked is not None
    assert file._unpacked.have == 352 + GREY.size
    claims = dims(16384, 16384, 2)
    path.write_bytes(gzip.compress(Nifti(GREY, claims).data() + bytes(1 << 20)))
    assert refusal(parse, path, Limits(inflate_bytes=1 << 29)) == "too-large"


def test_damage_in_the_packed_data_is_told(tmp_path: Path) -> None:
    path = Nifti(GREY).write(tmp_path / "oct.nii.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 60] = bytes(60)
    path.write_bytes(data)
    assert refusal(parse, path) in ("damaged-file", "truncated-file")


def test_without_its_package_the_user_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Nifti(GREY).write(tmp_path / "oct.nii")
    monkeypatch.setitem(sys.modules, "nibabel.nifti1", None)
    assert refusal(parse, path) == "missing-package"


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"a tar archive, perhaps" * 100),
        b"\x1f\x8b" + bytes(600),
        b"\x1f\x8b",
        bytes(512),
        b"",
    ],
)
def test_other_packed_files_are_not_claimed(data: bytes) -> None:
    assert not is_nifti(Head(data[:512], "scan.nii.gz", len(data)))


def test_files_are_opened_with_what_is_known(tmp_path: Path) -> None:
    Nifti(GREY).write(tmp_path / "plain.nii")
    Nifti(grey16(GREY), version=2).write(tmp_path / "packed.nii.gz")
    Nifti(GREY.astype(np.float32)).write(tmp_path / "float.nii.gz")
    (tmp_path / "other.gz").write_bytes(gzip.compress(b"notes"))
    opened = open_volumes(tmp_path)
    codes = {problem.source: problem.code for problem in opened.problems}
    assert codes == {"float.nii.gz": "unsupported-depth", "other.gz": "unsupported-archive"}
    volumes = {v.source.label: v for study in opened.studies for v in study.volumes}
    assert set(volumes) == {"plain.nii", "packed.nii.gz"}
    for volume in volumes.values():
        np.testing.assert_array_equal(volume.voxels, GREY)
        assert volume.laterality is None
        assert volume.scan_pattern is ScanPattern.UNKNOWN
        assert volume.spacing.provenance is Provenance.DEVICE
        assert volume.notices[0].code == "experimental-format"
        assert all("1950" not in notice.message for notice in volume.notices)
