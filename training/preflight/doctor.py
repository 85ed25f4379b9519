"""Will this run work here, how long will it take, and what stands in its way: one list of checks.

Nothing is written and nothing is downloaded. Everything that can be known before the first epoch
is said before it: versions, device, weights, data, disk, memory, time.
"""

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.advice import messages_for
from training.config import Config
from training.data.manifest import Manifest, Row
from training.errors import TrainingError
from training.events import Events, Silent
from training.preflight.checks import FAILED, OK, WARNING, Check
from training.preflight.doctor_data import data_checks
from training.preflight.scope import trained_roles, used_rows

if TYPE_CHECKING:
    from training.preflight.forecast import Sizes

__all__ = ["FAILED", "OK", "WARNING", "Check", "doctor", "messages_for"]

LEAST_PYTHON = (3, 11)
LEAST = {"torch": (2, 11), "timm": (1, 0), "lightning-fabric": (2, 5)}


def doctor(
    config: Config,
    *,
    root_data: Path | None = None,
    manifest: Manifest | None = None,
    folder: Path | None = None,
    events: Events | None = None,
    quick: bool = False,
) -> list[Check]:
    """Examine this machine for a run.

    Args:
        config: Of the run.
        root_data: Data folder; without it no file is tried.
        manifest: Without it nothing is said about data, disk and whole times.
        folder: Folder of the run; it need not exist. None looks at the disk of the current folder.
        events: Told which check is being made.
        quick: Without the dry steps: nothing is said about memory and time.

    Returns:
        The checks in the order in which they should be read; what is refused is one of them.
    """
    from training.preflight import doctor_compute as compute

    heard: Events = events or Silent()
    bench = compute.Benches(config)
    rows = used_rows(manifest, config)
    return _made(heard, (
        ("versions", version_checks),
        ("device", lambda: [compute.device_check(config)]),
        ("initial weights", lambda: compute.weight_checks(config)),
        ("data", lambda: data_checks(config, root_data, manifest)),
        ("one step of each network", lambda: bench.checks(rows, quick=quick)),
        ("disk", lambda: [disk_check(config, folder or Path(), rows, bench.sizes)]),
    ))  # fmt: skip


def _made(events: Events, parts: Sequence[tuple[str, Callable[[], list[Check]]]]) -> list[Check]:
    """The checks of all parts, one after the other."""
    checks: list[Check] = []
    for done, (name, make) in enumerate(parts):
        events.progress(done, len(parts), f"doctor: {name}")
        checks += guarded(name, make)
    events.progress(len(parts), len(parts), "doctor")
    return checks


def guarded(name: str, make: Callable[[], list[Check]]) -> list[Check]:
    """The checks of a part; what it raises on purpose, and what the machine refuses, is one too."""
    try:
        return make()
    except TrainingError as error:
        return [_refused(name, error)]
    except (RuntimeError, OSError, MemoryError) as error:
        known = messages_for(error)
        if known is None:
            raise
        return [_refused(name, known)]


def version_checks() -> list[Check]:
    """Python and the libraries."""
    found = {"python": platform.python_version()}
    old = [] if tuple(map(int, platform.python_version_tuple()[:2])) >= LEAST_PYTHON else ["python"]
    missing = []
    for name, least in LEAST.items():
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if _numbers(found[name]) < least:
            old.append(name)
    shown = ", ".join(f"{name} {version}" for name, version in found.items())
    if missing or old:
        wanted = ", ".join(f"{k} {'.'.join(map(str, v))}" for k, v in LEAST.items())
        what = [
            *(f"{name} is missing" for name in missing),
            *(f"{name} is too old" for name in old),
        ]
        text = f"{'; '.join(what)}: needed are Python 3.11 and {wanted} or later (here: {shown})."
        return [Check("versions", FAILED, text, found)]
    return [Check("versions", OK, f"{shown}.", found)]


def disk_check(
    config: Config, folder: Path, rows: Sequence[Row], sizes: "dict[str, Sizes]"
) -> Check:
    """Free space against what the run will write.

    Args:
        config: Of the run.
        folder: Of the run; it need not exist.
        rows: B-scans that take part; none where they are not known.
        sizes: Of the networks that are trained; none where one of them could not be built.
    """
    from training.preflight.forecast import disk_bytes, size_words

    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if not rows or len(sizes) < len(trained_roles(config)):
        text = f"{size_words(free)} are free; what the run needs is not known yet."
        return Check("disk", OK, text, {"free_bytes": free})
    needed = disk_bytes(config, len({row.sha256 for row in rows}), sizes)
    total = sum(needed.values())
    text = (
        f"The run needs about {size_words(total)} (pictures {size_words(needed['cache'])}, "
        f"checkpoints of all folds {size_words(needed['checkpoints'])}); "
        f"{size_words(free)} are free."
    )
    if total > free:
        return Check("disk", FAILED, f"{text} Free some space or choose another run folder.",
                     {"free_bytes": free, **needed})  # fmt: skip
    state = OK if total * 1.1 < free else WARNING
    return Check("disk", state, text, {"free_bytes": free, **needed})


def _refused(name: str, error: TrainingError) -> Check:
    return Check(name, FAILED, error.message, {"code": error.code, "details": list(error.details)})


def _numbers(version: str) -> tuple[int, ...]:
    """Major and minor number of a version."""
    parts = version.split("+")[0].split(".")[:2]
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts)
