"""What a training says: JSON lines for programs, sentences and time left for people."""

import io
import json

import pytest

from training.events import JsonEvents, Pace, PeopleEvents, clock_words


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_event_is_one_json_object_on_one_line() -> None:
    stream = io.StringIO()
    events = JsonEvents(stream)
    events.progress(1, 4, "fold 0 teacher")
    events.metric("fold 0 teacher", {"loss": 0.5})
    events.warning("weak-teacher", "Line one\nline two", ["ä"])
    events.checkpoint("step-00000010", {"epoch": 1})
    events.done("run", {})
    events.error("busy", "Another job.", ["a", "b"])
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    kinds = ["progress", "metric", "warning", "checkpoint", "done", "error"]
    assert [line["event"] for line in lines] == kinds
    assert all(line["schema"] == 1 and line["time"] > 0 for line in lines)
    assert lines[5]["details"] == ["a", "b"]


def test_time_left_follows_from_the_step_s_own_speed() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.left_s(0, 10, "epoch 1") is None
    clock.now = 4.0
    assert pace.left_s(2, 10, "epoch 1") == pytest.approx(16.0)
    assert pace.left_s(0, 10, "epoch 2") is None
    clock.now = 5.0
    assert pace.left_s(5, 10, "epoch 2") == pytest.approx(1.0)
    assert pace.left_s(5, 0, "counting") is None


def test_people_see_few_lines_and_always_the_last() -> None:
    clock, stream = Clock(), io.StringIO()
    events = PeopleEvents(stream, clock=clock)
    for done in range(101):
        clock.now += 0.1
        events.progress(done, 100, "reading")
    lines = stream.getvalue().splitlines()
    assert len(lines) <= 3
    assert lines[-1].startswith("reading: 100/100")


def test_long_lists_are_cut_for_people_and_say_so() -> None:
    stream = io.StringIO()
    PeopleEvents(stream).error("unreadable-files", "25 files.", [f"f{k}" for k in range(25)])
    assert stream.getvalue().splitlines()[-1] == "  and 5 more"
    assert stream.getvalue().startswith("25 files. (unreadable-files)\n")


def test_seconds_are_said_as_people_say_them() -> None:
    assert [clock_words(s) for s in (40, 720, 11100)] == ["40 s", "12 min", "3 h 05 min"]
