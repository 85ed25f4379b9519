"""Pictures of every kind that data sets come in, and everything that must be refused."""

import io
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, save
from tests.training.drawn import normal_bscan
from training.data import npz_frames
from training.data.dicom_volumes import dicom_volumes, state_of
from training.data.read_picture import count_frames, picture_sha256, read_fundus, read_picture
from training.errors import TrainingError

PICTURE = normal_bscan(depth=60, ascans=80)[0]


def refused(root: Path, path: str, frame: int = 0) -> str:
    with pytest.raises(TrainingError) as caught:
        read_picture(root, path, frame)
    assert caught.value.code == "unreadable-file"
    assert str(root) not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "named_wrongly.jpg"])
def test_an_8_bit_picture_keeps_its_values_whatever_its_name_says(
    tmp_path: Path, name: str
) -> None:
    kind = {"a.tif": "TIFF", "a.bmp": "BMP"}.get(name, "PNG")
    Image.fromarray(PICTURE).save(tmp_path / name, format=kind)
    read = read_picture(tmp_path, name)
    assert read.dtype == np.uint8
    assert np.array_equal(read, PICTURE)
    read[0, 0] = 1  # an array of its own


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_become_grey_as_in_the_desktop(tmp_path: Path, kind: str) -> None:
    deep = PICTURE.astype(np.uint16) * 257 + np.uint16(100)
    Image.fromarray(deep).save(tmp_path / "deep", format=kind)
    desktop = open_volumes(tmp_path / "deep").studies[0].volumes[0].voxels[0]
    read = read_picture(tmp_path, "deep")
    assert np.array_equal(read, desktop)
    assert read[5, 5] == np.floor(deep[5, 5] / 65535 * 255 + 0.5)


def test_a_grey_jpeg_stored_in_colour_is_read_as_in_the_desktop(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.repeat(PICTURE[..., None], 3, axis=2))
    desktop = open_volumes(tmp_path / "a.jpg").studies[0].volumes[0].voxels[0]
    assert np.array_equal(read_picture(tmp_path, "a.jpg"), desktop)


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.roll(PICTURE, shift, axis=1)) for shift in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert count_frames(tmp_path, "a.tif") == 3
    assert np.array_equal(read_picture(tmp_path, "a.tif", 2), np.roll(PICTURE, 2, axis=1))
    assert "a.tif #3" in refused(tmp_path, "a.tif", 3)


def test_the_only_bscan_of_a_file_of_several_is_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.roll(PICTURE, shift, axis=1)) for shift in range(2)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "one.tif")
    assert np.array_equal(read_picture(tmp_path, "one.tif", None), PICTURE)
    with pytest.raises(TrainingError, match=r"two\.tif cannot be read: It holds 2 B-scans"):
        read_picture(tmp_path, "two.tif", None)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_truncated_jpeg_is_refused_and_never_half_grey(tmp_path: Path, share: float) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.tile(PICTURE, (4, 4))).save(stream, format="JPEG")
    data = stream.getvalue()
    (tmp_path / "cut.jpg").write_bytes(data[: int(len(data) * share)])
    assert "cut.jpg" in refused(tmp_path, "cut.jpg")


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_jpeg_that_lost_all_but_its_end_mark_is_refused(tmp_path: Path, share: float) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.tile(PICTURE, (4, 4))).save(stream, format="JPEG")
    data = stream.getvalue()
    (tmp_path / "cut.jpg").write_bytes(data[: int(len(data) * share)] + b"\xff\xd9")
    assert "ends early" in refused(tmp_path, "cut.jpg")


def test_other_damage_is_refused_with_the_name_alone(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[:-40])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_bytes(b"this is no picture, whatever its name says")
    Image.fromarray(PICTURE[:8, :8]).save(tmp_path / "small.png")
    colour = np.zeros((40, 40, 3), dtype=np.uint8)
    colour[..., 0] = 200
    Image.fromarray(colour).save(tmp_path / "colour.png")
    Image.fromarray(PICTURE.astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(PICTURE.astype(np.int32) * 1000).save(tmp_path / "deep32.tif")
    for name in ("cut.png", "empty.png", "text.png", "small.png", "colour.png", "float.tif",
                 "deep32.tif", "missing.png"):  # fmt: skip
        assert refused(tmp_path, name).startswith(f"{name} cannot be read: ")


def test_a_path_out_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "data").mkdir()
    assert "leads out" in refused(tmp_path / "data", "../a.png")
    assert "leads out" in refused(tmp_path / "data", str(tmp_path / "a.png"))


