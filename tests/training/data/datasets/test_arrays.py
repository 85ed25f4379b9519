"""OCTMNIST and RETOUCH: many B-scans a file."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.data.datasets.trees import drawing, put, refusal, taken
from training.data.read_picture import picture_sha256


def octmnist(root: Path, name: str = "octmnist_28.npz", labels: tuple[int, ...] = (3, 0)) -> Path:
    arrays: dict[str, NDArray[np.uint8]] = {}
    for part, values in (("train", labels), ("val", (1,)), ("test", (2,))):
        pictures = [drawing(f"{part}{i}", depth=28, ascans=28) for i in range(len(values))]
        arrays[f"{part}_images"] = np.stack(pictures)
        arrays[f"{part}_labels"] = np.array(values, np.uint8)[:, None]
    root.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(root / name, **arrays)  # type: ignore[arg-type]
    return root


def test_octmnist_rows_point_into_the_arrays_of_the_archive(tmp_path: Path) -> None:
    report = taken("octmnist", octmnist(tmp_path))
    said = [(row.path, row.frame, row.label, row.part) for row in report.rows]
    assert said == [
        ("octmnist_28.npz::test_images", 0, "DRUSEN", "test"),
        ("octmnist_28.npz::train_images", 0, "NORMAL", "train"),
        ("octmnist_28.npz::train_images", 1, "CNV", "train"),
        ("octmnist_28.npz::val_images", 0, "DME", "val"),
    ]
    assert report.rows[2].sha256 == picture_sha256(drawing("train1", depth=28, ascans=28))
    assert len({row.patient for row in report.rows}) == 4
    assert [note.code for note in report.decisions] == ["unknown-patients"]


def test_octmnist_labels_that_are_not_known_stop_unless_left_out(tmp_path: Path) -> None:
    octmnist(tmp_path, labels=(3, 7))
    error = refusal("octmnist", tmp_path)
    assert error.code == "unknown-labels"
    assert error.details == ("octmnist_28.npz::train_images #1: has the label 7",)
    exclude = ["octmnist_28.npz::train_images #1", "octmnist_28.npz::val_images"]
    report = taken("octmnist", tmp_path, exclude=exclude)
    assert [row.part for row in report.rows] == ["test", "train"]


def test_octmnist_of_several_sizes_must_be_chosen(tmp_path: Path) -> None:
    octmnist(octmnist(tmp_path), "octmnist_64.npz")
    assert refusal("octmnist", tmp_path).code == "wrong-layout"
    report = taken("octmnist", tmp_path, options={"file": "octmnist_64.npz"})
    assert {row.path.partition("::")[0] for row in report.rows} == {"octmnist_64.npz"}


def test_octmnist_that_is_damaged_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    octmnist(tmp_path / "a")
    data = (tmp_path / "a/octmnist_28.npz").read_bytes()
    (tmp_path / "a/octmnist_28.npz").write_bytes(data[: len(data) // 2])
    assert refusal("octmnist", tmp_path / "a").code in ("unreadable-files", "wrong-layout")
    (tmp_path / "b").mkdir()
    pictures = np.stack([drawing("x", depth=28, ascans=28)])
    few = {f"{part}_images": pictures for part in ("train", "val", "test")}
    none = {f"{part}_labels": np.zeros((2, 1), np.uint8) for part in ("train", "val", "test")}
    np.savez(tmp_path / "b/octmnist.npz", **few, **none)  # type: ignore[arg-type]
    error = refusal("octmnist", tmp_path / "b")
    assert error.message == "octmnist.npz has 2 labels for 1 train images."


def meta(path: Path, voxels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """A MetaImage as RETOUCH has it; voxels (z, y, x)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "MET_UCHAR" if voxels.dtype == np.uint8 else "MET_USHORT"
    z, y, x = voxels.shape
    raw = path.with_suffix(".raw")
    raw.write_bytes(voxels.tobytes())
    path.write_text(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = False\nDimSize = {x} {y} {z}\nElementType = {kind}\n"
        f"ElementDataFile = {raw.name}\n"
    )


