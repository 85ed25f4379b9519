"""Heidelberg's RAW export: what a broken file costs, and who is told nothing."""

import logging
import struct
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.parsed_vol import codes, heights, only, parsed, voxels
from tests.io.devices.write_vol import days, phantom, write_vol


def test_who_was_scanned_is_told_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        path = write_vol(tmp_path / "a.vol")
        whole = path.read_bytes()
        open_volumes(path)
        (volume,) = parsed(path).info.volumes
        told: list[object] = [{**asdict(volume), "patient": None}]
        for size in (1024, 2048, 9000):
            path.write_bytes(whole[:size])
            told.append([asdict(problem) for problem in open_volumes(path).problems])
    for secret in ("ID-77", "1948", str(int(days(datetime(1948, 3, 9))))):
        assert secret not in str(told)
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "lie",
    [
        {48: ("I", 2**32 - 1)},
        {48: ("I", 65)},
        {48: ("I", 5)},
        {52: ("I", 2**32 - 1)},
        {52: ("I", 0)},
    ],
)
def test_layers_outside_of_their_header_are_not_read_and_told(
    tmp_path: Path, lie: Mapping[int, tuple[str, object]]
) -> None:
    layers = [heights((0, 1, 2), bscan) for bscan in range(5)]
    path = write_vol(tmp_path / "a.vol", layers=layers, bscan_header=lie)
    assert (only(path).layers, codes(only(path))) == ((), ["layers-unreadable"])
    np.testing.assert_array_equal(voxels(path), phantom()[::-1])


def test_nothing_but_headers_and_layers_is_read_before_a_picture_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_vol(tmp_path / "a.vol")
    read: list[int] = []
    plain = Binary.read

    def counting(self: Binary, offset: int, length: int) -> bytes:
        read.append(length)
        return plain(self, offset, length)

    monkeypatch.setattr(Binary, "read", counting)
    file = parsed(path)
    assert sum(read) == 2048 + 5 * 256
    file.picture(2, colour=False)
    assert sum(read) == 2048 + 5 * 256 + 4 * 40 * 48


def test_a_file_cut_anywhere_is_refused_as_truncated(tmp_path: Path) -> None:
    layers = [heights((0, 1, 2), bscan) for bscan in range(5)]
    whole = write_vol(tmp_path / "a.vol", layers=layers, tail=b"grid" * 999).read_bytes()
    needed = len(whole) - 4 * 999
    for size in (*range(0, len(whole), 1024), needed - 1, needed):
        path = tmp_path / "cut.vol"
        path.write_bytes(whole[:size])
        if size >= needed:
            assert len(voxels(path)) == 5
            continue
        with pytest.raises(IngestError) as refused:
            parsed(path)
        assert refused.value.code == "truncated-file", size


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({16: ("I", 0)}, "no-bscans"),
        ({12: ("I", 0)}, "damaged-file"),
        ({20: ("I", 0)}, "damaged-file"),
        ({16: ("I", 2**32 - 1)}, "too-many-bscans"),
        ({16: ("I", 8192)}, "truncated-file"),
        ({12: ("I", 2**32 - 1)}, "too-large"),
        ({20: ("I", 2**32 - 1)}, "too-large"),
        ({12: ("I", 16384), 20: ("I", 16384)}, "too-large"),  # 2**30 bytes
        ({12: ("I", 65536), 20: ("I", 65536)}, "too-large"),  # 2**34 bytes
        ({12: ("I", 8192), 20: ("I", 8192), 16: ("I", 8192)}, "too-large"),
        ({48: ("I", 2**32 - 1)}, "too-large"),
        ({48: ("I", 65536), 52: ("I", 65536)}, "too-large"),
        ({52: ("I", 16384)}, "truncated-file"),
        ({48: ("I", 63)}, "damaged-file"),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    tmp_path: Path, changed: Mapping[int, tuple[str, object]], code: str
) -> None:
    with pytest.raises(IngestError) as refused:
        parsed(write_vol(tmp_path / "a.vol", header=changed))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({12: ("I", 0)}, "damaged-file"),
        ({12: ("I", 255)}, "damaged-file"),
        ({12: ("I", 1025)}, "damaged-file"),
        ({12: ("I", 2**32 - 1)}, "truncated-file"),
        ({0: ("12s", b"HSF-OCT-103")}, "damaged-file"),
    ],
)
def test_a_bscan_that_begins_elsewhere_is_refused(
    tmp_path: Path, changed: Mapping[int, tuple[str, object]], code: str
) -> None:
    with pytest.raises(IngestError) as refused:
        parsed(write_vol(tmp_path / "a.vol", bscan_header=changed))
    assert refused.value.code == code


def test_random_bytes_in_the_headers_cost_nothing_but_the_file(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    layers = [heights((0, 1, 2), bscan) for bscan in range(5)]
    whole = write_vol(tmp_path / "a.vol", layers=layers).read_bytes()
    path = tmp_path / "b.vol"
    first = 2048 + 64 * 64
    outcomes = set()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(int(random.integers(1, 4))):
            at = int(random.choice([random.integers(12, 224), first + random.integers(0, 64)]))
            struct.pack_into(
                "<I", data, at, int(random.choice([0, 1, 2**31, 2**32 - 1, 0x7FF00000]))
            )
        path.write_bytes(data)
        outcomes.add(outcome(path))
    assert outcomes == {"read", "damaged-file", "truncated-file", "too-large", "no-bscans",
                        "too-many-bscans"}  # fmt: skip


def outcome(path: Path) -> str:
    """Whether the whole file can be read, or how it is refused."""
    try:
        assert len(voxels(path)) > 0
        parsed(path).layers(0)
    except IngestError as error:
        return error.code
    return "read"
