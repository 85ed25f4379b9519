"""The benchmarks' own arithmetic; the measuring itself is ``python -m tests.benchmarks``."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.benchmarks.__main__ import BASELINE, main
from tests.benchmarks.measures import at_least, at_most, fastest, quickest, stated, times_as_fast
from tests.benchmarks.speed import logits_only
from tests.tiny_model import build_tiny


def test_a_promise_is_kept_up_to_its_limit_and_not_beyond() -> None:
    assert at_least("a", 0.85, unit="ratio", limit=0.85).kept is True
    assert at_least("a", 0.849, unit="ratio", limit=0.85).kept is False
    assert at_most("a", 5.0, unit="%", limit=5.0).kept is True
    assert at_most("a", float("nan"), unit="%", limit=5.0).kept is False
    assert stated("a", 1.0, unit="s").kept is None


def test_works_take_turns_and_each_is_run_once_before_it_counts() -> None:
    order: list[str] = []
    times = fastest([lambda: order.append("a"), lambda: order.append("b")], rounds=2)
    assert "".join(order) == "ababab"
    assert len(times) == 2
    assert all(taken > 0.0 for taken in times)


def test_each_round_is_compared_with_itself() -> None:
    ours, others = [1.0, 4.0, 1.0], [2.0, 8.0, 1.0]  # the machine was busy in the second round
    assert times_as_fast(ours, others) == 2.0
    assert quickest([[3.0, 3.0, 0.1], [2.0, 2.0, 9.0]]) == 1


def test_a_network_cut_down_to_its_logits_gives_the_same_logits_and_nothing_else() -> None:
    tiny = build_tiny()
    full = onnxruntime.InferenceSession(tiny.onnx_bytes, providers=["CPUExecutionProvider"])
    alone = onnxruntime.InferenceSession(
        logits_only(tiny.onnx_bytes), providers=["CPUExecutionProvider"]
    )
    assert [output.name for output in alone.get_outputs()] == ["logits"]
    feed = {"input": tiny.golden.inputs}
    np.testing.assert_allclose(
        alone.run(None, feed)[0], full.run(["logits"], feed)[0], rtol=0, atol=1e-6
    )


def test_an_unknown_part_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as stop:
        main(["no-such-part"])
    assert stop.value.code == 2


def test_the_committed_run_is_a_whole_one() -> None:
    document = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert document["schema"] == 1
    assert document["quick"] is False
    names = [measure["name"] for measure in document["measures"]]
    assert len(names) == len(set(names))
    assert "end to end / bare onnxruntime loop" in names
    assert "switch among 196 B-scans / among 49" in names
    assert "evidence laid over / fill alone, blended anew" in names
    assert not [name for name in names if str(Path.home()) in name]


def test_every_promise_is_kept_in_the_committed_run_and_by_its_own_figures() -> None:
    document = json.loads(BASELINE.read_text(encoding="utf-8"))
    held = {"<=": at_most, ">=": at_least, "": None}
    for measure in document["measures"]:
        sign, _, limit = measure["promise"].partition(" ")
        verdict = held[sign]
        if verdict is None:
            assert measure["kept"] is None
            continue
        own = verdict("", measure["value"], unit="", limit=float(limit))
        assert measure["kept"] is own.kept is True, measure["name"]
