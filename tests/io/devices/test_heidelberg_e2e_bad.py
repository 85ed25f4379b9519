"""Damaged and hostile .e2e files: a named refusal or a sound result, in bounded time and memory."""

import random
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.device_file import DeviceFile
from kdoct_desktop.io.devices.fields import DeviceInfo
from kdoct_desktop.io.devices.heidelberg_e2e import parse
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices import write_e2e
from tests.io.devices.write_e2e import Chunk, Scan, chunks_of, container, patient_of
from tests.sample_scans import localizer, retina

GREYS = retina(5, 32, 24)
SLO = localizer(32).pixels
SCAN = Scan(GREYS, localizer=SLO, preamble="R", contours={0: np.full((5, 24), 3, np.float32)})
NAMES = (b"Secretname", b"Hiddenfirst", b"PID-4711")
DIRECTORY = 88


def whole() -> bytearray:
    """Two scans of a patient with a birth date."""
    person = patient_of(1, "Secretname", "Hiddenfirst", "PID-4711", birth=19_481_231)
    scans = (SCAN, replace(SCAN, series=2, eye="L", preamble="L"))
    return container([*(c for scan in scans for c in chunks_of(scan)), person], in_directory=16)


def tried(path: Path, data: bytes | bytearray, limits: Limits | None = None) -> DeviceFile | str:
    """A parsed file of which everything was read, or the code of its refusal."""
    path.write_bytes(data)
    try:
        file = parse(path, limits or Limits())
    except IngestError as error:
        refusal = error
    else:
        sound(file)
        return file
    assert_private(refusal.message)
    return refusal.code


def sound(file: DeviceFile) -> None:
    """Every picture and layer that was announced can be read, and no text names the patient."""
    assert_private(texts(file.info))
    for place, one in enumerate(file.info.volumes):
        if one.refused is not None:
            continue
        assert len(one.pictures) == len(one.numbers) >= 1
        assert one.numbers[0] >= 0
        assert one.numbers[-1] < one.planned
        assert all(a < b for a, b in zip(one.numbers, one.numbers[1:], strict=False))
        for number in one.pictures:
            assert file.picture(number, colour=False).shape == (one.depth, one.ascans)
        if one.localizer is not None:
            assert file.picture(one.localizer.picture, colour=True).shape == one.localizer.shape
        assert len(one.lines) in (0, len(one.pictures))
        if one.layers:
            assert file.layers(place).shape == (len(one.layers), len(one.pictures), one.ascans)


def texts(info: DeviceInfo) -> str:
    told = [*info.notices, *(n for one in info.volumes for n in one.notices)]
    told += [one.refused for one in info.volumes if one.refused is not None]
    keys = [f"{one.key} {one.visit} {one.device} {one.software}" for one in info.volumes]
    return " ".join([*keys, *(f"{notice.code} {notice.message}" for notice in told)])


def assert_private(text: str) -> None:
    for name in (*NAMES, b"1948", b"19481231"):
        assert name.decode() not in text


def first(file: DeviceFile | str) -> DeviceFile:
    assert isinstance(file, DeviceFile)
    return file


def test_cut_at_every_kilobyte_and_every_byte_of_the_headers(tmp_path: Path) -> None:
    data = bytes(whole())
    results = {}
    for length in [*range(0, 1200, 7), *range(1024, len(data), 1024)]:
        results[length] = tried(tmp_path / "a.e2e", data[:length])
    assert results[0] == "truncated-file"
    assert results[84] == "truncated-file"
    # the newest directory is lost: what is left is found by its marks and told to be incomplete
    file = first(results[20 * 1024])
    assert [notice.code for notice in file.info.notices] == ["directory-missing"]
    assert len(file.info.volumes) == 2
    complete = first(tried(tmp_path / "a.e2e", data))
    assert complete.info.notices == ()


def test_directories_that_run_in_a_circle(tmp_path: Path) -> None:
    data = whole()
    (newest,) = struct.unpack_from("<I", data, 36 + 40)
    for last in (newest, DIRECTORY):
        circular = bytearray(data)
        struct.pack_into("<I", circular, DIRECTORY + 44, last)  # the oldest points at a newer one
        assert tried(tmp_path / "a.e2e", circular) == "damaged-file"


