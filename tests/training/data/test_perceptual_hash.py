"""The hash stays near under what copies suffer, and the search for near hashes is exact."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.training.drawn import normal_bscan
from training.data.perceptual_hash import (
    BITS,
    DIGITS,
    FEATURELESS,
    hash_words,
    near_pairs,
    perceptual_hash,
)

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
Grey = NDArray[np.uint8]


def distance(one: str, two: str) -> int:
    return (int(one, 16) ^ int(two, 16)).bit_count()


def jpeg(picture: Grey, quality: int) -> Grey:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def small(picture: Grey) -> Grey:
    square = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)
    return jpeg(np.asarray(square, dtype=np.uint8), 75)


def flipped(value: str, bits: list[int]) -> str:
    number = int(value, 16)
    for bit in bits:
        number ^= 1 << bit
    return f"{number:0{DIGITS}x}"


def test_a_copy_in_another_size_or_quality_keeps_nearly_all_bits() -> None:
    picture, _, _ = normal_bscan()
    plain = perceptual_hash(picture)
    assert len(plain) == DIGITS
    assert int(plain, 16).bit_count() == BITS // 2  # above the median: half of them
    for copy in (jpeg(picture, 30), small(picture), cv2.resize(picture, None, fx=1.5, fy=1.5)):
        assert distance(plain, perceptual_hash(np.asarray(copy, dtype=np.uint8))) <= 20
    brighter = np.clip(picture * 1.2 + 10, 0, 255).astype(np.uint8)
    assert distance(plain, perceptual_hash(brighter)) <= 20
    assert distance(plain, perceptual_hash(np.ascontiguousarray(picture[:, ::-1]))) > 60


def test_a_single_cosine_sets_the_bit_of_its_frequency() -> None:
    # cos(pi (2x+1) u / 2N) along both axes is one DCT coefficient: row 3, column 5
    places = (2 * np.arange(64) + 1) * np.pi / 128
    wave = np.cos(3 * places)[:, None] * np.cos(5 * places)[None, :]
    bits = np.unpackbits(
        np.frombuffer(bytes.fromhex(perceptual_hash((128 + 100 * wave).astype(np.uint8))), np.uint8)
    ).reshape(16, 16)
    assert bits[3 - 1, 5 - 1] == 1  # the first row and column of the transform are left out
    bits = np.unpackbits(
        np.frombuffer(bytes.fromhex(perceptual_hash((128 - 100 * wave).astype(np.uint8))), np.uint8)
    ).reshape(16, 16)
    assert bits[3 - 1, 5 - 1] == 0


def test_pictures_without_structure_are_compared_with_nothing() -> None:
    black = np.zeros((496, 512), dtype=np.uint8)
    grey = np.full((300, 400), 77, dtype=np.uint8)
    assert perceptual_hash(black) == perceptual_hash(grey) == FEATURELESS
    assert near_pairs([FEATURELESS, FEATURELESS], BITS).shape == (0, 2)


def test_what_is_no_picture_or_no_hash_is_refused() -> None:
    for wrong in (np.zeros((2, 3, 4), np.uint8), np.zeros((0, 4), np.uint8)):
        with pytest.raises(ValueError, match="two axes"):
            perceptual_hash(wrong)
    with pytest.raises(ValueError, match="two axes"):
        perceptual_hash(np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="64 hexadecimal"):
        hash_words(["00ff"])
    with pytest.raises(ValueError, match="hexadecimal"):
        hash_words(["x" * DIGITS])


def test_the_words_are_the_digits_from_left_to_right() -> None:
    value = "1" * 16 + "2" * 16 + "3" * 16 + "f" * 16
    assert [f"{word:016x}" for word in hash_words([value])[0]] == [d * 16 for d in "123f"]
    assert hash_words([]).shape == (0, 4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(0, 40))
def test_the_search_finds_exactly_what_counting_bits_finds(seed: int, count: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    base = f"{int.from_bytes(rng.bytes(32)):0{DIGITS}x}"
    hashes = [
        flipped(base, [int(b) for b in rng.choice(BITS, rng.integers(0, 24), replace=False)])
        for _ in range(count)
    ]
    expected = [
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if distance(hashes[i], hashes[j]) <= k
    ]
    assert [tuple(pair) for pair in near_pairs(hashes, k)] == expected


def test_the_search_spans_blocks_and_does_not_lose_a_planted_pair() -> None:
    rng = np.random.default_rng(5)
    hashes = [rng.bytes(32).hex() for _ in range(3000)]
    hashes[2999] = flipped(hashes[7], list(range(0, 240, 10)))  # 24 bits over all four words
    hashes[1500] = flipped(hashes[1499], list(range(64, 89)))  # 25 bits within one word
    hashes[800] = FEATURELESS
    assert near_pairs(hashes, 24).tolist() == [[7, 2999]]
    assert near_pairs(hashes, 25).tolist() == [[7, 2999], [1499, 1500]]


def test_real_bscans_of_different_patients_stay_apart_and_their_copies_together() -> None:
    table = REAL / "bscans" / "manifest.csv"
    if not table.is_file():
        pytest.skip("no folder of real B-scans beside the project")
    with table.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["dataset"] == "octdl"][::2]
    pictures = [
        np.asarray(cv2.imread(str(table.parent / line["path"]), 0), dtype=np.uint8)
        for line in lines
    ]
    hashes = [perceptual_hash(picture) for picture in pictures]
    moved = [
        distance(plain, perceptual_hash(small(picture)))
        for plain, picture in zip(hashes[::8], pictures[::8], strict=True)
    ]
    assert max(moved) <= 16
    across = [(i, j) for i, j in near_pairs(hashes, 40) if lines[i]["group"] != lines[j]["group"]]
    assert len(across) <= 2  # the same eye under two names