def volume(root: Path, folder: str, *, deep: bool = False, reference: bool = True) -> None:
    bscans = np.stack([drawing(f"{folder}{z}") for z in range(4)])
    meta(root / folder / "oct.mhd", bscans.astype("<u2") * 200 if deep else bscans)
    fluid = np.zeros(bscans.shape, np.uint8)
    fluid[1, 3, 4] = 1
    fluid[2, 3, 4], fluid[2, 9, 9] = 2, 1
    fluid[3, 5, 5] = 3
    if reference:
        meta(root / folder / "reference.mhd", fluid)


def test_retouch_labels_are_what_is_drawn_in_each_bscan(tmp_path: Path) -> None:
    volume(tmp_path, "RETOUCH-TrainingSet-Cirrus/TRAIN001")
    volume(tmp_path, "RETOUCH-TrainingSet-Spectralis/TRAIN025", deep=True)
    volume(tmp_path, "RETOUCH-TestSet-Topcon/TEST001", reference=False)
    report = taken("retouch", tmp_path)
    cirrus = [row for row in report.rows if row.patient == "retouch:Cirrus_TRAIN001"]
    assert [row.label for row in cirrus] == ["NO_FLUID", "IRF", "IRF+SRF", "PED"]
    assert [row.bscan for row in cirrus] == [row.frame for row in cirrus] == [0, 1, 2, 3]
    assert {(row.device, row.eye, row.part) for row in cirrus} == {("Zeiss Cirrus", "", "train")}
    assert cirrus[2].sha256 == picture_sha256(drawing("RETOUCH-TrainingSet-Cirrus/TRAIN0012"))
    test = [row for row in report.rows if row.part == "test"]
    assert [(row.label, row.device) for row in test] == [("", "Topcon")] * 4
    assert [note.code for note in report.decisions] == ["unlabelled-volumes"]
    assert len({row.volume for row in report.rows}) == 3


def test_retouch_lists_what_is_missing_damaged_or_elsewhere(tmp_path: Path) -> None:
    train = "RETOUCH-TrainingSet-Cirrus"
    for number in range(1, 5):
        volume(tmp_path, f"{train}/TRAIN00{number}", reference=number != 2)
    volume(tmp_path, "RETOUCH-TrainingSet-Nidek/TRAIN009")
    raw = tmp_path / train / "TRAIN003/oct.raw"
    raw.write_bytes(raw.read_bytes()[:-1])
    reference = tmp_path / train / "TRAIN004/reference.raw"
    reference.write_bytes(b"\x09" + reference.read_bytes()[1:])
    error = refusal("retouch", tmp_path)
    assert error.code == "bad-data"
    assert [line.partition(":")[0] for line in error.details] == [
        f"{train}/TRAIN003/oct.mhd",
        f"{train}/TRAIN004/oct.mhd",
        f"{train}/TRAIN002/oct.mhd",
        "RETOUCH-TrainingSet-Nidek/TRAIN009/oct.mhd",
    ]
    left_out = [f"{train}/TRAIN00{i}" for i in (2, 3, 4)] + ["RETOUCH-TrainingSet-Nidek"]
    assert len(taken("retouch", tmp_path, exclude=left_out).rows) == 4


def test_single_bscans_of_a_volume_can_be_left_out(tmp_path: Path) -> None:
    volume(tmp_path, "RETOUCH-TrainingSet-Cirrus/TRAIN001")
    path = "RETOUCH-TrainingSet-Cirrus/TRAIN001/oct.mhd"
    report = taken("retouch", tmp_path, exclude=[f"{path} #0", f"{path} #3"])
    assert [row.frame for row in report.rows] == [1, 2]
    assert report.excluded == (f"{path} #0", f"{path} #3")


@pytest.mark.parametrize("importer", ["octmnist", "retouch"])
def test_other_folders_are_refused(tmp_path: Path, importer: str) -> None:
    put(tmp_path, "CNV/a.png")
    assert refusal(importer, tmp_path).code == "wrong-layout"
