"""Dealing units (patients who belong together) into parts, with every class in every part.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label
data", 2011): the rarest class is dealt first, because it leaves the least choice. A patient counts
for every class that it has a B-scan of. Where classes leave a choice, the number of B-scans of
each class decides; large units go first, so that small ones can even things out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.select_rows import drawn_order

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Patients that a split never divides.

    Attributes:
        key: The first of their names.
        patients: All of them, sorted.
        bscans: int64, labelled B-scans of each class.
    """

    key: str
    patients: tuple[str, ...]
    bscans: Indices


def deal(units: Sequence[Unit], parts: int, seed: int) -> list[list[Unit]]:
    """Deal all units into parts that are as alike as they can be.

    A class that at least `parts` units have alone stands in every part; the parts' numbers of
    units of the rarest class differ by one at most.
    """
    sizes = np.stack([unit.bscans for unit in units])
    total = np.maximum(sizes.sum(axis=0), 1)
    load = np.zeros((parts, sizes.shape[1]))
    having = np.zeros((parts, sizes.shape[1]), dtype=np.int64)
    number = np.zeros(parts)
    dealt: list[list[Unit]] = [[] for _ in range(parts)]
    for label, members in _rarest_first(units, seed):
        for candidates, index in _turns(members, sizes, having[:, label].copy()):
            grown = (((load + sizes[index]) / total) ** 2 - (load / total) ** 2).sum(axis=1)
            crowd = (2.0 * number + 1.0) / len(units) ** 2
            cost = np.round(grown + crowd, 9)  # so that ties are ties on every machine
            part = min(candidates, key=lambda p: (cost[p], p))
            candidates.discard(part)
            load[part] += sizes[index]
            having[part] += sizes[index] > 0
            number[part] += 1
            dealt[part].append(units[index])
    return [_sorted(part) for part in dealt]


def _turns(members: Indices, sizes: Indices, having: Indices) -> Iterator[tuple[set[int], int]]:
    """Units of a class in the order that they are dealt in, each with the parts that may take it.

    In a round every part takes one unit, and the largest chooses first, because it is sent where
    least is. The parts' numbers of the class are evened out at the end, by the smallest units.

    Args:
        members: Units to deal, large ones first.
        sizes: B-scans, axes (unit, class).
        having: Units of the class that each part has already.

    Yields:
        Parts, from which the caller takes the one that it chose, and a unit.
    """
    parts, total = len(having), sizes.sum(axis=1)
    lack = having.max() - having
    rounds = max(0, len(members) - int(lack.sum())) // parts
    uneven = members[rounds * parts :].tolist()
    for k in range(rounds):
        free = set(range(parts))
        for index in sorted(members[k * parts : (k + 1) * parts].tolist(), key=lambda i: -total[i]):
            yield free, index
    while uneven:
        free = set(np.flatnonzero(having == having.min()).tolist())
        having[list(free)] += 1
        turn, uneven = uneven[: len(free)], uneven[len(free) :]
        for index in sorted(turn, key=lambda i: -total[i]):
            yield free, index


def choose(
    units: Sequence[Unit], share: float, *, seed: int, draw: int
) -> tuple[list[Unit], list[Unit]]:
    """Choose a share of the units: (chosen, others).

    Every class that two units or more have stands on both sides where that can be done.

    Args:
        units: To choose from.
        share: Of the units of each class.
        seed: Of the split.
        draw: Which draw of this seed: the fold.
    """
    sizes = np.stack([unit.bscans for unit in units])
    has = sizes > 0
    count = has.sum(axis=0)
    quota = np.where(count < 2, 0, np.clip(np.round(share * count), 1, np.maximum(count - 1, 1)))
    taken, seen = np.zeros((2, len(units)), dtype=bool)
    for label, members in _rarest_first(units, seed, draw):
        need = int(np.clip(quota[label] - has[taken, label].sum(), 0, len(members)))
        for chunk in np.array_split(members, need) if need else []:
            seen[chunk] = True
            aim = quota[label] / count[label] * sizes[seen, label].sum()
            goal = aim - sizes[taken, label].sum()
            best = min(chunk.tolist(), key=lambda index: round(abs(sizes[index, label] - goal), 6))
            taken[best] = True
        seen[members] = True
    for side in (True, False):
        _bring_missing(sizes, taken, side=side)
    return (
        _sorted([unit for unit, is_in in zip(units, taken, strict=True) if is_in]),
        _sorted([unit for unit, is_in in zip(units, taken, strict=True) if not is_in]),
    )


def _bring_missing(sizes: Indices, taken: NDArray[np.bool_], *, side: bool) -> None:
    """Move the smallest possible unit to a side for every class that the side lacks."""
    has = sizes > 0
    for label in range(sizes.shape[1]):
        here, there = taken == side, taken != side
        if has[here, label].any():
            continue
        spare = has[there].sum(axis=0) > 1
        able = np.flatnonzero(there & has[:, label] & (~has | spare).all(axis=1))
        if len(able):
            taken[min(able.tolist(), key=lambda index: sizes[index].sum())] = side


def _rarest_first(units: Sequence[Unit], *seed: int) -> list[tuple[int, Indices]]:
    """Classes and the units to deal for each: the rarest class of those that are left comes first.

    Within a class, large units first by powers of two, in drawn order.
    """
    place = {key: rank for rank, key in enumerate(drawn_order([u.key for u in units], *seed))}
    order = sorted(
        range(len(units)),
        key=lambda index: (
            -int(np.log2(max(1, units[index].bscans.sum()))),
            place[units[index].key],
        ),
    )
    has = np.stack([unit.bscans for unit in units]) > 0
    left = np.array(order, dtype=np.int64)
    turns = []
    while len(left):
        counts = has[left].sum(axis=0)
        label = min(np.flatnonzero(counts).tolist(), key=lambda c: (counts[c], -c))
        turns.append((label, left[has[left, label]]))
        left = left[~has[left, label]]
    return turns


def _sorted(units: Sequence[Unit]) -> list[Unit]:
    return sorted(units, key=lambda unit: unit.key)
