"""What the factory's data set is made of: units of one real picture or one simulated eye.

A unit knows its patient and its part, and its pictures follow from the seed and its name alone, so
units can be drawn in any order and in any process. Whatever is painted on a real picture belongs to
the patient of that picture.
"""

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.arrays import Random
from training.data.select_rows import drawn_order
from training.errors import TrainingError
from training.factory.sources import TRAINABLE, Row, labelled, normals
from training.painted.painting import CLASSES

TEST_SHARE = 0.2
"""Share of the groups of ``octdl`` and of the simulated eyes in the data set's own test part."""

BALANCE = (0.29, 0.17, 0.29, 0.25)
"""Share of each class among the painted, in class order; the model 1.0.0 learned from the same."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is drawn, and from what.

    Attributes:
        seed: Everything random follows from it.
        painted: Pictures painted on real normal B-scans, shared out evenly over these.
        phantoms: Simulated eyes.
        bscans: Of each simulated eye.
        views: Moved and dressed views of real labelled B-scans, shared out evenly over these.
        datasets: Of real pictures, out of `TRAINABLE`.
        balance: Share of each class among the painted, in class order.
    """

    seed: int = 20260
    painted: int = 11000
    phantoms: int = 400
    bscans: int = 5
    views: int = 1000
    datasets: tuple[str, ...] = TRAINABLE
    balance: tuple[float, ...] = BALANCE

    def __post_init__(self) -> None:
        if min(self.seed, self.painted, self.phantoms, self.views) < 0 or self.bscans < 1:
            raise TrainingError("usage", "Amounts must not be negative, nor an eye without B-scan.")


@dataclass(frozen=True, slots=True)
class Unit:
    """What is drawn in one go.

    Attributes:
        key: Its folder, relative to the data set, with forward slashes.
        patient: Key that a split never divides.
        part: ``train`` or ``test``: the data set's own division.
        source: The real picture; None for a simulated eye.
        condition: Of the simulated eye; empty for a real picture.
        painted: Pictures to paint on the real one.
        views: Views of the real one.
        bscans: Of the simulated eye.
    """

    key: str
    patient: str
    part: str
    source: Row | None = None
    condition: str = ""
    painted: int = 0
    views: int = 0
    bscans: int = 0

    @property
    def pictures(self) -> int:
        """How many pictures it gives, where nothing keeps it from being painted on."""
        return self.bscans if self.source is None else 1 + self.painted + self.views

    def random(self, seed: int, *index: int) -> Random:
        """The generator of one of its pictures."""
        name = int(hashlib.sha256(self.key.encode()).hexdigest()[:16], 16)
        return np.random.default_rng((seed, name, *index))


def plan_units(rows: Sequence[Row], amounts: Amounts) -> list[Unit]:
    """All units, real ones first, in a fixed order.

    Args:
        rows: Real pictures that may be learned from.
        amounts: How much.

    Raises:
        TrainingError: ``no-pictures``: nothing to paint on or to show; ``bad-manifest``: groups
            or file names that cannot name a folder, or stand twice.
    """
    ground, shown = normals(list(rows)), labelled(list(rows))
    for wanted, found, what in ((amounts.painted, ground, "normal B-scan to paint on"),
                                (amounts.views, shown, "labelled B-scan to show")):  # fmt: skip
        if wanted and not found:
            raise TrainingError("no-pictures", f"The manifest has no {what} that is licensed.")
    painted = _shares(map(_key, ground), amounts.painted, amounts.seed)
    views = _shares(map(_key, shown), amounts.views, amounts.seed)
    tested = _tested({row.group for row in ground if row.dataset == "octdl"}, amounts.seed)
    used = {row.path: row for row in (*ground, *shown)}
    units = [
        Unit(key := _key(row), row.group, "test" if row.group in tested else "train", row,
             painted=painted.get(key, 0), views=views.get(key, 0))
        for row in used.values()
    ]  # fmt: skip
    _check_names(units)
    return sorted(units, key=lambda unit: unit.key) + _eyes(amounts)


def _eyes(amounts: Amounts) -> list[Unit]:
    """Simulated eyes, classes in turns; of each class the same share is tested."""
    eyes = [
        Unit(f"phantoms/{k:05d}", f"phantom-{k:05d}", "train", condition=CLASSES[k % len(CLASSES)],
             bscans=amounts.bscans)
        for k in range(amounts.phantoms)
    ]  # fmt: skip
    tested: set[str] = set()
    for condition in CLASSES:
        tested |= _tested({e.patient for e in eyes if e.condition == condition}, amounts.seed)
    return [dataclasses.replace(e, part="test") if e.patient in tested else e for e in eyes]


def _tested(names: set[str], seed: int) -> set[str]:
    """The test part of some patients; one at least, where another one is left to learn from."""
    count = max(round(TEST_SHARE * len(names)), 1) if len(names) > 1 else 0
    return set(drawn_order(names, seed)[:count])


def _shares(names: Iterable[str], total: int, seed: int) -> dict[str, int]:
    """`total` shared out over names, as evenly as whole numbers go."""
    order = drawn_order(names, seed)
    return {name: total // len(order) + (k < total % len(order)) for k, name in enumerate(order)}


def _key(row: Row) -> str:
    return f"{row.dataset}/{row.group}/{row.label}-{row.path.stem}"


def _check_names(units: Sequence[Unit]) -> None:
    twice = [key for key, count in Counter(unit.key for unit in units).items() if count > 1]
    odd = [unit.key for unit in units if not re.fullmatch(r"(\w[\w.-]*/){2}[\w.-]+", unit.key)]
    if twice or odd:
        text = "Groups and file names must be different words of letters, digits, - and _."
        raise TrainingError("bad-manifest", text, sorted({*twice, *odd}))
