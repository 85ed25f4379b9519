"""Answers as a file: what comes back, and what is refused whatever happened to it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.data.predictions import Predictions, load_predictions, save_predictions
from training.errors import TrainingError

FACTS = {"role": "student", "fold": 1, "split_sha256": "ab" * 32}


def answers(facts: dict[str, Any]) -> Predictions:
    rng = np.random.default_rng(0)
    return Predictions(
        np.arange(40), np.arange(40) % 3,
        rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=(40, 8)).astype(np.float32),
        facts,
    )  # fmt: skip


def saved(place: Path, facts: dict[str, Any]) -> Path:
    path = place / "answers.npz"
    save_predictions(path, answers(facts))
    return path


def refused(path: Path, split: str = "ab" * 32) -> TrainingError:
    with pytest.raises(TrainingError) as caught:
        load_predictions(path, split_sha256=split)
    assert caught.value.code == "bad-predictions"
    return caught.value


def test_answers_come_back_whole(tmp_path: Path) -> None:
    again = load_predictions(saved(tmp_path, FACTS), split_sha256="ab" * 32)
    whole = answers(FACTS)
    assert again.facts == FACTS
    for name in ("rows", "labels", "logits", "embeddings"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))


def test_answers_of_another_split_or_version_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, FACTS)
    assert "another split" in refused(path, "cd" * 32).message
    assert "another version" in refused(saved(tmp_path, {**FACTS, "schema": 2})).message


@pytest.mark.parametrize("facts", [{}, {"split_sha256": None}])
def test_answers_that_name_no_split_are_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    refused(saved(tmp_path, facts))


@pytest.mark.parametrize("kept", [0, 3, 200, -40, -1])
def test_a_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = saved(tmp_path, FACTS)
    path.write_bytes(path.read_bytes()[:kept])
    refused(path)


def test_no_flipped_byte_gets_past_or_raises_anything_else(tmp_path: Path) -> None:
    path = saved(tmp_path, FACTS)
    whole, data = answers(FACTS), path.read_bytes()
    refusals = 0
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            again = load_predictions(path, split_sha256="ab" * 32)
        except TrainingError:
            refusals += 1
        else:  # a byte that says nothing, such as a date
            assert np.array_equal(again.logits, whole.logits)
    assert refusals > len(data) / 14


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff", b"3"])
def test_facts_that_are_no_table_are_refused(tmp_path: Path, text: bytes) -> None:
    arrays = {name: np.zeros(1) for name in ("rows", "labels", "logits", "embeddings")}
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.frombuffer(text, dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    path = tmp_path / "answers.npz"
    path.write_bytes(buffer.getvalue())
    refused(path)


@pytest.mark.parametrize("lacks", ["facts", "rows", "logits"])
def test_a_file_that_lacks_an_array_is_refused(tmp_path: Path, lacks: str) -> None:
    arrays = {name: np.zeros(1) for name in ("rows", "labels", "logits", "embeddings")}
    arrays["facts"] = np.frombuffer(json.dumps({"schema": 1, **FACTS}).encode(), dtype=np.uint8)
    del arrays[lacks]
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    path = tmp_path / "answers.npz"
    path.write_bytes(buffer.getvalue())
    refused(path)