def test_offsets_and_counts_at_their_maxima(tmp_path: Path) -> None:
    data = whole()
    (newest,) = struct.unpack_from("<I", data, 36 + 40)
    for place, value in ((36 + 40, 0xFFFFFFFF), (newest + 44, 0xFFFFFFF0), (newest + 36, 1 << 31)):
        changed = bytearray(data)
        struct.pack_into("<I", changed, place, value)
        file = first(tried(tmp_path / "a.e2e", changed))
        assert [notice.code for notice in file.info.notices] == ["directory-missing"]
        assert [one.planned for one in file.info.volumes] == [5, 5]
    changed = bytearray(data)
    changed[newest : newest + 6] = b"MDbXyz"
    assert isinstance(tried(tmp_path / "a.e2e", changed), DeviceFile)


def test_directories_that_overlap_do_not_multiply(tmp_path: Path) -> None:
    """Each names nearly the whole file as its entries."""
    data = bytearray(100_000)
    data[:140] = container([])[:140]
    places = list(range(200, 20_000, 60))
    for place, before in zip(places, [0, *places], strict=False):
        data[place : place + 52] = (
            b"MDbDir".ljust(12, b"\0") + bytes(24) + struct.pack("<4I", 1_000, 0, before, 0)
        )
    struct.pack_into("<I", data, 36 + 40, places[-1])
    assert tried(tmp_path / "a.e2e", data) == "damaged-file"


@pytest.mark.parametrize(
    ("offset", "value"),
    [(12, 0), (12, 0xFFFFFFFF), (16, 0), (16, 0xFFFFFFFF), (12, 70_000), (4, 7), (4, 0x02010201)],
)
def test_pictures_whose_sizes_make_no_sense(tmp_path: Path, offset: int, value: int) -> None:
    """Also such as multiply past 2 ** 32: 65,536 x 65,536 pixels."""
    chunks = chunks_of(Scan(GREYS))
    payload = bytearray(chunks[1].payload)
    struct.pack_into("<I", payload, offset, value)
    huge = bytearray(chunks[1].payload)
    struct.pack_into("<2I", huge, 12, 1 << 16, 1 << 16)
    for broken in (payload, huge):
        path = tmp_path / "a.e2e"
        data = container([chunks[0], replace(chunks[1], payload=bytes(broken)), *chunks[2:]])
        (volume,) = first(tried(path, data)).info.volumes
        assert volume.numbers == (0, 1, 2, 3) or offset == 4
        assert volume.planned == 5


def test_a_scan_of_which_nothing_can_be_read_is_named(tmp_path: Path) -> None:
    chunks = [replace(c, start=0xFFFFFF00) for c in chunks_of(Scan(GREYS[:1])) if c.part == 1]
    (volume,) = first(tried(tmp_path / "a.e2e", container(chunks))).info.volumes
    assert volume.refused is not None
    assert volume.refused.code == "missing-pixel-data"


def test_more_bscans_than_any_scan_and_more_scans_than_any_file(tmp_path: Path) -> None:
    tiny = write_e2e.picture(np.ones((1, 1), np.uint16))
    many = [Chunk(write_e2e.IMAGE, tiny, 1, 1, 1, slice=2 * at, part=1) for at in range(30)]
    file = first(tried(tmp_path / "a.e2e", container(many), Limits(frames=29)))
    assert file.info.volumes[0].refused is not None
    assert file.info.volumes[0].refused.code == "too-many-bscans"
    apart = [replace(chunk, series=at) for at, chunk in enumerate(many)]
    assert tried(tmp_path / "a.e2e", container(apart), Limits(inputs=29)) == "too-large"


def test_numbers_of_slices_without_limit(tmp_path: Path) -> None:
    tiny = write_e2e.picture(np.ones((1, 1), np.uint16))
    for places in ((0, 2_000_000_000), (-5, 0), (1, 2), (0x7FFFFFFF, 0)):
        chunks = [Chunk(write_e2e.IMAGE, tiny, 1, 1, 1, slice=at, part=1) for at in places]
        (volume,) = first(tried(tmp_path / "a.e2e", container(chunks))).info.volumes
        assert volume.refused is None or volume.refused.code == "damaged-file"


