"""What a benchmark says: a figure, its unit, and the promise it is held against."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure.

    Attributes:
        name: What was measured.
        value: The figure.
        unit: Its unit; ``ratio`` where two times of one run were divided.
        promise: What it is held against, in words; empty where it is only stated.
        kept: Whether the promise is kept; None where there is none.
        note: What else to know.
    """

    name: str
    value: float
    unit: str
    promise: str = ""
    kept: bool | None = None
    note: str = ""


def at_least(name: str, value: float, *, unit: str, limit: float, note: str = "") -> Measure:
    """A figure that must not be smaller than `limit`."""
    return Measure(name, value, unit, f">= {limit:g}", value >= limit, note)


def at_most(name: str, value: float, *, unit: str, limit: float, note: str = "") -> Measure:
    """A figure that must not be larger than `limit`."""
    return Measure(name, value, unit, f"<= {limit:g}", value <= limit, note)


def stated(name: str, value: float, *, unit: str, note: str = "") -> Measure:
    """A figure that promises nothing."""
    return Measure(name, value, unit, note=note)


def fastest(works: Sequence[Callable[[], object]], *, rounds: int) -> list[float]:
    """Shortest time in seconds of each work: the one that was disturbed least.

    Args:
        works: What to time; each is run once before.
        rounds: How often each is timed.
    """
    return [min(taken) for taken in in_turns(works, rounds=rounds)]


def in_turns(
    works: Sequence[Callable[[], object]],
    *,
    rounds: int,
    before: Callable[[int], object] = lambda at: None,
) -> list[list[float]]:
    """Times in seconds of each work, one a round.

    The works take turns, so that what else the machine does falls on all of them.

    Args:
        works: What to time; each is run once before.
        rounds: How often each is timed.
        before: Called with the place of a work before it runs, untimed.
    """
    for work in works:
        work()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for at, work in enumerate(works):
            before(at)
            started = time.perf_counter()
            work()
            times[at].append(time.perf_counter() - started)
    return times


def quickest(works: Sequence[Sequence[float]]) -> int:
    """Place of the work that is the fastest one in most of its rounds."""
    middles = [statistics.median(taken) for taken in works]
    return middles.index(min(middles))


def times_as_fast(ours: Sequence[float], others: Sequence[float]) -> float:
    """How many times as fast we are: the median over the rounds, each compared with itself."""
    return statistics.median(other / our for our, other in zip(ours, others, strict=True))
