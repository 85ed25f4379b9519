"""Looks for damaged files that reach code which no other file has reached; in a child process.

    python -m tests.fuzz.guide FORMAT FOLDER SECONDS SEED

Reads the seeds of a format from ``FOLDER/seeds``, damages them, lets the tasks of the reading
process work on each with every line of ``kdoct_desktop/io`` traced, and keeps in ``FOLDER/found``
what reached a new line. Memory and time of each file are limited as in the reading process.
"""

import faulthandler
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.child import Workspace, _task
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.sandbox import limit_this_process
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import Seed, load_seeds, save_seeds

LIMITS = Limits(file_s=5.0, volume_s=10.0)
FILE_S = 10
_CODE = str(Path("kdoct_desktop") / "io")
_MOST_PICTURES = 3

Lines = set[tuple[str, int]]


class HangError(Exception):
    """A file took too long."""


def read_all(seed: Seed, path: Path) -> str:
    """Let the reading process's tasks work on a file, without the process; the outcome's code."""
    work = Workspace(path.parent)
    arguments: dict[str, Any] = {"path": str(path), "format": seed.format, "limits": asdict(LIMITS)}
    try:
        ((message, _),) = _task(f"{seed.task}-header")(work, arguments)
        indices = _pictures(message["info"])
        frames = {**arguments, "indices": indices[:_MOST_PICTURES], "colour": False}
        for _ in _task(f"{seed.task}-frames")(work, frames):
            pass
        for place, volume in enumerate(message["info"].get("volumes", ())):
            if volume["layers"]:
                for _ in _task("device-layers")(work, {**arguments, "volume": place}):
                    pass
    except IngestError as error:
        return error.code
    except MemoryError:
        return "too-much-memory"
    return "read"


def _pictures(info: dict[str, Any]) -> list[int]:
    """Numbers of the pictures that a header tells of."""
    if "volumes" in info:
        return [number for volume in info["volumes"] for number in volume["pictures"]]
    return list(range(len(info["pages"]) if "pages" in info else info["frames"]))


def traced(work: Callable[[], str]) -> tuple[str, Lines]:
    """What a piece of work answers, and the lines of the reader that it ran."""
    reached: Lines = set()

    def on_line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return on_line

    def on_call(frame: FrameType, _event: str, _: object) -> Any:
        return on_line if _CODE in frame.f_code.co_filename else None

    signal.alarm(FILE_S)
    sys.settrace(on_call)
    try:
        return work(), reached
    except HangError:
        return "hang", reached
    except Exception as error:  # noqa: BLE001 - whatever a damaged file raises is an outcome
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = where.tb_frame.f_code.co_filename if where else ""
        return f"unnamed {type(error).__name__} in {Path(place).name}", reached
    finally:
        sys.settrace(None)
        signal.alarm(0)


def explore(seeds: list[Seed], folder: Path, *, seconds: float, seed: int) -> dict[str, Any]:
    """Damage files for some time and keep those that reach new lines.

    Args:
        seeds: Sound files of one format.
        folder: Where to write what is kept.
        seconds: How long.
        seed: Of chance.
    """
    chance = random.Random(seed)
    kept = list(seeds)
    reached: Lines = set()
    outcomes: dict[str, int] = {}
    until = time.monotonic() + seconds
    tried = 0
    with tempfile.TemporaryDirectory() as scratch:
        while tried < len(seeds) or time.monotonic() < until:
            one = kept[tried] if tried < len(seeds) else _damaged(kept, chance)
            place = one.write(Path(scratch) / "x")
            outcome, lines = traced(lambda one=one, place=place: read_all(one, place))  # type: ignore[misc]
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if lines - reached and tried >= len(seeds):
                kept.append(replace(one, name=f"{one.family}~found-{len(kept):05}"))
            reached |= lines
            tried += 1
    save_seeds(kept[len(seeds) :], folder)
    return {"tried": tried, "kept": len(kept) - len(seeds), "lines": len(reached),
            "outcomes": outcomes}  # fmt: skip


def _damaged(kept: list[Seed], chance: random.Random) -> Seed:
    one = chance.choice(kept)
    return one.damaged(lambda data: mutate(data, [other.data for other in kept], chance), chance)


def _hang(_number: int, _frame: FrameType | None) -> None:
    raise HangError


def main() -> None:
    """Explore one format; prints one line of JSON."""
    name, folder, seconds, seed = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    faulthandler.enable()
    seeds = [one for one in load_seeds(folder / "seeds") if one.name.startswith(f"{name}~")]
    for one in seeds:
        with suppress(Exception):  # loads every library before memory is capped
            read_all(one, one.write(folder / "warm" / one.name))
    limit_this_process(LIMITS.child_bytes)
    signal.signal(signal.SIGALRM, _hang)
    found = explore(seeds, folder / "found" / name, seconds=float(seconds), seed=int(seed))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