def test_contours_that_reach_out_of_their_chunk(tmp_path: Path) -> None:
    heights = np.full((5, 24), 3, np.float32)
    for width in (25 + 5, 0, 0xFFFFFFFF, 1 << 30):
        chunks = chunks_of(Scan(GREYS, contours={0: heights}))
        changed = [
            replace(c, payload=c.payload[:12] + struct.pack("<I", width) + c.payload[16:])
            if c.kind == write_e2e.CONTOUR
            else c
            for c in chunks
        ]
        (volume,) = first(tried(tmp_path / "a.e2e", container(changed))).info.volumes
        assert volume.layers == ()


def test_layers_larger_than_the_limit_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.e2e"
    path.write_bytes(whole())
    room = Limits(picture_bytes=2 * 32 * 24)  # one B-scan
    assert parse(path, room).layers(0).shape == (1, 5, 24)
    many = {layer: np.full((5, 24), 3, np.float32) for layer in range(8)}
    path = write_e2e.write_e2e(path, replace(SCAN, contours=many))
    with pytest.raises(IngestError, match="larger") as raised:
        parse(path, room).layers(0)
    assert raised.value.code == "too-large"


def test_marks_without_end_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = bytes(container([])[:DIRECTORY])  # its newest directory lies at 88
    marks = b"MDbData\0\0\0\0\0".ljust(60, b"\0") * 400
    name = "kdoct_desktop.io.devices.heidelberg_e2e_container._MOST_CHUNKS"
    monkeypatch.setattr(name, 300)
    assert tried(tmp_path / "a.e2e", head + marks) == "too-large"
    monkeypatch.setattr(name, 500)
    assert first(tried(tmp_path / "a.e2e", head + marks)).info.volumes == ()


def test_marks_are_found_across_the_blocks_in_which_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = whole()
    struct.pack_into("<I", data, 36 + 40, len(data))  # no directory
    for block in (64, 71, 997, 4096):
        monkeypatch.setattr("kdoct_desktop.io.devices.heidelberg_e2e_container._BLOCK_BYTES", block)
        file = first(tried(tmp_path / "a.e2e", data))
        assert [one.numbers for one in file.info.volumes] == [(0, 1, 2, 3, 4)] * 2
        assert [one.laterality for one in file.info.volumes] == ["OD", "OS"]


def test_headers_cost_no_pixels(tmp_path: Path) -> None:
    big = Scan(np.full((20, 400, 500), 7, np.uint8))
    path = write_e2e.write_e2e(tmp_path / "a.e2e", big)
    tracemalloc.start()
    parse(path, Limits())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_changed_bytes_end_in_a_named_refusal_or_a_sound_result(tmp_path: Path) -> None:
    chance = random.Random(7)
    data = whole()
    outcomes: set[str] = set()
    for _ in range(250):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 2, 8, 64))):
            place = chance.choice((chance.randrange(len(data)), chance.randrange(2_000)))
            changed[place] = chance.choice((0, 1, 255, chance.randrange(256)))
        result = tried(tmp_path / "a.e2e", changed)
        outcomes.add(result if isinstance(result, str) else "read")
    assert "read" in outcomes
    assert outcomes <= {"read", "damaged-file", "truncated-file", "too-large"}


def test_a_birth_date_and_a_name_reach_no_problem_notice_or_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = whole()
    for number, piece in enumerate((data, data[: len(data) // 2], data[:100])):
        (tmp_path / f"{number}.e2e").write_bytes(piece)
    opened = open_volumes(tmp_path)
    assert [problem.code for problem in opened.problems] == ["no-bscans"]
    told = " ".join(problem.message for problem in opened.problems)
    for study in opened.studies:
        for volume in study.volumes:
            told += f"{volume.source} {volume.device} {volume.notices}"
    assert_private(told + caplog.text)
