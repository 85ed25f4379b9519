"""Hashes that are computed bit by bit are those of the whole file."""

import hashlib
from pathlib import Path

import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.hashing import STEP_BYTES, FileHashes
from kdoct_desktop.io.readers import open_volumes, plan_volumes
from tests.io.devices.write_heyex_xml import write_export
from tests.io.devices.write_vol import write_vol


@pytest.mark.parametrize("size", [0, 1, STEP_BYTES - 1, STEP_BYTES, STEP_BYTES + 1])
def test_a_hash_in_steps_is_that_of_the_whole_file(size: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    hashes = FileHashes()
    steps = 1
    while not hashes.step((path,)):
        steps += 1

    assert hashes.of(path) == hashlib.sha256(bytes(size)).hexdigest()
    assert steps == size // STEP_BYTES + 1


def test_files_are_hashed_one_after_the_other_and_each_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    hashes = FileHashes()

    assert not hashes.step((first, second))
    first.unlink()
    assert hashes.step((first, second))
    assert hashes.of(first) == hashlib.sha256(b"1").hexdigest()


def test_a_file_that_goes_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="cannot be read"):
        FileHashes().of(tmp_path / "nothing")


def test_a_volume_and_its_plan_carry_the_hash_of_the_file(tmp_path: Path) -> None:
    path = write_vol(tmp_path / "a.vol")
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    (study,) = open_volumes(path).studies
    (plan,), _ = plan_volumes(path)

    assert study.volumes[0].source.sha256 == plan.source.sha256 == wanted


def test_the_hash_of_an_export_covers_its_pictures(tmp_path: Path) -> None:
    path = write_export(tmp_path / "a.xml")
    (before,), _ = plan_volumes(path)
    picture = next(tmp_path.glob("*.tif"))
    picture.write_bytes(picture.read_bytes() + b"\0")
    (after,), _ = plan_volumes(path)

    assert before.source.sha256 != after.source.sha256
