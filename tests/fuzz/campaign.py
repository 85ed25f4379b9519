"""Opens thousands of damaged files as the program does, and keeps account of the outcomes."""

import random
import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import Seed

LIMITS = Limits(file_s=5.0, volume_s=10.0, bscan_s=0.05, child_bytes=1024**3)
"""Times are shorter and memory is less than in the program, so that a campaign ends."""
BATCH = 50
READ = "a volume"
CONTAINED = ("reader-crashed", "reader-garbage", "read-timeout", "too-much-memory")
"""The child was killed or ran into its cap: held by the walls, and worth a look."""


@dataclass
class Account:
    """What became of the files.

    Attributes:
        files: How many were opened, by format.
        outcomes: How often each code came, by format; `READ` for a volume.
        silent: Files that gave neither a volume nor a problem: there must be none.
        slowest_s: Longest time for one batch, over its files.
        child_kib: Largest memory of any child.
        suspects: Files whose reading was held by the walls.
    """

    files: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    child_kib: int = 0
    suspects: list[tuple[str, Seed]] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "files": sum(self.files.values()),
            "by_format": dict(self.files),
            "outcomes": {name: dict(counts) for name, counts in sorted(self.outcomes.items())},
            "silent": self.silent,
            "contained": [code for code, _ in self.suspects],
            "slowest_seconds_a_file": round(self.slowest_s, 3),
            "largest_child_mib": round(self.child_kib / 1024, 1),
        }


def run(seeds: Sequence[Seed], *, files: int, seed: int, account: Account) -> None:
    """Open damaged copies of seeds, the formats in turn.

    Args:
        seeds: Of all formats.
        files: How many to open.
        seed: Of chance.
        account: Filled in.
    """
    chance = random.Random(seed)
    families: dict[str, list[Seed]] = {}
    for one in seeds:
        families.setdefault(one.family, []).append(one)
    names = sorted(families)
    done = turn = 0
    while done < files:
        family = families[names[turn % len(names)]]
        count = min(BATCH, files - done)
        _batch([_damaged(family, chance) for _ in range(count)], account)
        done, turn = done + count, turn + 1


def _damaged(family: Sequence[Seed], chance: random.Random) -> Seed:
    one = chance.choice(family)
    return one.damaged(lambda data: mutate(data, [other.data for other in family], chance), chance)


def _batch(files: Sequence[Seed], account: Account) -> None:
    """Open a folder of files, each in a folder of its own, as a reader would open an export."""
    folder = Path(tempfile.mkdtemp(prefix="kdoct-fuzz-"))
    try:
        names = [f"{number:03}" for number in range(len(files))]
        for name, one in zip(names, files, strict=True):
            one.write(folder / name, stem=name)
        began = time.monotonic()
        told = _outcomes(folder)
        account.slowest_s = max(account.slowest_s, (time.monotonic() - began) / len(files))
        for name, one in zip(names, files, strict=True):
            _note(one, told.get(name, told.get("", set())), account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    account.child_kib = max(account.child_kib, used)


def _outcomes(folder: Path) -> dict[str, set[str]]:
    """Codes and volumes by the name of the file that they are about."""
    told: dict[str, set[str]] = {}
    try:
        opened = open_volumes(folder, limits=LIMITS)
    except KdoctError as error:
        return {"": {error.code}}
    if any(problem.source == folder.name for problem in opened.problems):
        told[""] = {"not-recognised"}  # many such files are told as one
    for problem in opened.problems:
        told.setdefault(problem.source[:3], set()).add(problem.code)
    for study in opened.studies:
        for volume in study.volumes:
            told.setdefault(volume.source.label[:3], set()).add(READ)
    return told


def _note(one: Seed, codes: set[str], account: Account) -> None:
    """Count one file."""
    counts = account.outcomes.setdefault(one.family, Counter())
    account.files[one.family] += 1
    if not codes:
        account.silent.append(one.name)
    for code in codes:
        counts[code] += 1
        if code in CONTAINED:
            account.suspects.append((code, one))