@pytest.mark.parametrize("kept", [npz_frames.KEPT_BYTES, 0])
def test_npz_frames_are_read_in_any_order_and_after_a_rewrite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(npz_frames, "KEPT_BYTES", kept)
    stack = np.stack([PICTURE, PICTURE // 2, PICTURE // 3])
    np.savez_compressed(tmp_path / "set.npz", train_images=stack, train_labels=np.zeros((3, 1)))
    path = "set.npz::train_images"
    assert count_frames(tmp_path, path) == 3
    for frame in (0, 1, 2, 1, 0, 2, 0, 1):
        assert np.array_equal(read_picture(tmp_path, path, frame), stack[frame])
    assert "set.npz::nothing" in refused(tmp_path, "set.npz::nothing")
    assert "8-bit" in refused(tmp_path, "set.npz::train_labels")
    refused(tmp_path, path, 3)
    refused(tmp_path, path, -1)
    np.savez(tmp_path / "set.npz", train_images=stack[::-1])
    assert np.array_equal(read_picture(tmp_path, path, 0), stack[2])


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "set.npz", images=np.stack([PICTURE] * 4))
    data = (tmp_path / "set.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[: len(data) // 2])
    refused(tmp_path, "cut.npz::images")
    np.savez(tmp_path / "pickled.npz", images=np.array([{"a": 1}], dtype=object))
    refused(tmp_path, "pickled.npz::images")


def write_mhd(folder: Path, voxels: np.ndarray, kind: str, **changes: str) -> None:
    z, y, x = voxels.shape
    header = {"ObjectType": "Image", "NDims": "3", "BinaryData": "True",
              "BinaryDataByteOrderMSB": "False", "CompressedData": "False",
              "TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "0 0 0",
              "ElementSpacing": "0.01 0.002 0.05", "DimSize": f"{x} {y} {z}",
              "ElementType": kind, "ElementDataFile": "oct.raw"}  # fmt: skip
    lines = [f"{key} = {value}" for key, value in {**header, **changes}.items()]
    (folder / "oct.mhd").write_text("\n".join(lines) + "\n")
    (folder / "oct.raw").write_bytes(voxels.tobytes())


def test_metaimage_bscans_lie_along_z(tmp_path: Path) -> None:
    voxels = np.stack([PICTURE, PICTURE // 2])
    write_mhd(tmp_path, voxels, "MET_UCHAR")
    assert count_frames(tmp_path, "oct.mhd") == 2
    assert np.array_equal(read_picture(tmp_path, "oct.mhd", 1), PICTURE // 2)
    refused(tmp_path, "oct.mhd", 2)


@pytest.mark.parametrize(("order", "big"), [("<u2", "False"), (">u2", "True")])
def test_metaimage_of_16_bits_becomes_grey_as_a_16_bit_picture_does(
    tmp_path: Path, order: str, big: str
) -> None:
    deep = PICTURE.astype(np.uint16) * 200
    write_mhd(tmp_path, deep[None].astype(order), "MET_USHORT", BinaryDataByteOrderMSB=big)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(read_picture(tmp_path, "oct.mhd"), read_picture(tmp_path, "deep.png"))


@pytest.mark.parametrize(
    "changes",
    [{"DimSize": "80 60 3"}, {"DimSize": "80 60"}, {"DimSize": "80 -60 2"}, {"NDims": "2"},
     {"ElementType": "MET_FLOAT"}, {"CompressedData": "True"}, {"ElementDataFile": "LOCAL"},
     {"ElementDataFile": "../oct.raw"}, {"ElementDataFile": "none.raw"}, {"HeaderSize": "-1"},
     {"ElementNumberOfChannels": "3"}, {"DimSize": "99999 99999 2"}],
)  # fmt: skip
def test_a_metaimage_that_is_not_what_it_says_is_refused(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    write_mhd(tmp_path, np.stack([PICTURE] * 2), "MET_UCHAR", **changes)
    refused(tmp_path, "oct.mhd")


def test_dicom_frames_are_the_desktops(tmp_path: Path) -> None:
    voxels = np.stack([PICTURE, PICTURE // 2, PICTURE // 3])
    save(opt(voxels), tmp_path / "scan")
    volumes = dicom_volumes(state_of(tmp_path / "scan"))
    assert [volume.bscan_count for volume in volumes] == [3]
    assert dicom_volumes(state_of(tmp_path / "scan")) is volumes, "decoded once"
    for frame in range(3):
        assert np.array_equal(read_picture(tmp_path, "scan", frame), voxels[frame])
    refused(tmp_path, "scan", 3)


def test_threads_read_an_archive_each_for_themselves(tmp_path: Path) -> None:
    stack = np.stack([np.roll(PICTURE, shift, axis=0) for shift in range(30)])
    np.savez_compressed(tmp_path / "set.npz", images=stack)
    wrong: list[int] = []

    def read(frames: range) -> None:
        for frame in frames:
            if not np.array_equal(read_picture(tmp_path, "set.npz::images", frame), stack[frame]):
                wrong.append(frame)

    threads = [threading.Thread(target=read, args=(range(first, 30, 3),)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_hash_is_of_shape_and_grey_values() -> None:
    flat = np.zeros((20, 30), dtype=np.uint8)
    assert picture_sha256(flat) != picture_sha256(flat.T)
    assert picture_sha256(PICTURE[:, ::-1]) == picture_sha256(PICTURE[:, ::-1].copy())
    assert len(picture_sha256(flat)) == 64
    # worked by hand: sha256 of "16x16:" and 256 zero bytes
    assert picture_sha256(np.zeros((16, 16), np.uint8)) == (
        "fa9646067c7a974f618e2c93ab9cec0d6b79bf7bb6396df3ede4f33e46c49779"
    )


def test_a_fundus_photograph_keeps_its_colours(tmp_path: Path) -> None:
    photo = np.zeros((40, 50, 3), dtype=np.uint8)
    photo[..., 0], photo[10:20, 10:20, 1] = 200, 90
    Image.fromarray(photo).save(tmp_path / "f.png")
    assert np.array_equal(read_fundus(tmp_path, "f.png"), photo)
    Image.fromarray(PICTURE).save(tmp_path / "grey.png")
    assert np.array_equal(read_fundus(tmp_path, "grey.png")[..., 2], PICTURE)
    (tmp_path / "cut.png").write_bytes((tmp_path / "f.png").read_bytes()[:-30])
    with pytest.raises(TrainingError, match=r"cut\.png cannot be read"):
        read_fundus(tmp_path, "cut.png")


def test_a_picture_with_a_wrong_checksum_inside_is_refused(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    at = data.index(b"IDAT") + 20
    data[at] ^= 0xFF
    assert zlib.crc32(data[at : at + 4]) != 0
    (tmp_path / "a.png").write_bytes(data)
    refused(tmp_path, "a.png")
