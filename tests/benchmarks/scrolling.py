"""Scrolling through large scans: what a switch costs, and whether the window stays free.

The results are made up, so that neither model nor file has a part in it.
"""

from pathlib import Path

from tests.benchmarks.measures import Measure, at_most, stated
from tests.benchmarks.window import child

_SIDE = "scrolling_child"


def scrolling(folder: Path, *, switches: int) -> list[Measure]:
    """A full-size scan, and one with many B-scans.

    Args:
        folder: Where the program may keep its own.
        switches: About how many; each of the 49 B-scans is switched to as often as the others.
    """
    home = folder / "scrolling"
    return [*_switches(home, max(switches // 49, 1)), *_many(home)]


def _switches(home: Path, turns: int) -> list[Measure]:
    """The worst case of a switch, in a scan of 49 x 496 x 768 and in one four times as long."""
    told = child(home, "switches", str(turns), side=_SIDE)
    name = "switch at 49 x 496 x 768 with nothing prepared"
    return [
        at_most(
            f"{name}, p99",
            told["p99_ms"],
            unit="ms",
            limit=16.0,
            note=f"processor time of all threads, {turns} times to each B-scan, with its heatmap",
        ),
        at_most(
            f"{name}, slowest B-scan",
            told["slowest_ms"],
            unit="ms",
            limit=16.0,
            note="each at its best, so that other programs count less",
        ),
        stated(f"{name}, median", told["median_ms"], unit="ms"),
        at_most(
            "switch among 196 B-scans / among 49",
            told["longer"],
            unit="ratio",
            limit=1.2,
            note="medians of processor time, turn by turn",
        ),
        at_most(
            "switch / bare scaling and painting of its tissue",
            told["bare"],
            unit="ratio",
            limit=7.0,
            note="medians of processor time, turn by turn",
        ),
    ]


def _many(home: Path) -> list[Measure]:
    """The window's own work while 512 B-scans are opened, analysed and scrolled through."""
    told = child(home, "many", side=_SIDE)
    name = "window's thread computing without a pause, 512 B-scans"
    note = f"{told['beats']:.0f} pauses; processor time of this thread"
    return [
        at_most(f"{name}, longest", told["longest_ms"], unit="ms", limit=100.0, note=note),
        at_most(f"{name}, p95", told["p95_ms"], unit="ms", limit=50.0),
    ]
