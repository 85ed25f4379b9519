"""How often something is done, for tests that promise little work without a clock."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


class Calls:
    """Counts calls of functions, which go on doing their work.

    Attributes:
        made: Calls by name.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.made: Counter[str] = Counter()
        self._patch = patch

    def watch(self, owner: Any, *names: str) -> None:
        """Count calls of functions of a module or methods of a class."""
        for name in names:
            self._patch.setattr(owner, name, self._counted(name, getattr(owner, name)))

    def during(self, act: Callable[[], object]) -> Counter[str]:
        """What is called while something is done."""
        self.made.clear()
        act()
        return Counter(self.made)

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*positional: Any, **named: Any) -> Any:
            self.made[name] += 1
            return real(*positional, **named)

        return counted


def steps(act: Callable[[], object]) -> int:
    """Calls of this thread, to Python and to C, while something is done."""
    made = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return made


class SteppingClock:
    """Stands in for the module ``time``: every look at the clock finds it a little later."""

    def __init__(self, step_s: float) -> None:
        self._now = 0.0
        self._step_s = step_s

    def perf_counter(self) -> float:
        """Seconds."""
        self._now += self._step_s
        return self._now

    def monotonic(self) -> float:
        """The real time, for those that wait."""
        return time.monotonic()


class WatchedVoxels:
    """Voxels that remember what was done with them.

    Attributes:
        asked: Index of each B-scan that was asked for; else the name of what was done with all.
    """

    def __init__(self, voxels: NDArray[np.uint8]) -> None:
        self._voxels = voxels
        self.asked: list[object] = []

    def __getitem__(self, index: Any) -> Any:
        self.asked.append(index)
        return self._voxels[index]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        self.asked.append("iter")
        return iter(self._voxels)

    def __array__(self, *arguments: Any, **named: Any) -> NDArray[np.uint8]:
        self.asked.append("array")
        return self._voxels

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._voxels, name)
